//! What a character is: which letters are the same one written differently, which marks a reader leaves out in a hurry,
//! what cannot be seen, and in which scripts words stand without spaces. Tables only; texts are for the others here.
//!
//! Properties that are not tabled here come from the Unicode crates: <https://www.unicode.org/reports/tr44/>.

use unicode_normalization::char::{canonical_combining_class, compose, is_combining_mark};
use waypost_domain::digits;

/// How the words of a script are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// With spaces. Also what a text of before is made of altogether.
    Word,
    /// Particles and endings follow without a space.
    Hangul,
    /// Loan words, next to each other where they make a longer one.
    Katakana,
    /// Thai, Lao, Myanmar, Khmer, Han, hiragana: no spaces at all.
    Inside,
    /// One grapheme cluster.
    Emoji,
}

impl Class {
    /// Of a letter behind a word of class `before`.
    pub(super) fn of(c: char, before: Option<Self>) -> Self {
        match (c, before) {
            // Both kana use the mark of a long vowel.
            ('\u{30fc}', Some(Self::Inside)) => Self::Inside,
            _ => Self::of_first(c),
        }
    }

    /// Of a word, by its first character.
    pub(crate) fn of_first(c: char) -> Self {
        match c {
            '\0'..='\u{0dff}' => Self::Word,
            '\u{0e00}'..='\u{0eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{309f}'
            | '\u{3100}'..='\u{312f}'
            | '\u{31a0}'..='\u{31bf}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{aa60}'..='\u{aa7f}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}' => Self::Inside,
            '\u{30a0}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Self::Katakana,
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' => {
                Self::Hangul
            }
            // No letter or digit is left that is written as a picture.
            _ if !c.is_alphanumeric() && !is_combining_mark(c) => Self::Emoji,
            _ => Self::Word,
        }
    }
}

/// Characters that normalisation leaves as they are, the many of the languages without spaces: they need no tables.
pub(super) const fn stays(c: char) -> bool {
    matches!(c,
        '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'
        // Letters of Hangul that stand alone (ㅋㅋ): normalised, they would join their neighbours' syllables.
        | '\u{3131}'..='\u{3163}'
        | '\u{3165}'..='\u{318e}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}')
}

/// `Default_Ignorable_Code_Point`: what is there and cannot be seen.
pub(super) const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{00ad}'
        | '\u{034f}'
        | '\u{061c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A letter by the one that it is a way of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    One(char),
    Two(char, char),
    /// A letter with a mark that has no character of its own.
    Marked(char, char),
    /// It only stretches the word.
    Nothing,
    /// An apostrophe that Unicode counts as a letter: it parts words as the other apostrophes do.
    Apostrophe,
}

/// U+0335, a short stroke through the letter.
const STROKE: char = '\u{0335}';

/// `c`: decomposed, and in lower case.
pub(super) fn letter(c: char) -> Letter {
    let base = match c {
        // Dotless: Turkish writes KAYIT for kayıt.
        'ı' => 'i',
        // Hebrew and Arabic letters at the end of a word, in Urdu and in Persian.
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        '\u{0671}'..='\u{0673}' => '\u{0627}', // alef with wasla or a wavy hamza
        '\u{0649}' | '\u{06cc}' => '\u{064a}', // yeh
        '\u{06a9}' | '\u{06aa}' => '\u{0643}', // kaf
        '\u{0629}' | '\u{06c1}' | '\u{06c3}' | '\u{06d5}' => '\u{0647}', // heh, and the teh that looks like it
        'æ' => return Letter::Two('a', 'e'),
        'œ' => return Letter::Two('o', 'e'),
        '\u{0640}' => return Letter::Nothing, // tatweel
        '\u{02b9}'..='\u{02bf}' => return Letter::Apostrophe,
        _ => {
            return unstroked(c).map_or(
                Letter::One(digits::of_script(c).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)),
                |base| Letter::Marked(base, STROKE),
            );
        }
    };
    Letter::One(base)
}

/// Strokes and bars have no decomposition: ł, đ, ø and their like.
const fn unstroked(c: char) -> Option<char> {
    Some(match c {
        'ⱥ' => 'a',
        'ƀ' => 'b',
        'ȼ' => 'c',
        'đ' => 'd',
        'ɇ' => 'e',
        'ꞙ' => 'f',
        'ǥ' | 'ꞡ' => 'g',
        'ħ' => 'h',
        'ɨ' => 'i',
        'ɉ' => 'j',
        'ꝁ' | 'ꞣ' => 'k',
        'ł' | 'ƚ' => 'l',
        'ꞥ' => 'n',
        'ø' | 'ɵ' => 'o',
        'ᵽ' => 'p',
        'ɍ' | 'ꞧ' => 'r',
        'ꞩ' => 's',
        'ŧ' | 'ⱦ' => 't',
        'ʉ' => 'u',
        'ɏ' => 'y',
        'ƶ' => 'z',
        _ => return None,
    })
}

/// What a combining mark is to the letter before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing: it is left out on both sides.
    Nothing,
    /// One that a reader may leave out, and that tells two words apart where neither does.
    Optional(char),
    /// Together with its letter it is this other letter.
    Becomes(char),
    /// A part of the word as letters are, such as the vowel signs of Indic scripts.
    Letter,
}

/// `base`: the letter before it in the same word, as it was folded.
pub(super) fn mark(base: char, mark: char) -> Mark {
    match (base, mark) {
        // Devanagari only: in Bengali these make other letters.
        (_, '\u{0900}' | '\u{0901}' | '\u{093c}') => Mark::Nothing,
        // Around letters and symbols; on a digit, what makes a key of it.
        (_, '\u{20d0}'..='\u{20ff}') => Mark::Nothing,
        // İ in lower case.
        ('i' | 'j', '\u{0307}') => Mark::Nothing,
        // The forms of alef: madda, hamza above and below.
        ('\u{0627}', '\u{0653}'..='\u{0655}') => Mark::Nothing,
        // Romanian ș and ț, written with the cedilla that older fonts had.
        ('s' | 't', '\u{0327}') => Mark::Optional('\u{0326}'),
        // Stress, and the two dots that Russian leaves out.
        ('\u{0400}'..='\u{052f}', '\u{0301}') if !matches!(base, 'г' | 'к') => Mark::Optional(mark),
        ('\u{0400}'..='\u{052f}', '\u{0300}') | ('е', '\u{0308}') => Mark::Optional(mark),
        (letter @ '\u{0400}'..='\u{052f}', _) if is_optional(mark) => {
            compose(letter, mark).map_or(Mark::Optional(mark), Mark::Becomes)
        }
        // Of another script: in front of a mark of its own, it would keep the two from being one letter.
        ('\u{0400}'..='\u{052f}', _) => Mark::Nothing,
        (letter @ '\u{3040}'..='\u{30ff}', '\u{3099}' | '\u{309a}') => {
            compose(letter, mark).map_or(Mark::Letter, Mark::Becomes)
        }
        (_, '\u{3099}' | '\u{309a}') => Mark::Nothing,
        _ if is_optional(mark) => Mark::Optional(mark),
        _ => Mark::Letter,
    }
}

/// The marks of Latin, Greek, Cyrillic, Hebrew and Arabic.
const fn is_optional(mark: char) -> bool {
    matches!(mark,
        '\u{0300}'..='\u{036f}'
        | '\u{0483}'..='\u{0487}'
        | '\u{0591}'..='\u{05bd}'
        | '\u{05bf}'..='\u{05c7}'
        | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}'
        | '\u{0670}'
        | '\u{06d6}'..='\u{06ed}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// The syllable of Hangul that two parts of one make.
pub(super) fn syllable(before: char, part: char) -> Option<char> {
    match part {
        '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}' => compose(before, part),
        _ => None,
    }
}

/// Whether a word cannot be cut before this character, because it belongs to the letter there: a sign such as nukta or
/// virama that is no vowel.
pub(crate) fn belongs_to_letter(c: char) -> bool {
    !c.is_ascii() && canonical_combining_class(c) != 0
}

/// Whether this hangs on the letter before it: vowel signs too.
pub(crate) fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c)
}
