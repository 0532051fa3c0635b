//! `waypost rule`.

use prost_types::{FieldMask, Timestamp as WireTime};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_service_client::RuleServiceClient;
use waypost_proto::{resources, rules_v1};
use waypost_rules::input::parse_instant;
use waypost_rules::{Phase, toml_form};

use super::remote::{Server, connect, pages, print_list, print_one};
use super::versions::{self, only_item};
use crate::cli::rule::{
    PartChangeArgs, PartShowArgs, RuleCommand, RuleCreateArgs, RuleDeleteArgs, RuleGetArgs, RuleListArgs,
    RuleUpdateArgs,
};
use crate::exit::Failure;
use crate::output;

pub(crate) async fn run(command: RuleCommand) -> Result<(), Failure> {
    match command {
        RuleCommand::List(args) => list(args).await,
        RuleCommand::Get(args) => get(args).await,
        RuleCommand::Create(args) => create(args).await,
        RuleCommand::Update(args) => update(args).await,
        RuleCommand::Delete(args) => delete(args).await,
    }
}

fn client(server: &Server) -> RuleServiceClient<Server> {
    RuleServiceClient::new(server.clone())
}

async fn list(args: RuleListArgs) -> Result<(), Failure> {
    let server = connect(&args.of.server).await?;
    let parent = versions::base(&server, &args.of).await?;
    let phase = args.phase.as_deref().and_then(Phase::parse).map_or(rules_v1::Phase::Unspecified, wire_phase);
    let team = if args.team.is_empty() { String::new() } else { format!("teams/{}", bare(&args.team, "teams/")) };
    let rules = pages(usize::MAX, |page_size, page_token| {
        let mut client = client(&server);
        let (parent, team) = (parent.clone(), team.clone());
        let request = v1::ListRulesRequest { parent, page_size, page_token, phase: phase.into(), team };
        async move {
            let page = client.list_rules(request).await?.into_inner();
            Ok((page.rules, page.next_page_token))
        }
    });
    print_list(args.of.server.json, &rules.await?, &["name", "title", "phase", "priority", "disabled", "etag"])
}

async fn get(args: RuleGetArgs) -> Result<(), Failure> {
    let PartShowArgs { text, of } = args.show;
    let server = connect(&of.server).await?;
    let name = name(&versions::base(&server, &of).await?, &args.rule);
    let rule = client(&server).get_rule(v1::GetRuleRequest { name }).await?.into_inner().rule.unwrap_or_default();
    if !text {
        return print_one(of.server.json, &rule);
    }
    let rule = resources::rule_of(rule, &args.rule, "rule").map_err(Failure::failed)?;
    output::line(toml_form::write_rule(&rule).trim_end())
}

async fn create(args: RuleCreateArgs) -> Result<(), Failure> {
    let rule = only_item(&args.file, "rules", toml_form::read_rules)?;
    let server = connect(&args.draft.of.server).await?;
    let request = v1::CreateRuleRequest {
        parent: versions::base(&server, &args.draft.of).await?,
        rule_id: rule.id.to_string(),
        rule: Some(resources::rule(String::new(), &rule)),
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let answer = client(&server).create_rule(request).await?.into_inner();
    versions::finish(&server, &args.draft, answer).await
}

async fn update(args: RuleUpdateArgs) -> Result<(), Failure> {
    let (rule, paths) = changes(&args)?;
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let name = name(&versions::base(&server, &draft.of).await?, &args.rule);
    let request = v1::UpdateRuleRequest {
        rule: Some(v1::Rule { name, etag, ..rule }),
        update_mask: Some(FieldMask { paths }),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).update_rule(request).await?.into_inner();
    versions::finish(&server, &draft, answer).await
}

async fn delete(args: RuleDeleteArgs) -> Result<(), Failure> {
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let request = v1::DeleteRuleRequest {
        name: name(&versions::base(&server, &draft.of).await?, &args.rule),
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).delete_rule(request).await?.into_inner();
    versions::finish(&server, &draft, answer).await
}

/// The fields that were given, and their names.
fn changes(args: &RuleUpdateArgs) -> Result<(v1::Rule, Vec<String>), Failure> {
    if let Some(file) = &args.file {
        let rule = only_item(file, "rules", toml_form::read_rules)?;
        if *rule.id != *args.rule {
            return Err(Failure::config(format!("{}: has the rule {}, not {}", file.display(), rule.id, args.rule)));
        }
        return Ok((resources::rule(String::new(), &rule), vec!["*".to_owned()]));
    }
    let urgency = match args.urgency.as_deref() {
        Some("urgent") => rules_v1::Urgency::Urgent,
        Some("normal") => rules_v1::Urgency::Normal,
        Some(_) | None => rules_v1::Urgency::Unspecified,
    };
    let team = args.team.as_deref().map(|team| rules_v1::outcome::Target::Team(bare(team, "teams/").to_owned()));
    let rule = v1::Rule {
        title: args.title.clone().unwrap_or_default(),
        priority: args.priority.unwrap_or_default(),
        disabled: !args.enabled.unwrap_or(true),
        valid_from: instant("--valid-from", args.valid_from.as_deref())?,
        valid_until: instant("--valid-until", args.valid_until.as_deref())?,
        outcome: Some(rules_v1::Outcome { target: team, urgency: urgency.into(), ..rules_v1::Outcome::default() }),
        ..v1::Rule::default()
    };
    let present = [
        ("title", args.title.is_some()),
        ("priority", args.priority.is_some()),
        ("disabled", args.enabled.is_some()),
        ("outcome.team", args.team.is_some()),
        ("outcome.urgency", args.urgency.is_some()),
        ("valid_from", args.valid_from.is_some()),
        ("valid_until", args.valid_until.is_some()),
    ];
    let paths: Vec<String> =
        present.iter().filter(|(_, is_given)| *is_given).map(|(field, _)| (*field).to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::config("nothing to change: give at least one field, e.g. --priority, or --file"));
    }
    Ok((rule, paths))
}

fn instant(flag: &str, text: Option<&str>) -> Result<Option<WireTime>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = parse_instant(text)
        .ok_or_else(|| Failure::config(format!("{flag}: must be a date and time such as 2026-12-01T00:00:00+01:00")))?;
    let millis = at.as_millis();
    let nanos = i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    Ok(Some(WireTime { seconds: millis.div_euclid(1_000), nanos }))
}

const fn wire_phase(phase: Phase) -> rules_v1::Phase {
    match phase {
        Phase::Handover => rules_v1::Phase::Handover,
        Phase::Bind => rules_v1::Phase::Bind,
        Phase::Route => rules_v1::Phase::Route,
        Phase::Decorate => rules_v1::Phase::Decorate,
        Phase::Default => rules_v1::Phase::Default,
    }
}

fn name(version: &str, rule: &str) -> String {
    format!("{version}/rules/{rule}")
}

fn bare<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}
