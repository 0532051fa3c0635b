//! `waypost rules explain --rules FILE`: who gets a message and why, and why a rule did not.

use std::path::Path;

use serde_json::json;
use waypost_cloud_api::webhook::{Content, split};
use waypost_router::decide::message_input;
use waypost_rules::explain::{Explanation, RuleExplanation};
use waypost_rules::input::parse_instant;
use waypost_rules::{RouteInput, RuleSet};

use super::decide::decision_json;
use super::{inputs, read_rules};
use crate::cli::ExplainArgs;
use crate::commands::inspect;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(file: &Path, args: &ExplainArgs) -> Result<(), Failure> {
    let rules = read_rules(file)?;
    let known = |id: &&String| rules.definition().rules.iter().any(|rule| *rule.id == **id);
    if let Some(unknown) = args.rule.iter().find(|id| !known(id)) {
        return Err(Failure::config(format!("{} has no rule {unknown:?}", file.display())));
    }
    let asked: Vec<&str> = if args.all {
        rules.definition().rules.iter().map(|rule| &*rule.id).collect()
    } else {
        args.rule.iter().map(String::as_str).collect()
    };
    for input in messages(args)? {
        let explanation = rules.explain(&with_arguments(input, args)?, &asked);
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
            Content::Message(message) | Content::StandbyMessage(message) => Some(message_input(message)),
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
        let wrong = || Failure::config(format!("--at {at:?} must be a time such as 2026-12-01T09:00:00+01:00"));
        input.received_at = Some(parse_instant(at).ok_or_else(wrong)?);
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
