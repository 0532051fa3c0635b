//! Closing words: what customers write when they want nothing more. Data of its own, because rules look for words in a
//! text, and here all of the text has to be such words.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::fold::{Folding, Words, is_mark};

/// By language; phrases in commas, and signs.
const DATA: &str = include_str!("closing.txt");
/// Whoever writes more says more.
const CHARS_MAX: usize = 80;

static PHRASES: LazyLock<Closing> = LazyLock::new(|| Closing::read(DATA));

#[derive(Default)]
struct Closing {
    /// Folded.
    phrases: HashSet<String>,
    signs: HashSet<char>,
    /// Of the longest phrase.
    words_max: usize,
}

/// Whether `text` is closing words and nothing else: "Muchas gracias!", "ok, thanks 👍".
pub fn closes(text: &str) -> bool {
    text.chars().nth(CHARS_MAX).is_none() && PHRASES.are_all(text)
}

/// What may stand between closing words. A bracket that opens may be the mouth of a sad face.
const MARKS: &str = ".,!'\"-:;)*_~¡…。！，、،।";
/// In Persian, between parts of a word.
const NON_JOINER: char = '\u{200c}';

impl Closing {
    fn read(data: &str) -> Self {
        let mut closing = Self::default();
        for line in data.lines().filter(|line| !line.starts_with('#')) {
            let Some((language, rest)) = line.split_once(':') else { continue };
            if language == "signs" {
                closing.signs.extend(rest.chars().filter(|c| !c.is_whitespace()));
                continue;
            }
            for phrase in rest.split(',') {
                let folded = Words::of(Folding::default(), phrase).as_str().to_owned();
                closing.words_max = closing.words_max.max(folded.split_whitespace().count());
                closing.phrases.insert(folded);
            }
        }
        closing
    }

    fn are_all(&self, text: &str) -> bool {
        let is_sign = |c: char| self.signs.contains(&c);
        let is_of_word = |c: char| c.is_alphanumeric() || c.is_whitespace() || is_mark(c) || c == NON_JOINER;
        let may_stand = |c: char| is_of_word(c) || is_sign(c) || MARKS.contains(c);
        if !text.chars().all(may_stand) {
            return false;
        }
        let folded = Words::of(Folding::default(), text);
        let words: Vec<&str> = folded.as_str().split_whitespace().filter(|word| !word.chars().all(is_sign)).collect();
        if words.is_empty() {
            return text.chars().any(is_sign);
        }
        let mut at = 0;
        while at < words.len() {
            let longest = (1..=self.words_max.min(words.len() - at)).rev();
            let mut taken = longest.filter(|count| self.phrases.contains(&words[at..at + count].join(" ")));
            let Some(count) = taken.next() else { return false };
            at += count;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closing_words_close() {
        for text in [
            "gracias",
            "¡Muchas gracias!",
            "Danke",
            "vielen Dank!",
            "ok",
            "OK, thanks 👍",
            "👍",
            "👍🏽",
            "🙏🙏",
            "obrigada",
            "merci beaucoup",
            "شكرا",
            "شكرًا جزيلا",
            "धन्यवाद",
            "teşekkürler",
            "спасибо",
            "grazie mille",
            "谢谢",
            "谢谢！",
            "好的，谢谢。",
            "Thank you so much",
            "*Gracias* :)",
            "ok thanks bye",
            "❤️",
        ] {
            assert!(closes(text), "{text}");
        }
        for text in [
            "",
            " ",
            "?",
            "ok?",
            "ok :(",
            "great... >:(",
            "perfect #$%&!",
            "gracias, y mi factura",
            "thanks for nothing",
            "no",
            "danke, aber wo ist mein Paket",
            "😡",
            "gracias 😡",
            "invoice",
            "...",
            "1",
            "thank",
            &"ok ".repeat(40),
        ] {
            assert!(!closes(text), "{text:?}");
        }
    }
}
