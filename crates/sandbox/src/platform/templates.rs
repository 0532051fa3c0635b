//! The account's templates: by name and language, and by id. Plain state.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::error::ApiError;
use super::template::Template;

/// Of an account whose business is not verified.
const TEMPLATES_MAX: usize = 250;
const FIRST_ID: u64 = 800_000_000_000_001;

#[derive(Debug)]
pub(crate) struct Templates {
    by_id: BTreeMap<u64, Template>,
    ids: HashMap<String, HashMap<String, u64>>,
    next_id: u64,
}

impl Default for Templates {
    fn default() -> Self {
        Self { by_id: BTreeMap::new(), ids: HashMap::new(), next_id: FIRST_ID }
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
}
