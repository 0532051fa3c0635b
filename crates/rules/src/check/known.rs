//! Warnings about values of attributes that no contact has, by what a store knows of contacts. What was written is said, and
//! a value of contacts only where it is nearly the same: whoever writes rules need not be allowed to read contacts.

use std::collections::{BTreeMap, BTreeSet};

use crate::atom::{Atom, Field, TextMatch};
use crate::finding::{Finding, of_rule};
use crate::model::{Definition, Rule};
use crate::near::is_near;
use crate::toml_form;

/// An attribute with more values than this is no set of a few, and another value is no surprise.
const VALUES_FEW: usize = 200;
/// Values of one attribute that are remembered.
const VALUES_MAX: usize = 10_000;
/// Contacts that have the attribute from which on one value more would have been seen.
const CONTACTS_ENOUGH: u64 = 20;

/// A rules file that names values of attributes, and what contacts that were looked at have of these.
#[derive(Debug, Clone)]
pub struct KnownValues {
    text: String,
    definition: Definition,
    by_name: BTreeMap<String, Values>,
}

#[derive(Debug, Clone, Default)]
struct Values {
    contacts: u64,
    seen: BTreeSet<String>,
}

impl KnownValues {
    /// Of the attributes whose values this file names, for nothing else is remembered. `None`: there is nothing to look at
    /// contacts for, or the file has errors.
    pub fn asked_by(text: String) -> Option<Self> {
        let definition = toml_form::read(&text).ok()?.definition;
        let named = definition.enabled().flat_map(|(_, rule)| named(rule));
        let by_name: BTreeMap<String, Values> = named.map(|(name, _)| (name.to_owned(), Values::default())).collect();
        (!by_name.is_empty()).then_some(Self { text, definition, by_name })
    }

    /// Remembers what a contact has, by its attributes.
    pub fn add(&mut self, contact: &BTreeMap<String, String>) {
        for (name, values) in &mut self.by_name {
            let Some(value) = contact.get(name) else { continue };
            values.contacts += 1;
            if values.seen.len() < VALUES_MAX && !values.seen.contains(value) {
                values.seen.insert(value.clone());
            }
        }
    }

    /// What is to be said about the values that the rules name, with lines.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut told = BTreeSet::new();
        for (at, rule) in self.definition.enabled() {
            for (name, any_of) in named(rule) {
                let Some(values) = self.by_name.get(name) else { continue };
                for one in any_of {
                    let problem = problem(name, one, values).filter(|_| told.insert((at, name, one)));
                    let field = format!("when.attribute.{name}");
                    findings.extend(problem.map(|problem| of_rule(at, rule, &field, problem)));
                }
            }
        }
        toml_form::locate(&self.text, &mut findings);
        findings
    }
}

fn named(rule: &Rule) -> impl Iterator<Item = (&str, &[TextMatch])> {
    rule.literals().filter_map(|literal| match &literal.atom {
        Atom::Value { field: Field::Attribute(name), any_of } => Some((&**name, any_of.as_slice())),
        _ => None,
    })
}

fn problem(name: &str, one: &TextMatch, values: &Values) -> Option<String> {
    if values.seen.is_empty() || values.seen.iter().any(|value| one.holds(value)) {
        return None;
    }
    let written = if one.prefix { format!("{}*", one.text) } else { one.text.to_string() };
    let lower = one.text.to_lowercase();
    let same = |value: &&String| {
        let value = value.to_lowercase();
        if one.prefix { value.starts_with(&lower) } else { value == lower }
    };
    let are_few = values.seen.len() <= VALUES_FEW;
    if let Some(meant) = values.seen.iter().find(same) {
        let meant = if one.prefix { format!("{}*", beginning(meant, &lower)) } else { meant.clone() };
        let meant = if are_few { format!("{meant:?}") } else { "it".to_owned() };
        return Some(format!("{name} {written:?}: contacts have {meant}, and upper and lower case differ"));
    }
    if !are_few || values.contacts < CONTACTS_ENOUGH {
        return None;
    }
    let contacts = values.contacts;
    let near = values.seen.iter().find(|value| !one.prefix && is_near(&value.to_lowercase(), &lower));
    Some(match near {
        Some(meant) => format!("{name} {written:?}: contacts have {meant:?}; did you mean that?"),
        None => format!("{name} {written:?}: none of {contacts} contacts with a {name} that were looked at has it"),
    })
}

/// As much of `value` as `lower`, which it begins with but for case.
fn beginning<'a>(value: &'a str, lower: &str) -> &'a str {
    let ends = value.char_indices().map(|(at, _)| at).chain([value.len()]);
    let mut begins = ends.filter_map(|end| value.get(..end));
    begins.find(|begin| begin.to_lowercase().len() >= lower.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(when: &str) -> String {
        format!(
            "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n\
            [[rules]]\nid='r'\nteam='a'\nwhen={when}\n"
        )
    }

    fn told(when: &str, contacts: &[&str]) -> Vec<String> {
        let Some(mut known) = KnownValues::asked_by(text(when)) else { return vec![] };
        for value in contacts {
            known.add(&BTreeMap::from([("tier".to_owned(), (*value).to_owned()), ("city".to_owned(), "x".to_owned())]));
        }
        known.findings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_that_no_contact_has_is_told() {
        let some = [&["gold"; 12][..], &["silver"; 12]].concat();
        let line = "line 11: rules.r.when.attribute.tier: tier";
        for (when, want) in [
            ("{ tier='gold' }", None),
            ("{ tier=['g*', 'silver'] }", None),
            ("{ tier='Gold' }", Some("\"Gold\": contacts have \"gold\", and upper and lower case differ")),
            ("{ tier='GO*' }", Some("\"GO*\": contacts have \"go*\", and upper and lower case differ")),
            ("{ tier='golf' }", Some("\"golf\": contacts have \"gold\"; did you mean that?")),
            ("{ tier='ruby' }", Some("\"ruby\": none of 24 contacts with a tier that were looked at has it")),
            (
                "{ not={ tier='ru*' }, type='text' }",
                Some("\"ru*\": none of 24 contacts with a tier that were looked at has it"),
            ),
            ("{ attribute={ tier={ exists=true } } }", None),
        ] {
            let want: Vec<String> = want.iter().map(|want| format!("{line} {want}")).collect();
            assert_eq!(told(when, &some), want, "{when}");
        }
    }

    /// Nobody was imported yet, few were, or it is a name that everybody has another of.
    #[test]
    fn what_says_too_little_is_not_told() {
        assert!(told("{ tier='ruby' }", &[]).is_empty());
        assert!(told("{ tier='ruby' }", &["gold"; 19]).is_empty());
        assert_eq!(told("{ tier='ruby' }", &["gold"; 20]).len(), 1);
        assert_eq!(told("{ tier='GOLD' }", &["gold"]).len(), 1, "case alone is never meant");
        let names: Vec<String> = (0..201).map(|n| format!("name {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(told("{ tier='ruby' }", &names).is_empty());
        let of_many = |written: &str| told(&format!("{{ tier='{written}' }}"), &names);
        for written in ["NAME 1", "N*"] {
            let want = format!("tier {written:?}: contacts have it, and upper and lower case differ");
            let told = of_many(written);
            assert!(told.len() == 1 && told[0].ends_with(&want), "{told:?}");
        }
        assert_eq!(told("{ tier='ruby' }", &names[..200]).len(), 1);
        assert!(KnownValues::asked_by("no = rules".to_owned()).is_none());
        assert!(KnownValues::asked_by(text("{ attribute={ tier={ min=1 } } }")).is_none());
    }
}
