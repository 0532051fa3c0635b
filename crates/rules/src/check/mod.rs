//! Checking a rule set: errors refuse it, warnings are shown. All of them at once, each with its rule and field.

mod errors;
mod lints;

use std::fmt;

pub use errors::errors;
pub use lints::warnings;

use crate::compile::compile;
use crate::model::Document;
use crate::toml_form;

/// Rules in a set at most.
pub const RULES_MAX: usize = 100_000;
/// Characters of one keyword, phrase, value or pattern at most.
pub const PHRASE_CHARS_MAX: usize = 200;
/// Alternatives of one rule at most.
pub const ALTERNATIVES_MAX: usize = 64;
/// Conditions of one alternative at most.
pub const CONDITIONS_MAX: usize = 32;
/// Different patterns of a set at most: each is tried on its own.
pub const PATTERNS_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rule set is refused.
    Error,
    /// It is accepted, and perhaps not what was meant.
    Warning,
}

/// One thing that is wrong: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Line in the file, from 1; `None` where it is something that is missing, or there is no file.
    pub line: Option<usize>,
    /// The rule's id, where it is about one.
    pub rule: Option<String>,
    /// Its place in the definition.
    pub rule_at: Option<usize>,
    /// E.g. `rules.billing.when.keyword`.
    pub field: String,
    pub problem: String,
}

impl Finding {
    pub(crate) fn error(line: Option<usize>, field: &str, problem: impl Into<String>) -> Self {
        let (severity, field, problem) = (Severity::Error, field.to_owned(), problem.into());
        Self { severity, line, rule: None, rule_at: None, field, problem }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

/// Why a rule set was refused: every mistake found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors(pub Vec<Finding>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

/// Everything that is to be said about a rules file, with lines: errors; where there are none, warnings.
pub fn check_text(text: &str) -> Vec<Finding> {
    let document = match toml_form::read(text) {
        Ok(document) => document,
        Err(errors) => return errors.0,
    };
    let mut findings = check(document);
    toml_form::locate(text, &mut findings);
    findings
}

/// The same of a rule set that came in another form.
pub fn check(document: Document) -> Vec<Finding> {
    let Document { definition, teams, calendars } = document;
    match compile(definition, teams, calendars) {
        Ok(set) => warnings(&set),
        Err(errors) => errors.0,
    }
}
