//! An explanation as people read it.

use waypost_proto::admin_v1 as v1;
use waypost_proto::rules_v1::Binding;

pub(super) fn shown(explained: &v1::ExplainRuleSetResponse) -> String {
    let urgency = if explained.urgent { "urgent" } else { "normal" };
    let mut lines = vec![format!(
        "{} ({urgency}), by {} of phase {}: {}",
        team(&explained.team),
        explained.rule,
        explained.phase,
        explained.why
    )];
    lines.extend(judged_by(explained));
    for (label, values) in [("tags", &explained.tags), ("skills", &explained.skills)] {
        if !values.is_empty() {
            lines.push(format!("{label}: {}", values.join(", ")));
        }
    }
    if let Some(v1::AssignedPerson { name, fallback_team }) = &explained.person {
        let fallback = if fallback_team.is_empty() { String::new() } else { format!(", else {}", team(fallback_team)) };
        lines.push(format!("person: {name}{fallback}"));
    }
    for step in &explained.escalation {
        let clock = if step.clock.is_empty() { String::new() } else { format!(" of {}", step.clock) };
        lines.push(format!("after {} minutes{clock}: {}", step.after_minutes, team(&step.team)));
    }
    lines.extend(bound(explained.binding()).map(|binding| format!("the conversation is bound: {binding}")));
    if explained.asks_for_person {
        lines.push("the customer asks for a person, and one has the conversation".to_owned());
    }
    if !explained.suggested_team.is_empty() {
        lines.push(format!("suggested team: {}", team(&explained.suggested_team)));
    }
    explained.rules.iter().for_each(|one| rule(&mut lines, one));
    lines.join("\n")
}

/// `by version 3f2a… of the rules, at Mon 2026-01-12 23:00 in Europe/Madrid`.
fn judged_by(explained: &v1::ExplainRuleSetResponse) -> Option<String> {
    let at = match &explained.local_times[..] {
        [] => "at a time that is not known".to_owned(),
        times => format!("at {}", times.join(", ")),
    };
    (!explained.version.is_empty()).then(|| format!("by version {} of the rules, {at}", explained.version))
}

fn rule(lines: &mut Vec<String>, rule: &v1::RuleExplanation) {
    let in_force = if rule.in_force.is_empty() { String::new() } else { format!(" (it is {})", rule.in_force) };
    lines.push(format!("{} ({}, priority {}): {}{in_force}", rule.rule, rule.phase, rule.priority, rule.verdict));
    for (place, alternative) in rule.alternatives.iter().enumerate() {
        if place > 0 {
            lines.push("  or".to_owned());
        }
        lines.extend(alternative.conditions.iter().map(|one| format!("  {}", condition(one))));
    }
}

/// `✗ tier is "gold" (it is "silver")`: what is wanted, and what was there.
fn condition(condition: &v1::ConditionExplanation) -> String {
    let v1::ConditionExplanation { condition, holds, unknown, actual, actual_hidden } = condition;
    let actual = match (&**actual, actual_hidden) {
        (_, true) => HIDDEN,
        ("", false) if *unknown => "not known",
        (actual, false) => actual,
    };
    let effect = match (unknown, holds) {
        (false, _) => "",
        (true, false) => ", which does not match",
        (true, true) => ", which matches",
    };
    let told = if actual.is_empty() { String::new() } else { format!(" ({actual}{effect})") };
    format!("{} {condition}{told}", if *holds { "✓" } else { "✗" })
}

/// Instead of what was there.
const HIDDEN: &str = "what it was, editor and compliance may see";

/// Nothing where it stays as it is.
const fn bound(binding: Binding) -> Option<&'static str> {
    match binding {
        Binding::Unspecified => None,
        Binding::Loose => Some("loose"),
        Binding::Firm => Some("firm"),
        Binding::Held => Some("held"),
    }
}

fn team(name: &str) -> &str {
    name.strip_prefix("teams/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_wanted_and_what_was_there() {
        let of = |holds, unknown, actual: &str, actual_hidden| {
            let (wanted, actual) = ("tier is \"gold\"".to_owned(), actual.to_owned());
            condition(&v1::ConditionExplanation { condition: wanted, holds, unknown, actual, actual_hidden })
        };
        let line = |holds, unknown| of(holds, unknown, "", false);
        assert_eq!(of(true, false, "it is \"gold\"", false), "✓ tier is \"gold\" (it is \"gold\")");
        assert_eq!(of(false, false, "it is \"silver\"", false), "✗ tier is \"gold\" (it is \"silver\")");
        let hidden = "✗ tier is \"gold\" (what it was, editor and compliance may see)";
        assert_eq!(of(false, false, "", true), hidden);
        assert_eq!(
            of(false, true, "the time is not known", false),
            "✗ tier is \"gold\" (the time is not known, which does not match)"
        );
        // A server of the release before says no more.
        assert_eq!(line(true, false), "✓ tier is \"gold\"");
        assert_eq!(line(false, false), "✗ tier is \"gold\"");
        assert_eq!(line(false, true), "✗ tier is \"gold\" (not known, which does not match)");
        assert_eq!(line(true, true), "✓ tier is \"gold\" (not known, which matches)");
    }

    #[test]
    fn everything_that_is_decided_is_said() {
        let explained = v1::ExplainRuleSetResponse {
            team: "teams/vip".to_owned(),
            rule: "gold".to_owned(),
            phase: "route".to_owned(),
            urgent: true,
            why: "tier is \"gold\"".to_owned(),
            tags: vec!["a".to_owned(), "b".to_owned()],
            skills: vec!["tax".to_owned()],
            person: Some(v1::AssignedPerson { name: "kim".to_owned(), fallback_team: "teams/sales".to_owned() }),
            escalation: vec![v1::EscalationStep {
                after_minutes: 5,
                clock: "office".to_owned(),
                team: "teams/leads".to_owned(),
            }],
            binding: Binding::Firm.into(),
            asks_for_person: true,
            suggested_team: "teams/sales".to_owned(),
            version: "3f2a".to_owned(),
            local_times: vec!["Mon 2026-01-12 23:00 in Europe/Madrid".to_owned()],
            rules: vec![v1::RuleExplanation {
                rule: "christmas".to_owned(),
                phase: "route".to_owned(),
                verdict: "not in force".to_owned(),
                in_force: "from 2026-12-01T00:00:00Z".to_owned(),
                ..v1::RuleExplanation::default()
            }],
            ..v1::ExplainRuleSetResponse::default()
        };
        let lines = [
            "vip (urgent), by gold of phase route: tier is \"gold\"",
            "by version 3f2a of the rules, at Mon 2026-01-12 23:00 in Europe/Madrid",
            "tags: a, b",
            "skills: tax",
            "person: kim, else sales",
            "after 5 minutes of office: leads",
            "the conversation is bound: firm",
            "the customer asks for a person, and one has the conversation",
            "suggested team: sales",
            "christmas (route, priority 0): not in force (it is from 2026-12-01T00:00:00Z)",
        ];
        assert_eq!(shown(&explained).lines().collect::<Vec<_>>(), lines);
        assert_eq!(shown(&v1::ExplainRuleSetResponse::default()), " (normal), by  of phase : ");
        let untimed = v1::ExplainRuleSetResponse { version: "3f2a".to_owned(), ..Default::default() };
        assert!(shown(&untimed).ends_with("\nby version 3f2a of the rules, at a time that is not known"));
    }
}
