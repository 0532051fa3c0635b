//! A rule set in its protobuf form, and back, without loss. Every field that cannot be is named, all of them at once:
//! `definition.rules[3].when[0].literals[1].range.min`. What the rules mean is for `waypost_rules::check`.

mod read;
mod write;

use std::fmt;

use waypost_domain::Calendar;
use waypost_rules::{Document, RouteInput, Rule};

use crate::rules_v1;

/// What stands among the languages of forms for the customer's.
const CUSTOMER: &str = "customer";

/// A field that holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its path from the message that was read.
    pub field: String,
    /// What it must be, or is not.
    pub problem: String,
}

impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// All that keeps a message from being a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolations(pub Vec<FieldViolation>);

impl fmt::Display for FieldViolations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for FieldViolations {}

impl From<&Document> for rules_v1::RuleSetDocument {
    fn from(document: &Document) -> Self {
        write::document(document)
    }
}

impl From<&Rule> for rules_v1::Rule {
    fn from(rule: &Rule) -> Self {
        write::rule(rule)
    }
}

impl From<&Calendar> for rules_v1::Calendar {
    fn from(calendar: &Calendar) -> Self {
        write::calendar(calendar)
    }
}

impl From<&RouteInput> for rules_v1::SampleInput {
    fn from(input: &RouteInput) -> Self {
        write::input(input)
    }
}

/// One message alone, as samples have it. `at` is the field that holds it.
pub fn read_input(wire: rules_v1::SampleInput, at: &str) -> Result<RouteInput, FieldViolations> {
    read_with(|reader| reader.input(wire, at))
}

/// One rule alone. `at` is the field that holds it.
pub fn read_rule(wire: rules_v1::Rule, at: &str) -> Result<Rule, FieldViolations> {
    read_with(|reader| reader.rule(wire, at))
}

/// One calendar alone. `at` is the field that holds it.
pub fn read_calendar(wire: rules_v1::Calendar, at: &str) -> Result<Calendar, FieldViolations> {
    read_with(|reader| reader.calendar(wire, at))
}

fn read_with<T>(read: impl FnOnce(&mut read::Reader) -> Option<T>) -> Result<T, FieldViolations> {
    let mut reader = read::Reader::default();
    match read(&mut reader) {
        Some(value) if reader.violations.is_empty() => Ok(value),
        _ => Err(FieldViolations(reader.violations)),
    }
}

impl TryFrom<rules_v1::RuleSetDocument> for Document {
    type Error = FieldViolations;

    fn try_from(wire: rules_v1::RuleSetDocument) -> Result<Self, Self::Error> {
        read_with(|reader| reader.document(wire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use waypost_rules::toml_form;

    /// The file that the text form's own tests read: every key of the language.
    const FULL: &str = include_str!("../../rules/src/toml_form/full.toml");
    const EXAMPLE: &str = include_str!("../../../deploy/rules.toml");

    #[test]
    fn every_document_comes_back() {
        for text in [FULL, EXAMPLE] {
            let document = toml_form::read(text).unwrap();
            let bytes = rules_v1::RuleSetDocument::from(&document).encode_to_vec();
            let wire = rules_v1::RuleSetDocument::decode(bytes.as_slice()).unwrap();
            assert_eq!(Document::try_from(wire).unwrap(), document);
        }
    }

    /// Words know their list in both forms, and where the list is changed, the rules that name it are.
    #[test]
    fn lists_of_words_come_back() {
        let document = toml_form::read(FULL).unwrap();
        let wire = || rules_v1::RuleSetDocument::from(&document);
        let again = Document::try_from(wire()).unwrap();
        assert_eq!(toml_form::write(&again), toml_form::write(&document));
        assert!(toml_form::write(&again).contains("{ words = \"money\" }"));
        let mut changed = wire();
        let money = changed.words.iter_mut().find(|list| list.name == "money").unwrap();
        money.words[0].words.push(rules_v1::TextMatch { text: "cash".into(), ..Default::default() });
        let written = toml_form::write(&Document::try_from(changed).unwrap());
        assert_eq!(toml_form::write(&toml_form::read(&written).unwrap()), written);
        assert!(written.contains("\"cash\"") && written.contains("{ words = \"money\" }"), "{written}");

        let mut wrong = wire();
        wrong.words.retain(|list| list.name != "money");
        wrong.words[0].words.clear();
        let FieldViolations(violations) = Document::try_from(wrong).unwrap_err();
        assert_eq!(violations[0].to_string(), "words[0]: needs at least one word");
        assert!(
            violations[1].field.ends_with("].list") && violations[1].problem == "is no list of words",
            "{violations:?}"
        );

        // A rule alone has its words, and remembers where they are from.
        let rule = document.definition.rules.iter().find(|rule| rule.id.as_ref() == "listed").unwrap();
        let alone = read_rule(rules_v1::Rule::from(rule), "rule").unwrap();
        assert_eq!(&alone, rule);
        assert_eq!(rules_v1::Rule::from(&alone), rules_v1::Rule::from(rule));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut wire = rules_v1::RuleSetDocument::from(&toml_form::read(FULL).unwrap());
        let definition = wire.definition.as_mut().unwrap();
        definition.handover.as_mut().unwrap().team = "No Slug".into();
        definition.rules[0].phase = 99;
        definition.rules[0].when[1].literals[0].atom = None;
        definition.rules[0].valid_from_ms = Some(i64::MAX);
        wire.calendars[0].hours[0].days.push(8);
        let FieldViolations(violations) = Document::try_from(wire).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        let want = [
            "definition.handover.team",
            "definition.rules[0].phase",
            "definition.rules[0].when[1].literals[0].atom",
            "definition.rules[0].valid_from_ms",
            "calendars[0].hours[0].days",
        ];
        assert_eq!(fields, want);
        let FieldViolations(violations) = Document::try_from(rules_v1::RuleSetDocument::default()).unwrap_err();
        assert_eq!(violations[0].field, "definition");
    }

    #[test]
    fn forms_of_the_customer_stand_alone() {
        use rules_v1::literal::Atom;
        let mut wire = rules_v1::RuleSetDocument::from(&toml_form::read(EXAMPLE).unwrap());
        let mut literals = wire.definition.as_mut().unwrap().rules.iter_mut().flat_map(|rule| &mut rule.when);
        let word = literals
            .find_map(|alternative| match alternative.literals[0].atom.as_mut() {
                Some(Atom::Keyword(words)) => words.any_of.iter_mut().find(|word| !word.prefix && word.list.is_empty()),
                _ => None,
            })
            .unwrap();
        word.forms = vec!["es".to_owned(), "customer".to_owned()];
        let FieldViolations(violations) = Document::try_from(wire).unwrap_err();
        assert!(violations.len() == 1 && violations[0].field.ends_with("].forms"), "{violations:?}");
        assert!(violations[0].problem.starts_with("customer stands alone"), "{violations:?}");
    }

    /// What the text form cannot say, or says in one order only.
    #[test]
    fn nothing_is_lost_between_the_forms() {
        let full = || rules_v1::RuleSetDocument::from(&toml_form::read(FULL).unwrap());
        let mut wire = full();
        wire.calendars[0].hours[0].days = vec![5, 1, 5];
        for rule in &mut wire.definition.as_mut().unwrap().rules {
            if let Some(rules_v1::outcome::Target::Split(split)) = &mut rule.outcome.as_mut().unwrap().target {
                split.shares.reverse();
            }
        }
        let document = Document::try_from(wire).unwrap();
        assert_eq!(toml_form::read(&toml_form::write(&document)).unwrap(), document);

        let mut wire = full();
        let rule = &mut wire.definition.as_mut().unwrap().rules[0];
        let share = rules_v1::Share { team: "vip".into(), percent: 50 };
        let split = rules_v1::Split { shares: vec![share.clone(), share] };
        rule.outcome.as_mut().unwrap().target = Some(rules_v1::outcome::Target::Split(split));
        rule.valid_from_ms = Some(i64::MIN);
        let FieldViolations(violations) = Document::try_from(wire).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["definition.rules[0].valid_from_ms", "definition.rules[0].outcome.split.shares"]);
    }
}
