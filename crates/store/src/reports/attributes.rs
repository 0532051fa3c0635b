//! What contacts have of attributes, for whoever writes rules about them. A part of the contacts stands for all: it must
//! never read the whole table.

use std::collections::BTreeMap;

use waypost_domain::{ContactId, LanguageSource};

use crate::core::{Sql, params};
use crate::{Result, Store};

/// Along the primary key, which goes with the time.
static NEWEST: Sql = Sql::both(
    "SELECT looked_at.id, looked_at.attributes, looked_at.language, looked_at.language_source
    FROM (SELECT id, attributes, language, language_source FROM contact ORDER BY id DESC LIMIT $1) AS looked_at
    WHERE looked_at.attributes <> '{}' OR looked_at.language IS NOT NULL",
);

static OLDEST: Sql = Sql::both(
    "SELECT looked_at.id, looked_at.attributes, looked_at.language, looked_at.language_source
    FROM (SELECT id, attributes, language, language_source FROM contact ORDER BY id LIMIT $1) AS looked_at
    WHERE looked_at.attributes <> '{}' OR looked_at.language IS NOT NULL",
);

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldOfContact {
    /// By name.
    pub attributes: BTreeMap<String, String>,
    /// And who says which language it is; `None` where that is not known.
    pub language_source: Option<LanguageSource>,
}

impl Store {
    /// Of those of whom anything is known among the `limit` newest and the `limit` oldest contacts.
    pub async fn told_of_some(&self, limit: u32) -> Result<Vec<ToldOfContact>> {
        let mut all: BTreeMap<ContactId, ToldOfContact> = BTreeMap::new();
        for part in [&NEWEST, &OLDEST] {
            for row in self.report(part, params![limit]).await? {
                let row = row.of("contact");
                let attributes = row.parse("attributes", |text| serde_json::from_str(text).ok())?.unwrap_or_default();
                let language: Option<String> = row.get("language")?;
                // As contacts are read: what nobody said of is the CRM's.
                let source = row.parse("language_source", LanguageSource::parse)?.unwrap_or(LanguageSource::Crm);
                let language_source = language.map(|_| source);
                all.insert(row.get("id")?, ToldOfContact { attributes, language_source });
            }
        }
        Ok(all.into_values().collect())
    }
}
