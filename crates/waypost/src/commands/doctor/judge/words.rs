//! Words of Meta's for how something stands, by tables: what each means, how bad it is, and what to do.

use crate::commands::doctor::finding::{Check, Finding, Level, Subject};

/// One word.
pub(super) struct Word {
    pub(super) word: &'static str,
    pub(super) level: Level,
    pub(super) means: &'static str,
    /// Empty for what is ok.
    pub(super) remedy: &'static str,
}

pub(super) const fn ok(word: &'static str, means: &'static str) -> Word {
    Word { word, level: Level::Ok, means, remedy: "" }
}

pub(super) const fn warn(word: &'static str, means: &'static str, remedy: &'static str) -> Word {
    Word { word, level: Level::Warn, means, remedy }
}

pub(super) const fn bad(word: &'static str, means: &'static str, remedy: &'static str) -> Word {
    Word { word, level: Level::Bad, means, remedy }
}

/// What a word comes to; `of` stands before it. Meta adds some: what the table lacks is shown, and somebody should look.
pub(super) fn judged(subject: &Subject, check: Check, of: &str, said: Option<&str>, words: &[Word]) -> Finding {
    const LOOK: &str = "look into WhatsApp Manager";
    let Some(said) = said.filter(|word| !word.is_empty()) else {
        return subject.warn(check, format!("{of}Meta does not say"), LOOK);
    };
    match words.iter().find(|word| word.word.eq_ignore_ascii_case(said)) {
        Some(word) if word.means.is_empty() => subject.at(word.level, check, format!("{of}{said}"), word.remedy),
        Some(word) => subject.at(word.level, check, format!("{of}{said}, {}", word.means), word.remedy),
        None => subject.warn(check, format!("{of}Meta says {said}, which is not known here"), LOOK),
    }
}
