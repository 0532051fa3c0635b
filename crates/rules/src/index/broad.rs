//! Broad rows: those without a selective condition. For each field that many of them ask about there is a bitmap per
//! value; a row that does not ask is set in all of them.

use std::ops::Range;

use crate::atom::{Atom, Field, TextMatch};
use crate::evaluate::{Environment, Facts, FieldValue, Truth};
use crate::index::dictionary::Table;
use crate::model::{Literal, OnUnknown};

/// Fields with bitmaps at most; what other conditions ask is tested row by row.
pub(super) const FIELDS_MAX: usize = 12;
/// Values of a field at most: one with more is no field of few values.
pub(super) const VALUES_MAX: usize = 2048;

/// What a bitmap field is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    /// A field whose rows name whole values.
    Values(Field),
    /// One condition that several rows share, e.g. a calendar.
    Condition(Atom),
}

impl Source {
    /// The source that could answer this condition.
    pub(super) fn of(atom: &Atom) -> Self {
        match atom.whole_values() {
            Some((field, _)) => Self::Values(field.clone()),
            None => Self::Condition(atom.clone()),
        }
    }
}

// Codes of a field's values. A condition has the first three only.
const FALSE_OR_ABSENT: u16 = 0;
const UNKNOWN: u16 = 1;
const TRUE_OR_OTHER: u16 = 2;
const CODES_BEFORE_VALUES: u16 = 3;

#[derive(Debug, Clone)]
struct BitField {
    source: Source,
    codes: Table<Box<str>, u16>,
    /// `words` words for each code.
    bits: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Broad {
    /// The row at each place, in winning order.
    rows: Vec<u32>,
    /// The places of each group.
    groups: Vec<Range<usize>>,
    words: usize,
    fields: Vec<BitField>,
}

/// What the bitmaps are made from: a broad row and those of its literals that a source answers.
pub(super) struct BroadRow<'a> {
    pub(super) row: u32,
    pub(super) on_unknown: OnUnknown,
    pub(super) literals: &'a [Literal],
}

impl Broad {
    /// `groups`: the places of each group in `rows`.
    pub(super) fn new(rows: &[BroadRow<'_>], groups: Vec<Range<usize>>, sources: Vec<Source>) -> Self {
        let words = rows.len().div_ceil(64);
        let fields = sources.into_iter().map(|source| BitField::new(source, rows, words)).collect();
        Self { rows: rows.iter().map(|row| row.row).collect(), groups, words, fields }
    }

    pub(super) fn places_of(&self, group: usize) -> Range<usize> {
        self.groups.get(group).cloned().unwrap_or_default()
    }

    pub(super) fn row(&self, place: usize) -> u32 {
        self.rows[place]
    }

    /// The places of one word that no field rules out. `code`: what a field is for the input.
    pub(super) fn survivors(&self, word: usize, mut code: impl FnMut(usize) -> u16) -> u64 {
        let mut left = u64::MAX;
        for (i, field) in self.fields.iter().enumerate() {
            left &= field.bits[usize::from(code(i)) * self.words + word];
            if left == 0 {
                break;
            }
        }
        left
    }

    pub(super) fn code(&self, field: usize, facts: &Facts<'_>, environment: &Environment) -> u16 {
        let BitField { source, codes, .. } = &self.fields[field];
        match source {
            Source::Values(field) => match field.of(facts.input) {
                FieldValue::Known(value) => codes.get(value).copied().unwrap_or(TRUE_OR_OTHER),
                FieldValue::Absent => FALSE_OR_ABSENT,
                FieldValue::Unknown => UNKNOWN,
            },
            Source::Condition(atom) => match facts.holds(atom, environment) {
                Truth::False => FALSE_OR_ABSENT,
                Truth::Unknown => UNKNOWN,
                Truth::True => TRUE_OR_OTHER,
            },
        }
    }
}

impl BitField {
    fn new(source: Source, rows: &[BroadRow<'_>], words: usize) -> Self {
        let asking: Vec<(usize, &BroadRow<'_>, Vec<&Literal>)> = rows
            .iter()
            .enumerate()
            .map(|(place, row)| (place, row, row.literals.iter().filter(|l| Source::of(&l.atom) == source).collect()))
            .filter(|(_, _, literals): &(_, _, Vec<&Literal>)| !literals.is_empty())
            .collect();
        let mut codes = Table::default();
        for literal in asking.iter().flat_map(|(_, _, literals)| literals) {
            for one in values(&literal.atom) {
                let next = CODES_BEFORE_VALUES + u16::try_from(codes.len()).unwrap_or(u16::MAX);
                codes.entry(one.text.clone()).or_insert(next);
            }
        }
        let count = usize::from(CODES_BEFORE_VALUES) + codes.len();
        // The last word's places behind the last row stay out.
        let mut careless = vec![u64::MAX; words];
        if let Some(last) = careless.last_mut()
            && !rows.len().is_multiple_of(64)
        {
            *last = (1 << (rows.len() % 64)) - 1;
        }
        for (place, _, _) in &asking {
            careless[place / 64] &= !(1 << (place % 64));
        }
        let mut field = Self { source, codes, bits: careless.repeat(count) };
        for (place, row, literals) in asking {
            for code in field.codes_worth_asking(&literals, row.on_unknown) {
                let holds =
                    |literal: &&Literal| field.truth(&literal.atom, code).settle(literal.negated, row.on_unknown);
                if literals.iter().all(holds) {
                    field.bits[usize::from(code) * words + place / 64] |= 1 << (place % 64);
                }
            }
        }
        field
    }

    /// The codes for which these literals may hold: the usual single "is one of" need not ask all.
    fn codes_worth_asking(&self, literals: &[&Literal], on_unknown: OnUnknown) -> Vec<u16> {
        if let [Literal { negated: false, atom: Atom::Value { any_of, .. } }] = literals
            && matches!(self.source, Source::Values(_))
        {
            let unknown = matches!(on_unknown, OnUnknown::Match).then_some(UNKNOWN);
            return any_of.iter().filter_map(|one| self.codes.get(&one.text).copied()).chain(unknown).collect();
        }
        (0..CODES_BEFORE_VALUES + u16::try_from(self.codes.len()).unwrap_or(u16::MAX)).collect()
    }

    /// What a condition of this field's source is, for a code.
    fn truth(&self, atom: &Atom, code: u16) -> Truth {
        match (code, atom) {
            (UNKNOWN, Atom::Exists(_)) => Truth::False,
            (UNKNOWN, _) => Truth::Unknown,
            (FALSE_OR_ABSENT, _) => Truth::False,
            (_, Atom::Value { any_of, .. }) if matches!(self.source, Source::Values(_)) => {
                Truth::of(any_of.iter().any(|one| self.codes.get(&one.text) == Some(&code)))
            }
            (_, _) => Truth::True,
        }
    }
}

/// The values that a condition names.
pub(super) fn values(atom: &Atom) -> &[TextMatch] {
    atom.whole_values().map_or(&[], |(_, values)| values)
}
