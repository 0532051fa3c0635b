//! What a store knows of contacts, beside what rules ask: values of attributes that no contact has are warned of, and
//! what some have needs no import any more.
//!
//! What was written is said, and a value of contacts only where it is nearly the same: whoever writes rules need not be
//! allowed to read contacts.

use std::collections::{BTreeMap, BTreeSet};

use crate::atom::{Atom, Field, TextMatch};
use crate::finding::{Finding, Imported, of_rule};
use crate::model::Rule;
use crate::near::is_near;
use crate::toml_form;

use super::import;

/// An attribute with more values than this is no set of a few, and another value is no surprise.
const VALUES_FEW: usize = 200;
/// Values of one attribute that are remembered.
const VALUES_MAX: usize = 10_000;
/// Contacts that have the attribute from which on one value more would have been seen.
const CONTACTS_ENOUGH: u64 = 20;

/// What contacts that were looked at have of the attributes that somebody asked about.
#[derive(Debug, Clone, Default)]
pub struct KnownValues {
    by_name: BTreeMap<String, Values>,
    /// Whether the CRM's language is asked about, and whether anybody has one.
    language: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Values {
    contacts: u64,
    seen: BTreeSet<String>,
}

impl KnownValues {
    /// Of what the rules of a file ask about, for nothing else is remembered; of one that has errors, nothing.
    pub fn asked_by(text: &str) -> Self {
        let mut known = Self::default();
        let Ok(document) = toml_form::read(text) else { return known };
        for (_, rule) in document.definition.enabled() {
            let names = named(rule).map(|(name, _)| Imported::Attribute(name.to_owned()));
            for asked in names.chain(import::needs(rule).into_iter().map(|(needed, _)| needed)) {
                match asked {
                    Imported::Attribute(name) => drop(known.by_name.entry(name).or_default()),
                    Imported::Language => known.language = Some(false),
                }
            }
        }
        known
    }

    /// Whether there is anything to look at contacts for.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.language.is_none()
    }

    /// `has_language`: whether the CRM told the contact's language.
    pub fn add(&mut self, contact: &BTreeMap<String, String>, has_language: bool) {
        self.language = self.language.map(|seen| seen || has_language);
        for (name, values) in &mut self.by_name {
            let Some(value) = contact.get(name) else { continue };
            values.contacts += 1;
            if values.seen.len() < VALUES_MAX && !values.seen.contains(value) {
                values.seen.insert(value.clone());
            }
        }
    }

    /// Whether an import told of it already.
    pub fn has(&self, imported: &Imported) -> bool {
        match imported {
            Imported::Attribute(name) => self.by_name.get(name).is_some_and(|values| values.contacts > 0),
            Imported::Language => self.language == Some(true),
        }
    }
}

/// What is to be said about these values, with lines.
pub fn check_values(text: &str, known: &KnownValues) -> Vec<Finding> {
    let Ok(document) = toml_form::read(text) else { return vec![] };
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for (at, rule) in document.definition.enabled() {
        for (name, any_of) in named(rule) {
            let Some(values) = known.by_name.get(name) else { continue };
            for one in any_of {
                let problem = problem(name, one, values).filter(|_| told.insert((at, name, one)));
                findings.extend(problem.map(|problem| of_rule(at, rule, &format!("when.attribute.{name}"), problem)));
            }
        }
    }
    toml_form::locate(text, &mut findings);
    findings
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
        let text = text(when);
        let mut known = KnownValues::asked_by(&text);
        for value in contacts {
            let attributes = [("tier", *value), ("city", "x")].map(|(name, value)| (name.to_owned(), value.to_owned()));
            known.add(&attributes.into(), false);
        }
        check_values(&text, &known).iter().map(ToString::to_string).collect()
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
        assert!(KnownValues::asked_by("no = rules").is_empty());
        assert!(KnownValues::asked_by(&text("{ type='text' }")).is_empty());
        assert!(told("{ attribute={ tier={ min=1 } } }", &["gold"; 20]).is_empty());
    }

    #[test]
    fn what_somebody_has_needs_no_import() {
        for (when, attribute, has_language) in [
            ("{ tier='gold' }", Some("tier"), false),
            ("{ attribute={ spent={ min=1 } } }", Some("spent"), false),
            ("{ utc_offset_minutes={ min=0 } }", Some("zone"), false),
            ("{ language='en', language_source='crm' }", None, true),
        ] {
            let text = text(when);
            let notes: Vec<Imported> =
                crate::check::check_text(&text).into_iter().filter_map(|finding| finding.needs_import).collect();
            let [needed] = &notes[..] else { panic!("{when}: {notes:?}") };
            let mut known = KnownValues::asked_by(&text);
            assert!(!known.is_empty());
            known.add(&BTreeMap::from([("city".to_owned(), "x".to_owned())]), false);
            assert!(!known.has(needed), "{when}: nobody has it");
            known.add(&attribute.map(|name| (name.to_owned(), "1".to_owned())).into_iter().collect(), has_language);
            assert!(known.has(needed), "{when}");
        }
        let of_person = text("{ type='text' }").replace("id='r'", "id='r'\nperson='manager'");
        let mut known = KnownValues::asked_by(&of_person);
        known.add(&BTreeMap::from([("manager".to_owned(), "Ada".to_owned())]), false);
        assert!(known.has(&Imported::Attribute("manager".to_owned())));
    }
}
