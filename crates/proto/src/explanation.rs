//! How a message is decided and how the rules take it, in the one form that a server and a rules file tell it in.

use waypost_domain::team::Priority;
use waypost_domain::{Binding, TeamName};
use waypost_rules::Decision;
use waypost_rules::explain::{Actual, AlternativeExplanation, ConditionExplanation, Explanation, RuleExplanation};
use waypost_rules::model::EscalationStep;

use crate::resources::wire_time;
use crate::{admin_v1 as v1, rules_v1};

impl From<Explanation> for v1::ExplainRuleSetResponse {
    fn from(explanation: Explanation) -> Self {
        let rules = explanation.rules.into_iter().map(v1::RuleExplanation::from).collect();
        let (receive_time, local_times) =
            (explanation.received_at.map(|at| wire_time(at.as_millis())), explanation.local_times);
        Self { rules, receive_time, local_times, ..Self::from(explanation.decision) }
    }
}

/// Without a rule.
impl From<Decision> for v1::ExplainRuleSetResponse {
    fn from(decision: Decision) -> Self {
        let team = |team: Option<TeamName>| team.as_ref().map(team_name).unwrap_or_default();
        let person = |name| v1::AssignedPerson { name, fallback_team: team(decision.fallback_team.clone()) };
        let step = |step: &EscalationStep| v1::EscalationStep {
            after_minutes: step.after_minutes.try_into().unwrap_or(i32::MAX),
            clock: step.clock.as_ref().map(ToString::to_string).unwrap_or_default(),
            team: team_name(&step.team),
        };
        Self {
            version: decision.rule_set,
            team: team_name(&decision.team),
            rule: decision.rule,
            phase: decision.phase.to_string(),
            urgent: decision.priority == Priority::Urgent,
            why: decision.why,
            rules: vec![],
            tags: decision.tags,
            person: decision.person.map(person),
            skills: decision.skills,
            escalation: decision.escalation.iter().map(step).collect(),
            binding: binding(decision.binding).into(),
            asks_for_person: decision.asks_for_person,
            suggested_team: team(decision.suggested_team),
            receive_time: None,
            local_times: vec![],
        }
    }
}

impl From<RuleExplanation> for v1::RuleExplanation {
    fn from(rule: RuleExplanation) -> Self {
        Self {
            rule: rule.rule,
            phase: rule.phase.to_string(),
            verdict: rule.verdict.as_str().to_owned(),
            alternatives: rule.alternatives.into_iter().map(alternative).collect(),
            priority: rule.priority,
            in_force: rule.in_force.unwrap_or_default(),
        }
    }
}

fn alternative(alternative: AlternativeExplanation) -> v1::AlternativeExplanation {
    let condition = |one: ConditionExplanation| {
        let (actual, actual_hidden) = match one.actual {
            Actual::OfCustomer(words) | Actual::Other(words) => (words, false),
            Actual::Hidden => (String::new(), true),
        };
        let ConditionExplanation { condition, holds, unknown, .. } = one;
        v1::ConditionExplanation { condition, holds, unknown, actual, actual_hidden }
    };
    let conditions = alternative.conditions.into_iter().map(condition).collect();
    v1::AlternativeExplanation { holds: alternative.holds, conditions }
}

fn team_name(team: &TeamName) -> String {
    format!("teams/{team}")
}

const fn binding(binding: Option<Binding>) -> rules_v1::Binding {
    match binding {
        None => rules_v1::Binding::Unspecified,
        Some(Binding::Loose) => rules_v1::Binding::Loose,
        Some(Binding::Firm) => rules_v1::Binding::Firm,
        Some(Binding::Held) => rules_v1::Binding::Held,
    }
}
