//! A rule's own samples: messages it was written for, and what must become of them. Run whenever a set is saved.

use waypost_domain::Timestamp;

use crate::choice::By;
use crate::compile::RuleSet;
use crate::decide::Decision;
use crate::evaluate::is_valid_at;
use crate::index::Scratch;
use crate::model::{Expect, Phase, Rule, Sample};
use crate::toml_form;

/// A sample that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFailure {
    pub rule: String,
    pub rule_at: usize,
    /// From 1.
    pub sample: usize,
    pub expected: String,
    pub decision: Decision,
    /// That the rule is not in force at the sample's time, which is then why.
    pub not_in_force: Option<String>,
}

/// What all samples of a set came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleReport {
    pub run: usize,
    pub failures: Vec<SampleFailure>,
}

impl RuleSet {
    /// Runs the samples of every rule that is switched on.
    pub fn run_samples(&self) -> SampleReport {
        let mut scratch = Scratch::default();
        let mut report = SampleReport { run: 0, failures: Vec::new() };
        for (rule_at, rule) in self.definition.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            for (number, sample) in (1..).zip(&rule.samples) {
                report.run += 1;
                let choice = self.choose(&sample.input, &mut scratch);
                let applies = match rule.phase {
                    Phase::Decorate => choice.decorated_by.iter().any(|place| *place as usize == rule_at),
                    Phase::Handover | Phase::Bind | Phase::Route | Phase::Default => {
                        matches!(choice.by, By::Rule { place, .. } if place == rule_at)
                    }
                };
                let (as_expected, expected) = match &sample.expect {
                    Expect::ThisRule => (applies, "this rule".to_owned()),
                    Expect::NotThisRule => (!applies, "another rule".to_owned()),
                    Expect::Team(team) => (choice.team == team, format!("team {team}")),
                };
                if !as_expected {
                    let decision = self.decision(&sample.input, &choice);
                    report.failures.push(SampleFailure {
                        rule: rule.id.as_ref().to_owned(),
                        rule_at,
                        sample: number,
                        expected,
                        decision,
                        not_in_force: not_in_force(rule, sample),
                    });
                }
            }
        }
        report
    }
}

fn not_in_force(rule: &Rule, sample: &Sample) -> Option<String> {
    let at = sample.input.received_at;
    if sample.expect == Expect::NotThisRule || is_valid_at(rule, at) {
        return None;
    }
    let ends = in_force(rule);
    Some(match at {
        Some(at) => format!("the rule is in force {ends}, and the sample is of {}", toml_form::instant(at)),
        None => format!("the rule is in force {ends}, and the sample has no time: give it one with at = ..."),
    })
}

/// `from 2026-12-01T00:00:00Z until 2027-01-07T00:00:00Z`, or one of both.
pub(crate) fn in_force(rule: &Rule) -> String {
    let end = |key: &str, at: Option<Timestamp>| at.map(|at| format!("{key} {}", toml_form::instant(at)));
    let ends = end("from", rule.valid_from).into_iter().chain(end("until", rule.valid_until));
    ends.collect::<Vec<_>>().join(" ")
}
