//! A text as patterns see it: letters as in words, and between them what was written, so that a pattern may ask for
//! punctuation, spaces and the ends of lines.

use super::emoji::is_modifier;
use super::letters::is_mark;
use super::stream::{FOLDED_BYTES_MAX, Sink, pass};

/// `order #123456, café` of `"  ORDER #123456, ＣＡＦÉ "`: nothing but white space is left out, at both ends.
pub fn plain_into(plain: &mut String, text: &str) {
    plain.clear();
    pass(text, &mut Plain { plain });
    plain.truncate(plain.trim_end().len());
}

struct Plain<'a> {
    plain: &'a mut String,
}

impl Plain<'_> {
    fn push(&mut self, c: char) {
        if self.plain.len() + c.len_utf8() <= FOLDED_BYTES_MAX {
            self.plain.push(c);
        }
    }
}

impl Sink for Plain<'_> {
    fn ascii(&mut self, text: &str) {
        let text = if self.plain.is_empty() { text.trim_ascii_start() } else { text };
        let from = self.plain.len();
        self.plain.push_str(&text[..text.len().min(FOLDED_BYTES_MAX - from)]);
        self.plain[from..].make_ascii_lowercase();
    }

    fn letter(&mut self, c: char) {
        self.push(c);
    }

    fn mark(&mut self, _mark: char) {}

    fn attached(&mut self, mark: char) {
        self.push(mark);
    }

    fn last(&self) -> Option<char> {
        self.plain.chars().next_back().filter(|c| c.is_alphanumeric() || is_mark(*c))
    }

    fn becomes(&mut self, c: char) {
        self.plain.pop();
        self.push(c);
    }

    fn emoji(&mut self, parts: impl Iterator<Item = char>) {
        parts.for_each(|c| self.push(c));
    }

    fn other(&mut self, c: char) {
        let c = punctuation(c);
        let leads = c.is_whitespace() && self.plain.is_empty();
        if !leads && !is_modifier(c) {
            self.push(c);
        }
    }
}

/// Spaces, ends of lines, quotes and dashes have many forms, of which telephones choose one by themselves.
pub(crate) fn punctuation(c: char) -> char {
    match c {
        '\u{000b}' | '\u{000c}' | '\u{0085}' | '\u{2028}' | '\u{2029}' => '\n',
        '\u{2018}'..='\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2044}' => '/',
        _ if !c.is_ascii() && c.is_whitespace() => ' ',
        _ => c,
    }
}
