//! How text is made comparable: upper and lower case, accents, width and punctuation make no difference, words do.
//!
//! The result is the words with one space around each, so that looking for a phrase with its own surrounding spaces
//! finds whole words only. In scripts that write without spaces every character is a word of its own.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `" hello world "` of `"Hello, WÖRLD!"`. At most `chars_max` characters of `text` are looked at.
pub fn fold(text: &str, chars_max: usize) -> String {
    let mut folded = String::with_capacity(text.len().min(chars_max.saturating_mul(4)) + 2);
    fold_into(&mut folded, text, chars_max);
    folded
}

/// The same into a string that is used again and again, whose old content goes.
pub fn fold_into(folded: &mut String, text: &str, chars_max: usize) {
    let text = first_chars(text, chars_max);
    let mut words = Words::begin(folded);
    let mut rest = text;
    // An ASCII character decomposes into itself and moves no mark around it: the tables are asked about the rest only.
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
    words.end_word();
}

/// `text` up to this many characters.
pub(crate) fn first_chars(text: &str, chars_max: usize) -> &str {
    if text.len() <= chars_max {
        return text;
    }
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

/// What was folded so far.
struct Words<'a> {
    folded: &'a mut String,
    in_word: bool,
}

impl<'a> Words<'a> {
    fn begin(folded: &'a mut String) -> Self {
        folded.clear();
        folded.push(' ');
        Self { folded, in_word: false }
    }

    fn push_ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.folded.push(char::from(byte.to_ascii_lowercase()));
            self.in_word = true;
        } else {
            self.end_word();
        }
    }

    fn push(&mut self, c: char) {
        if is_accent(c) {
            return;
        }
        let word = c.is_alphanumeric() || is_combining_mark(c);
        if !word || is_unspaced(c) {
            self.end_word();
        }
        if word {
            self.folded.push(c);
            self.in_word = true;
            if is_unspaced(c) {
                self.end_word();
            }
        }
    }

    fn end_word(&mut self) {
        if self.in_word {
            self.folded.push(' ');
            self.in_word = false;
        }
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
    use proptest::prelude::*;

    #[test]
    fn what_is_the_same_word() {
        let cases = [
            ("Hello, WÖRLD!", " hello world "),
            ("¿Dónde está mi FACTURA?", " donde esta mi factura "),
            ("Straße", " strasse "),
            ("ＦＵＬＬ width", " full width "),
            ("ﬁnd", " find "),
            ("اَلسَّلَامُ", " السلام "),
            ("की का", " की का "),
            ("请问发票", " 请 问 发 票 "),
            ("a发b", " a 发 b "),
            ("", " "),
            ("?!", " "),
        ];
        for (text, want) in cases {
            assert_eq!(fold(text, 1000), want, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(fold(&"ab ".repeat(10), 4), " ab a ");
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text, 1000);
            prop_assert_eq!(fold(&once, 10_000), once);
        }

        #[test]
        fn ascii_needs_no_tables(text in "[a-zA-Z0-9 .,'éÅ\u{301}\u{327}\u{338}Ωßﬁ发かい゙ฉั]{0,40}") {
            let mut by_tables = String::new();
            let mut words = Words::begin(&mut by_tables);
            for c in text.chars().nfkd().default_case_fold().nfkd() {
                words.push(c);
            }
            words.end_word();
            prop_assert_eq!(fold(&text, 1000), by_tables);
        }
    }
}
