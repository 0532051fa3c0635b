//! Under what a row is filed: the words that its keywords are found by, the values of its fields. What stands here must be
//! found by `dictionary` in every text that has the keyword.

use super::dictionary::{Table, telling_pieces};
use crate::atom::{Field, Keyword, Selective, TextMatch};
use crate::fold::{Class, Folding};
use crate::keyword::Needle;
use crate::model::Literal;

/// What a row may be filed under: a word or a piece of one (`field` is `None`), or a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) field: Option<&'a Field>,
    pub(super) text: &'a str,
    pub(super) how: How,
}

/// How the text of a key is found in a word or a value. The more telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum How {
    Whole,
    /// At the beginning of a run of Hangul or katakana.
    Run,
    /// One or two letters anywhere in a run.
    Piece,
    Prefix,
}

impl<'a> Key<'a> {
    fn of_value(field: &'a Field, one: &'a TextMatch) -> Self {
        Self { field: Some(field), text: &one.text, how: if one.prefix { How::Prefix } else { How::Whole } }
    }
}

impl How {
    pub(super) const fn is_prefix(self) -> bool {
        matches!(self, Self::Run | Self::Prefix)
    }
}

/// How many of these conditions name each key.
pub(super) fn frequencies<'a>(literals: impl Iterator<Item = &'a Literal>, folding: Folding) -> Table<Key<'a>, u32> {
    let mut frequencies = Table::default();
    for literal in literals.filter(|literal| !literal.negated) {
        match literal.atom.selective() {
            Some(Selective::Words(keywords, _)) => {
                for keyword in keywords {
                    for needle in keyword.needles() {
                        let count = |key| *frequencies.entry(key).or_default() += 1;
                        keys_of_needle(keyword, needle, folding).for_each(count);
                    }
                }
            }
            Some(Selective::Values(field, any_of)) => {
                for one in any_of {
                    *frequencies.entry(Key::of_value(field, one)).or_default() += 1;
                }
            }
            None => {}
        }
    }
    frequencies
}

/// The keys of all words of a needle: in every text that has it, each of them is found.
fn keys_of_needle<'a>(
    keyword: &Keyword,
    needle: &'a Needle,
    folding: Folding,
) -> impl Iterator<Item = Key<'a>> + use<'a> {
    let (prefix, inside) = (keyword.is_prefix(), keyword.is_inside());
    let words = needle.words();
    let last_at = words.rfind(' ').map_or(0, |space| space + 1);
    words.split_ascii_whitespace().flat_map(move |text| {
        let at = text.as_ptr().addr() - words.as_ptr().addr();
        let starred = prefix && at == last_at;
        let how = match folding.class(text) {
            Class::Word if starred => How::Prefix,
            Class::Word | Class::Emoji => How::Whole,
            Class::Hangul | Class::Katakana if inside && at == 0 => How::Piece,
            Class::Hangul if !starred && text.chars().nth(1).is_none() => How::Whole,
            Class::Hangul | Class::Katakana => How::Run,
            Class::Inside => How::Piece,
        };
        let is_piece = how == How::Piece;
        let whole = (!is_piece).then_some(text);
        let pieces = is_piece.then(|| telling_pieces(text)).into_iter().flatten();
        whole.into_iter().chain(pieces).map(move |text| Key { field: None, text, how })
    })
}

/// Calls `file` with the keys under which a row with this literal is found: one for each of its values, and of a
/// phrase its rarest word.
pub(super) fn keys<'a>(
    literal: &'a Literal,
    frequencies: &Table<Key<'a>, u32>,
    folding: Folding,
    mut file: impl FnMut(Key<'a>),
) {
    match literal.atom.selective() {
        Some(Selective::Words(keywords, _)) => {
            let rarity = |key: &Key<'a>| (key.how, frequencies.get(key).copied().unwrap_or_default());
            for keyword in keywords {
                for needle in keyword.needles() {
                    keys_of_needle(keyword, needle, folding).min_by_key(rarity).into_iter().for_each(&mut file);
                }
            }
        }
        Some(Selective::Values(field, any_of)) => {
            for one in any_of {
                file(Key::of_value(field, one));
            }
        }
        None => {}
    }
}

/// Whether a text with the keyword's key has the keyword: not of phrases, of pieces, where marks are compared, and where it
/// depends on the language.
pub(super) fn is_told_by_key(keyword: &Keyword, folding: Folding) -> bool {
    keyword.needles().all(|needle| {
        let mut keys = keys_of_needle(keyword, needle, folding);
        let single = keys.next().is_some_and(|key| key.how != How::Piece) && keys.next().is_none();
        single && !needle.has_marks() && needle.is_always()
    })
}
