//! The account's templates: by name and language, and by id. Plain state.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use serde_json::Value;

use super::error::ApiError;
use super::template::Template;

/// Of an account whose business is not verified.
const TEMPLATES_MAX: usize = 250;
/// For how long nobody can have the name of an approved template that was deleted.
const BLOCKED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
const FIRST_ID: u64 = 800_000_000_000_001;

#[derive(Debug)]
pub(crate) struct Templates {
    by_id: BTreeMap<u64, Template>,
    ids: HashMap<String, HashMap<String, u64>>,
    /// Until when.
    blocked_names: HashMap<String, i64>,
    next_id: u64,
}

impl Default for Templates {
    fn default() -> Self {
        Self { by_id: BTreeMap::new(), ids: HashMap::new(), blocked_names: HashMap::new(), next_id: FIRST_ID }
    }
}

impl Templates {
    /// Its id. It is pending.
    pub(crate) fn create(&mut self, definition: &Value) -> Result<u64, ApiError> {
        if self.by_id.len() >= TEMPLATES_MAX {
            return Err(ApiError::new(2_388_019, "The number of message templates in this account is at its limit"));
        }
        let template = Template::create(self.next_id, definition)?;
        let languages = self.ids.entry(template.name.clone()).or_default();
        if languages.contains_key(&template.language) {
            return Err(ApiError::new(2_388_024, "There is already content in this language for this template"));
        }
        let id = template.id;
        languages.insert(template.language.clone(), id);
        self.by_id.insert(id, template);
        self.next_id += 1;
        Ok(id)
    }

    pub(crate) fn find(&self, name: &str, language: &str) -> Option<&Template> {
        self.by_id.get(self.ids.get(name)?.get(language)?)
    }

    pub(crate) fn find_mut(&mut self, name: &str, language: &str) -> Option<&mut Template> {
        self.by_id.get_mut(self.ids.get(name)?.get(language)?)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Template> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn set_status(&mut self, id: u64, status: &str) {
        if let Some(template) = self.get_mut(id) {
            template.status = status.to_owned();
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Template> {
        self.by_id.get(&id)
    }

    pub(crate) fn by_text_id(&self, id: &str) -> Option<&Template> {
        self.get(id.parse().ok()?)
    }

    pub(crate) fn by_text_id_mut(&mut self, id: &str) -> Option<&mut Template> {
        self.get_mut(id.parse().ok()?)
    }

    /// In the order of their ids, those after `id`.
    pub(crate) fn after(&self, id: Option<u64>) -> impl Iterator<Item = &Template> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range((from, Bound::Unbounded)).map(|(_, template)| template)
    }

    pub(crate) fn delete(&mut self, id: u64, now_ms: i64) {
        let Some(template) = self.by_id.remove(&id) else { return };
        if let Some(languages) = self.ids.get_mut(&template.name) {
            languages.remove(&template.language);
        }
        if template.status == "APPROVED" {
            self.blocked_names.insert(template.name, now_ms + BLOCKED_MS);
        }
    }

    pub(crate) fn is_blocked(&self, name: &str, now_ms: i64) -> bool {
        self.blocked_names.get(name).is_some_and(|ends_ms| now_ms < *ends_ms)
    }
}
