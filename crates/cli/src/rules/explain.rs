//! `waypost rules explain`: who gets a message and why, and why a rule did not.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use waypost_cloud_api::webhook::{Content, split};
use waypost_proto::admin_v1 as v1;
use waypost_proto::admin_v1::decision_service_client::DecisionServiceClient;
use waypost_proto::admin_v1::rule_set_service_client::RuleSetServiceClient;
use waypost_rules::explain::{Explanation, RuleExplanation};
use waypost_rules::input::parse_instant;
use waypost_rules::{RouteInput, RuleSet};

use super::decide::decision_json;
use super::versions::{in_collection, name};
use super::{inputs, read_rules};
use crate::failure::Failure;
use crate::inspect;
use crate::output;
use crate::server::{Server, ServerArgs, connect, print_one};

#[derive(Debug, Args)]
#[command(after_help = "Examples, by a rules file:
  waypost rules explain --rules rules.toml --text 'where is my invoice?'
  waypost rules explain --rules rules.toml --text hi --attribute tier=gold --rule vip-billing --rule billing-words
  waypost rules explain --rules rules.toml --webhook body.json --all
Examples, on the server:
  waypost rules explain --text 'where is my invoice?' --all
  waypost rules explain --decision wamid.HBgL… --rule vip-billing     # with what was known when it was decided
  waypost rules explain --decision wamid.HBgL… --rule-set 4           # how another version would decide it

--rule names the rules to explain, condition by condition; --all takes all of them.")]
pub struct ExplainArgs {
    /// The rules file; without it, the server is asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decision", "rule_set"])]
    rules: Option<PathBuf>,
    /// Server: the version; by default the one that decided the message, else the active one
    #[arg(long, value_name = "N", default_value = "")]
    rule_set: String,
    /// The message's text
    #[arg(long, conflicts_with_all = ["webhook", "input"], required_unless_present_any = ["decision", "rules"])]
    text: Option<String>,
    /// Server: a message that was decided, by its id (wamid) or as decisions/ID
    #[arg(long, value_name = "ID", conflicts_with = "text")]
    decision: Option<String>,
    /// File: the id of the button or list row that was tapped
    #[arg(long, requires = "rules", conflicts_with_all = ["webhook", "input"])]
    reply: Option<String>,
    /// File: the messages of a webhook body; - for standard input
    #[arg(long, value_name = "FILE", requires = "rules", conflicts_with = "input")]
    webhook: Option<PathBuf>,
    /// File: a routing input as one JSON object, as `rules decide` reads it
    #[arg(long, value_name = "JSON", requires = "rules")]
    input: Option<String>,
    /// File: something that is known of the customer, e.g. tier=gold; may be given several times
    #[arg(long, value_name = "NAME=VALUE", requires = "rules", value_parser = crate::config_args::key_value)]
    attribute: Vec<(String, String)>,
    /// File: the customer's language, e.g. pt
    #[arg(long, requires = "rules")]
    language: Option<String>,
    /// File: the customer's country, e.g. BR
    #[arg(long, requires = "rules")]
    country: Option<String>,
    /// File: our name of the number that is written to
    #[arg(long, requires = "rules")]
    number: Option<String>,
    /// File: when it arrives, e.g. 2026-12-01T09:00:00+01:00; without it, calendars are unknown
    #[arg(long, value_name = "TIME", requires = "rules")]
    at: Option<String>,
    /// A rule to explain; may be given several times
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,
    /// Explain every rule
    #[arg(long, conflicts_with = "rule")]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: ExplainArgs) -> Result<(), Failure> {
    match &args.rules {
        Some(file) => by_file(file, &args),
        None => on_server(args).await,
    }
}

fn by_file(file: &Path, args: &ExplainArgs) -> Result<(), Failure> {
    let rules = read_rules(file)?;
    let known = |id: &&String| rules.definition().rules.iter().any(|rule| *rule.id == **id);
    if let Some(unknown) = args.rule.iter().find(|id| !known(id)) {
        return Err(Failure::config(format!("{} has no rule {unknown:?}", file.display())));
    }
    let wanted: Vec<&str> = if args.all {
        rules.definition().rules.iter().map(|rule| &*rule.id).collect()
    } else {
        args.rule.iter().map(String::as_str).collect()
    };
    for input in messages(args)? {
        let explanation = rules.explain(&with_arguments(input, args)?, &wanted);
        output::line(&if args.server.json { json_of(&explanation) } else { text_of(&explanation, &rules) })?;
    }
    Ok(())
}

fn messages(args: &ExplainArgs) -> Result<Vec<RouteInput>, Failure> {
    if let Some(json) = &args.input {
        let line = inputs::parse(json).map_err(|problem| Failure::config(format!("--input: {problem}")))?;
        return Ok(vec![line.input]);
    }
    let Some(file) = &args.webhook else {
        let message_type = if args.reply.is_some() { "interactive" } else { "text" };
        let (text, reply_id) = (args.text.clone(), args.reply.clone());
        return Ok(vec![RouteInput { message_type: message_type.to_owned(), text, reply_id, ..RouteInput::default() }]);
    };
    let body = inspect::read(file)?;
    let events = split(&body).events;
    let messages: Vec<RouteInput> = events
        .iter()
        .filter_map(|event| match &event.content {
            Content::Message(message) | Content::StandbyMessage(message) => Some(RouteInput::of_message(message)),
            Content::Status(_) | Content::Echo(_) | Content::ContactChange(_) | Content::AccountChange => None,
        })
        .collect();
    if messages.is_empty() {
        return Err(Failure::config(format!("{}: no message of a customer in it", file.display())));
    }
    Ok(messages)
}

/// What the command line says besides.
fn with_arguments(mut input: RouteInput, args: &ExplainArgs) -> Result<RouteInput, Failure> {
    input.attributes.extend(args.attribute.iter().cloned());
    input.language = args.language.clone().or(input.language);
    input.country = args.country.clone().or(input.country);
    if let Some(number) = &args.number {
        input.number.clone_from(number);
    }
    if let Some(at) = &args.at {
        let invalid = || Failure::config(format!("--at {at:?} must be a time such as 2026-12-01T09:00:00+01:00"));
        input.received_at = Some(parse_instant(at).ok_or_else(invalid)?);
    }
    Ok(input)
}

fn text_of(explanation: &Explanation, rules: &RuleSet) -> String {
    let decision = &explanation.decision;
    let mut text = format!(
        "{} ({}), by {} of phase {}: {}",
        decision.team, decision.priority, decision.rule, decision.phase, decision.why
    );
    for (label, values) in [("tags", &decision.tags), ("skills", &decision.skills)] {
        if !values.is_empty() {
            text.push_str(&format!("\n{label}: {}", values.join(", ")));
        }
    }
    if let Some(person) = &decision.person {
        text.push_str(&format!("\nperson: {person}"));
        if let Some(team) = &decision.fallback_team {
            text.push_str(&format!(", else {team}"));
        }
    }
    for step in &decision.escalation {
        let clock = step.clock.as_ref().map(|clock| format!(" of {clock}")).unwrap_or_default();
        text.push_str(&format!("\nafter {} minutes{clock}: {}", step.after_minutes, step.team));
    }
    for rule in &explanation.rules {
        let definition = rules.definition().rules.iter().find(|one| *one.id == *rule.rule);
        let on_unknown = definition.map(|rule| rule.on_unknown).unwrap_or_default();
        text.push_str(&format!(
            "\n{} ({}, priority {}): {}",
            rule.rule,
            rule.phase,
            rule.priority,
            rule.verdict.as_str()
        ));
        for (number, alternative) in rule.alternatives.iter().enumerate() {
            if number > 0 {
                text.push_str("\n  or");
            }
            for condition in &alternative.conditions {
                text.push_str(&format!("\n  {}", condition.line(on_unknown)));
            }
        }
    }
    text
}

fn json_of(explanation: &Explanation) -> String {
    let rule = |rule: &RuleExplanation| {
        let alternatives = rule.alternatives.iter().map(|alternative| {
            let conditions = alternative.conditions.iter().map(|condition| {
                json!({ "condition": condition.condition, "holds": condition.holds, "unknown": condition.unknown })
            });
            json!({ "holds": alternative.holds, "conditions": conditions.collect::<Vec<_>>() })
        });
        json!({
            "rule": rule.rule,
            "phase": rule.phase.as_str(),
            "priority": rule.priority,
            "verdict": rule.verdict.as_str(),
            "alternatives": alternatives.collect::<Vec<_>>(),
        })
    };
    let rules: Vec<_> = explanation.rules.iter().map(rule).collect();
    json!({ "decision": decision_json(&explanation.decision), "rules": rules }).to_string()
}

async fn on_server(args: ExplainArgs) -> Result<(), Failure> {
    use v1::explain_rule_set_request::Message;
    let server = connect(&args.server).await?;
    let message = match (args.text, args.decision) {
        (Some(text), _) => Message::Text(text),
        (None, id) => Message::Decision(decision_name(server.clone(), id.unwrap_or_default()).await?),
    };
    let is_wanted = args.all || !args.rule.is_empty();
    let request = v1::ExplainRuleSetRequest { name: name(&args.rule_set), message: Some(message), rules: args.rule };
    let client = RuleSetServiceClient::new(server);
    let mut explained = client.explain_rule_set(request).await?.into_inner();
    if !is_wanted {
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
