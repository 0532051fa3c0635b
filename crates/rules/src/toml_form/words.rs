//! Reading words: `[words.refund]`, and what a condition looks for, in its own words and in those of lists.

use super::tree::{Reader, Value, join};
use crate::atom::Keyword;
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

    /// `"a"`, `["a", { words = "refund" }]`.
    pub(super) fn listed_keywords(&mut self, value: &Value<'_>, path: &str) -> Vec<Keyword> {
        let mut keywords: Vec<Keyword> = Vec::new();
        for item in Self::one_or_many(value) {
            let list = item.get_ref().as_table().filter(|table| table.contains_key("words"));
            let Some(table) = list else {
                keywords.extend(self.keywords(item, path));
                continue;
            };
            for key in table.keys().filter(|key| key.get_ref() != "words") {
                self.unknown_key(key, path, &["words"]);
            }
            let names = table.get("words").map(Self::one_or_many).unwrap_or_default();
            for name in names {
                let path = join(path, "words");
                let Some(text) = self.string(name, &path) else { continue };
                // Named twice in a row it is the same.
                if keywords.last().and_then(Keyword::list) != Some(text) {
                    self.of_list(name, text, &path, &mut keywords);
                }
            }
        }
        keywords
    }

    fn of_list(&mut self, value: &Value<'_>, name: &str, path: &str, keywords: &mut Vec<Keyword>) {
        let problem = match self.words.expand(name, &mut self.listed, keywords) {
            Ok(()) => return,
            Err(NotListed::Unknown) => format!("there is no list of words {name:?}{}", self.words.hint(name)),
            Err(too_many @ NotListed::TooMany) => too_many.to_string(),
        };
        self.error(value, path, problem);
    }
}
