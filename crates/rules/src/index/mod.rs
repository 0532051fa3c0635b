//! The index: finds the rows that hold for an input without looking at the others.
//!
//! A row is one alternative (a conjunct) of a rule; rows stand in winning order, the phases one behind the other. A row
//! with a selective condition (a keyword, a button, a rare attribute) is filed in a dictionary under that condition's
//! values and looked at only when the message has one of them. The others are *broad*: for each field that tells them
//! apart there is a bitmap per value, in which the rows that do not care are set, so that a conjunction of a few bitmaps
//! leaves the rows worth looking at. What neither has settled is tested row by row, first row first.
//!
//! No words, no I/O, and nothing allocated while an input is looked up. The plain scan in `naive` is the reference: the
//! index must give what it gives, always.

mod broad;
mod build;
mod dictionary;
mod keys;

use std::ops::Range;

use crate::evaluate::{Environment, Facts, Truth, is_valid_at};
use crate::index::broad::Broad;
use crate::index::dictionary::Dictionaries;
use crate::model::{Conjunct, Definition, OnUnknown, Phase};
use crate::words::FoldedWords;

pub(crate) use build::{build, winning_order};

/// A stretch of rows that is searched by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Whether the customer asks for a person: the rule set's own words and buttons.
    Request,
    Phase(Phase),
}

impl Group {
    const COUNT: usize = 6;

    const fn place(self) -> usize {
        match self {
            Self::Request => 0,
            Self::Phase(Phase::Handover) => 1,
            Self::Phase(Phase::Bind) => 2,
            Self::Phase(Phase::Route) => 3,
            Self::Phase(Phase::Decorate) => 4,
            Self::Phase(Phase::Default) => 5,
        }
    }
}

/// What an index was built from, for what is tested row by row.
#[derive(Clone, Copy)]
pub(crate) struct Indexed<'a> {
    pub(crate) definition: &'a Definition,
    /// The rule set's own words and buttons for a person.
    pub(crate) requests: &'a [Conjunct],
    pub(crate) environment: &'a Environment,
}

impl Indexed<'_> {
    fn conjunct(&self, group: Group, rule: u32, alternative: u32) -> &Conjunct {
        match group {
            Group::Request => &self.requests[alternative as usize],
            Group::Phase(_) => &self.definition.rules[rule as usize].when[alternative as usize],
        }
    }
}

/// One alternative of a rule.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Its place in the definition; in group `Request`, the alternative stands alone.
    rule: u32,
    alternative: u32,
    tests_at: u32,
    tests: u16,
    on_unknown: OnUnknown,
    /// The rule has a first or a last day.
    dated: bool,
}

/// A condition of a row that is left to be tested.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// Where other rows have the same condition: its place among what is remembered.
    memo: Option<MemoPlace>,
    literal: u16,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MemoPlace(std::num::NonZeroU32);

/// The rows that are filed under one key, in winning order. The first one stands here: of most words there is no other,
/// and the postings of a hundred thousand rules lie in no cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Posting {
    first: Candidate,
    /// Where they stand among `Index::postings`, behind their number; 0 for one alone.
    at: u32,
}

/// A row that may hold: its place, and whether anything is left to test of it. In front of each stretch of postings, it is
/// how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate(u32);

impl Candidate {
    fn new(row: u32, is_settled: bool) -> Self {
        Self(row << 1 | u32::from(is_settled))
    }

    const fn row(self) -> u32 {
        self.0 >> 1
    }

    /// It holds, being found.
    const fn is_settled(self) -> bool {
        self.0 & 1 == 1
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Index {
    rows: Box<[Row]>,
    tests: Box<[Test]>,
    /// By [`Group::place`].
    groups: [Range<u32>; Group::COUNT],
    dictionaries: Dictionaries,
    /// Rows by the value they are filed under, in winning order, where there are several.
    postings: Box<[Candidate]>,
    broad: Broad,
    memo_places: usize,
}

/// What looking up needs besides the index. Kept by the caller from one input to the next, for any rule sets.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) words: FoldedWords,
    pub(crate) lookup: Lookup,
}

/// What is found of one input.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    hits: Vec<Posting>,
    /// How many of the fields were looked up.
    fields: usize,
    memo: Vec<Memo>,
    /// Which input it is: what was remembered of another does not count.
    number: u32,
    codes: [Option<u16>; broad::FIELDS_MAX],
    found: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Memo {
    input: u32,
    truth: Truth,
}

impl Lookup {
    /// What [`Index::all`] found.
    pub(crate) fn found(&self) -> &[u32] {
        &self.found
    }

    /// What somebody else found.
    pub(crate) fn put(&mut self, found: impl Iterator<Item = u32>) {
        self.found.clear();
        self.found.extend(found);
    }
}

impl Index {
    /// Looks the input's words and values up. Before any other question about this input.
    pub(crate) fn begin(&self, facts: &Facts<'_>, lookup: &mut Lookup) {
        lookup.number = lookup.number.wrapping_add(1);
        if lookup.number == 0 {
            lookup.memo.clear();
            lookup.number = 1;
        }
        if lookup.memo.len() < self.memo_places {
            lookup.memo.resize(self.memo_places, Memo { input: 0, truth: Truth::Unknown });
        }
        lookup.codes = [None; broad::FIELDS_MAX];
        lookup.hits.clear();
        lookup.fields = 0;
        self.dictionaries.look_up(facts, &mut lookup.hits);
    }

    /// The rule and the alternative that win in a group, among the rules that `accept` takes.
    pub(crate) fn first(
        &self,
        group: Group,
        facts: &Facts<'_>,
        set: &Indexed<'_>,
        lookup: &mut Lookup,
        accept: impl Fn(u32) -> bool,
    ) -> Option<(u32, u32)> {
        let rows = self.groups[group.place()].clone();
        if rows.is_empty() {
            return None;
        }
        let mut best = rows.end;
        let mut hit = 0;
        while let Some(posting) = self.next_hit(hit, best, facts, lookup) {
            hit += 1;
            if posting.first.row() >= best {
                continue;
            }
            for candidate in self.candidates(&posting, rows.start) {
                let row = candidate.row();
                if row >= best {
                    break;
                }
                let holds = candidate.is_settled() || self.holds(row, group, facts, set, lookup);
                if holds && accept(self.rows[row as usize].rule) {
                    best = row;
                    break;
                }
            }
        }
        self.scan_broad(group, best, facts, set, lookup, |row| {
            if !accept(self.rows[row as usize].rule) {
                return true;
            }
            best = row;
            false
        });
        let row = (best < rows.end).then(|| self.rows[best as usize])?;
        Some((row.rule, row.alternative))
    }

    /// The rules of a group that hold, in winning order and each once, into [`Scratch::found`].
    pub(crate) fn all(&self, group: Group, facts: &Facts<'_>, set: &Indexed<'_>, lookup: &mut Lookup) {
        let mut found = std::mem::take(&mut lookup.found);
        found.clear();
        let rows = self.groups[group.place()].clone();
        if !rows.is_empty() {
            let mut hit = 0;
            while let Some(posting) = self.next_hit(hit, rows.end, facts, lookup) {
                hit += 1;
                for candidate in self.candidates(&posting, rows.start) {
                    let row = candidate.row();
                    if row >= rows.end {
                        break;
                    }
                    if candidate.is_settled() || self.holds(row, group, facts, set, lookup) {
                        found.push(row);
                    }
                }
            }
            self.scan_broad(group, rows.end, facts, set, lookup, |row| {
                found.push(row);
                true
            });
            found.sort_unstable();
            // A rule's alternatives stand side by side.
            for row in &mut found {
                *row = self.rows[*row as usize].rule;
            }
            found.dedup();
        }
        lookup.found = found;
    }

    /// A posting by its number among the input's. Fields are looked up once those before are used up, and only where they
    /// may have a row before `end`: a message with a word of a rule seldom needs the defaults by tier and country.
    fn next_hit(&self, hit: usize, end: u32, facts: &Facts<'_>, lookup: &mut Lookup) -> Option<Posting> {
        while hit >= lookup.hits.len() {
            self.dictionaries.look_up_field(lookup.fields, end, facts, &mut lookup.hits)?;
            lookup.fields += 1;
        }
        lookup.hits.get(hit).copied()
    }

    /// The rows of a posting from `start` on.
    fn candidates<'a>(&'a self, posting: &'a Posting, start: u32) -> &'a [Candidate] {
        let rows = match posting.at as usize {
            0 => std::slice::from_ref(&posting.first),
            at => &self.postings[at..][..self.postings[at - 1].0 as usize],
        };
        if posting.first.row() >= start {
            return rows;
        }
        &rows[rows.partition_point(|candidate| candidate.row() < start)..]
    }

    /// Calls `found` with the broad rows of a group that hold, up to `end`, until it says `false`.
    fn scan_broad(
        &self,
        group: Group,
        end: u32,
        facts: &Facts<'_>,
        set: &Indexed<'_>,
        lookup: &mut Lookup,
        mut found: impl FnMut(u32) -> bool,
    ) {
        let places = self.broad.places_of(group.place());
        if places.is_empty() {
            return;
        }
        for word in places.start / 64..places.end.div_ceil(64) {
            let first = word * 64;
            if self.broad.row(first.max(places.start)) >= end {
                return;
            }
            let mut left = self.broad.survivors(word, |field| {
                let known = lookup.codes[field];
                known.unwrap_or_else(|| {
                    let code = self.broad.code(field, facts, set.environment);
                    lookup.codes[field] = Some(code);
                    code
                })
            });
            while left != 0 {
                let place = first + left.trailing_zeros() as usize;
                left &= left - 1;
                if place < places.start {
                    continue;
                }
                if place >= places.end {
                    return;
                }
                let row = self.broad.row(place);
                if row >= end || (self.holds(row, group, facts, set, lookup) && !found(row)) {
                    return;
                }
            }
        }
    }

    /// Whether what is left to test of a row holds.
    fn holds(&self, row: u32, group: Group, facts: &Facts<'_>, set: &Indexed<'_>, lookup: &mut Lookup) -> bool {
        let row = self.rows[row as usize];
        if row.tests == 0 && !row.dated {
            return true;
        }
        if row.dated && !is_valid_at(&set.definition.rules[row.rule as usize], facts.input.received_at) {
            return false;
        }
        let tests = &self.tests[row.tests_at as usize..][..usize::from(row.tests)];
        tests.iter().all(|test| {
            let evaluate = || {
                let literals = set.conjunct(group, row.rule, row.alternative).literals();
                facts.holds(&literals[usize::from(test.literal)].atom, set.environment)
            };
            let truth = match test.memo {
                Some(place) => lookup.remember(place, evaluate),
                None => evaluate(),
            };
            truth.settle(test.negated, row.on_unknown)
        })
    }
}

impl Lookup {
    fn remember(&mut self, place: MemoPlace, evaluate: impl FnOnce() -> Truth) -> Truth {
        let number = self.number;
        let memo = &mut self.memo[place.0.get() as usize - 1];
        if memo.input != number {
            *memo = Memo { input: number, truth: evaluate() };
        }
        memo.truth
    }
}
