//! The words of an input in their folded form, part by part: what keywords and patterns are looked for in.

use std::ops::Range;

use waypost_domain::message::Part;

use crate::atom::{Keyword, Parts};
use crate::fold::{Folding, Words, first_chars, is_emoji, plain_into};
use crate::forms::Only;
use crate::input::{RouteInput, TEXT_CHARS_MAX};

/// No phrase reaches from one part into the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoldedWords {
    words: Words,
    /// For patterns, all parts one behind the other; empty where there are none.
    plain: String,
    /// Those that are not the customer's words stand last.
    parts: Vec<FoldedPart>,
    /// Where the customer's own words end.
    own: usize,
    buffer: String,
}

/// What of an input anybody asks for beside its words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// For patterns, and not only for keywords.
    pub(crate) for_patterns: bool,
    /// The customer's language, which forms of words follow.
    pub(crate) language: bool,
}

#[derive(Debug, Clone)]
struct FoldedPart {
    part: Part,
    words: Range<usize>,
    plain: Range<usize>,
}

impl FoldedWords {
    /// What was read before goes; allocates nothing once it has grown.
    pub(crate) fn read(&mut self, input: &RouteInput, folding: Folding, wanted: Wanted) {
        let Wanted { for_patterns, language } = wanted;
        self.words.begin(folding);
        if language {
            self.words.language = Only::language(input.language.as_deref());
        }
        self.plain.clear();
        self.parts.clear();
        let mut all_own = true;
        for (part, text) in input.parts() {
            match Parts::OWN.contains(part) {
                true => self.add(part, text, for_patterns),
                false => all_own = false,
            }
        }
        self.own = self.words.as_str().len();
        if !all_own {
            for (part, text) in input.parts().filter(|(part, _)| !Parts::OWN.contains(*part)) {
                self.add(part, text, for_patterns);
            }
        }
    }

    fn add(&mut self, part: Part, text: &str, for_patterns: bool) {
        let text = first_chars(text, TEXT_CHARS_MAX);
        let words = self.words.add(text);
        let begin = self.plain.len();
        if for_patterns {
            plain_into(&mut self.buffer, text);
            self.plain.push_str(&self.buffer);
        }
        self.parts.push(FoldedPart { part, words, plain: begin..self.plain.len() });
    }

    pub(crate) fn folding(&self) -> Folding {
        self.words.folding()
    }

    /// All of the customer's own.
    pub(crate) fn own(&self) -> &str {
        &self.words.as_str()[..self.own]
    }

    /// Whether the customer's own words are emoji and nothing else.
    pub(crate) fn are_emoji(&self) -> bool {
        let mut words = self.own().split_ascii_whitespace().peekable();
        words.peek().is_some() && words.all(|word| word.starts_with(is_emoji))
    }

    /// Whether one of these parts has the keyword.
    pub(crate) fn have(&self, keyword: &Keyword, within: Parts) -> bool {
        if within == Parts::OWN {
            return keyword.holds_in(&self.words, 0..self.own);
        }
        let mut parts = self.parts.iter().filter(|one| within.contains(one.part));
        parts.any(|one| keyword.holds_in(&self.words, one.words.clone()))
    }

    /// These parts as patterns see them.
    pub(crate) fn plain(&self, within: Parts) -> impl Iterator<Item = &str> {
        let parts = self.parts.iter().filter(move |one| within.contains(one.part));
        parts.map(|one| &self.plain[one.plain.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_alone_are_told_from_words() {
        for (text, alone) in
            [("👍", true), ("❤️ 🙏🏽!", true), ("ok 👍", false), ("", false), ("1️⃣", false), ("!?", false)]
        {
            let input = RouteInput { text: Some(text.to_owned()), ..RouteInput::default() };
            let mut words = FoldedWords::default();
            words.read(&input, Folding::default(), Wanted::default());
            assert_eq!(words.are_emoji(), alone, "{text:?}");
        }
    }
}
