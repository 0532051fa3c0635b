//! Notes about what somebody must tell us of customers before a condition can hold. A note and no warning: rules are
//! often written before the first import, and nothing in the rules themselves is to be mended.

use std::collections::BTreeSet;

use waypost_domain::LanguageSource;

use crate::atom::{Atom, Field, TextMatch, ZoneOf};
use crate::finding::{Finding, Severity, of_rule};
use crate::model::{Definition, Literal, OnUnknown, Rule, Target};

/// One for each thing that is asked about, at the first rule that does.
pub(super) fn notes(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for (at, rule) in definition.enabled() {
        for (what, field) in needs(rule) {
            if told.insert(what.clone()) {
                let problem =
                    format!("needs import: {what} is known only of customers whom waypost contacts import told of");
                findings.push(Finding { severity: Severity::Note, ..of_rule(at, rule, &field, problem) });
            }
        }
    }
}

/// What is known of nobody by itself, and where the rule asks for it.
fn needs(rule: &Rule) -> Vec<(String, String)> {
    let mut needs = Vec::new();
    if let Some(Target::Person(person)) = &rule.outcome.target {
        needs.push((person.attribute.to_string(), "person".to_owned()));
    }
    // What is not known counts as holding.
    if rule.on_unknown == OnUnknown::Match {
        return needs;
    }
    let literals = rule.literals();
    needs.extend(literals.filter_map(need));
    needs
}

fn need(Literal { negated, atom }: &Literal) -> Option<(String, String)> {
    let zone = |field: &str| ("time_zone".to_owned(), format!("when.{field}"));
    match atom {
        // That nothing is known holds without an import.
        Atom::Exists(Field::Attribute(_)) if *negated => None,
        Atom::Open { zone: ZoneOf::Customer, .. } => Some(zone(if *negated { "closed" } else { "open" })),
        Atom::UtcOffset(_) => Some(zone("utc_offset_minutes")),
        Atom::Value { field: Field::LanguageSource, any_of } if !*negated && any_of.iter().all(is_crm) => {
            Some(("a language that the CRM tells".to_owned(), "when.language_source".to_owned()))
        }
        other => other.attribute().map(|name| (name.to_owned(), format!("when.attribute.{name}"))),
    }
}

fn is_crm(source: &TextMatch) -> bool {
    *source.text == *LanguageSource::Crm.as_str()
}
