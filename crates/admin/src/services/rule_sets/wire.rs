//! Rule sets as the interface shows them.

use waypost_grpc::fields::wire_time;
use waypost_proto::admin_v1 as v1;
use waypost_rules::{Finding, Severity};
use waypost_store::{Activation, RuleSetRow};

/// Findings in one answer; the first of thousands say enough.
pub(in crate::services) const FINDINGS_MAX: usize = 200;

/// What is in force: the one resource, as errors and the audit log name it.
pub(super) const ACTIVATION: &str = "activation";

pub(in crate::services) fn name(number: i64) -> String {
    format!("{}/{number}", super::COLLECTION)
}

pub(in crate::services) fn rule_set(row: RuleSetRow) -> v1::RuleSet {
    let state = if row.checked_at.is_some() { v1::RuleSetState::Checked } else { v1::RuleSetState::Draft };
    v1::RuleSet {
        // One that was only tried out has no name.
        name: if row.number > 0 { name(row.number) } else { String::new() },
        version: row.hash,
        text: row.text,
        state: state.into(),
        create_time: Some(wire_time(row.created_at)),
        creator: row.created_by,
        reason: row.reason,
        document: None,
        creator_title: String::new(),
    }
}

/// Changes with every activation.
pub(super) fn etag(activation: &Activation) -> String {
    activation.revision.to_string()
}

pub(in crate::services) fn activation(activation: &Activation) -> v1::Activation {
    let in_force = &activation.in_force;
    let trial = in_force.trial.as_ref().map(|trial| v1::Trial {
        rule_set: name(trial.rule_set),
        percent: trial.percent.into(),
        numbers: trial.numbers.iter().map(|number| format!("numbers/{number}")).collect(),
    });
    v1::Activation {
        revision: activation.revision,
        active: name(in_force.active),
        trial,
        shadow: in_force.shadow.map(name).unwrap_or_default(),
        create_time: Some(wire_time(activation.at)),
        creator: activation.by.clone(),
        reason: activation.reason.clone(),
        etag: etag(activation),
        rolled_back_to: activation.rolled_back_to.unwrap_or_default(),
        creator_title: String::new(),
    }
}

pub(in crate::services) fn findings(findings: &[Finding]) -> Vec<v1::Finding> {
    let finding = |finding: &Finding| v1::Finding {
        severity: match finding.severity {
            Severity::Error => v1::Severity::Error,
            Severity::Warning => v1::Severity::Warning,
            Severity::Note => v1::Severity::Note,
        }
        .into(),
        line: finding.line.and_then(|line| u32::try_from(line).ok()).unwrap_or_default(),
        rule: finding.rule.clone().unwrap_or_default(),
        field: finding.field.clone(),
        problem: finding.problem.clone(),
    };
    findings.iter().take(FINDINGS_MAX).map(finding).collect()
}
