//! Selective conditions by their values: words of the text, ids of buttons, rare attributes. Each value has the rows
//! that are filed under it.
//!
//! Words are looked up one by one in a hash table. A text is a handful of words, and only whole words count (a phrase
//! is filed under its rarest word), so that walking an automaton over all keywords byte by byte only costs more.

use std::collections::HashMap;

use crate::atom::Field;
use crate::evaluate::{Facts, FieldValue};
use crate::index::Posting;

/// Fixed: the tables are the same on every machine. Customers choose what is looked up, never what is stored.
pub(super) type Table<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// More than this many hits are sorted and freed of repeats: a long text may repeat a word a thousand times.
const HITS_UNSORTED_MAX: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct Dictionary {
    exact: Table<Box<str>, Posting>,
    prefixes: Table<Box<str>, Posting>,
    /// The lengths that prefixes have, in bytes, shortest first.
    prefix_lengths: Vec<usize>,
}

impl Dictionary {
    pub(super) fn insert(&mut self, text: &str, prefix: bool, posting: Posting) {
        if prefix {
            self.prefixes.insert(text.into(), posting);
            if let Err(place) = self.prefix_lengths.binary_search(&text.len()) {
                self.prefix_lengths.insert(place, text.len());
            }
        } else {
            self.exact.insert(text.into(), posting);
        }
    }

    pub(super) fn reserve(&mut self, exact: usize, prefixes: usize) {
        self.exact.reserve(exact);
        self.prefixes.reserve(prefixes);
    }

    fn look_up(&self, text: &str, hits: &mut Vec<Posting>) {
        if let Some(posting) = self.exact.get(text) {
            hits.push(*posting);
        }
        for &length in &self.prefix_lengths {
            if length > text.len() {
                break;
            }
            if let Some(posting) = text.get(..length).and_then(|prefix| self.prefixes.get(prefix)) {
                hits.push(*posting);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Dictionaries {
    pub(super) words: Dictionary,
    pub(super) fields: Vec<(Field, Dictionary)>,
}

impl Dictionaries {
    /// The postings of everything that the input has. Rows that are filed under an absent value are not hit.
    pub(super) fn look_up(&self, facts: &Facts<'_>, hits: &mut Vec<Posting>) {
        for word in facts.words.own().split_ascii_whitespace() {
            self.words.look_up(word, hits);
        }
        for (field, dictionary) in &self.fields {
            if let FieldValue::Known(value) = field.of(facts.input) {
                dictionary.look_up(value, hits);
            }
        }
        if hits.len() > HITS_UNSORTED_MAX {
            hits.sort_unstable();
            hits.dedup();
        }
    }
}
