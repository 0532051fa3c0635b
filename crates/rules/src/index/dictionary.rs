//! Selective conditions by their values: words of the text, ids of buttons, rare attributes. Each value has the rows
//! that are filed under it.
//!
//! Words are looked up one by one in a hash table. A text is a handful of words, and most keywords are whole words (a
//! phrase is filed under its rarest word; what is written without spaces has a table of its own), so that walking an
//! automaton over all keywords byte by byte only costs more.

use std::collections::HashMap;

use crate::atom::Field;
use crate::evaluate::{Facts, FieldValue};
use crate::fold::{Class, Folding, belongs_to_letter};
use crate::index::Posting;
use crate::proclitics::proclitics;

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

    pub(super) fn reserve(&mut self, prefix: bool, count: usize) {
        if prefix { self.prefixes.reserve(count) } else { self.exact.reserve(count) }
    }

    /// `may_be_cut`: whether what `text` begins with may end in front of this.
    fn look_up(&self, text: &str, may_be_cut: impl Fn(&str) -> bool, hits: &mut Vec<Posting>) {
        if let Some(posting) = self.exact.get(text) {
            hits.push(*posting);
        }
        self.look_up_prefixes(text, may_be_cut, hits);
    }

    fn look_up_prefixes(&self, text: &str, may_be_cut: impl Fn(&str) -> bool, hits: &mut Vec<Posting>) {
        for &length in &self.prefix_lengths {
            if length > text.len() {
                break;
            }
            if let Some((prefix, rest)) = text.split_at_checked(length)
                && let Some(posting) = self.prefixes.get(prefix)
                && may_be_cut(rest)
            {
                hits.push(*posting);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Dictionaries {
    /// Whole words, and what words begin with.
    pub(super) words: Dictionary,
    /// What a run of Hangul or katakana begins with.
    pub(super) runs: Dictionary,
    /// One or two letters next to each other in a run.
    pub(super) pieces: Dictionary,
    pub(super) fields: Vec<FieldDictionary>,
}

/// The values of one field.
#[derive(Debug, Clone)]
pub(super) struct FieldDictionary {
    pub(super) field: Field,
    /// The first row of all that are filed here.
    pub(super) first: u32,
    pub(super) values: Dictionary,
}

impl Dictionaries {
    /// The postings of all words that the input has.
    pub(super) fn look_up(&self, facts: &Facts<'_>, hits: &mut Vec<Posting>) {
        let folding = facts.words.folding();
        for word in facts.words.own().split_ascii_whitespace() {
            self.look_up_word(word, folding, hits);
        }
        if hits.len() > HITS_UNSORTED_MAX {
            hits.sort_unstable();
            hits.dedup();
        }
    }

    /// The postings of the value that the input has of the field in this place, where a row before `end` is filed under
    /// one; `None` when there is none such, nor in the places behind it. Rows that are filed under an absent value are not
    /// hit.
    pub(super) fn look_up_field(
        &self,
        place: usize,
        end: u32,
        facts: &Facts<'_>,
        hits: &mut Vec<Posting>,
    ) -> Option<()> {
        let dictionary = self.fields.get(place).filter(|dictionary| dictionary.first < end)?;
        if let FieldValue::Known(value) = dictionary.field.of(facts.input) {
            dictionary.values.look_up(value, |_| true, hits);
        }
        Some(())
    }

    fn look_up_word(&self, word: &str, folding: Folding, hits: &mut Vec<Posting>) {
        // Most words of most texts.
        if word.is_ascii() {
            return self.words.look_up(word, |_| true, hits);
        }
        let may_be_cut = |rest: &str| folding == Folding::V1 || !rest.starts_with(belongs_to_letter);
        match folding.class(word) {
            Class::Word => {
                self.words.look_up(word, may_be_cut, hits);
                if folding != Folding::V1 {
                    proclitics(word).for_each(|rest| self.words.look_up(rest, may_be_cut, hits));
                }
            }
            Class::Emoji => hits.extend(self.words.exact.get(word)),
            Class::Hangul | Class::Katakana => {
                hits.extend(self.words.exact.get(word));
                self.runs.look_up_prefixes(word, |_| true, hits);
                self.look_up_pieces(word, hits);
            }
            Class::Inside => self.look_up_pieces(word, hits),
        }
    }

    fn look_up_pieces(&self, run: &str, hits: &mut Vec<Posting>) {
        if self.pieces.exact.is_empty() {
            return;
        }
        for piece in pieces(run) {
            hits.extend(self.pieces.exact.get(piece));
        }
    }
}

/// Every letter of a run, and every two next to each other.
fn pieces(run: &str) -> impl Iterator<Item = &str> {
    run.char_indices().flat_map(|(at, c)| {
        let rest = &run[at..];
        let one = c.len_utf8();
        let two = rest[one..].chars().next().map(|next| &rest[..one + next.len_utf8()]);
        std::iter::once(&rest[..one]).chain(two)
    })
}

/// The pieces by which a run that is looked for is found: any of them will do.
pub(super) fn telling_pieces(run: &str) -> impl Iterator<Item = &str> {
    let single = run.chars().nth(1).is_none();
    pieces(run).filter(move |piece| single || piece.chars().nth(1).is_some())
}
