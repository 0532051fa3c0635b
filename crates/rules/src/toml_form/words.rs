//! Reading words: `[words.refund]`, and what a condition looks for, in its own words and in those of lists.

use toml::de::DeTable;

use super::tree::{Reader, Value, join};
use crate::atom::Keyword;
use crate::forms::{FormLanguage, Forms};
use crate::word_lists::{NotListed, WordList};

impl Reader {
    /// A list of words by name, or a list for each language.
    pub(super) fn word_lists(&mut self, value: &Value<'_>) {
        for (name, value) in self.table(value, "words").into_iter().flatten() {
            let field = join("words", name.get_ref());
            let mut list = WordList::default();
            match value.get_ref().as_table() {
                None => drop(list.0.insert(String::new(), self.keywords(value, &field))),
                Some(languages) => {
                    for (language, value) in languages {
                        let field = join(&field, language.get_ref());
                        if language.get_ref().is_empty() {
                            self.error(value, &field, "name the language, e.g. en");
                        }
                        list.0.insert(language.get_ref().to_string(), self.keywords(value, &field));
                    }
                }
            }
            if let Err(problem) = self.words.insert(name.get_ref(), list) {
                self.error(value, &field, problem.to_string());
            }
        }
    }

    /// `"a"`, `["a", { words = "refund" }, { word = "b", forms = "es" }]`. `forms`: where a word does not say otherwise.
    pub(super) fn listed_keywords(&mut self, value: &Value<'_>, path: &str, forms: Option<Forms>) -> Vec<Keyword> {
        let mut keywords: Vec<Keyword> = Vec::new();
        // The list named last, with nothing behind it, and in which forms.
        let mut before: Option<(&str, Option<Forms>)> = None;
        for item in Self::one_or_many(value) {
            let table = item.get_ref().as_table();
            let forms = match table.and_then(|table| table.get("forms")) {
                Some(value) => self.forms(value, &join(path, "forms")),
                None => forms,
            };
            let Some(table) = table.filter(|table| table.contains_key("words")) else {
                before = None;
                for keyword in self.own_keywords(item, path) {
                    match self.read.in_forms(keyword, forms) {
                        Ok(keyword) => keywords.push(keyword),
                        Err(too_many) => self.error(item, path, too_many.to_string()),
                    }
                }
                continue;
            };
            for key in table.keys().filter(|key| key.get_ref() != "words" && key.get_ref() != "forms") {
                self.unknown_key(key, path, &["words", "forms"]);
            }
            let names = table.get("words").map(Self::one_or_many).unwrap_or_default();
            for name in names {
                let path = join(path, "words");
                let Some(text) = self.string(name, &path) else { continue };
                // Named twice in a row it is the same.
                match before.replace((text, forms)) {
                    Some((list, same)) if list == text && same == forms => {}
                    Some((list, _)) if list == text => {
                        self.error(name, &path, format!("{text:?} is there twice, in different forms; name it once"));
                    }
                    _ => self.of_list(name, text, forms, &path, &mut keywords),
                }
            }
        }
        keywords
    }

    /// A word, or a table of one with its forms: `{ word = "b", forms = "es" }`.
    fn own_keywords(&mut self, item: &Value<'_>, path: &str) -> Vec<Keyword> {
        let Some(table) = item.get_ref().as_table().filter(|table| table.contains_key("forms")) else {
            let word = item.get_ref().as_table().filter(|table| table.len() == 1).and_then(|table| table.get("word"));
            return self.keywords(word.unwrap_or(item), path);
        };
        for key in table.keys().filter(|key| !["word", "exact", "forms"].contains(&key.get_ref().as_ref())) {
            self.unknown_key(key, path, &["word", "exact", "words", "forms"]);
        }
        match (table.get("word"), table.get("exact")) {
            (Some(word), None) => self.keywords(word, &join(path, "word")),
            (None, Some(exact)) => self.string(exact, &join(path, "exact")).map(Keyword::word).into_iter().collect(),
            _ => {
                self.error(item, path, "name the word: { word = \"…\", forms = true }");
                vec![]
            }
        }
    }

    /// What stands beside `keyword`: `forms = true`, `"es"` or `["en", "es"]`.
    pub(super) fn forms_of(&mut self, table: &DeTable<'_>, field: &str) -> Option<Forms> {
        let value = table.get("forms")?;
        let path = join(field, "forms");
        if !table.contains_key("keyword") {
            self.error(value, &path, "is for keyword, and there is none here");
        }
        self.forms(value, &path)
    }

    fn forms(&mut self, value: &Value<'_>, path: &str) -> Option<Forms> {
        if value.get_ref().as_bool().is_some() {
            return self.bool(value, path)?.then_some(Forms::OF_CUSTOMER);
        }
        let mut all: Option<Forms> = None;
        for name in self.strings(value, path) {
            let Some(language) = FormLanguage::parse(name) else {
                let known = FormLanguage::ALL.map(FormLanguage::as_str).join(", ");
                self.error(value, path, format!("{name:?}: forms are known of {known}; true follows the customer"));
                continue;
            };
            all = Some(all.map_or(Forms::of(language), |all| all | Forms::of(language)));
        }
        all
    }

    fn of_list(
        &mut self,
        value: &Value<'_>,
        name: &str,
        forms: Option<Forms>,
        path: &str,
        keywords: &mut Vec<Keyword>,
    ) {
        let problem = match self.words.expand(name, forms, &mut self.read, keywords) {
            Ok(()) => return,
            Err(NotListed::Unknown) => format!("there is no list of words {name:?}{}", self.words.hint(name)),
            Err(too_many @ (NotListed::TooMany | NotListed::TooManyForms)) => too_many.to_string(),
        };
        self.error(value, path, problem);
    }
}
