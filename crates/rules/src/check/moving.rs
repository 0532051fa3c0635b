//! Lints about who takes a conversation away from whom: a menu that leads nowhere, and single words that lead too far.

use crate::atom::{Atom, Field, Keyword, TextMatch};
use crate::finding::{Finding, of_rule, of_set};
use crate::input::RATING_PREFIX;
use crate::model::{Conjunct, Definition, Literal, Move, Phase, Rule};

/// Of a set without errors.
pub(super) fn warnings(definition: &Definition, findings: &mut Vec<Finding>) {
    for (at, rule) in definition.enabled() {
        if rule.phase == Phase::Route && is_dead_menu(rule) {
            let problem = "can never move anybody: a tap is on a menu that the conversation already has, and this rule \
                           leaves every conversation where it is; leave move out, or say unless_held";
            findings.push(of_rule(at, rule, "move", problem.to_owned()));
        }
        if let Some(rating) = rating(rule) {
            let problem =
                format!("{rating:?} rates a conversation that is over: ids with {RATING_PREFIX} route nowhere");
            findings.push(of_rule(at, rule, "when.reply", problem));
        }
        if let Some(word) = tearing_word(rule) {
            let problem = format!(
                "takes a conversation away from whoever has it when the one word \"{}\" falls; use a phrase, or a second \
                 condition",
                word.text()
            );
            findings.push(of_rule(at, rule, "move", problem));
        }
    }
    for (language, words) in &definition.handover.words {
        for word in words.iter().filter(|word| is_lone(word)) {
            let text = word.text();
            let problem = format!(
                "\"{text}\" alone also catches whoever only mentions one (\"the {text} Kim told me\") and tears their \
                 conversation away; say what customers ask, such as \"talk to the {text}\", in their words"
            );
            findings.push(of_set(&format!("handover.words.{language}"), problem));
        }
    }
}

/// It is about taps, and says that it never moves: nobody taps where nothing is open.
fn is_dead_menu(rule: &Rule) -> bool {
    let taps = |conjunct: &Conjunct| conjunct.literals().iter().any(|literal| replies(literal).is_some());
    rule.moves == Some(Move::Never) && !rule.when.is_empty() && rule.when.iter().all(taps)
}

fn replies(literal: &Literal) -> Option<&[TextMatch]> {
    match &literal.atom {
        Atom::Value { field: Field::Reply, any_of } if !literal.negated => Some(any_of),
        _ => None,
    }
}

fn rating(rule: &Rule) -> Option<&str> {
    let mut taps = rule.literals().filter_map(replies).flatten();
    taps.find(|one| one.text.starts_with(RATING_PREFIX)).map(|one| &*one.text)
}

/// A word that alone makes a rule hold that moves conversations which wait for an answer.
fn tearing_word(rule: &Rule) -> Option<&Keyword> {
    match rule.moves {
        Some(Move::UnlessHeld | Move::Always) => {}
        Some(Move::Never) | None => return None,
    }
    rule.when.iter().find_map(|conjunct| match conjunct.literals() {
        [Literal { negated: false, atom: Atom::Keyword { any_of: words, .. } }] => {
            words.iter().find(|word| is_lone(word))
        }
        _ => None,
    })
}

/// One word of a script that puts spaces between words; elsewhere a phrase looks like a word.
fn is_lone(word: &Keyword) -> bool {
    let spaced = |c: char| !c.is_alphabetic() || u32::from(c) < 0x0E00 || (0x1E00..0x2000).contains(&u32::from(c));
    word.needle().split_whitespace().nth(1).is_none() && word.text().chars().all(spaced)
}
