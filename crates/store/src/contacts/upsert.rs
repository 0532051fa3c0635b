//! Contacts that the administration creates or updates, many at once.

use std::collections::BTreeMap;

use waypost_domain::{AliasSet, ContactId};

use super::person::language_params;
use super::{ContactRecord, Observation, attributes_text, observe, told_by_crm};
use crate::admin::AuditedTx;
use crate::core::{Sql, Statement, params};
use crate::records::clean;
use crate::{Result, StoreError};

static REPLACE: Sql = Sql::both(
    "UPDATE contact SET
        attributes = $2, language = $3, language_source = $4, language_confidence = $5, language_sample = $6
    WHERE id = $1",
);

/// What another system knows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactUpsert {
    pub aliases: AliasSet,
    /// Merged over those known; an empty value removes one.
    pub attributes: BTreeMap<String, String>,
    pub language: Option<String>,
}

/// A contact before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsertedContact {
    pub before: ContactRecord,
    /// `is_new` tells whether there was nobody before.
    pub after: ContactRecord,
}

impl AuditedTx {
    /// Creates or updates contacts, in their order. [`StoreError::MergeFirst`] when two turn out to be one: drop this
    /// change, merge, begin again.
    pub async fn upsert_contacts(&mut self, rows: &[ContactUpsert]) -> Result<Vec<UpsertedContact>> {
        let observation = |row: &ContactUpsert| Observation::of(row.aliases.clone(), self.now);
        let observations: Vec<Observation> = rows.iter().map(observation).collect();
        let records = observe(&mut self.tx, &*self.ids, &observations).await?;
        // Two rows may speak of the same person: the second goes on from the first.
        let mut latest: BTreeMap<ContactId, ContactRecord> = BTreeMap::new();
        let mut upserted = Vec::with_capacity(rows.len());
        for (row, record) in rows.iter().zip(records) {
            let record = record.ok_or_else(|| StoreError::Invalid("a contact needs at least one alias".into()))?;
            let before = latest.remove(&record.id).unwrap_or(record);
            let mut after = before.clone();
            for (name, value) in &row.attributes {
                if value.is_empty() {
                    after.attributes.remove(name);
                } else {
                    after.attributes.insert(clean(name).into_owned(), clean(value).into_owned());
                }
            }
            if let Some(language) = &row.language {
                after.language = told_by_crm(language);
            }
            latest.insert(after.id, ContactRecord { is_new: false, ..after.clone() });
            upserted.push(UpsertedContact { before, after });
        }
        self.tx.run(latest.values().map(replacing).collect()).await?;
        Ok(upserted)
    }
}

/// What is known beside the names.
pub(super) fn replacing(record: &ContactRecord) -> Statement<'_> {
    let mut params = params![record.id, attributes_text(&record.attributes)];
    params.extend(language_params(&record.language));
    Statement::new(&REPLACE, params)
}
