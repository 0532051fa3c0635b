//! One pass over a text that tells its letters, marks, emoji and everything else apart: what words and patterns are both
//! made of. It must never join what is apart, nor leave a letter out.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use super::emoji;
use super::letters::{Letter, Mark, is_ignorable, letter, mark, stays, syllable};

/// A folded text has at most this many bytes, whatever it was made from.
pub const FOLDED_BYTES_MAX: usize = 64 * 1024;

/// What takes the parts of a text, in its order.
pub(super) trait Sink {
    /// A stretch of ASCII, as it was written.
    fn ascii(&mut self, text: &str);
    /// A letter or a digit, in its folded form.
    fn letter(&mut self, c: char);
    /// A mark on the letter before it, which a reader may leave out.
    fn mark(&mut self, mark: char);
    /// A mark that is a part of the word as letters are.
    fn attached(&mut self, mark: char);
    /// The letter before this, where it is one of the same word.
    fn last(&self) -> Option<char>;
    /// The letter before this is another one, with what came behind it.
    fn becomes(&mut self, c: char);
    /// The parts of an emoji.
    fn emoji(&mut self, parts: impl Iterator<Item = char>);
    /// Neither letter nor mark.
    fn other(&mut self, c: char);
}

pub(super) fn pass(text: &str, sink: &mut impl Sink) {
    let mut rest = text;
    // An ASCII character decomposes into itself and moves no mark around it: the tables are asked about the rest only.
    while !rest.is_empty() {
        let (ascii, others) = rest.split_at(rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()));
        if !ascii.is_empty() {
            sink.ascii(ascii);
        }
        let (others, next) = others.split_at(others.find(|c: char| c.is_ascii()).unwrap_or(others.len()));
        stretch(others, sink);
        rest = next;
    }
}

/// A stretch without ASCII: what normalisation would spoil, or needs no tables, is taken out of its way.
fn stretch(text: &str, sink: &mut impl Sink) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if stays(c) {
            sink.letter(c);
        } else if emoji::is_emoji(c) {
            length = emoji::length(rest).max(length);
            sink.emoji(emoji::parts(&rest[..length]));
        } else {
            length = rest.find(|c| stays(c) || emoji::is_emoji(c)).unwrap_or(rest.len());
            // What cannot be seen goes first: marks on both sides of it are in one order then.
            let seen = rest[..length].chars().filter(|c| !is_ignorable(*c));
            for c in seen.nfkd().default_case_fold().nfkd() {
                folded(c, sink);
            }
        }
        rest = &rest[length..];
    }
}

/// A character that was decomposed and is in lower case.
fn folded(c: char, sink: &mut impl Sink) {
    if is_ignorable(c) {
        // A filler may come out of a decomposition.
    } else if is_combining_mark(c) {
        marked(c, sink);
    } else if let Some(whole) = sink.last().and_then(|before| syllable(before, c)) {
        sink.becomes(whole);
    } else if c.is_alphanumeric() || letter(c) != Letter::One(c) {
        match letter(c) {
            Letter::One(c) => sink.letter(c),
            Letter::Two(a, b) => {
                sink.letter(a);
                sink.letter(b);
            }
            Letter::Marked(c, mark) => {
                sink.letter(c);
                sink.mark(mark);
            }
            Letter::Nothing => {}
            Letter::Apostrophe => sink.other('\''),
        }
    } else {
        sink.other(c);
    }
}

fn marked(c: char, sink: &mut impl Sink) {
    // One that stands on nothing is nothing.
    let Some(base) = sink.last() else { return };
    match mark(base, c) {
        Mark::Nothing => {}
        Mark::Optional(mark) => sink.mark(mark),
        Mark::Becomes(other) => sink.becomes(other),
        // Out of the order that normalisation gives, when what stood between is left out.
        Mark::Letter if is_out_of_order(base, c) => {}
        Mark::Letter => sink.attached(c),
    }
}

fn is_out_of_order(before: char, mark: char) -> bool {
    let class = canonical_combining_class(mark);
    class != 0 && canonical_combining_class(before) > class
}
