//! The folding of the releases up to 0.1, for rule sets that were kept by them. It never changes: what they decided is
//! still explained by it.
//!
//! Every character of a script without spaces is a word of its own; marks are left out on both sides.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub(super) fn fold_into(folded: &mut String, text: &str) {
    let begin = folded.len();
    let mut words = Words { folded, begin, in_word: false };
    let mut rest = text;
    while !rest.is_empty() {
        let (ascii, others) = rest.split_at(rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()));
        for byte in ascii.bytes() {
            words.push_ascii(byte);
        }
        let (others, next) = others.split_at(others.find(|c: char| c.is_ascii()).unwrap_or(others.len()));
        for c in others.nfkd().default_case_fold().nfkd() {
            words.push(c);
        }
        rest = next;
    }
}

/// What was folded so far.
struct Words<'a> {
    folded: &'a mut String,
    /// Where the text begins.
    begin: usize,
    in_word: bool,
}

impl Words<'_> {
    fn push_ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.begin_word();
            self.folded.push(char::from(byte.to_ascii_lowercase()));
        } else {
            self.in_word = false;
        }
    }

    fn push(&mut self, c: char) {
        if is_accent(c) {
            return;
        }
        let word = c.is_alphanumeric() || is_combining_mark(c);
        if !word || is_unspaced(c) {
            self.in_word = false;
        }
        if word {
            self.begin_word();
            self.folded.push(c);
            self.in_word = !is_unspaced(c);
        }
    }

    fn begin_word(&mut self) {
        if !self.in_word && self.folded.len() > self.begin {
            self.folded.push(' ');
        }
        self.in_word = true;
    }
}

/// Marks that a reader of Latin, Greek, Cyrillic, Hebrew or Arabic leaves out when in a hurry. The vowel signs of
/// Indic scripts are marks too, but they make another word.
const fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}'
        | '\u{0483}'..='\u{0487}'
        | '\u{0591}'..='\u{05c7}'
        | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}'
        | '\u{0670}'
        | '\u{0640}' // tatweel stretches a word and says nothing
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe2f}')
}

/// Thai, Lao, Myanmar, Khmer, kana and Han: written without spaces between words.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: what the releases up to 0.1 made of these.
    #[test]
    fn what_was_the_same_word() {
        let cases = [
            ("Hello, WÖRLD!", "hello world"),
            ("¿Dónde está mi FACTURA?", "donde esta mi factura"),
            ("Straße", "strasse"),
            ("ＦＵＬＬ width", "full width"),
            ("ﬁnd", "find"),
            ("اَلسَّلَامُ", "السلام"),
            ("की का", "की का"),
            ("请问发票", "请 问 发 票"),
            ("a发b", "a 发 b"),
            ("KAYIT płatność", "kayit płatnosc"),
            ("мой", "мои"),
            ("👍", ""),
            ("?!", ""),
        ];
        for (text, want) in cases {
            let mut folded = String::new();
            fold_into(&mut folded, text);
            assert_eq!(folded, want, "{text:?}");
        }
    }
}
