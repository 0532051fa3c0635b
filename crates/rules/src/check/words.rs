//! Warnings about single words: so short that they stand inside others, or with a star that does nothing.

use crate::atom::Keyword;
use crate::finding::{Finding, of_rule, of_set};
use crate::fold::{Class, Folding};
use crate::forms::PHRASE_WORDS_MAX;
use crate::model::Definition;

/// Letters of a word that stands in few others by chance.
const THAI_LETTERS_MIN: usize = 4;
const HAN_LETTERS_MIN: usize = 2;
const HIRAGANA_LETTERS_MIN: usize = 3;

pub(super) fn words(definition: &Definition, findings: &mut Vec<Finding>) {
    for (language, words) in &definition.handover.words {
        let problems = words.iter().filter_map(problem);
        findings.extend(problems.map(|problem| of_set(&format!("handover.words.{language}"), problem)));
    }
    for (at, rule) in definition.enabled() {
        let own = || rule.keywords().filter(|word| word.list().is_none());
        let formless = own().find(|word| word.forms().is_some() && !word.has_forms());
        findings.extend(formless.map(|word| {
            let problem = format!(
                "{:?} has no forms: only words of plain letters have, and phrases of up to {PHRASE_WORDS_MAX}",
                word.text()
            );
            of_rule(at, rule, "when.keyword", problem)
        }));
        findings.extend(own().filter_map(problem).map(|problem| of_rule(at, rule, "when.keyword", problem)));
    }
}

pub(super) fn problem(keyword: &Keyword) -> Option<String> {
    let (text, needle) = (keyword.text(), keyword.needle());
    if text.starts_with('*') && !keyword.is_inside() {
        return Some(format!("the star in front of {text:?} does nothing: it is for Hangul and katakana"));
    }
    if Folding::default().class(needle) != Class::Inside || needle.contains(' ') {
        return None;
    }
    let (script, letters_min) = script(needle);
    let letters = needle.chars().count();
    (letters < letters_min).then(|| {
        format!("{text:?} is found inside of other words too: take at least {letters_min} letters of {script}")
    })
}

fn script(needle: &str) -> (&'static str, usize) {
    let has = |range: std::ops::RangeInclusive<char>| needle.chars().any(|c| range.contains(&c));
    if has('\u{3400}'..='\u{9fff}') || has('\u{20000}'..='\u{3ffff}') {
        ("Han", HAN_LETTERS_MIN)
    } else if has('\u{3040}'..='\u{309f}') {
        ("hiragana", HIRAGANA_LETTERS_MIN)
    } else {
        ("a script without spaces", THAI_LETTERS_MIN)
    }
}
