//! Notes about what somebody must tell us of customers before a condition can hold. A note and no warning: rules are
//! often written before the first import, and nothing in the rules themselves is to be mended.

use std::collections::BTreeSet;

use waypost_domain::LanguageSource;

use crate::atom::{Atom, Field, TextMatch, ZoneOf};
use crate::finding::{Finding, Imported, Severity, of_rule};
use crate::model::{Definition, Literal, OnUnknown, Rule, Target};

/// The attribute that is the customer's time zone.
const ZONE: &str = "zone";

/// One for each thing that is asked about, at the first rule that does.
pub(super) fn notes(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for (at, rule) in definition.enabled() {
        for (needed, field) in needs(rule) {
            if told.insert(needed.clone()) {
                let what = in_words(&needed);
                let problem =
                    format!("needs import: {what} is known only of customers whom waypost contacts import told of");
                let finding = of_rule(at, rule, &field, problem);
                findings.push(Finding { severity: Severity::Note, needs_import: Some(needed), ..finding });
            }
        }
    }
}

/// As an import names it.
fn in_words(needed: &Imported) -> &str {
    match needed {
        Imported::Attribute(name) if name == ZONE => "time_zone",
        Imported::Attribute(name) => name,
        Imported::Language => "a language that the CRM tells",
    }
}

/// What is known of nobody by itself, and where the rule asks for it.
pub(super) fn needs(rule: &Rule) -> Vec<(Imported, String)> {
    let mut needs = Vec::new();
    if let Some(Target::Person(person)) = &rule.outcome.target {
        needs.push((Imported::Attribute(person.attribute.to_string()), "person".to_owned()));
    }
    // What is not known counts as holding.
    if rule.on_unknown == OnUnknown::Match {
        return needs;
    }
    let literals = rule.literals();
    needs.extend(literals.filter_map(need));
    needs
}

fn need(Literal { negated, atom }: &Literal) -> Option<(Imported, String)> {
    let zone = |field: &str| (Imported::Attribute(ZONE.to_owned()), format!("when.{field}"));
    match atom {
        // That nothing is known holds without an import.
        Atom::Exists(Field::Attribute(_)) if *negated => None,
        Atom::Open { zone: ZoneOf::Customer, .. } => Some(zone(if *negated { "closed" } else { "open" })),
        Atom::UtcOffset(_) => Some(zone("utc_offset_minutes")),
        Atom::Value { field: Field::LanguageSource, any_of } if !*negated && any_of.iter().all(is_crm) => {
            Some((Imported::Language, "when.language_source".to_owned()))
        }
        other => other.attribute().map(|name| (Imported::Attribute(name.to_owned()), format!("when.attribute.{name}"))),
    }
}

fn is_crm(source: &TextMatch) -> bool {
    *source.text == *LanguageSource::Crm.as_str()
}
