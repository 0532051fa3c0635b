//! Lists of words that several rules share: `[words.refund]` of a rules file. They are expanded while a set is read, so that
//! whatever decides, explains or hashes sees words only. Each word remembers its list, by which the set is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::forms::{FormLanguage, Forms};
use crate::keyword::Keyword;
use crate::near::nearest;

/// Words that all rules of a set have from lists at most. A list that many rules name would be a way to fill the memory
/// with a short text.
pub const LISTED_WORDS_MAX: usize = 50_000;
/// Forms of all words of a set at most: a word has some five in a language, and some thirty in all.
pub const FORMS_MAX: usize = 200_000;
const NAME_BYTES_MAX: usize = 64;

/// What the conditions of a document have so far of what may fill the memory with a short text.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordsRead {
    listed: usize,
    formed: usize,
}

impl WordsRead {
    /// The word in these forms.
    pub fn in_forms(&mut self, word: Keyword, forms: Option<Forms>) -> Result<Keyword, NotListed> {
        let Some(forms) = forms else { return Ok(word) };
        let word = word.in_forms(forms);
        self.formed += word.other_ways();
        if self.formed > FORMS_MAX { Err(NotListed::TooManyForms) } else { Ok(word) }
    }
}

/// By name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordLists(BTreeMap<Arc<str>, WordList>);

/// By language; words of no language in particular are under the empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordList(pub BTreeMap<String, Vec<Keyword>>);

/// What is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListProblem {
    Name,
    Empty,
    /// Words of a language beside words of none.
    Mixed,
    Twice,
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "a list's name is 1 to {NAME_BYTES_MAX} letters, digits, _ and -"),
            Self::Empty => f.write_str("needs at least one word"),
            Self::Mixed => f.write_str("has words with a language and words without"),
            Self::Twice => f.write_str("is there twice"),
        }
    }
}

/// Why a condition does not get the words of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotListed {
    Unknown,
    /// [`LISTED_WORDS_MAX`].
    TooMany,
    /// [`FORMS_MAX`].
    TooManyForms,
}

impl fmt::Display for NotListed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is no list of words"),
            Self::TooMany => write!(f, "more than {LISTED_WORDS_MAX} words of lists in all rules together"),
            Self::TooManyForms => {
                write!(f, "more than {FORMS_MAX} forms of words in all rules together")
            }
        }
    }
}

impl WordLists {
    pub fn insert(&mut self, name: &str, list: WordList) -> Result<(), ListProblem> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
            return Err(ListProblem::Name);
        }
        if list.0.is_empty() || list.0.values().any(Vec::is_empty) {
            return Err(ListProblem::Empty);
        }
        if list.0.len() > 1 && list.0.contains_key("") {
            return Err(ListProblem::Mixed);
        }
        self.0.insert(name.into(), list).map_or(Ok(()), |_| Err(ListProblem::Twice))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &WordList)> {
        self.0.iter().map(|(name, list)| (&**name, list))
    }

    /// Adds the words of a list, each of which remembers it, in these forms. `read`: what conditions have from lists so far.
    pub fn expand(
        &self,
        name: &str,
        forms: Option<Forms>,
        read: &mut WordsRead,
        into: &mut Vec<Keyword>,
    ) -> Result<(), NotListed> {
        let (name, list) = self.0.get_key_value(name).ok_or(NotListed::Unknown)?;
        let before = into.len();
        for (language, word) in list.by_language() {
            read.listed += 1;
            let word = word.clone().of_list(Arc::clone(name));
            let word = match read.listed > LISTED_WORDS_MAX {
                true => Err(NotListed::TooMany),
                false => read.in_forms(word, WordList::forms(language, forms)),
            };
            match word {
                Ok(word) => into.push(word),
                Err(too_many) => {
                    into.truncate(before);
                    return Err(too_many);
                }
            }
        }
        Ok(())
    }

    /// What whoever named this list perhaps meant. A text may name lists that are not there by the hundred thousand: of many
    /// lists, nothing is said.
    pub(crate) fn hint(&self, name: &str) -> String {
        const SEARCHED_MAX: usize = 100;
        const NAMED_MAX: usize = 8;
        let names: Vec<&str> = self.0.keys().take(SEARCHED_MAX + 1).map(|name| &**name).collect();
        match nearest(&names, name) {
            _ if names.len() > SEARCHED_MAX => String::new(),
            Some(near) => format!("; did you mean {near}?"),
            None if names.is_empty() => format!("; add [words] {name} = [...]"),
            None if names.len() > NAMED_MAX => format!("; there are {} and more", names[..NAMED_MAX].join(", ")),
            None => format!("; there are {}", names.join(", ")),
        }
    }

    /// The list that these words begin with, whole, as it is here and in these forms, and how many words it has.
    pub(crate) fn leading(&self, words: &[Keyword], forms: Option<Forms>) -> Option<(&str, usize)> {
        let (name, list) = self.0.get_key_value(words.first()?.list()?)?;
        let mut rest = words.iter();
        let is_next = |(language, word): (&str, &Keyword)| {
            rest.next().is_some_and(|next| {
                let written =
                    (next.text(), next.is_prefix(), next.list()) == (word.text(), word.is_prefix(), Some(&**name));
                written && next.forms() == WordList::forms(language, forms).filter(|_| !word.is_prefix())
            })
        };
        list.by_language().all(is_next).then(|| (&**name, list.words().count()))
    }

    /// The lists that none of these words is from.
    pub(crate) fn unused<'a>(&'a self, words: impl Iterator<Item = &'a Keyword>) -> impl Iterator<Item = &'a str> {
        let used: BTreeSet<&str> = words.filter_map(Keyword::list).collect();
        self.0.keys().map(|name| &**name).filter(move |name| !used.contains(name))
    }
}

impl WordList {
    pub fn words(&self) -> impl Iterator<Item = &Keyword> {
        self.0.values().flatten()
    }

    fn by_language(&self) -> impl Iterator<Item = (&str, &Keyword)> {
        self.0.iter().flat_map(|(language, words)| words.iter().map(move |word| (&**language, word)))
    }

    /// The forms of the words of a language, where a condition asks for some: its own, as far as they are known.
    fn forms(language: &str, asked: Option<Forms>) -> Option<Forms> {
        match language {
            "" => asked,
            _ => asked.and_then(|_| FormLanguage::parse(language)).map(Forms::of),
        }
    }

    /// Its place in a document, for each language.
    pub(crate) fn field(name: &str, language: &str) -> String {
        if language.is_empty() { format!("words.{name}") } else { format!("words.{name}.{language}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short text must not fill the memory, with words or with their forms.
    #[test]
    fn forms_have_a_limit() {
        let word = || Keyword::word("pedido");
        let asked = Some(Forms::of(FormLanguage::Spanish));
        let ways = word().in_forms(Forms::of(FormLanguage::Spanish)).other_ways();
        assert_eq!(ways, 3, "pedidos, pedida, pedidas");
        let mut read = WordsRead { listed: 0, formed: FORMS_MAX - ways };
        assert_eq!(read.in_forms(word(), None), Ok(word()));
        assert!(read.in_forms(word(), asked).is_ok());
        assert_eq!(read.in_forms(word(), asked), Err(NotListed::TooManyForms));
        let mut lists = WordLists::default();
        lists.insert("orders", WordList(BTreeMap::from([(String::new(), vec![word()])]))).unwrap();
        let mut words = Vec::new();
        assert_eq!(lists.expand("orders", asked, &mut read, &mut words), Err(NotListed::TooManyForms));
        assert!(words.is_empty());
        let problem = NotListed::TooManyForms.to_string();
        assert_eq!(problem, "more than 200000 forms of words in all rules together");
    }
}
