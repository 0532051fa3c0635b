//! What customers write when they want to hear no more, or hear again: words that have to be all of a message, and free wording
//! that only looks like it. Kept apart from the rules, because rules look for words in a text: "stop, he is not coming" stops
//! nothing.
//!
//! Must never take a sentence for a stop; what it cannot tell is for a person.

mod wording;

use std::collections::{HashMap, HashSet};

use crate::fold::{Folding, Words, is_emoji};

pub use wording::looks_like_stop;

/// Whoever writes more says more.
pub const CHARS_MAX: usize = 80;
/// What makes a question of it, in all scripts that have a sign for one.
const QUESTION: [char; 5] = ['?', '¿', '？', '؟', '⸮'];

/// What a message of nothing but such words says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// To hear again.
    Start,
    /// A word that means a stop only where it was offered: "cancel".
    Everyday,
    /// To hear no more offers.
    StopPromotions,
    /// To hear nothing more that the business begins.
    Stop,
}

/// The words of one language, as they were written down: phrases of any case, with or without accents.
#[derive(Debug, Clone, Copy)]
pub struct WordsOf<'a> {
    /// A tag; `any` for words that tell nothing of a language.
    pub language: &'a str,
    /// What each of them says.
    pub wishes: [(Wish, &'a [String]); 4],
    /// What may stand beside them and changes nothing: "please".
    pub fillers: &'a [String],
}

/// A message that is such words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard<'a> {
    pub wish: Wish,
    /// The language of the first of its words; `None` of one that many languages have.
    pub language: Option<&'a str>,
    /// In comparable form, to be looked for in what was offered.
    pub words: String,
}

/// All words of all languages, made comparable.
#[derive(Debug, Clone, Default)]
pub struct StopWords {
    phrases: HashMap<String, (Wish, Option<String>)>,
    fillers: HashSet<String>,
    /// Of the longest phrase or filler.
    words_max: usize,
}

/// In comparable form: one space between words, neither case nor accents nor punctuation nor emoji.
pub fn comparable(text: &str) -> String {
    let folded = Words::of(Folding::default(), text);
    let words = folded.as_str().split_whitespace().filter(|word| !word.starts_with(is_emoji));
    words.collect::<Vec<_>>().join(" ")
}

impl StopWords {
    /// Of what several languages have, the first one's meaning counts.
    pub fn new<'a>(languages: impl IntoIterator<Item = WordsOf<'a>>) -> Self {
        let mut all = Self::default();
        for WordsOf { language, wishes, fillers } in languages {
            let language = (language != "any").then(|| language.to_owned());
            for (wish, phrases) in wishes {
                for phrase in phrases {
                    let phrase = all.measured(phrase);
                    all.phrases.entry(phrase).or_insert_with(|| (wish, language.clone()));
                }
            }
            for filler in fillers {
                let filler = all.measured(filler);
                all.fillers.insert(filler);
            }
        }
        all
    }

    fn measured(&mut self, phrase: &str) -> String {
        let phrase = comparable(phrase);
        self.words_max = self.words_max.max(phrase.split(' ').count());
        phrase
    }

    /// What `text` says, if it is such words, however often, and nothing else. Of several stops the one that covers more counts;
    /// a stop and a start together say nothing, and what is asked as a question may be meant or not.
    pub fn hear(&self, text: &str) -> Option<Heard<'_>> {
        if text.chars().nth(CHARS_MAX).is_some() {
            return None;
        }
        let folded = comparable(text);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        let mut heard: Option<Heard<'_>> = None;
        let mut at = 0;
        while at < words.len() {
            let longest = (1..=self.words_max.min(words.len() - at)).rev();
            let mut taken = longest.map(|count| (count, words[at..at + count].join(" ")));
            let (count, phrase) =
                taken.find(|(_, phrase)| self.phrases.contains_key(phrase) || self.fillers.contains(phrase))?;
            at += count;
            let Some((wish, language)) = self.phrases.get(&phrase) else { continue };
            let one = Heard { wish: *wish, language: language.as_deref(), words: phrase };
            heard = Some(match heard {
                Some(before) => before.and(one)?,
                None => one,
            });
        }
        let heard = heard?;
        match heard.wish {
            Wish::Stop | Wish::StopPromotions if text.contains(QUESTION) => {
                Some(Heard { wish: Wish::Everyday, ..heard })
            }
            Wish::Start if text.contains(QUESTION) => None,
            Wish::Stop | Wish::StopPromotions | Wish::Everyday | Wish::Start => Some(heard),
        }
    }
}

impl<'a> Heard<'a> {
    fn and(self, other: Self) -> Option<Self> {
        if (self.wish == Wish::Start) != (other.wish == Wish::Start) {
            return None;
        }
        let language = self.language.or(other.language);
        let widest = if other.wish > self.wish { other } else { self };
        Some(Self { language, ..widest })
    }
}

#[cfg(test)]
mod tests;
