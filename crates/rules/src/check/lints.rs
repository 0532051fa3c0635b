//! What is shown and does not refuse: rules that can never decide, menus that nobody follows, languages
//! without a way to a person, samples that come out otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use waypost_domain::language;

use super::words::words;
use super::{import, moving, people, teams, values};
use crate::atom::{Atom, Field, TextMatch};
use crate::compile::RuleSet;
use crate::describe::condition;
use crate::finding::{Finding, of_rule, of_set};
use crate::model::{Conjunct, Definition, Literal, OnUnknown, Phase};
use crate::pattern::range_without_letters;

/// Patterns are tried one by one; beyond this many they cost more than all other rules.
const PATTERNS_MANY: usize = 50;
/// People choose from a list of at most this many; WhatsApp shows no more rows either.
const MENU_WIDTH_MAX: usize = 10;
/// People follow a menu this deep.
const MENU_DEPTH_MAX: usize = 3;
/// Rules before a rule that are tried for covering it.
const COVERS_TRIED_MAX: usize = 64;
/// Alternatives × conditions of a rule beyond which it is likely a product of lists.
const ROW_CONDITIONS_MANY: usize = 128;

/// Of a set without errors.
pub fn warnings(set: &RuleSet) -> Vec<Finding> {
    let definition = &*set.definition;
    let mut findings = Vec::new();
    unreachable(definition, &mut findings);
    for (at, rule) in definition.enabled() {
        for (one, other) in rule.when.iter().filter_map(|conjunct| contradiction(conjunct, rule.on_unknown)) {
            let (one, other) = (condition(one), condition(other));
            let problem = format!(
                "contradicts itself: {one} and {other} never hold together; for either of them, make two alternatives of it"
            );
            findings.push(of_rule(at, rule, "when", problem));
        }
        let conditions: usize = rule.when.iter().map(|conjunct| conjunct.literals().len()).sum();
        if conditions > ROW_CONDITIONS_MANY {
            let problem =
                format!("{conditions} conditions in {} alternatives; lists may say it shorter", rule.when.len());
            findings.push(of_rule(at, rule, "when", problem));
        }
    }
    patterns(definition, &mut findings);
    languages(definition, &mut findings);
    language_sources(definition, &mut findings);
    menus(definition, &mut findings);
    moving::warnings(definition, &mut findings);
    words(definition, &mut findings);
    values::warnings(definition, &mut findings);
    teams::warnings(definition, &set.teams, &mut findings);
    for failure in set.run_samples().failures {
        let rule = &definition.rules[failure.rule_at];
        let decision = &failure.decision;
        let cause = failure.not_in_force.as_ref().map(|cause| format!("; {cause}")).unwrap_or_default();
        let problem = format!(
            "sample {} expects {}, but {} sends it to {} ({}){cause}",
            failure.sample, failure.expected, decision.rule, decision.team, decision.why
        );
        findings.push(of_rule(failure.rule_at, rule, "samples", problem));
    }
    people::notes(definition, &mut findings);
    import::notes(definition, &mut findings);
    findings
}

/// A rule is never reached when each of its alternatives is covered by one of a rule before it: one whose every
/// condition follows from one of its own. Rules are looked up by a value, not compared each with each.
fn unreachable(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut earlier: HashMap<(Phase, Key<'_>), Vec<(usize, &Conjunct)>> = HashMap::new();
    for place in crate::index::winning_order(definition) {
        let (at, rule) = (place as usize, &definition.rules[place as usize]);
        // What an unknown value or a date may switch on or off is not certain to be covered, or to cover.
        if rule.phase == Phase::Decorate || rule.on_unknown == OnUnknown::Match {
            continue;
        }
        let cover = |conjunct: &Conjunct| {
            let literals = conjunct.literals();
            let keys = literals.iter().filter_map(|literal| Key::all(literal).into_iter().next());
            let candidates = keys.filter_map(|key| earlier.get(&(rule.phase, key))).flatten().take(COVERS_TRIED_MAX);
            let follows = |wide: &Literal| literals.iter().any(|narrow| implies(narrow, wide));
            let mut covering = candidates.filter(|(_, wider)| wider.literals().iter().all(follows));
            covering.next().map(|(at, _)| *at)
        };
        let covered: Option<BTreeSet<usize>> = rule.when.iter().map(cover).collect();
        if let Some(by) = covered.filter(|by| !by.is_empty() && !by.contains(&at)) {
            let by: Vec<&str> = by.into_iter().take(3).map(|at| &*definition.rules[at].id).collect();
            let by = by.join(", ");
            let problem = format!(
                "is never reached: {by} always comes first; give this one a higher priority, or {by} a narrower condition"
            );
            findings.push(of_rule(at, rule, "when", problem));
        }
        if rule.valid_from.is_none() && rule.valid_until.is_none() {
            for conjunct in &rule.when {
                for key in conjunct.literals().first().map(Key::all).unwrap_or_default() {
                    earlier.entry((rule.phase, key)).or_default().push((at, conjunct));
                }
            }
        }
    }
}

/// One value of a condition, or the condition itself.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Keyword(&'a str),
    Value(&'a Field, &'a TextMatch),
    Whole(&'a Literal),
}

impl<'a> Key<'a> {
    fn all(literal: &'a Literal) -> Vec<Self> {
        match &literal.atom {
            Atom::Keyword { any_of, .. } if !literal.negated => {
                any_of.iter().map(|word| Key::Keyword(word.needle())).collect()
            }
            Atom::Value { field, any_of } if !literal.negated => {
                any_of.iter().map(|one| Key::Value(field, one)).collect()
            }
            _ => vec![Key::Whole(literal)],
        }
    }
}

/// Whether `wide` holds whenever `narrow` does.
fn implies(narrow: &Literal, wide: &Literal) -> bool {
    if narrow == wide {
        return true;
    }
    if narrow.negated || wide.negated {
        return false;
    }
    match (&narrow.atom, &wide.atom) {
        (Atom::Keyword { any_of: few, within: narrow }, Atom::Keyword { any_of: many, within: wide }) => {
            narrow.iter().all(|part| wide.contains(part)) && few.iter().all(|one| many.contains(one))
        }
        (Atom::Value { field, any_of: few }, Atom::Value { field: other, any_of: many }) => {
            field == other && few.iter().all(|one| many.contains(one))
        }
        (_, _) => false,
    }
}

/// Two conditions of which one excludes the other.
fn contradiction(conjunct: &Conjunct, on_unknown: OnUnknown) -> Option<(&Literal, &Literal)> {
    let literals = conjunct.literals();
    let excludes = |a: &Literal, b: &Literal| {
        let opposite = a.atom == b.atom && a.negated != b.negated;
        (opposite && on_unknown == OnUnknown::NoMatch) || (!a.negated && !b.negated && exclusive(&a.atom, &b.atom))
    };
    literals.iter().enumerate().find_map(|(i, a)| {
        let other = literals[i + 1..].iter().find(|b| excludes(a, b));
        other.map(|b| (a, b))
    })
}

fn exclusive(a: &Atom, b: &Atom) -> bool {
    match (a, b) {
        (Atom::Value { field, any_of }, Atom::Value { field: other, any_of: others }) if field == other => {
            let overlap = |one: &TextMatch, other: &TextMatch| one.holds(&other.text) || other.holds(&one.text);
            !any_of.iter().any(|one| others.iter().any(|other| overlap(one, other)))
        }
        (Atom::Range { attribute, range }, Atom::Range { attribute: other, range: ends }) if attribute == other => {
            let apart = |max, min| matches!((max, min), (Some(max), Some(min)) if max < min);
            apart(range.max, ends.min) || apart(ends.max, range.min)
        }
        (Atom::Percent(a), Atom::Percent(b)) => a.seed == b.seed && (a.to <= b.from || b.to <= a.from),
        (_, _) => false,
    }
}

fn patterns(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut all = BTreeSet::new();
    for (at, rule) in definition.rules.iter().enumerate() {
        for literal in rule.literals() {
            let Atom::Regex { patterns, .. } = &literal.atom else { continue };
            for pattern in &patterns.any_of {
                let is_first = all.insert((pattern, patterns.raw));
                let lost = (is_first && !patterns.raw).then(|| range_without_letters(pattern)).flatten();
                findings.extend(lost.map(|range| {
                    let problem = format!(
                        "[{range}] finds none of its letters, because patterns see texts without accents: write them \
                         without, or {{ pattern = \"...\", raw = true }}"
                    );
                    of_rule(at, rule, "when.regex", problem)
                }));
            }
        }
    }
    let patterns: BTreeSet<_> = all.into_iter().map(|(pattern, _)| pattern).collect();
    if patterns.len() > PATTERNS_MANY {
        let problem =
            format!("{} different patterns (regex); words are found faster and are easier to read", patterns.len());
        findings.push(of_set("rules", problem));
    }
}

/// Languages that rules route by, and in which nobody can ask for a person.
fn languages(definition: &Definition, findings: &mut Vec<Finding>) {
    let handover = &definition.handover;
    let mut missing = BTreeMap::new();
    for rule in definition.rules.iter().filter(|rule| rule.enabled) {
        for literal in rule.literals() {
            if let Atom::Value { field: Field::Language, any_of } = &literal.atom {
                // What is no language has a warning of its own.
                let is_unheard = |one: &&TextMatch| {
                    !one.prefix && !handover.words.contains_key(&*one.text) && language::is_code(&one.text)
                };
                let unheard = any_of.iter().filter(is_unheard);
                missing.extend(unheard.map(|one| (&one.text, &rule.id)));
            }
        }
    }
    for (language, rule) in missing {
        let problem =
            format!("rule {rule} expects customers who write {language}; add words to ask for a person in it");
        findings.push(of_set(&format!("handover.words.{language}"), problem));
    }
}

/// Who says which language it is makes a difference only beside the language itself.
fn language_sources(definition: &Definition, findings: &mut Vec<Finding>) {
    for (at, rule) in definition.enabled() {
        let asks = |conjunct: &Conjunct, field: &Field| {
            let is_of = |atom: &Atom| matches!(atom, Atom::Value { field: of, .. } | Atom::Exists(of) if of == field);
            conjunct.literals().iter().any(|literal| is_of(&literal.atom))
        };
        let is_alone =
            |conjunct: &&Conjunct| asks(conjunct, &Field::LanguageSource) && !asks(conjunct, &Field::Language);
        if rule.when.iter().any(|conjunct| is_alone(&conjunct)) {
            let problem = "asks who says which language it is, and not which; add language";
            findings.push(of_rule(at, rule, "when.language_source", problem.to_owned()));
        }
    }
}

/// Menus by the ids of their rows: `a:b:c` is the third level of menu `a`.
fn menus(definition: &Definition, findings: &mut Vec<Finding>) {
    let mut rows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (at, rule) in definition.enabled() {
        for literal in rule.literals() {
            let Atom::Value { field: Field::Reply, any_of } = &literal.atom else { continue };
            for one in any_of.iter().filter(|one| !one.prefix) {
                let Some((menu, row)) = one.text.rsplit_once([':', '/', '.']) else { continue };
                rows.entry(menu).or_default().insert(row);
                let depth = one.text.split([':', '/', '.']).count();
                if depth > MENU_DEPTH_MAX {
                    let problem = format!("{} is {depth} menus deep; people follow {MENU_DEPTH_MAX}", one.text);
                    findings.push(of_rule(at, rule, "when.reply", problem));
                }
            }
        }
    }
    for (menu, rows) in rows.iter().filter(|(_, rows)| rows.len() > MENU_WIDTH_MAX) {
        let problem = format!("menu {menu} has {} rows; people choose from {MENU_WIDTH_MAX}", rows.len());
        findings.push(of_set("rules", problem));
    }
}
