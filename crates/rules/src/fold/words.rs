//! A text as words: one space between them, and the marks that readers leave out beside them.

use std::ops::Range;

use super::before;
use super::letters::Class;
use super::stream::{FOLDED_BYTES_MAX, Sink, pass};
use crate::forms::Only;

/// Between two texts: no phrase has two spaces.
const APART: &str = "  ";

/// How words are made comparable. It is a part of a rule set's version, so that what was decided by one goes on being
/// decided, and explained, by that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Folding {
    /// Case, accents, width; each letter of an unspaced script is a word. Patterns see what was written. Of the releases
    /// up to 0.1.
    V1,
    /// [`super`] says what is equal.
    #[default]
    V2,
}

impl Folding {
    /// The newest first.
    pub const ALL: [Self; 2] = [Self::V2, Self::V1];

    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// Of a word, by its first character.
    pub(crate) fn class(self, word: &str) -> Class {
        match (self, word.chars().next()) {
            (Self::V2, Some(first)) => Class::of_first(first),
            (Self::V1, _) | (_, None) => Class::Word,
        }
    }
}

/// The words of a text, or of several. A word whose script has no spaces is a run of its letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    pub(crate) folding: Folding,
    /// With one space between them, none around, and two between texts.
    pub(crate) text: String,
    /// In the order of their letters.
    pub(crate) marks: Vec<Marks>,
    /// The customer's, where forms of words follow it.
    pub(crate) language: Only,
}

/// The marks on one letter, as far as a reader may leave them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Marks {
    /// Where the letter begins in the text, in bytes.
    pub(crate) at: u32,
    /// Up to four, of 16 bits each; more are none that a language has.
    marks: u64,
}

impl Marks {
    fn add(&mut self, mark: char) {
        let Ok(mark) = u16::try_from(u32::from(mark)) else { return };
        if self.marks >> 48 == 0 && !self.each().any(|other| other == u64::from(mark)) {
            self.marks = self.marks << 16 | u64::from(mark);
        }
    }

    fn each(self) -> impl Iterator<Item = u64> {
        (0..4).map(move |place| self.marks >> (16 * place) & 0xffff).filter(|mark| *mark != 0)
    }

    /// The same, elsewhere in a text.
    pub(crate) const fn moved_to(self, at: u32) -> Self {
        Self { at, marks: self.marks }
    }

    /// Whether one of the two only leaves marks out that the other has.
    pub(crate) fn agrees(self, other: Self) -> bool {
        let within = |few: Self, many: Self| few.each().all(|mark| many.each().any(|other| other == mark));
        self.marks == other.marks || within(self, other) || within(other, self)
    }

    /// Whether these are two dots alone, those of ä, ö and ü.
    pub(crate) const fn is_diaeresis(self) -> bool {
        self.marks == 0x0308
    }
}

impl Words {
    pub fn of(folding: Folding, text: &str) -> Self {
        let mut words = Self::default();
        words.begin(folding);
        words.add(text);
        words
    }

    /// What was in it goes.
    pub fn begin(&mut self, folding: Folding) {
        self.folding = folding;
        self.text.clear();
        self.marks.clear();
        self.language = Only::default();
    }

    /// Adds a text, apart from those before it, and says where it stands.
    pub fn add(&mut self, text: &str) -> Range<usize> {
        let end = self.text.len();
        if end > 0 {
            self.text.push_str(APART);
        }
        let begin = self.text.len();
        match self.folding {
            Folding::V1 => before::fold_into(&mut self.text, text),
            Folding::V2 => pass(text, &mut Folder { words: self, begin, class: None }),
        }
        if self.text.len() == begin {
            self.text.truncate(end);
            return end..end;
        }
        begin..self.text.len()
    }

    pub fn folding(&self) -> Folding {
        self.folding
    }

    /// `hello world` of `"Hello, WÖRLD!"`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The marks on the letter that begins there.
    pub(crate) fn marks_at(&self, at: usize) -> Option<Marks> {
        let place = self.marks.binary_search_by(|marks| (marks.at as usize).cmp(&at)).ok()?;
        self.marks.get(place).copied()
    }
}

struct Folder<'a> {
    words: &'a mut Words,
    /// Where the text begins.
    begin: usize,
    /// Of the word that has begun.
    class: Option<Class>,
}

impl Folder<'_> {
    /// Makes room between this word and the one before, unless it is the same.
    fn go_on(&mut self, class: Class) {
        if self.class != Some(class) {
            self.class = Some(class);
            if self.words.text.len() > self.begin {
                self.words.text.push(' ');
            }
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.words.text.len() + bytes < FOLDED_BYTES_MAX
    }
}

impl Sink for Folder<'_> {
    fn ascii(&mut self, text: &str) {
        let text = &text[..text.len().min(FOLDED_BYTES_MAX.saturating_sub(self.words.text.len() + 1))];
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() {
                self.go_on(Class::Word);
                self.words.text.push(char::from(byte.to_ascii_lowercase()));
            } else {
                self.class = None;
            }
        }
    }

    fn letter(&mut self, c: char) {
        if self.has_room(c.len_utf8() + 1) {
            self.go_on(Class::of(c, self.class));
            self.words.text.push(c);
        }
    }

    fn mark(&mut self, mark: char) {
        let Some(letter) = self.last() else { return };
        let Ok(at) = u32::try_from(self.words.text.len() - letter.len_utf8()) else { return };
        match self.words.marks.last_mut().filter(|marks| marks.at == at) {
            Some(marks) => marks.add(mark),
            None => {
                let mut marks = Marks { at, marks: 0 };
                marks.add(mark);
                self.words.marks.push(marks);
            }
        }
    }

    fn attached(&mut self, mark: char) {
        if self.has_room(mark.len_utf8()) {
            self.words.text.push(mark);
        }
    }

    fn last(&self) -> Option<char> {
        match self.class {
            None | Some(Class::Emoji) => None,
            Some(_) => self.words.text.chars().next_back(),
        }
    }

    fn becomes(&mut self, c: char) {
        self.words.text.pop();
        self.words.text.push(c);
    }

    fn emoji(&mut self, parts: impl Iterator<Item = char>) {
        // Two of them are two words.
        self.class = None;
        for c in parts {
            if self.has_room(c.len_utf8() + 1) {
                self.go_on(Class::Emoji);
                self.words.text.push(c);
            }
        }
        self.class = None;
    }

    fn other(&mut self, _c: char) {
        self.class = None;
    }
}
