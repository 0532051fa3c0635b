//! `waypost rules list-rules` … `delete-rule`: the rules of a version, one by one.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost_types::{FieldMask, Timestamp as WireTime};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::rule_service_client::RuleServiceClient;
use waypost_proto::{resources, rules_v1};
use waypost_rules::input::parse_instant;
use waypost_rules::{Phase, toml_form};

use crate::failure::Failure;
use crate::output;
use crate::parts::{self, BaseArgs, DraftArgs, PartChangeArgs, PartShowArgs, only_item};
use crate::server::{Server, connect, pages, print_list, print_one};

#[derive(Debug, Subcommand)]
pub enum RuleCommand {
    /// List the rules of a version
    ListRules(RuleListArgs),
    /// Show one rule; with --text as it stands in a rules file
    GetRule(RuleGetArgs),
    /// Make a version with one rule more
    CreateRule(RuleCreateArgs),
    /// Make a version in which what is given of a rule is otherwise
    UpdateRule(RuleUpdateArgs),
    /// Make a version without a rule
    DeleteRule(RuleDeleteArgs),
}

/// `waypost rule`, as these verbs were called before they joined `waypost rules`.
#[derive(Debug, Subcommand)]
pub enum FormerRuleCommand {
    /// Now `waypost rules list-rules`
    List(RuleListArgs),
    /// Now `waypost rules get-rule`
    Get(RuleGetArgs),
    /// Now `waypost rules create-rule`
    Create(RuleCreateArgs),
    /// Now `waypost rules update-rule`
    Update(RuleUpdateArgs),
    /// Now `waypost rules delete-rule`
    Delete(RuleDeleteArgs),
}

#[derive(Debug, Args)]
pub struct RuleListArgs {
    /// Only rules of this phase
    #[arg(long, value_parser = ["handover", "bind", "route", "decorate", "default"])]
    phase: Option<String>,
    /// Only rules that may send a message to this team
    #[arg(long, value_name = "TEAM", default_value = "")]
    team: String,
    #[command(flatten)]
    of: BaseArgs,
}

#[derive(Debug, Args)]
pub struct RuleGetArgs {
    /// The rule's id
    rule: String,
    #[command(flatten)]
    show: PartShowArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost rules create-rule vouchers.toml --reason 'Christmas campaign'

The file has one [[rules]] and nothing else, as in a rules file.")]
pub struct RuleCreateArgs {
    /// A file (TOML) with one rule, as in a rules file
    file: PathBuf,
    #[command(flatten)]
    draft: DraftArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules update-rule vouchers --priority 80 --team billing
  waypost rules update-rule vouchers --enabled false --reason 'the campaign is over'
  waypost rules update-rule vouchers --file vouchers.toml   # all of it")]
pub struct RuleUpdateArgs {
    /// The rule's id
    rule: String,
    /// A file (TOML) with one rule of this id: what it says from now on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "priority", "enabled", "team", "urgency", "valid_from", "valid_until"])]
    file: Option<PathBuf>,
    /// Shown to people
    #[arg(long)]
    title: Option<String>,
    /// Higher wins
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Whether it counts
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    enabled: Option<bool>,
    /// Who gets the message, instead of the team, person or split that the rule names
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// urgent, normal, or "" to leave it as it is
    #[arg(long, value_parser = ["urgent", "normal", ""])]
    urgency: Option<String>,
    /// In force from then on, e.g. 2026-12-01T00:00:00+01:00; "" for always
    #[arg(long, value_name = "TIME")]
    valid_from: Option<String>,
    /// Not in force any more from then on; "" for never
    #[arg(long, value_name = "TIME")]
    valid_until: Option<String>,
    #[command(flatten)]
    change: PartChangeArgs,
}

#[derive(Debug, Args)]
pub struct RuleDeleteArgs {
    /// The rule's id
    rule: String,
    #[command(flatten)]
    change: PartChangeArgs,
}

pub(super) async fn run(command: RuleCommand) -> Result<(), Failure> {
    match command {
        RuleCommand::ListRules(args) => list(args).await,
        RuleCommand::GetRule(args) => get(args).await,
        RuleCommand::CreateRule(args) => create(args).await,
        RuleCommand::UpdateRule(args) => update(args).await,
        RuleCommand::DeleteRule(args) => delete(args).await,
    }
}

/// Does the same, and names the verb that is to be used instead.
pub(crate) async fn run_former(command: FormerRuleCommand) -> Result<(), Failure> {
    let (former, new, command) = match command {
        FormerRuleCommand::List(args) => ("list", "list-rules", RuleCommand::ListRules(args)),
        FormerRuleCommand::Get(args) => ("get", "get-rule", RuleCommand::GetRule(args)),
        FormerRuleCommand::Create(args) => ("create", "create-rule", RuleCommand::CreateRule(args)),
        FormerRuleCommand::Update(args) => ("update", "update-rule", RuleCommand::UpdateRule(args)),
        FormerRuleCommand::Delete(args) => ("delete", "delete-rule", RuleCommand::DeleteRule(args)),
    };
    output::note(&format!("`waypost rule {former}` is now `waypost rules {new}`; the former name goes with 1.0"));
    run(command).await
}

fn client(server: &Server) -> RuleServiceClient {
    RuleServiceClient::new(server.clone())
}

async fn list(args: RuleListArgs) -> Result<(), Failure> {
    let server = connect(&args.of.server).await?;
    let parent = parts::base(&server, &args.of).await?;
    let phase = args.phase.as_deref().and_then(Phase::parse).map_or(rules_v1::Phase::Unspecified, wire_phase);
    let team = if args.team.is_empty() { String::new() } else { format!("teams/{}", bare(&args.team, "teams/")) };
    let rules = pages(usize::MAX, |page_size, page_token| {
        let client = client(&server);
        let (parent, team) = (parent.clone(), team.clone());
        let request = v1::ListRulesRequest { parent, page_size, page_token, phase: phase.into(), team };
        async move {
            let page = client.list_rules(request).await?.into_inner();
            Ok((page.rules, page.next_page_token))
        }
    });
    print_list(
        args.of.server.json,
        &rules.await?,
        &["name", "title", "phase", "outcome.team", "priority", "disabled", "etag"],
    )
}

async fn get(args: RuleGetArgs) -> Result<(), Failure> {
    let PartShowArgs { text, of } = args.show;
    let server = connect(&of.server).await?;
    let name = name(&parts::base(&server, &of).await?, &args.rule);
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
    let parent = parts::base(&server, &args.draft.of).await?;
    let request = v1::CreateRuleRequest {
        parent: parent.clone(),
        rule_id: rule.id.to_string(),
        rule: Some(resources::rule(String::new(), &rule)),
        reason: args.draft.reason.clone(),
        validate_only: args.draft.validate_only,
        request_id: args.draft.request_id.clone(),
    };
    let answer = client(&server).create_rule(request).await?.into_inner();
    parts::finish(&server, &args.draft, &parent, answer).await
}

async fn update(args: RuleUpdateArgs) -> Result<(), Failure> {
    let (rule, paths) = changes(&args)?;
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let name = name(&parts::base(&server, &draft.of).await?, &args.rule);
    let request = v1::UpdateRuleRequest {
        rule: Some(v1::Rule { name: name.clone(), etag, ..rule }),
        update_mask: Some(FieldMask { paths }),
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).update_rule(request).await?.into_inner();
    parts::finish(&server, &draft, &name, answer).await
}

async fn delete(args: RuleDeleteArgs) -> Result<(), Failure> {
    let PartChangeArgs { etag, draft } = args.change;
    let server = connect(&draft.of.server).await?;
    let name = name(&parts::base(&server, &draft.of).await?, &args.rule);
    let request = v1::DeleteRuleRequest {
        name: name.clone(),
        etag,
        reason: draft.reason.clone(),
        validate_only: draft.validate_only,
        request_id: draft.request_id.clone(),
    };
    let answer = client(&server).delete_rule(request).await?.into_inner();
    parts::finish(&server, &draft, &name, answer).await
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
