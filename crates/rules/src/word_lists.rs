//! Lists of words that several rules share: `[words.refund]` of a rules file. They are expanded while a set is read, so that
//! whatever decides, explains or hashes sees words only. Each word remembers its list, by which the set is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::keyword::Keyword;
use crate::near::nearest;

/// Words that all rules of a set have from lists at most. A list that many rules name would be a way to fill the memory
/// with a short text.
pub const LISTED_WORDS_MAX: usize = 50_000;
const NAME_BYTES_MAX: usize = 64;

/// By name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordLists(BTreeMap<Arc<str>, WordList>);

/// By language; words of no language in particular are under the empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordList(pub BTreeMap<String, Vec<Keyword>>);

impl WordLists {
    /// `Err` says what is wrong with the name or the list.
    pub fn insert(&mut self, name: &str, list: WordList) -> Result<(), String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
            return Err(format!("a list's name is 1 to {NAME_BYTES_MAX} letters, digits, _ and -"));
        }
        if list.0.is_empty() || list.0.values().any(Vec::is_empty) {
            return Err("needs at least one word".to_owned());
        }
        if list.0.len() > 1 && list.0.contains_key("") {
            return Err("has words with a language and words without".to_owned());
        }
        match self.0.insert(name.into(), list) {
            Some(_) => Err("is there twice".to_owned()),
            None => Ok(()),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &WordList)> {
        self.0.iter().map(|(name, list)| (&**name, list))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words of a list, each of which remembers it. `Err` says that there is none of this name.
    pub fn words(&self, name: &str) -> Result<impl Iterator<Item = Keyword>, String> {
        let Some((name, list)) = self.0.get_key_value(name) else { return Err(self.no_list(name)) };
        Ok(list.words().map(|word| word.clone().of_list(Arc::clone(name))))
    }

    fn no_list(&self, name: &str) -> String {
        let names: Vec<&str> = self.0.keys().map(|name| &**name).collect();
        let hint = match nearest(&names, name) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => format!("add [words] {name} = [...]"),
            None => format!("there are {}", names.join(", ")),
        };
        format!("there is no list of words {name:?}; {hint}")
    }

    /// The list that these words begin with, whole and as it is here, and how many words it has.
    pub(crate) fn leading(&self, words: &[Keyword]) -> Option<(&str, usize)> {
        let (name, list) = self.0.get_key_value(words.first()?.list()?)?;
        let mut rest = words.iter();
        let is_next = |word: &Keyword| rest.next().is_some_and(|next| next == word && next.list() == Some(&**name));
        list.words().all(is_next).then(|| (&**name, list.words().count()))
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

    /// Its place in a document, for each language.
    pub(crate) fn field(name: &str, language: &str) -> String {
        if language.is_empty() { format!("words.{name}") } else { format!("words.{name}.{language}") }
    }
}
