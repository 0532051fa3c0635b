//! Reading words: the lists of a document, and what conditions have from them.

use std::sync::Arc;

use waypost_rules::atom::Keyword;
use waypost_rules::forms::{FormLanguage, Forms};
use waypost_rules::word_lists::{WordList, WordLists};

use super::super::CUSTOMER;
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
            let at = format!("{at}[{n}]");
            if self.lists.is_none() || list.is_empty() {
                let word = if list.is_empty() { keyword(one) } else { keyword(one).of_list(Arc::from(list)) };
                let forms = self.forms(&one.forms, &at);
                match self.read.in_forms(word, forms) {
                    Ok(word) => read.push(word),
                    Err(problem) => drop(self.refuse::<()>(format!("{at}.forms"), problem.to_string())),
                }
            } else if before != list {
                // Any of its words says for all whether they are looked for in their forms.
                let of_list = words[n..].iter().take_while(|one| one.list == list);
                let asked = of_list.map(|one| &one.forms).find(|forms| !forms.is_empty());
                let forms = asked.and_then(|forms| self.forms(forms, &at));
                let lists = self.lists.as_ref();
                let listed = lists.map_or(Ok(()), |lists| lists.expand(list, forms, &mut self.read, &mut read));
                if let Err(problem) = listed {
                    self.refuse::<()>(format!("{at}.list"), problem.to_string());
                }
            }
        }
        read
    }

    /// None named: no forms.
    fn forms(&mut self, names: &[String], at: &str) -> Option<Forms> {
        let mut all: Option<Forms> = None;
        for name in names {
            let one = match FormLanguage::parse(name) {
                Some(language) => Forms::of(language),
                None if name == CUSTOMER => Forms::OF_CUSTOMER,
                None => {
                    let known = FormLanguage::ALL.map(FormLanguage::as_str).join(", ");
                    return self.refuse(format!("{at}.forms"), format!("is none of {known}, {CUSTOMER}"));
                }
            };
            all = Some(all.map_or(one, |all| all | one));
        }
        if all.is_some_and(|all| all.follow_the_customer() && all != Forms::OF_CUSTOMER) {
            return self.refuse(format!("{at}.forms"), "customer stands alone: name it, or languages, not both");
        }
        all
    }
}

pub(super) fn keywords(words: &[wire::TextMatch]) -> Vec<Keyword> {
    words.iter().map(keyword).collect()
}

fn keyword(one: &wire::TextMatch) -> Keyword {
    if one.prefix { Keyword::prefix(&one.text) } else { Keyword::word(&one.text) }
}
