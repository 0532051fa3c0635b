//! Checking a rule set: errors refuse it, warnings and notes are shown. All of them at once, each with its rule and field.

mod codes;
mod import;
mod known;
mod lints;
mod moving;
mod people;
mod teams;
mod values;
mod word_lists;
mod words;

pub use crate::errors::{ALTERNATIVES_MAX, CONDITIONS_MAX, PATTERNS_MAX, PHRASE_CHARS_MAX, errors};
pub use crate::finding::{Finding, Imported, RULES_MAX, RuleErrors, Severity};
pub use crate::queues::{QUEUES_BYTES_MAX, QUEUES_MAX};
pub use known::{KnownValues, check_values};
pub use lints::warnings;

use crate::compile::compile;
use crate::model::Document;
use crate::toml_form;

/// Everything that is to be said about a rules file, with lines: errors; where there are none, warnings and notes.
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
    let of_lists = word_lists::warnings(&document);
    let Document { definition, teams, calendars, words: _ } = document;
    match compile(definition, teams, calendars) {
        Ok(set) => warnings(&set).into_iter().chain(of_lists).collect(),
        Err(errors) => errors.0,
    }
}
