//! `waypost rules` for the versions that a running server keeps.

use waypost_proto::admin::to_json;
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;

use crate::cli::versions::{
    ActivateArgs, ChangeArgs, CoverageArgs, GetArgs, PushArgs, RollbackArgs, ShadowArgs, VersionArgs,
};
use crate::cli::{DiffArgs, DryRunArgs, ExplainArgs, ServerArgs};
use crate::commands::remote::{Server, connect, pages, print_list, print_one};
use crate::exit::Failure;
use crate::output;

/// The text of a large set, or the explanation of all its rules.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

type Client = RuleSetServiceClient<Server>;

async fn client(args: &ServerArgs) -> Result<Client, Failure> {
    Ok(RuleSetServiceClient::new(connect(args).await?).max_decoding_message_size(ANSWER_BYTES_MAX))
}

pub(super) async fn list(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let versions = pages(usize::MAX, |page_size, page_token| {
        let mut client = client.clone();
        async move {
            let page = client.list_rule_sets(v1::ListRuleSetsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.rule_sets, page.next_page_token))
        }
    });
    print_list(args.json, &versions.await?, &["name", "version", "state", "create_time", "creator", "reason"])
}

pub(super) async fn get(args: GetArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request = v1::GetRuleSetRequest { name: name(&args.of.rule_set), ..Default::default() };
    let rule_set = client(server).await?.get_rule_set(request).await?.into_inner().rule_set.unwrap_or_default();
    if args.text { output::line(rule_set.text.trim_end()) } else { print_one(server.json, &rule_set) }
}

/// Keeps the file and checks it, so that it can be activated when it is good.
pub(super) async fn push(args: PushArgs) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::config(format!("{}: {error}", args.file.display())))?;
    let mut client = client(&args.server).await?;
    let request = v1::CreateRuleSetRequest {
        rules: Some(v1::create_rule_set_request::Rules::Text(text)),
        reason: args.reason,
        validate_only: args.validate_only,
        request_id: String::new(),
    };
    let pushed = client.create_rule_set(request).await?.into_inner();
    let mut rule_set = pushed.rule_set.unwrap_or_default();
    let mut findings = pushed.findings;
    if !args.validate_only {
        let checked = client.check_rule_set(v1::CheckRuleSetRequest { name: rule_set.name }).await?.into_inner();
        rule_set = checked.rule_set.unwrap_or_default();
        findings = checked.findings;
    }
    rule_set.text = String::new();
    print_checked(args.server.json, &rule_set, findings)
}

pub(super) async fn check(args: VersionArgs) -> Result<(), Failure> {
    let request = v1::CheckRuleSetRequest { name: name(&args.rule_set) };
    let checked = client(&args.server).await?.check_rule_set(request).await?.into_inner();
    let rule_set = v1::RuleSet { text: String::new(), ..checked.rule_set.unwrap_or_default() };
    print_checked(args.server.json, &rule_set, checked.findings)
}

/// The version and what there is to say about it; fails when it has errors.
fn print_checked(json: bool, rule_set: &v1::RuleSet, findings: Vec<v1::Finding>) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.severity() == v1::Severity::Error).count();
    if json {
        print_one(true, &v1::CheckRuleSetResponse { rule_set: Some(rule_set.clone()), findings })?;
    } else {
        for finding in &findings {
            let word = if finding.severity() == v1::Severity::Error { "error" } else { "warning" };
            let line = if finding.line > 0 { format!("line {}: ", finding.line) } else { String::new() };
            let field = if finding.field.is_empty() { String::new() } else { format!("{}: ", finding.field) };
            output::line(&format!("{word}: {line}{field}{}", finding.problem))?;
        }
        print_one(false, rule_set)?;
    }
    if errors == 0 { Ok(()) } else { Err(Failure::failed(format!("{errors} errors"))) }
}

/// A number, or the name of a version; a file may be called anything else.
pub(super) fn is_version(text: &str) -> bool {
    let number = text.strip_prefix("ruleSets/").unwrap_or(text);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) async fn difference(args: &DiffArgs) -> Result<v1::DiffRuleSetsResponse, Failure> {
    let request = v1::DiffRuleSetsRequest { base: name(&args.old), name: name(&args.new) };
    Ok(client(&args.server).await?.diff_rule_sets(request).await?.into_inner())
}

pub(super) async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    use v1::explain_rule_set_request::Message;
    let server = connect(&args.server).await?;
    let message = match (args.text, args.decision) {
        (Some(text), _) => Message::Text(text),
        (None, id) => Message::Decision(decision_name(server.clone(), id.unwrap_or_default()).await?),
    };
    let is_asked = args.all || !args.rule.is_empty();
    let request = v1::ExplainRuleSetRequest { name: name(&args.rule_set), message: Some(message), rules: args.rule };
    let mut client = RuleSetServiceClient::new(server).max_decoding_message_size(ANSWER_BYTES_MAX);
    let mut explained = client.explain_rule_set(request).await?.into_inner();
    if !is_asked {
        explained.rules.clear();
    }
    if args.server.json {
        return print_one(true, &explained);
    }
    output::line(&format!("{} by {} ({}): {}", explained.team, explained.rule, explained.phase, explained.why))?;
    for rule in &explained.rules {
        output::line(&format!("\n{} ({}): {}", rule.rule, rule.phase, rule.verdict))?;
        for (place, alternative) in rule.alternatives.iter().enumerate() {
            if place > 0 {
                output::line("  or")?;
            }
            for one in &alternative.conditions {
                let mark = if one.holds { "holds" } else { "fails" };
                let unknown = if one.unknown { " (not known)" } else { "" };
                output::line(&format!("  {mark}  {}{unknown}", one.condition))?;
            }
        }
    }
    Ok(())
}

/// The name of a decision that may be given by its own id or by the message's.
async fn decision_name(server: Server, id: String) -> Result<String, Failure> {
    if id.starts_with("decisions/") {
        return Ok(id);
    }
    if uuid::Uuid::try_parse(&id).is_ok() {
        return Ok(in_collection("decisions", &id));
    }
    let request = v1::GetDecisionRequest { message_id: id, ..v1::GetDecisionRequest::default() };
    let decision = DecisionServiceClient::new(server).get_decision(request).await?.into_inner().decision;
    Ok(decision.unwrap_or_default().name)
}

pub(super) async fn dry_run(version: &str, args: &DryRunArgs) -> Result<(), Failure> {
    if !is_version(version) {
        return Err(Failure::config(format!("{version} is no version; to try a file, give --rules {version}")));
    }
    let request = v1::DryRunRuleSetRequest { name: name(version), base: name(&args.base), messages: args.messages };
    let run = client(&args.server).await?.dry_run_rule_set(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &run);
    }
    output::line(&format!("of the last {} messages, {} would move", run.messages, run.moved))?;
    for one in &run.moves {
        let examples = one.examples.join(" ");
        output::line(&format!("  {} → {}: {} (e.g. {examples})", one.from, one.to, one.messages))?;
    }
    Ok(())
}

pub(super) async fn coverage(args: CoverageArgs) -> Result<(), Failure> {
    let request = v1::GetCoverageRequest { name: name(&args.rule_set), days: args.days, messages: args.messages };
    let mut told = client(&args.server).await?.get_coverage(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &told);
    }
    let shown = to_json(&told, true);
    let since = shown["since_time"].as_str().map_or_else(String::new, |since| format!(" since {since}"));
    let reach = if told.complete { "all that is stored" } else { "there may be older ones: --messages" };
    output::line(&format!("{} ({}): {} messages looked at{since}, {reach}", told.name, told.version, told.messages))?;
    for (count, what) in [
        (told.unknown_version_messages, "were decided by versions that are not known here: they count for no rule"),
        (told.without_input_messages, "have no input any more: they count for no rule that decorates"),
    ] {
        if count > 0 {
            output::line(&format!("{count} of them {what}"))?;
        }
    }
    let young = told.rules.iter().filter(|rule| rule.unused && rule.young).count();
    let unused = told.rules.iter().filter(|rule| rule.unused).count();
    let days = args.days;
    output::line(&format!("{unused} rules were not hit for {days} days; {young} of them are younger than that"))?;
    told.rules.retain(|rule| args.all || rule.unused);
    if told.rules.is_empty() {
        return Ok(());
    }
    print_list(false, &told.rules, &["rule", "phase", "hits", "last_hit_time", "in_force_since_time", "young"])
}

async fn in_force(client: &mut Client) -> Result<v1::Activation, Failure> {
    Ok(client.get_activation(v1::GetActivationRequest {}).await?.into_inner().activation.unwrap_or_default())
}

pub(super) async fn active(args: ServerArgs) -> Result<(), Failure> {
    let activation = in_force(&mut client(&args).await?).await?;
    print_one(args.json, &activation)
}

pub(super) async fn activate(args: ActivateArgs) -> Result<(), Failure> {
    let trial = args.trial.map(|version| v1::Trial {
        rule_set: name(&version),
        percent: args.percent,
        numbers: args.number.iter().map(|number| in_collection("numbers", number)).collect(),
    });
    let activation = v1::Activation { active: name(&args.of.rule_set), trial, ..v1::Activation::default() };
    let server = &args.of.server;
    put_in_force(&mut client(server).await?, server.json, activation, args.change).await
}

pub(super) async fn shadow(args: ShadowArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let mut client = client(server).await?;
    let current = in_force(&mut client).await?;
    let shadow = if args.of.rule_set == "none" { String::new() } else { name(&args.of.rule_set) };
    // Unless told otherwise, only what was just read is changed.
    let etag = if args.change.etag.is_empty() { current.etag.clone() } else { args.change.etag.clone() };
    let change = ChangeArgs { etag, ..args.change };
    put_in_force(&mut client, server.json, v1::Activation { shadow, ..current }, change).await
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<(), Failure> {
    let mut client = client(&args.server).await?;
    let request = v1::ListActivationsRequest { page_size: 2, page_token: String::new() };
    let last = client.list_activations(request).await?.into_inner().activations;
    let [current, before] = &last[..] else {
        return Err(Failure::failed("there is nothing to go back to"));
    };
    let etag = if args.change.etag.is_empty() { current.etag.clone() } else { args.change.etag.clone() };
    let reason = if args.change.reason.is_empty() {
        format!("back to revision {}", before.revision)
    } else {
        args.change.reason
    };
    let change = ChangeArgs { etag, reason, ..args.change };
    put_in_force(&mut client, args.server.json, before.clone(), change).await
}

async fn put_in_force(
    client: &mut Client,
    json: bool,
    activation: v1::Activation,
    change: ChangeArgs,
) -> Result<(), Failure> {
    let request = v1::ActivateRuleSetRequest {
        activation: Some(activation),
        reason: change.reason,
        etag: change.etag,
        validate_only: change.validate_only,
        request_id: String::new(),
    };
    let activation = client.activate_rule_set(request).await?.into_inner().activation.unwrap_or_default();
    print_one(json, &activation)
}

pub(super) async fn history(args: ServerArgs) -> Result<(), Failure> {
    let client = client(&args).await?;
    let changes = pages(usize::MAX, |page_size, page_token| {
        let mut client = client.clone();
        async move {
            let page =
                client.list_activations(v1::ListActivationsRequest { page_size, page_token }).await?.into_inner();
            Ok((page.activations, page.next_page_token))
        }
    });
    let fields = ["revision", "active", "trial", "shadow", "create_time", "creator", "reason"];
    print_list(args.json, &changes.await?, &fields)
}

/// The full name of a version that may have been given by its number. Nothing stays nothing.
fn name(version: &str) -> String {
    in_collection("ruleSets", version)
}

fn in_collection(collection: &str, id: &str) -> String {
    if id.is_empty() || id.contains('/') { id.to_owned() } else { format!("{collection}/{id}") }
}
