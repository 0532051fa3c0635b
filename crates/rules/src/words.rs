//! The words of an input in their folded form, part by part: what keywords are looked for in.

use waypost_domain::message::Part;

use crate::atom::{Keyword, Parts};
use crate::fold::fold_into;
use crate::input::{RouteInput, TEXT_CHARS_MAX};

/// One space before and behind each word, so two between parts: no phrase reaches from one into the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoldedWords {
    text: String,
    /// Each part's place in `text`; those that are not the customer's words stand last.
    parts: Vec<(Part, std::ops::Range<usize>)>,
    /// Where the customer's own words end.
    own: usize,
    buffer: String,
}

impl FoldedWords {
    pub(crate) fn of(input: &RouteInput) -> Self {
        let mut words = Self::default();
        words.read(input);
        words
    }

    /// What was read before goes; allocates nothing once it has grown.
    pub(crate) fn read(&mut self, input: &RouteInput) {
        self.text.clear();
        self.parts.clear();
        let is_own = |part: Part| Parts::OWN.contains(part);
        for (part, text) in input.parts().filter(|(part, _)| is_own(*part)) {
            self.add(part, text);
        }
        self.own = self.text.len();
        for (part, text) in input.parts().filter(|(part, _)| !is_own(*part)) {
            self.add(part, text);
        }
    }

    fn add(&mut self, part: Part, text: &str) {
        let start = self.text.len();
        if start == 0 {
            fold_into(&mut self.text, text, TEXT_CHARS_MAX);
        } else {
            fold_into(&mut self.buffer, text, TEXT_CHARS_MAX);
            self.text.push_str(&self.buffer);
        }
        self.parts.push((part, start..self.text.len()));
    }

    /// All of the customer's own.
    pub(crate) fn own(&self) -> &str {
        &self.text[..self.own]
    }

    /// Whether one of these parts has the keyword.
    pub(crate) fn have(&self, keyword: &Keyword, within: Parts) -> bool {
        if within == Parts::OWN {
            return keyword.holds(self.own());
        }
        self.parts.iter().any(|(part, place)| within.contains(*part) && keyword.holds(&self.text[place.clone()]))
    }
}
