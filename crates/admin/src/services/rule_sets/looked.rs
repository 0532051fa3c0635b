//! What is said of versions before they are put in force: samples that come out otherwise refuse them, warnings of their
//! check are repeated, and where a rules file decides, nobody is left to believe that they would.

use waypost_grpc::error::precondition;
use waypost_grpc::{Result, blocking};
use waypost_rules::check::check_text;
use waypost_rules::{RuleSet, Severity};
use waypost_store::{InForce, RuleSetRow};

use super::wire::{self, ACTIVATION};
use crate::Shared;

/// Warnings of a version that are repeated; the check says all.
const WARNINGS_MAX: usize = 20;

/// What speaks against putting versions in force, or is to be known of it.
#[derive(Debug, Default)]
pub(super) struct VersionsLook {
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
        for number in beginning(before, after) {
            // One that is missing, or a draft, is refused anyway.
            let row = shared.store.rule_set(number).await?.filter(|row| row.checked_at.is_some());
            let Some(row) = row else { continue };
            let (failing, warnings) = blocking(move || Ok(checked(&row))).await?;
            look.failing_samples.extend(failing);
            look.warnings.extend(warnings);
        }
        Ok(look)
    }

    /// Refuses what is not forced; says the rest.
    pub(super) fn warnings(self, force: bool) -> Result<Vec<String>> {
        let Self { failing_samples, mut warnings, file } = self;
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

/// That a rules file decides, where one does.
pub(super) fn file_decides(shared: &Shared) -> Option<String> {
    let file = shared.watched.rules_file.as_ref()?.display();
    Some(format!("{file} decides (rules.file of the configuration), and not what is activated"))
}

/// The versions that decide from now on and did not in this part before.
fn beginning(before: Option<&InForce>, after: &InForce) -> Vec<i64> {
    let trial = |in_force: &InForce| in_force.trial.as_ref().map(|trial| trial.rule_set);
    let active = Some(after.active).filter(|active| before.is_none_or(|before| before.active != *active));
    let on_trial = trial(after).filter(|_| before.and_then(trial) != trial(after));
    active.into_iter().chain(on_trial).collect()
}

/// The samples of a version that fail, and the warnings of its check.
fn checked(row: &RuleSetRow) -> (Vec<String>, Vec<String>) {
    let name = wire::name(row.number);
    // What cannot be read is refused by whoever is to decide by it.
    let failures = RuleSet::restore(&row.text, &row.hash).map(|set| set.run_samples().failures).unwrap_or_default();
    let failing = failures.into_iter().map(|failure| {
        format!("{name}: rule {}, sample {} expects {}", failure.rule, failure.sample, failure.expected)
    });
    let findings = check_text(&row.text);
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning);
    let told = warnings.clone().take(WARNINGS_MAX).map(|warning| format!("{name}: {warning}"));
    let more = warnings.count().saturating_sub(WARNINGS_MAX);
    let more = (more > 0).then(|| format!("{name}: {more} warnings more: waypost rules check {}", row.number));
    (failing.collect(), told.chain(more).collect())
}
