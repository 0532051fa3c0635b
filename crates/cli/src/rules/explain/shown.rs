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

fn rule(lines: &mut Vec<String>, rule: &v1::RuleExplanation) {
    lines.push(format!("{} ({}, priority {}): {}", rule.rule, rule.phase, rule.priority, rule.verdict));
    for (place, alternative) in rule.alternatives.iter().enumerate() {
        if place > 0 {
            lines.push("  or".to_owned());
        }
        lines.extend(alternative.conditions.iter().map(|one| format!("  {}", condition(one))));
    }
}

/// `✓ tier is "gold"`, and what was not known.
fn condition(condition: &v1::ConditionExplanation) -> String {
    let mark = if condition.holds { "✓" } else { "✗" };
    let unknown = match (condition.unknown, condition.holds) {
        (false, _) => "",
        (true, false) => " (not known, which does not match)",
        (true, true) => " (not known, which matches)",
    };
    format!("{mark} {}{unknown}", condition.condition)
}

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
    fn a_line_says_what_was_not_known() {
        let line = |holds, unknown| {
            condition(&v1::ConditionExplanation { condition: "tier is \"gold\"".to_owned(), holds, unknown })
        };
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
            ..v1::ExplainRuleSetResponse::default()
        };
        let lines = [
            "vip (urgent), by gold of phase route: tier is \"gold\"",
            "tags: a, b",
            "skills: tax",
            "person: kim, else sales",
            "after 5 minutes of office: leads",
            "the conversation is bound: firm",
            "the customer asks for a person, and one has the conversation",
            "suggested team: sales",
        ];
        assert_eq!(shown(&explained).lines().collect::<Vec<_>>(), lines);
        assert_eq!(shown(&v1::ExplainRuleSetResponse::default()), " (normal), by  of phase : ");
    }
}
