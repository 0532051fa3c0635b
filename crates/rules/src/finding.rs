//! What is said about a rule set: one finding for each thing that is wrong, whoever finds it. Must never know what is
//! looked for.

use std::fmt;

use crate::model::Rule;

/// Rules in a set at most.
pub const RULES_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rule set is refused.
    Error,
    /// It is accepted, and perhaps not what was meant.
    Warning,
    /// Good to know; there is nothing to mend.
    Note,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
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
    /// What somebody must tell us of customers first, where that is all that it says.
    pub needs_import: Option<Imported>,
}

/// What is known of customers only where somebody told it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Imported {
    /// The attribute of this name.
    Attribute(String),
    /// A language that the CRM tells.
    Language,
}

impl Finding {
    pub(crate) fn error(line: Option<usize>, field: &str, problem: impl Into<String>) -> Self {
        let (severity, field, problem) = (Severity::Error, field.to_owned(), problem.into());
        Self { severity, line, rule: None, rule_at: None, field, problem, needs_import: None }
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

/// A warning about a field of a rule.
pub(crate) fn of_rule(at: usize, rule: &Rule, field: &str, problem: String) -> Finding {
    let field = format!("rules.{}.{field}", rule.id);
    Finding {
        severity: Severity::Warning,
        line: None,
        rule: Some(rule.id.to_string()),
        rule_at: Some(at),
        field,
        problem,
        needs_import: None,
    }
}

/// A warning about the set.
pub(crate) fn of_set(field: &str, problem: String) -> Finding {
    Finding { severity: Severity::Warning, ..Finding::error(None, field, problem) }
}
