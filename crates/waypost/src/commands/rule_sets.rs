//! `waypost rule-sets`.

use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;

use super::remote::{Server, connect, pages, print_list, print_one};
use crate::cli::ServerArgs;
use crate::cli::rule_sets::{
    ActivateArgs, ChangeArgs, DiffArgs, DryRunArgs, ExplainArgs, GetArgs, PushArgs, RollbackArgs, RuleSetsCommand,
    ShadowArgs, VersionArgs,
};
use crate::exit::Failure;
use crate::output;

type Client = RuleSetServiceClient<Server>;

pub(crate) async fn run(command: RuleSetsCommand) -> Result<(), Failure> {
    match command {
        RuleSetsCommand::List(args) => list(args).await,
        RuleSetsCommand::Get(args) => get(args).await,
        RuleSetsCommand::Push(args) => push(args).await,
        RuleSetsCommand::Check(args) => check(args).await,
        RuleSetsCommand::Diff(args) => diff(args).await,
        RuleSetsCommand::Explain(args) => explain(args).await,
        RuleSetsCommand::DryRun(args) => dry_run(args).await,
        RuleSetsCommand::Active(args) => active(args).await,
        RuleSetsCommand::Activate(args) => activate(args).await,
        RuleSetsCommand::Shadow(args) => shadow(args).await,
        RuleSetsCommand::Rollback(args) => rollback(args).await,
        RuleSetsCommand::History(args) => history(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<Client, Failure> {
    Ok(RuleSetServiceClient::new(connect(args).await?))
}

async fn list(args: ServerArgs) -> Result<(), Failure> {
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

async fn get(args: GetArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request = v1::GetRuleSetRequest { name: name(&args.of.rule_set) };
    let rule_set = client(server).await?.get_rule_set(request).await?.into_inner().rule_set.unwrap_or_default();
    if args.text { output::line(rule_set.text.trim_end()) } else { print_one(server.json, &rule_set) }
}

/// Keeps the file and checks it, so that it can be activated when it is good.
async fn push(args: PushArgs) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::config(format!("{}: {error}", args.file.display())))?;
    let mut client = client(&args.server).await?;
    let request = v1::CreateRuleSetRequest {
        text,
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

async fn check(args: VersionArgs) -> Result<(), Failure> {
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

async fn diff(args: DiffArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request = v1::DiffRuleSetsRequest { base: name(&args.base), name: name(&args.of.rule_set) };
    let difference = client(server).await?.diff_rule_sets(request).await?.into_inner();
    print_one(server.json, &difference)
}

async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    use v1::explain_rule_set_request::Message;
    let message = match (args.text, args.decision) {
        (Some(text), _) => Message::Text(text),
        (None, id) => Message::Decision(in_collection("decisions", &id.unwrap_or_default())),
    };
    let request = v1::ExplainRuleSetRequest { name: name(&args.rule_set), message: Some(message), rules: args.rule };
    let explained = client(&args.server).await?.explain_rule_set(request).await?.into_inner();
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

async fn dry_run(args: DryRunArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let request =
        v1::DryRunRuleSetRequest { name: name(&args.of.rule_set), base: name(&args.base), messages: args.messages };
    let run = client(server).await?.dry_run_rule_set(request).await?.into_inner();
    if server.json {
        return print_one(true, &run);
    }
    output::line(&format!("of the last {} messages, {} would move", run.messages, run.moved))?;
    for one in &run.moves {
        let examples = one.examples.join(" ");
        output::line(&format!("{} -> {}  {}  e.g. {examples}", one.from, one.to, one.messages))?;
    }
    Ok(())
}

async fn in_force(client: &mut Client) -> Result<v1::Activation, Failure> {
    Ok(client.get_activation(v1::GetActivationRequest {}).await?.into_inner().activation.unwrap_or_default())
}

async fn active(args: ServerArgs) -> Result<(), Failure> {
    let activation = in_force(&mut client(&args).await?).await?;
    print_one(args.json, &activation)
}

async fn activate(args: ActivateArgs) -> Result<(), Failure> {
    let trial = args.trial.map(|version| v1::Trial {
        rule_set: name(&version),
        percent: args.percent,
        numbers: args.number.iter().map(|number| in_collection("numbers", number)).collect(),
    });
    let activation = v1::Activation { active: name(&args.of.rule_set), trial, ..v1::Activation::default() };
    let server = &args.of.server;
    put_in_force(&mut client(server).await?, server.json, activation, args.change).await
}

async fn shadow(args: ShadowArgs) -> Result<(), Failure> {
    let server = &args.of.server;
    let mut client = client(server).await?;
    let current = in_force(&mut client).await?;
    let shadow = if args.of.rule_set == "none" { String::new() } else { name(&args.of.rule_set) };
    // Unless told otherwise, only what was just read is changed.
    let etag = if args.change.etag.is_empty() { current.etag.clone() } else { args.change.etag.clone() };
    let change = ChangeArgs { etag, ..args.change };
    put_in_force(&mut client, server.json, v1::Activation { shadow, ..current }, change).await
}

async fn rollback(args: RollbackArgs) -> Result<(), Failure> {
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

async fn history(args: ServerArgs) -> Result<(), Failure> {
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
