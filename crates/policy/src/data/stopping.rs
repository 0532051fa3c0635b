//! By which words customers stop what the business begins and start it again, and how that is confirmed: data, since nobody
//! knows the words of all languages. What makes a message of such words is for whoever reads messages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waypost_domain::NumberName;

use super::DEFAULT;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppingData {
    /// On which everyday words are a stop as others are.
    pub everyday_numbers: Vec<NumberName>,
    /// Which are always one for customers with numbers of the United States.
    pub us_words: Vec<String>,
    /// Whose confirmation those get whose language is not known, or has none.
    pub confirmation_default: String,
    /// By language: a tag without a region, or `any` for words that many languages have.
    pub languages: BTreeMap<String, LanguageWords>,
}

/// The words of one language: phrases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageWords {
    /// They stop everything that the business begins.
    pub stop: Vec<String>,
    /// They stop marketing alone.
    pub promotions: Vec<String>,
    /// They mean other things as well.
    pub everyday: Vec<String>,
    pub start: Vec<String>,
    /// What may stand beside them.
    pub fillers: Vec<String>,
    /// What tells the customer that a stop was understood. `None`: the default's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
}

impl Default for StoppingData {
    fn default() -> Self {
        DEFAULT.stopping.clone()
    }
}

impl StoppingData {
    /// The confirmation in this language, or else in that of the word that was said, or else the default; `None` where there is
    /// not even that.
    pub fn confirmation(&self, known: Option<&str>, said: Option<&str>) -> Option<&str> {
        let wanted = [known, said, Some(self.confirmation_default.as_str())];
        wanted.into_iter().flatten().find_map(|tag| {
            let language = tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase();
            self.languages.get(&language)?.confirmation.as_deref()
        })
    }
}
