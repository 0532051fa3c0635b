//! Forms of keywords: plurals and simple endings, put beside a keyword when it is read, so that whatever looks for keywords
//! looks for them as for any word. What is made of a word is in `endings`; nothing is known of words, only of their ends.

use std::collections::BTreeMap;
use std::ops::BitOr;

mod endings;

/// Ways to write a phrase at most, in one language: where there are more, one word at a time is another.
const PHRASE_FORMS_MAX: usize = 64;
/// A phrase of more words has no forms.
pub(crate) const PHRASE_WORDS_MAX: usize = 6;

/// Part of a rule set's version where any keyword asks for forms: other forms would be other decisions.
pub(crate) const FORMS_VERSION: u32 = 1;

/// A language whose endings are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FormLanguage {
    English,
    Spanish,
    Portuguese,
    German,
    Italian,
    French,
}

impl FormLanguage {
    pub const ALL: [Self; 6] =
        [Self::English, Self::Spanish, Self::Portuguese, Self::German, Self::Italian, Self::French];

    /// As in ISO 639.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
            Self::German => "de",
            Self::Italian => "it",
            Self::French => "fr",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }
}

/// In which languages a keyword's forms are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forms(u8);

impl Forms {
    /// In the customer's, where it is known and one of these.
    pub const OF_CUSTOMER: Self = Self(1 << FormLanguage::ALL.len());

    pub const fn of(language: FormLanguage) -> Self {
        Self(1 << language as u8)
    }

    /// Those that are named; none where it follows the customer.
    pub fn languages(self) -> impl Iterator<Item = FormLanguage> {
        FormLanguage::ALL.into_iter().filter(move |language| self.names(*language))
    }

    const fn names(self, language: FormLanguage) -> bool {
        self.0 & Self::of(language).0 != 0
    }

    pub const fn follow_the_customer(self) -> bool {
        self.0 & Self::OF_CUSTOMER.0 != 0
    }
}

impl BitOr for Forms {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Languages in which a form counts; none: it always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Only(u8);

impl Only {
    const ALWAYS: Self = Self(0);

    const fn of(language: FormLanguage) -> Self {
        Self(Forms::of(language).0)
    }

    /// The customer's language, as a message shows it.
    pub(crate) fn language(tag: Option<&str>) -> Self {
        tag.and_then(FormLanguage::parse).map_or(Self::default(), Self::of)
    }

    pub(crate) const fn is_always(self) -> bool {
        self.0 == 0
    }

    /// Where either counts: what always does is not narrowed by a language that may be the customer's.
    const fn or(self, other: Self) -> Self {
        if self.is_always() || other.is_always() { Self::ALWAYS } else { Self(self.0 | other.0) }
    }

    /// Whether what counts in these languages counts for a customer of `language`.
    pub(crate) const fn holds(self, language: Self) -> bool {
        self.is_always() || self.0 & language.0 != 0
    }
}

/// A way to write a phrase: its words, each with the word that it is a form of, and where it counts.
pub(crate) type Form<'a> = (Vec<(&'a str, String)>, Only);

/// The forms of folded words, apart from the words themselves.
pub(crate) fn forms(words: &str, forms: Forms) -> Vec<Form<'_>> {
    let mut found: BTreeMap<Vec<(&str, String)>, Only> = BTreeMap::new();
    if words.split(' ').nth(PHRASE_WORDS_MAX).is_some() {
        return vec![];
    }
    for language in FormLanguage::ALL {
        let only = match forms.names(language) {
            true => Only::ALWAYS,
            false if forms.follow_the_customer() => Only::of(language),
            false => continue,
        };
        for form in of_language(words, language) {
            found.entry(form).and_modify(|before| *before = before.or(only)).or_insert(only);
        }
    }
    found.into_iter().collect()
}

fn of_language(words: &str, language: FormLanguage) -> Vec<Vec<(&str, String)>> {
    let choices: Vec<(&str, Vec<String>)> = words.split(' ').map(|word| (word, of_word(word, language))).collect();
    let count = choices.iter().try_fold(1_usize, |count, (_, forms)| count.checked_mul(forms.len() + 1));
    let plain = |(word, _): &(&'_ str, Vec<String>)| (*word).to_owned();
    let mut all: Vec<Vec<String>> = Vec::new();
    if count.is_some_and(|count| count <= PHRASE_FORMS_MAX) {
        all.push(vec![]);
        for choice in &choices {
            let ends: Vec<String> = std::iter::once(plain(choice)).chain(choice.1.iter().cloned()).collect();
            let longer =
                all.iter().flat_map(|begin| ends.iter().map(|end| [&begin[..], std::slice::from_ref(end)].concat()));
            all = longer.collect();
        }
    } else {
        for (place, (_, forms)) in choices.iter().enumerate() {
            for form in forms {
                let mut phrase: Vec<String> = choices.iter().map(plain).collect();
                phrase[place].clone_from(form);
                all.push(phrase);
            }
        }
    }
    all.retain(|phrase| phrase.iter().zip(&choices).any(|(form, (word, _))| form != word));
    let with_words = |phrase: Vec<String>| choices.iter().map(|(word, _)| *word).zip(phrase).collect();
    all.into_iter().map(with_words).collect()
}

/// Of a word of plain letters; of another one there are none.
fn of_word(word: &str, language: FormLanguage) -> Vec<String> {
    if word.len() < endings::LETTERS_MIN || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return vec![];
    }
    let mut forms = endings::forms(word, language);
    forms.retain(|form| form.len() >= endings::LETTERS_MIN && form != word);
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests;
