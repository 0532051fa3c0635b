//! Warnings about values: a kind of message that there is not, a language that nobody speaks, a star that does nothing,
//! and one value in two spellings. All of them are kept, and may be right: Meta adds words, and a CRM has its own.

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::MessageKind;

use super::codes;
use crate::atom::{Atom, Field, Keyword, TextMatch};
use crate::describe::field_name;
use crate::evaluate::FieldValue;
use crate::finding::{Finding, of_rule, of_set};
use crate::model::{Definition, Expect, Rule};
use crate::near::nearest;
use crate::toml_form::field_path;

/// `referral.source_type`
/// (<https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages>).
const REFERRAL_TYPES: [&str; 2] = ["ad", "post"];

/// What people call kinds of messages, and Meta's word for it.
const KINDS_BY_OTHER_NAMES: &[(&str, &str)] = &[
    ("message", "text"),
    ("photo", "image"),
    ("picture", "image"),
    ("img", "image"),
    ("gif", "video"),
    ("file", "document"),
    ("pdf", "document"),
    ("voice", "audio"),
    ("contact", "contacts"),
    ("vcard", "contacts"),
    ("place", "location"),
    ("list", "interactive"),
    ("list_reply", "interactive"),
    ("button_reply", "interactive"),
    ("form", "interactive"),
    ("flow", "interactive"),
    ("nfm_reply", "interactive"),
    ("quick_reply", "button"),
    ("postback", "button"),
    ("edited", "edit"),
    ("deleted", "revoke"),
    ("delete", "revoke"),
    ("missed_call", "call"),
];

pub(super) fn warnings(definition: &Definition, findings: &mut Vec<Finding>) {
    for (language, words) in &definition.handover.words {
        let problems = codes::language(language).into_iter().chain(words.iter().filter_map(star_in_word));
        findings.extend(problems.map(|problem| of_set(&format!("handover.words.{language}"), problem)));
    }
    for (at, rule) in definition.enabled() {
        let mut told = BTreeSet::new();
        let mut tell = |field: String, problem: Option<String>| {
            let problem = problem.filter(|problem| told.insert((field.clone(), problem.clone())));
            findings.extend(problem.map(|problem| of_rule(at, rule, &field, problem)));
        };
        for literal in rule.literals() {
            match &literal.atom {
                Atom::Keyword { any_of, .. } => {
                    let own = any_of.iter().filter(|word| word.list().is_none());
                    own.for_each(|word| tell("when.keyword".to_owned(), star_in_word(word)));
                }
                Atom::Value { field, any_of } => {
                    for one in any_of {
                        let problem =
                            if one.prefix { unknown_beginning(field, one) } else { unknown(field, &one.text) };
                        tell(field_path(field), problem);
                        tell(field_path(field), star_in_value(one));
                    }
                }
                _ => {}
            }
        }
        in_samples(rule, &mut tell);
    }
    spellings(definition, findings);
}

/// A message of a sample never came, so it is held to the same words.
fn in_samples(rule: &Rule, tell: &mut impl FnMut(String, Option<String>)) {
    for (number, sample) in (1..).zip(&rule.samples) {
        for field in [Field::MessageType, Field::ReferralType, Field::Language, Field::Country] {
            if let FieldValue::Known(value) = field.of(&sample.input) {
                let problem = unknown(&field, value).map(|problem| format!("sample {number}: {problem}"));
                tell("samples".to_owned(), problem);
            }
        }
    }
}

fn unknown(field: &Field, value: &str) -> Option<String> {
    match field {
        Field::MessageType => kind(value),
        Field::ReferralType if !REFERRAL_TYPES.contains(&value) => {
            let hint = nearest(&REFERRAL_TYPES, value).map(|near| format!("; did you mean {near}?"));
            Some(format!("{value:?} is none of {}{}", REFERRAL_TYPES.join(", "), hint.unwrap_or_default()))
        }
        Field::Language => codes::language(value),
        Field::Country => codes::country(value),
        _ => None,
    }
}

fn unknown_beginning(field: &Field, begins: &TextMatch) -> Option<String> {
    let words: &[&str] = match field {
        Field::MessageType => &MessageKind::WORDS,
        Field::ReferralType => &REFERRAL_TYPES,
        _ => return None,
    };
    let is_met = words.iter().any(|word| begins.holds(word));
    (!is_met).then(|| format!("\"{}*\" is the beginning of none of {}", begins.text, words.join(", ")))
}

fn kind(word: &str) -> Option<String> {
    if word.is_empty() || MessageKind::WORDS.contains(&word) {
        return None;
    }
    let lower = word.to_lowercase().replace([' ', '-'], "_");
    if lower == "buttons" || lower == "reply" {
        return Some(format!(
            "{word:?} is no type of message that Meta has: a tap on a button or a list row of ours is interactive, one on \
             a template's button is button; reply = {{ exists = true }} is both"
        ));
    }
    let other = KINDS_BY_OTHER_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, kind)| *kind);
    let hint = match other.or_else(|| nearest(&MessageKind::WORDS, word)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", MessageKind::WORDS.join(", ")),
    };
    Some(format!("{word:?} is no type of message that Meta has; {hint}"))
}

/// The one in front has its own warning, and one at the end that is no prefix was asked for with `exact`.
pub(super) fn star_in_word(keyword: &Keyword) -> Option<String> {
    let text = keyword.text();
    let inner = text.strip_prefix('*').unwrap_or(text);
    let inner = if keyword.is_prefix() { inner } else { inner.strip_suffix('*').unwrap_or(inner) };
    // The emoji *️⃣ begins with one.
    let is_star = |(at, _): (usize, &str)| !inner[at + 1..].starts_with(['\u{fe0f}', '\u{20e3}']);
    inner.match_indices('*').any(is_star).then(|| {
        let written = if keyword.is_prefix() { format!("{text}*") } else { text.to_owned() };
        format!("the star within {written:?} does nothing: it is for the end of a word or a phrase")
    })
}

fn star_in_value(one: &TextMatch) -> Option<String> {
    let inner = if one.prefix { &*one.text } else { one.text.strip_suffix('*').unwrap_or(&one.text) };
    inner.contains('*').then(|| {
        let written = if one.prefix { format!("{}*", one.text) } else { one.text.to_string() };
        format!("the star within {written:?} stands for itself: only one at the end means whatever follows")
    })
}

/// Where a value is written.
struct Written<'a> {
    count: usize,
    at: usize,
    rule: &'a Rule,
    field: String,
}

/// Fields whose values are anybody's choice.
fn is_free(field: &Field) -> bool {
    matches!(field, Field::Attribute(_) | Field::Form(_) | Field::Number | Field::Reply)
}

/// One value in two spellings: whoever meant one and the same finds only half of it.
fn spellings(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut all: BTreeMap<(&Field, String), BTreeMap<&str, Written<'_>>> = BTreeMap::new();
    // Who names both of them knows that they differ.
    let mut together = BTreeSet::new();
    let rules = || definition.enabled();
    for (at, rule) in rules() {
        let mut fields = BTreeSet::new();
        let mut add = |of, value, field| {
            let spelling = all.entry((of, str::to_lowercase(value))).or_default();
            spelling.entry(value).or_insert(Written { count: 0, at, rule, field }).count += 1;
        };
        for literal in rule.literals() {
            let Atom::Value { field, any_of } = &literal.atom else { continue };
            if !is_free(field) {
                continue;
            }
            fields.insert(field);
            let mut seen = BTreeSet::new();
            for one in any_of.iter().filter(|one| !one.prefix) {
                add(field, &*one.text, field_path(field));
                if !seen.insert(one.text.to_lowercase()) {
                    together.insert((field, one.text.to_lowercase()));
                }
            }
        }
        for sample in rule.samples.iter().filter(|sample| sample.expect != Expect::NotThisRule) {
            for field in &fields {
                if let FieldValue::Known(value) = field.of(&sample.input) {
                    add(field, value, "samples".to_owned());
                }
            }
        }
    }
    for (key, spellings) in all.iter().filter(|(key, spellings)| spellings.len() > 1 && !together.contains(*key)) {
        // The usual one, and of two the one in small letters.
        let Some((usual, _)) = spellings.iter().max_by_key(|(text, written)| (written.count, **text)) else { continue };
        for (text, Written { at, rule, field, .. }) in spellings.iter().filter(|(text, _)| *text != usual) {
            let name = field_name(key.0);
            let problem =
                format!("{name} {text:?} is {usual:?} elsewhere in these rules, and upper and lower case differ");
            findings.push(of_rule(*at, rule, field, problem));
        }
    }
}
