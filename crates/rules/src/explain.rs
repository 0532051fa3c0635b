//! Why a message was routed as it was, and why the other rules were not asked or did not match: condition by
//! condition, by the same evaluation that decides.

use waypost_domain::Timestamp;

use crate::compile::RuleSet;
use crate::decide::Decision;
use crate::describe;
use crate::evaluate::{Facts, Truth, is_valid_at};
use crate::input::RouteInput;
use crate::model::{Phase, Rule};
pub use crate::observed::Actual;
use crate::samples::in_force;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub decision: Decision,
    /// When the message arrived; without it, whatever goes by the time is not known.
    pub received_at: Option<Timestamp>,
    /// The same by the clocks of the calendars, one for each zone; in UTC where there are none.
    pub local_times: Vec<String>,
    pub rules: Vec<RuleExplanation>,
}

/// How one rule took the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExplanation {
    pub rule: String,
    pub phase: Phase,
    pub priority: i64,
    pub verdict: Verdict,
    /// From when until when it is in force, where it is not.
    pub in_force: Option<String>,
    pub alternatives: Vec<AlternativeExplanation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It decided, or it decorates the decision.
    Applied,
    /// Its conditions hold, and something before it decided.
    Outranked,
    /// At least one condition of every alternative does not hold.
    Failed,
    Disabled,
    /// Before its first day, behind its last one, or the time is not known.
    NotInForce,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Outranked => "outranked",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
            Self::NotInForce => "not in force",
        }
    }
}

/// One alternative of a rule: all its conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlternativeExplanation {
    pub holds: bool,
    pub conditions: Vec<ConditionExplanation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionExplanation {
    /// In the words of the rule, e.g. `tier is "gold"`.
    pub condition: String,
    /// What was there.
    pub actual: Actual,
    pub holds: bool,
    /// It is about something that is not known; the rule's `on_unknown` says what that means.
    pub unknown: bool,
}

impl Explanation {
    /// For those who may not read contacts: without what the customer wrote, and what is known of them.
    #[must_use]
    pub fn without_customer(mut self) -> Self {
        let alternatives = self.rules.iter_mut().flat_map(|rule| &mut rule.alternatives);
        for condition in alternatives.flat_map(|alternative| &mut alternative.conditions) {
            let actual = std::mem::replace(&mut condition.actual, Actual::Hidden);
            condition.actual = actual.without_customer();
        }
        self
    }
}

impl RuleSet {
    /// `asked`: the ids of the rules to explain; those that do not exist are left out.
    pub fn explain(&self, input: &RouteInput, asked: &[&str]) -> Explanation {
        let mut scratch = crate::Scratch::default();
        let choice = self.choose(input, &mut scratch);
        let decision = self.decision(input, &choice);
        let facts = Facts { input, words: choice.words };
        let find = |id: &&str| self.definition.rules.iter().enumerate().find(|(_, rule)| *rule.id == **id);
        let rules = asked.iter().filter_map(find).map(|(place, rule)| {
            let decided = decision.phase == rule.phase && decision.rule == *rule.id;
            let applied = decided || choice.decorated_by.iter().any(|decorating| *decorating as usize == place);
            self.explain_rule(rule, applied, &facts)
        });
        let (received_at, rules) = (input.received_at, rules.collect());
        let local_times = received_at.map(|at| self.local_times(at)).unwrap_or_default();
        Explanation { rules, decision, received_at, local_times }
    }

    fn explain_rule(&self, rule: &Rule, applied: bool, facts: &Facts<'_>) -> RuleExplanation {
        let alternatives: Vec<AlternativeExplanation> = rule
            .when
            .iter()
            .map(|conjunct| {
                let conditions: Vec<ConditionExplanation> = conjunct
                    .literals()
                    .iter()
                    .map(|literal| {
                        let truth = facts.holds(&literal.atom, &self.environment);
                        ConditionExplanation {
                            condition: describe::condition(literal),
                            actual: self.observed(&literal.atom, facts.input),
                            holds: truth.settle(literal.negated, rule.on_unknown),
                            unknown: truth == Truth::Unknown,
                        }
                    })
                    .collect();
                AlternativeExplanation { holds: conditions.iter().all(|condition| condition.holds), conditions }
            })
            .collect();
        let verdict = if !rule.enabled {
            Verdict::Disabled
        } else if applied {
            Verdict::Applied
        } else if !is_valid_at(rule, facts.input.received_at) {
            Verdict::NotInForce
        } else if alternatives.iter().any(|alternative| alternative.holds) {
            Verdict::Outranked
        } else {
            Verdict::Failed
        };
        let in_force = (verdict == Verdict::NotInForce).then(|| in_force(rule));
        let (rule, phase, priority) = (rule.id.as_ref().to_owned(), rule.phase, rule.priority);
        RuleExplanation { rule, phase, priority, verdict, in_force, alternatives }
    }
}
