//! Building the index: puts the rows into winning order, files each under its most selective condition, and picks the
//! fields that get bitmaps. The result depends on the rule set alone, on every machine.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Range;

use crate::atom::{Atom, Field, Parts, Selective};
use crate::fold::Folding;
use crate::index::broad::{Broad, BroadRow, FIELDS_MAX, Source, VALUES_MAX, values};
use crate::index::dictionary::{Dictionaries, Dictionary, FieldDictionary, Table};
use crate::index::keys::{How, Key, frequencies, is_told_by_key, keys};
use crate::index::{Candidate, Group, Index, MemoPlace, Posting, Row, Test};
use crate::model::{Conjunct, Definition, Literal, OnUnknown, Phase};

/// A field that every message has is worth a dictionary only for values that so few rows name: the others are told
/// apart by bitmaps.
const FILED_UNDER_FIELD_MAX: u32 = 8;

/// A row while the index is built.
struct Draft<'a> {
    group: usize,
    rule: u32,
    alternative: u32,
    on_unknown: OnUnknown,
    dated: bool,
    conjunct: &'a Conjunct,
}

/// `requests`: the rule set's own words and buttons for a person.
pub(crate) fn build(definition: &Definition, requests: &[Conjunct], folding: Folding) -> Index {
    let drafts = drafts(definition, requests);
    let frequencies = frequencies(drafts.iter().flat_map(|draft| draft.conjunct.literals()), folding);
    let mut filing = Filing::default();
    let mut broad = Vec::new();
    let mut left: Vec<Vec<u16>> = Vec::with_capacity(drafts.len());
    for (row, draft) in (0_u32..).zip(&drafts) {
        let literals = draft.conjunct.literals();
        let all = 0..u16::try_from(literals.len()).unwrap_or(u16::MAX);
        match most_selective(draft, &frequencies, folding) {
            Some((literal, exact)) => {
                keys(&literals[usize::from(literal)], &frequencies, folding, |key| filing.add(key, row));
                left.push(all.filter(|other| !exact || *other != literal).collect());
            }
            None => {
                broad.push(BroadRow { row, on_unknown: draft.on_unknown, literals });
                left.push(all.collect());
            }
        }
    }
    let sources = sources(&broad);
    let answered: BTreeSet<&Source> = sources.iter().collect();
    for row in &broad {
        left[row.row as usize].retain(|literal| {
            let source = Source::of(&row.literals[usize::from(*literal)].atom);
            !answered.contains(&source)
        });
    }
    let groups = groups(drafts.len(), |row| drafts[row].group);
    let broad_groups = groups_of_places(&broad, &drafts);
    let (rows, tests, memo_places) = rows_and_tests(&drafts, &left);
    let (dictionaries, postings) = filing.finish(|row| left[row as usize].is_empty() && !drafts[row as usize].dated);
    Index {
        rows,
        tests,
        groups: groups
            .map(|group| u32::try_from(group.start).unwrap_or(u32::MAX)..u32::try_from(group.end).unwrap_or(u32::MAX)),
        dictionaries,
        postings,
        broad: Broad::new(&broad, broad_groups, sources),
        memo_places,
    }
}

fn groups_of_places(broad: &[BroadRow<'_>], drafts: &[Draft<'_>]) -> Vec<Range<usize>> {
    groups(broad.len(), |place| drafts[broad[place].row as usize].group).to_vec()
}

/// The stretch of each group among `count` things that stand in the order of their groups.
fn groups(count: usize, group_of: impl Fn(usize) -> usize) -> [Range<usize>; Group::COUNT] {
    let mut groups: [Range<usize>; Group::COUNT] = Default::default();
    for place in 0..count {
        let group = &mut groups[group_of(place)];
        if group.start == group.end {
            group.start = place;
        }
        group.end = place + 1;
    }
    groups
}

fn drafts<'a>(definition: &'a Definition, requests: &'a [Conjunct]) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft<'a>> = (0_u32..)
        .zip(requests)
        .map(|(alternative, conjunct)| Draft {
            group: Group::Request.place(),
            rule: 0,
            alternative,
            on_unknown: OnUnknown::NoMatch,
            dated: false,
            conjunct,
        })
        .collect();
    for rule_at in winning_order(definition) {
        let rule = &definition.rules[rule_at as usize];
        for (alternative, conjunct) in (0_u32..).zip(&rule.when) {
            drafts.push(Draft {
                group: Group::Phase(rule.phase).place(),
                rule: rule_at,
                alternative,
                on_unknown: rule.on_unknown,
                dated: rule.valid_from.is_some() || rule.valid_until.is_some(),
                conjunct,
            });
        }
    }
    drafts
}

/// The rules that are switched on: phase by phase, higher priority first, then by id.
pub(crate) fn winning_order(definition: &Definition) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(definition.rules.len()).unwrap_or(u32::MAX)).collect();
    order.retain(|rule| definition.rules[*rule as usize].enabled);
    order.sort_by_key(|rule| {
        let rule = &definition.rules[*rule as usize];
        (Phase::ALL.iter().position(|phase| *phase == rule.phase), Reverse(rule.priority), &*rule.id)
    });
    order
}

/// The literal to file a row under, and whether being found under it says that it holds.
fn most_selective(draft: &Draft<'_>, frequencies: &Table<Key<'_>, u32>, folding: Folding) -> Option<(u16, bool)> {
    let mut best: Option<(u32, u16, bool)> = None;
    for (place, literal) in (0_u16..).zip(draft.conjunct.literals()) {
        let Some((always, exact)) = fileable(literal, draft.on_unknown, folding) else { continue };
        let mut most_rows = 0;
        keys(literal, frequencies, folding, |key| {
            most_rows = most_rows.max(frequencies.get(&key).copied().unwrap_or_default());
        });
        let worth_it = always || most_rows <= FILED_UNDER_FIELD_MAX;
        if worth_it && best.is_none_or(|(rows, _, _)| most_rows < rows) {
            best = Some((most_rows, place, exact));
        }
    }
    best.map(|(_, place, exact)| (place, exact))
}

/// Whether a row can be found by this literal; if so, whether however many rows share its values, and whether the
/// literal then holds for certain.
fn fileable(literal: &Literal, on_unknown: OnUnknown, folding: Folding) -> Option<(bool, bool)> {
    if literal.negated {
        return None;
    }
    match literal.atom.selective()? {
        Selective::Words(keywords, within) => {
            let blank = keywords.iter().any(|keyword| keyword.is_blank());
            let exact = within == Parts::OWN && keywords.iter().all(|keyword| is_told_by_key(keyword, folding));
            (!blank).then_some((true, exact))
        }
        Selective::Values(field, _) => {
            if field.may_be_unknown() && matches!(on_unknown, OnUnknown::Match) {
                return None;
            }
            let rare = matches!(field, Field::Reply | Field::ReplyTemplate | Field::ReferralId | Field::ReferralUrl);
            Some((rare, true))
        }
    }
}

/// The fields that get bitmaps: those that most of the broad rows ask about.
fn sources(broad: &[BroadRow<'_>]) -> Vec<Source> {
    let mut asked: Table<Source, (usize, BTreeSet<&str>)> = Table::default();
    for literal in broad.iter().flat_map(|row| row.literals) {
        let (count, names) = asked.entry(Source::of(&literal.atom)).or_default();
        *count += 1;
        names.extend(values(&literal.atom).iter().map(|one| &*one.text));
    }
    let few = asked.into_iter().filter(|(_, (count, names))| *count > 1 && names.len() <= VALUES_MAX);
    let mut few: Vec<(usize, Source)> = few.map(|(source, (count, _))| (count, source)).collect();
    few.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    few.into_iter().take(FIELDS_MAX).map(|(_, source)| source).collect()
}

fn rows_and_tests(drafts: &[Draft<'_>], left: &[Vec<u16>]) -> (Box<[Row]>, Box<[Test]>, usize) {
    let mut uses: Table<&Atom, (u32, Option<MemoPlace>)> = Table::default();
    for (draft, left) in drafts.iter().zip(left) {
        for literal in left {
            uses.entry(&draft.conjunct.literals()[usize::from(*literal)].atom).or_default().0 += 1;
        }
    }
    let mut memo_places = 0_u32;
    let mut rows = Vec::with_capacity(drafts.len());
    let mut tests = Vec::new();
    for (draft, left) in drafts.iter().zip(left) {
        let tests_at = u32::try_from(tests.len()).unwrap_or(u32::MAX);
        for literal in left {
            let Literal { negated, atom } = &draft.conjunct.literals()[usize::from(*literal)];
            let memo = uses.get_mut(atom).filter(|(uses, _)| *uses > 1).and_then(|(_, place)| {
                if place.is_none() {
                    memo_places += 1;
                    *place = NonZeroU32::new(memo_places).map(MemoPlace);
                }
                *place
            });
            tests.push(Test { memo, literal: *literal, negated: *negated });
        }
        rows.push(Row {
            rule: draft.rule,
            alternative: draft.alternative,
            tests_at,
            tests: u16::try_from(left.len()).unwrap_or(u16::MAX),
            on_unknown: draft.on_unknown,
            dated: draft.dated,
        });
    }
    (rows.into(), tests.into(), memo_places as usize)
}

/// Rows by the key they are filed under.
#[derive(Default)]
struct Filing<'a> {
    keys: Table<Key<'a>, u32>,
    /// Key and row, in the order of the rows.
    filed: Vec<(u32, u32)>,
}

impl<'a> Filing<'a> {
    fn add(&mut self, key: Key<'a>, row: u32) {
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let key = *self.keys.entry(key).or_insert(next);
        // The same word twice in one condition.
        if self.filed.last() != Some(&(key, row)) {
            self.filed.push((key, row));
        }
    }

    /// `is_settled`: whether nothing is left to test of a row that is found.
    fn finish(mut self, is_settled: impl Fn(u32) -> bool) -> (Dictionaries, Box<[Candidate]>) {
        self.filed.sort_unstable();
        self.filed.dedup();
        let mut by_key = vec![Posting { first: Candidate(0), at: 0 }; self.keys.len()];
        let mut postings = Vec::new();
        for filed in self.filed.chunk_by(|(key, _), (next, _)| key == next) {
            let mut rows = filed.iter().map(|(_, row)| Candidate::new(*row, is_settled(*row)));
            let (Some((key, _)), Some(first)) = (filed.first(), rows.next()) else { continue };
            let mut at = 0;
            if filed.len() > 1 {
                postings.push(Candidate(u32::try_from(filed.len()).unwrap_or(u32::MAX)));
                at = u32::try_from(postings.len()).unwrap_or(u32::MAX);
                postings.push(first);
                postings.extend(rows);
            }
            by_key[*key as usize] = Posting { first, at };
        }
        let mut dictionaries = Dictionaries::default();
        let mut fields: Vec<&Field> = self.keys.keys().filter_map(|key| key.field).collect();
        fields.sort_unstable();
        fields.dedup();
        let none = |field: &&Field| FieldDictionary {
            field: (*field).clone(),
            first: u32::MAX,
            values: Dictionary::default(),
        };
        dictionaries.fields = fields.iter().map(none).collect();
        let mut counts: Table<(Option<&Field>, How), usize> = Table::default();
        for key in self.keys.keys() {
            *counts.entry((key.field, key.how)).or_default() += 1;
        }
        for ((field, how), count) in counts {
            if let Some(dictionary) = dictionaries.of(field, how) {
                dictionary.reserve(how.is_prefix(), count);
            }
        }
        for (key, place) in &self.keys {
            let posting = by_key[*place as usize];
            if let Some(dictionary) = dictionaries.of(key.field, key.how) {
                dictionary.insert(key.text, key.how.is_prefix(), posting);
            }
            if let Some(dictionary) = key.field.and_then(|field| dictionaries.of_field(field)) {
                dictionary.first = dictionary.first.min(posting.first.row());
            }
        }
        dictionaries.fields.sort_by_key(|dictionary| dictionary.first);
        (dictionaries, postings.into())
    }
}

impl Dictionaries {
    fn of(&mut self, field: Option<&Field>, how: How) -> Option<&mut Dictionary> {
        match (field, how) {
            (None, How::Whole | How::Prefix) => Some(&mut self.words),
            (None, How::Run) => Some(&mut self.runs),
            (None, How::Piece) => Some(&mut self.pieces),
            (Some(field), _) => self.of_field(field).map(|dictionary| &mut dictionary.values),
        }
    }

    /// While they stand in the order of their fields.
    fn of_field(&mut self, field: &Field) -> Option<&mut FieldDictionary> {
        let at = self.fields.binary_search_by(|dictionary| dictionary.field.cmp(field)).ok()?;
        self.fields.get_mut(at)
    }
}
