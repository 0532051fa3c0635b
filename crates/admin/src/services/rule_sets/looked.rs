//! What is said of versions before they are put in force: samples that come out otherwise refuse them, warnings of their
//! check are repeated, and where a rules file decides, nobody is left to believe that they would.

use std::collections::BTreeMap;

use waypost_grpc::error::{CallError, precondition};
use waypost_grpc::{Result, blocking};
use waypost_proto::admin_v1 as v1;
use waypost_rules::check::check_text;
use waypost_rules::{Finding, RuleSet, Severity};
use waypost_store::{InForce, RuleSetRow};

use super::wire::{self, ACTIVATION};
use super::{contact_values, team_queues};
use crate::Shared;

/// Warnings of a version that are repeated; the check says all.
const WARNINGS_MAX: usize = 20;

/// What speaks against putting versions in force, or is to be known of it.
#[derive(Debug, Default)]
pub(super) struct VersionsLook {
    /// Why they are drafts.
    drafts: BTreeMap<i64, String>,
    failing_samples: Vec<String>,
    warnings: Vec<String>,
    file: Option<FileDecides>,
}

/// A rules file decides, and not what is activated.
#[derive(Debug)]
struct FileDecides {
    decides: String,
    /// A version would have to decide in the shadow, which it never does then.
    shadow_begins: bool,
}

impl VersionsLook {
    /// Looks at those that begin to decide. Who goes back is not asked about samples: what decided before decides again.
    pub(super) async fn at(
        shared: &Shared,
        before: Option<&InForce>,
        after: &InForce,
        goes_back: bool,
    ) -> Result<Self> {
        let shadow_begins = after.shadow.is_some() && after.shadow != before.and_then(|before| before.shadow);
        let file = file_decides(shared).map(|decides| FileDecides { decides, shadow_begins });
        let mut look = Self { file, ..Self::default() };
        if goes_back {
            return Ok(look);
        }
        for number in after.numbers() {
            // One that is missing is refused anyway.
            let Some(row) = shared.store.rule_set(number).await? else { continue };
            if row.checked_at.is_none() {
                look.drafts.insert(number, draft(shared, row).await?);
                continue;
            }
            if !begins(number, before, after) {
                continue;
            }
            let (row, failing, findings) = blocking(move || Ok(checked(row))).await?;
            let findings = contact_values::with_contacts(&shared.store, row.text, findings).await?;
            look.failing_samples.extend(failing);
            look.warnings.extend(warnings(row.number, &findings));
        }
        Ok(look)
    }

    /// Of a version that is a draft.
    pub(super) fn refused_draft(&self, number: i64) -> CallError {
        let name = wire::name(number);
        let why = self.drafts.get(&number).cloned().unwrap_or_else(|| not_checked(number));
        precondition("NOT_CHECKED", &name, format!("{name} is a draft: {why}"))
    }

    /// Refuses what is not forced; says the rest.
    pub(super) fn warnings(self, force: bool) -> Result<Vec<String>> {
        let Self { drafts: _, failing_samples, mut warnings, file } = self;
        if let Some(FileDecides { decides, shadow_begins }) = file {
            let remedy = "take rules.file out of the configuration and start waypost again";
            if shadow_begins {
                let problem = format!("{decides}; beside a file no version decides in the shadow: {remedy}");
                return Err(precondition("RULES_FILE_DECIDES", ACTIVATION, problem));
            }
            if !force {
                let problem = format!("{decides}: {remedy}; --force activates it for then");
                return Err(precondition("RULES_FILE_DECIDES", ACTIVATION, problem));
            }
            warnings.push(format!("{decides}: {remedy}"));
        }
        if let (Some(first), false) = (failing_samples.first(), force) {
            let more = match failing_samples.len() {
                1 => String::new(),
                all => format!(" ({all} samples fail)"),
            };
            let problem = format!("{first}{more}: mend the rule or the sample; --force takes it nevertheless");
            return Err(precondition("SAMPLES_FAIL", ACTIVATION, problem));
        }
        Ok(warnings)
    }
}

/// Why a version is still a draft: what its check says as things are. Nobody keeps what it said.
async fn draft(shared: &Shared, RuleSetRow { number, text, .. }: RuleSetRow) -> Result<String> {
    let (text, findings) = blocking(move || {
        let findings = check_text(&text);
        Ok((text, findings))
    })
    .await?;
    let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    if let Some(first) = errors.next() {
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (waypost rules check {number} says {more} more)"),
        };
        return Ok(format!("its check fails, and nothing forces that: {first}{more}: mend it, and push it again"));
    }
    let queues = team_queues::findings(shared, text, false).await?;
    let error = queues.into_iter().find(|finding| finding.severity() == v1::Severity::Error);
    Ok(match error {
        Some(error) => format!(
            "its check fails: {}; to take it nevertheless, waypost rules check {number} --force first",
            error.problem
        ),
        None => not_checked(number),
    })
}

fn not_checked(number: i64) -> String {
    format!("it was not checked as things are now: waypost rules check {number} first")
}

/// That a rules file decides, where one does.
pub(super) fn file_decides(shared: &Shared) -> Option<String> {
    let file = shared.watched.rules_file.as_ref()?.display();
    Some(format!("{file} decides (rules.file of the configuration), and not what is activated"))
}

/// Whether it decides from now on and did not in this part before.
fn begins(number: i64, before: Option<&InForce>, after: &InForce) -> bool {
    let trial = |in_force: &InForce| in_force.trial.as_ref().map(|trial| trial.rule_set);
    let as_active = after.active == number && before.is_none_or(|before| before.active != number);
    let on_trial = trial(after) == Some(number) && before.and_then(trial) != Some(number);
    as_active || on_trial
}

/// The samples of a version that fail, and what its text shows.
fn checked(row: RuleSetRow) -> (RuleSetRow, Vec<String>, Vec<Finding>) {
    let name = wire::name(row.number);
    // What cannot be read is refused by whoever is to decide by it.
    let failures = RuleSet::restore(&row.text, &row.hash).map(|set| set.run_samples().failures).unwrap_or_default();
    let failing = failures.into_iter().map(|failure| {
        format!("{name}: rule {}, sample {} expects {}", failure.rule, failure.sample, failure.expected)
    });
    let (failing, findings) = (failing.collect(), check_text(&row.text));
    (row, failing, findings)
}

fn warnings(number: i64, findings: &[Finding]) -> impl Iterator<Item = String> {
    let name = wire::name(number);
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning);
    let more = warnings.clone().count().saturating_sub(WARNINGS_MAX);
    let more = (more > 0).then(|| format!("{name}: {more} warnings more: waypost rules check {number}"));
    warnings.take(WARNINGS_MAX).map(move |warning| format!("{name}: {warning}")).chain(more)
}
