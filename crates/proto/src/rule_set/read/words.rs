//! Reading words: the lists of a document, and what conditions have from them.

use std::sync::Arc;

use waypost_rules::atom::Keyword;
use waypost_rules::word_lists::{WordList, WordLists};

use super::Reader;
use crate::rules_v1 as wire;

impl Reader {
    pub(super) fn word_lists(&mut self, lists: Vec<wire::WordList>) {
        let mut read = WordLists::default();
        for (n, list) in lists.into_iter().enumerate() {
            let mut words = WordList::default();
            for (m, of_language) in list.words.into_iter().enumerate() {
                if words.0.insert(of_language.language, keywords(&of_language.words)).is_some() {
                    self.refuse::<()>(format!("words[{n}].words[{m}].language"), "is there twice");
                }
            }
            if let Err(problem) = read.insert(&list.name, words) {
                self.refuse::<()>(format!("words[{n}]"), problem.to_string());
            }
        }
        self.lists = Some(read);
    }

    /// Those in a row that are from one list are the list, as the document has it.
    pub(super) fn listed_keywords(&mut self, words: &[wire::TextMatch], at: &str) -> Vec<Keyword> {
        let mut read: Vec<Keyword> = Vec::with_capacity(words.len());
        let mut list = "";
        for (n, one) in words.iter().enumerate() {
            let before = std::mem::replace(&mut list, &one.list);
            match &self.lists {
                _ if list.is_empty() => read.push(keyword(one)),
                None => read.push(keyword(one).of_list(Arc::from(list))),
                Some(_) if before == list => {}
                Some(lists) => {
                    if let Err(problem) = lists.expand(list, &mut self.listed, &mut read) {
                        self.refuse::<()>(format!("{at}[{n}].list"), problem.to_string());
                    }
                }
            }
        }
        read
    }
}

pub(super) fn keywords(words: &[wire::TextMatch]) -> Vec<Keyword> {
    words.iter().map(keyword).collect()
}

fn keyword(one: &wire::TextMatch) -> Keyword {
    if one.prefix { Keyword::prefix(&one.text) } else { Keyword::word(&one.text) }
}
