//! Keywords: what a rule looks for in the words of a text, and where in a word it may stand. The one place that says
//! so; the index finds candidates by the same parts.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::fold::{Class, Folding, Marks, Words, belongs_to_letter, is_mark};
use crate::forms::{Forms, Only, forms};
use crate::proclitics::proclitics;

/// Each of ä, ö and ü in two ways, so that a word of three has eight; any more are written alike.
const UMLAUTS_APART: usize = 3;

/// A word or a phrase, or what its last word begins with. Two are equal that are written alike and looked for in the same
/// forms, whatever folding sees them, and whatever list they are from.
#[derive(Debug, Clone)]
pub struct Keyword {
    text: Box<str>,
    prefix: bool,
    /// A star in front: it may stand inside a run of Hangul or katakana.
    inside: bool,
    forms: Option<Forms>,
    needle: Needle,
    /// The same with ae, oe, ue for ä, ö, ü; and the forms of all of them.
    others: Box<[Needle]>,
    /// The list of words that it stands for, where a rule names one: see [`crate::word_lists`].
    list: Option<Arc<str>>,
}

/// A way to write a keyword, in its folded form.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    words: Box<str>,
    marks: Box<[Marks]>,
    /// Of a form: the languages in which it is one.
    only: Only,
}

impl Keyword {
    pub fn word(text: &str) -> Self {
        Self::new(Folding::default(), text, false)
    }

    pub fn prefix(text: &str) -> Self {
        Self::new(Folding::default(), text, true)
    }

    fn new(folding: Folding, text: &str, prefix: bool) -> Self {
        let needle = Needle::of(Words::of(folding, text));
        let starred = text.starts_with('*') && folding != Folding::V1;
        let inside = starred && matches!(folding.class(&needle.words), Class::Hangul | Class::Katakana);
        let others = if folding == Folding::V1 { Box::default() } else { needle.umlauts_spelt_out() };
        Self { text: text.into(), prefix, inside, forms: None, needle, others, list: None }
    }

    /// The same keyword as another folding sees it.
    pub(crate) fn by(&self, folding: Folding) -> Self {
        let same = Self::new(folding, &self.text, self.prefix);
        Self { list: self.list.clone(), ..self.forms.map_or(same.clone(), |forms| same.in_forms(forms)) }
    }

    /// The same keyword, and its forms. One with a star has none: it says itself which ends there may be.
    #[must_use]
    pub fn in_forms(mut self, forms: Forms) -> Self {
        if self.prefix {
            return self;
        }
        let formed: Vec<Needle> = self.needles().flat_map(|needle| needle.formed(forms)).collect();
        self.forms = Some(forms);
        self.others = self.others.into_iter().chain(formed).collect();
        self
    }

    /// In which languages its forms are looked for, where they are.
    pub const fn forms(&self) -> Option<Forms> {
        self.forms
    }

    /// Ways to write it, but for its own.
    pub(crate) fn other_ways(&self) -> usize {
        self.others.len()
    }

    /// Whether it is looked for in any form but its own.
    pub(crate) fn has_forms(&self) -> bool {
        self.forms.is_some_and(|forms| self.needle.formed(forms).next().is_some())
    }

    /// The same keyword as a part of a list.
    #[must_use]
    pub fn of_list(mut self, list: Arc<str>) -> Self {
        self.list = Some(list);
        self
    }

    /// The list that it is from.
    pub fn list(&self) -> Option<&str> {
        self.list.as_deref()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_prefix(&self) -> bool {
        self.prefix
    }

    /// Whether it may stand inside a run of a script in which others stand at the beginning.
    pub(crate) fn is_inside(&self) -> bool {
        self.inside
    }

    /// The folded words, with one space between them.
    pub fn needle(&self) -> &str {
        &self.needle.words
    }

    pub(crate) fn needles(&self) -> impl Iterator<Item = &Needle> {
        std::iter::once(&self.needle).chain(&self.others)
    }

    /// Whether there is nothing to look for.
    pub fn is_blank(&self) -> bool {
        self.needle.words.is_empty()
    }

    pub fn holds(&self, words: &Words) -> bool {
        self.holds_in(words, 0..words.text.len())
    }

    /// Whether the words of this stretch, which begins and ends with a text, have it.
    pub(crate) fn holds_in(&self, words: &Words, within: Range<usize>) -> bool {
        let text = words.text.get(within.clone()).unwrap_or_default();
        let mut needles = self.needles().filter(|needle| needle.only.holds(words.language));
        needles.any(|needle| Search { keyword: self, needle, words, text, begin: within.start }.finds())
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.prefix, self.forms) == (&other.text, other.prefix, other.forms)
    }
}

impl Eq for Keyword {}

impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.text, self.prefix, self.forms).cmp(&(&other.text, other.prefix, other.forms))
    }
}

impl Hash for Keyword {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.text, self.prefix, self.forms).hash(state);
    }
}

impl Needle {
    fn of(words: Words) -> Self {
        Self { words: words.text.into(), marks: words.marks.into(), only: Only::default() }
    }

    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether it counts whatever the customer's language is.
    pub(crate) const fn is_always(&self) -> bool {
        self.only.is_always()
    }

    /// The forms of its words. A letter that is the same keeps its marks.
    fn formed(&self, of: Forms) -> impl Iterator<Item = Self> {
        forms(&self.words, of).into_iter().map(|(phrase, only)| self.form(&phrase, only))
    }

    fn form(&self, phrase: &[(&str, String)], only: Only) -> Self {
        let (mut words, mut marks) = (String::new(), Vec::new());
        for (word, form) in phrase {
            if !words.is_empty() {
                words.push(' ');
            }
            let (was, is) = (word.as_ptr().addr() - self.words.as_ptr().addr(), words.len());
            let same = word.bytes().zip(form.bytes()).take_while(|(a, b)| a == b).count();
            let kept = self.marks.iter().filter(|one| (was..was + same).contains(&(one.at as usize)));
            marks.extend(kept.filter_map(|one| Some(one.moved_to(u32::try_from(one.at as usize - was + is).ok()?))));
            words.push_str(form);
        }
        Self { words: words.into(), marks: marks.into(), only }
    }

    fn umlauts_spelt_out(&self) -> Box<[Self]> {
        let is_umlaut = |marks: &&Marks| {
            marks.is_diaeresis() && matches!(self.words.as_bytes().get(marks.at as usize), Some(b'a' | b'o' | b'u'))
        };
        let umlauts: Vec<u32> = self.marks.iter().filter(is_umlaut).map(|marks| marks.at).collect();
        let apart = umlauts.len().min(UMLAUTS_APART);
        (1..1_usize << apart)
            .map(|chosen| {
                let spelt = |place: usize| chosen >> place.min(apart - 1) & 1 == 1;
                let chosen = umlauts.iter().enumerate().filter(|(place, _)| spelt(*place)).map(|(_, at)| *at);
                self.spelt_out(&chosen.collect::<Vec<u32>>())
            })
            .collect()
    }

    /// With an e behind each of these letters instead of the dots above it.
    fn spelt_out(&self, umlauts: &[u32]) -> Self {
        let mut words = String::with_capacity(self.words.len() + umlauts.len());
        for (at, c) in self.words.char_indices() {
            words.push(c);
            if umlauts.iter().any(|umlaut| *umlaut as usize == at) {
                words.push('e');
            }
        }
        let before = |at: u32| u32::try_from(umlauts.iter().filter(|umlaut| **umlaut < at).count()).unwrap_or_default();
        let left = self.marks.iter().filter(|marks| !umlauts.contains(&marks.at));
        let marks = left.map(|marks| marks.moved_to(marks.at + before(marks.at))).collect();
        Self { words: words.into(), marks, only: Only::default() }
    }
}

/// A needle that is looked for in a text.
#[derive(Clone, Copy)]
struct Search<'a> {
    keyword: &'a Keyword,
    needle: &'a Needle,
    words: &'a Words,
    /// The words that count, and where they begin.
    text: &'a str,
    begin: usize,
}

/// A word of the needle.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    /// Where it begins in the needle.
    at: usize,
    class: Class,
    first: bool,
    last: bool,
}

impl<'a> Search<'a> {
    /// Every place where the first part stands is tried.
    fn finds(self) -> bool {
        let Some(first) = self.part(0) else { return false };
        let text = self.text;
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(first.text)) {
            let at = from + found;
            if self.may_begin(first, at) && self.stands_at(first, at) {
                return true;
            }
            from = at + first.text.chars().next().map_or(1, char::len_utf8);
        }
        false
    }

    /// The part that begins at this place of the needle.
    fn part(self, at: usize) -> Option<Part<'a>> {
        let rest = self.needle.words.get(at..).filter(|rest| !rest.is_empty())?;
        let text = rest.split(' ').next().unwrap_or(rest);
        let class = self.words.folding.class(text);
        Some(Part { text, at, class, first: at == 0, last: text.len() == rest.len() })
    }

    /// Whether a part that stands there begins where it may.
    fn may_begin(self, part: Part<'_>, at: usize) -> bool {
        let text = self.text;
        if at == 0 || text.as_bytes().get(at - 1) == Some(&b' ') {
            return true;
        }
        match part.class {
            Class::Inside => part.first,
            Class::Hangul | Class::Katakana => self.keyword.inside && part.first,
            Class::Word if self.words.folding == Folding::V1 => false,
            Class::Word => {
                let (before, rest) = text.split_at(at);
                let begin = before.rfind(' ').map_or(0, |space| space + 1);
                let end = at + rest.find(' ').unwrap_or(rest.len());
                proclitics(&text[begin..end]).any(|rest| end - rest.len() == at)
            }
            Class::Emoji => false,
        }
    }

    /// Whether this part, which is written there, ends where it may, with marks that agree, and the next parts follow.
    fn stands_at(self, part: Part<'_>, at: usize) -> bool {
        let text = self.text;
        let end = at + part.text.len();
        let Some(rest) = text.get(end..) else { return false };
        let word_end = end + rest.find(' ').unwrap_or(rest.len());
        if !(self.may_end(part, rest, end == word_end) && self.marks_agree(part, at)) {
            return false;
        }
        if part.last {
            return true;
        }
        let Some(next) = self.part(part.at + part.text.len() + 1) else { return false };
        let Some(begin) = self.next_word(word_end, next.class) else { return false };
        let word = text[begin..].split(' ').next().unwrap_or_default();
        let rests = (next.class == Class::Word && self.words.folding != Folding::V1).then(|| proclitics(word));
        std::iter::once(word).chain(rests.into_iter().flatten()).any(|rest| {
            let at = begin + word.len() - rest.len();
            rest.starts_with(next.text) && self.stands_at(next, at)
        })
    }

    /// `rest`: what follows in the text.
    fn may_end(self, part: Part<'_>, rest: &str, at_word_end: bool) -> bool {
        if at_word_end {
            return true;
        }
        let next = rest.chars().next();
        match part.class {
            Class::Word if self.words.folding == Folding::V1 => part.last && self.keyword.prefix,
            Class::Word => part.last && self.keyword.prefix && !next.is_some_and(belongs_to_letter),
            // A syllable alone is the end or the beginning of too many words.
            Class::Hangul => {
                let starred = (part.first && self.keyword.inside) || (part.last && self.keyword.prefix);
                starred || part.is_longer_than_one()
            }
            Class::Katakana => true,
            Class::Inside => part.last && !next.is_some_and(is_mark),
            Class::Emoji => false,
        }
    }

    fn marks_agree(self, part: Part<'_>, at: usize) -> bool {
        let within = part.at..part.at + part.text.len();
        let mut ours = self.needle.marks.iter().filter(|marks| within.contains(&(marks.at as usize)));
        ours.all(|ours| {
            let theirs = self.words.marks_at(self.begin + at + ours.at as usize - part.at);
            theirs.is_none_or(|theirs| ours.agrees(theirs))
        })
    }

    /// Where the word behind this one begins. Emoji in between are passed over, as punctuation is, by a phrase without.
    fn next_word(self, mut word_end: usize, class: Class) -> Option<usize> {
        loop {
            let begin = word_end + 1;
            // Behind the last word of a text, there is no word or another space.
            let rest = self.text.get(begin..).filter(|rest| !rest.is_empty() && !rest.starts_with(' '))?;
            if class == Class::Emoji || self.words.folding.class(rest) != Class::Emoji {
                return Some(begin);
            }
            word_end = begin + rest.find(' ').unwrap_or(rest.len());
        }
    }
}

impl Part<'_> {
    fn is_longer_than_one(self) -> bool {
        self.text.chars().nth(1).is_some()
    }
}

#[cfg(test)]
mod tests;
