//! Contacts: who is meant by the aliases that webhooks and imports show, and what is known of them.
//!
//! `waypost_domain::contact` decides; a transaction here reads the owners in one statement, applies the observations one
//! after the other in memory (`people`), and, where that changes anything, does so again with the owners' rows locked in
//! the order of their ids (`contact_rows`), and writes what changed. Two contacts that turn out to be one are merged
//! outside of the batch (`merge`).
//!
//! Most messages change nothing about a contact, and to lock its row costs as much as to write it. What was read without
//! a lock may change before the batch is committed. That is as if the batch had come first, except where the batch
//! stores what a merge takes along: open conversations and held messages. So a conversation is only written as the one
//! that was read ([`Batch::record`]), which a merge changes too; and before anything is inserted that a merge would have
//! to see, the contact is locked and must have the version that was read.

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::message::Rotation;
use waypost_domain::{Alias, AliasSet, ContactId, Timestamp};

use crate::contact_rows::{self, ContactRow, Owned};
use crate::database::{Tx, on_reader, on_tx};
use crate::people::{People, storable};
use crate::records::{clean, clean_option, unreadable};
use crate::{Batch, Change, Result, Store, StoreError};

/// Times that two writers may get in each other's way before we say so.
const ATTEMPTS_MAX: u32 = 10;

/// What a webhook item shows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub aliases: AliasSet,
    /// Identities that Meta said were replaced.
    pub rotations: Vec<Rotation>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub at: Timestamp,
}

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    pub id: ContactId,
    pub attributes: BTreeMap<String, String>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub language: Option<String>,
    /// Never seen before this batch.
    pub is_new: bool,
}

impl ContactRecord {
    pub(crate) const fn empty(id: ContactId) -> Self {
        let attributes = BTreeMap::new();
        Self { id, attributes, profile_name: None, username: None, language: None, is_new: false }
    }
}

/// A contact with all its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetails {
    pub contact: ContactRecord,
    pub aliases: BTreeSet<Alias>,
}

impl Batch {
    /// The contacts that `observations` speak of, in their order; `None` where an observation names nobody. Unknown ones
    /// are created. [`StoreError::MergeFirst`] when two existing contacts turn out to be one; [`StoreError::Retry`] when
    /// another transaction changed them meanwhile.
    pub async fn contacts(&mut self, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
        let Tx::Postgres(tx) = &mut self.tx else { return observe(&mut self.tx, observations).await };
        let wanted = People::aliases(observations);
        let (owned, read) = contact_rows::read_owners(tx, &wanted).await?;
        let (people, ids) = meet(owned, observations);
        if people.are_settled() {
            self.read.add(read)?;
            return Ok(records(&people, ids));
        }
        self.read.talks.clear();
        let owned = contact_rows::lock_owners(&mut self.tx, &wanted).await?;
        for contact in &owned.contacts {
            let read = self.read.contacts.remove(&contact.record.id);
            if read.is_some_and(|version| version != contact.version) {
                return Err(StoreError::retry("a contact changed since it was read"));
            }
        }
        carry_out(&mut self.tx, owned, observations).await
    }
}

async fn observe(tx: &mut Tx, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
    let owned = contact_rows::lock_owners(tx, &People::aliases(observations)).await?;
    carry_out(tx, owned, observations).await
}

/// Writes what `observations` change. The rows of `owned` are locked.
async fn carry_out(tx: &mut Tx, owned: Owned, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
    let (people, ids) = meet(owned, observations);
    if !people.merges().is_empty() {
        return Err(StoreError::MergeFirst(people.merges().to_vec()));
    }
    contact_rows::write(tx, &people.changes()).await?;
    Ok(records(&people, ids))
}

fn meet(owned: Owned, observations: &[Observation]) -> (People, Vec<Option<ContactId>>) {
    let mut people = People::new(owned);
    let ids = observations.iter().map(|observation| people.observe(observation)).collect();
    (people, ids)
}

fn records(people: &People, ids: Vec<Option<ContactId>>) -> Vec<Option<ContactRecord>> {
    ids.into_iter().map(|id| people.record(id?)).collect()
}

impl Store {
    /// Creates or updates a contact from outside: an import, a CRM. `attributes` are merged over those known.
    pub async fn upsert_contact(
        &self,
        aliases: &AliasSet,
        attributes: &BTreeMap<String, String>,
        language: Option<&str>,
    ) -> Result<ContactId> {
        if aliases.is_empty() {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        }
        let observation = Observation {
            aliases: aliases.clone(),
            rotations: vec![],
            profile_name: None,
            username: None,
            at: self.now().await?,
        };
        let observations = [observation];
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.try_upsert(&observations, attributes, language).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            match error {
                StoreError::MergeFirst(merges) if attempt < ATTEMPTS_MAX => self.merge(&merges).await?,
                StoreError::Retry { .. } if attempt < ATTEMPTS_MAX => {}
                other => return Err(other),
            }
        }
    }

    async fn try_upsert(
        &self,
        observations: &[Observation],
        attributes: &BTreeMap<String, String>,
        language: Option<&str>,
    ) -> Result<ContactId> {
        let mut tx = self.begin().await?;
        let record = observe(&mut tx, observations).await?.into_iter().next().flatten();
        let Some(record) = record else {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        };
        let mut merged = record.attributes;
        merged.extend(attributes.iter().map(|(name, value)| (clean(name).into_owned(), clean(value).into_owned())));
        let text = attributes_text(&merged);
        let sql = "UPDATE contact SET attributes = $2, language = coalesce($3, language) WHERE id = $1";
        on_tx!(&mut tx, |db| {
            let query = sqlx::query(sql).bind(record.id.as_uuid()).bind(text).bind(clean_option(language));
            query.execute(&mut *db).await.map(drop)?;
        });
        tx.commit().await?;
        Ok(record.id)
    }

    pub async fn contact(&self, id: ContactId) -> Result<Option<ContactDetails>> {
        let by_id = "SELECT id, attributes, profile_name, username, language FROM contact \
             WHERE id = $1 AND merged_into IS NULL";
        let found: Option<ContactRow> =
            on_reader!(self, |db| sqlx::query_as(by_id).bind(id.as_uuid()).fetch_optional(db).await?);
        match found {
            Some(row) => self.details(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn details(&self, row: ContactRow) -> Result<ContactDetails> {
        let all = "SELECT kind, value FROM alias WHERE contact_id = $1";
        let aliases: Vec<(String, String)> =
            on_reader!(self, |db| sqlx::query_as(all).bind(row.id).fetch_all(db).await?);
        let aliases = aliases
            .into_iter()
            .map(|(kind, value)| Alias::from_parts(&kind, value).ok_or(unreadable("alias", "kind")))
            .collect::<Result<_>>()?;
        Ok(ContactDetails { contact: row.into_record()?, aliases })
    }

    /// The contact that these aliases point at today: the first that has an owner, in the order of their authority.
    pub async fn find_contact(&self, aliases: &AliasSet) -> Result<Option<ContactDetails>> {
        let by_alias = "SELECT c.id, c.attributes, c.profile_name, c.username, c.language \
             FROM alias a JOIN contact c ON c.id = a.contact_id WHERE a.id = $1";
        for alias in storable(aliases).iter() {
            let id = contact_rows::alias_id(&alias);
            let found: Option<ContactRow> =
                on_reader!(self, |db| sqlx::query_as(by_alias).bind(id).fetch_optional(db).await?);
            let Some(row) = found else { continue };
            return self.details(row).await.map(Some);
        }
        Ok(None)
    }
}

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

impl Change {
    /// Creates or updates contacts, in their order. [`StoreError::MergeFirst`] when two turn out to be one: drop this
    /// change, merge, begin again.
    pub async fn upsert_contacts(&mut self, rows: &[ContactUpsert]) -> Result<Vec<UpsertedContact>> {
        let observation = |row: &ContactUpsert| Observation {
            aliases: row.aliases.clone(),
            rotations: vec![],
            profile_name: None,
            username: None,
            at: self.now,
        };
        let observations: Vec<Observation> = rows.iter().map(observation).collect();
        let records = observe(&mut self.tx, &observations).await?;
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
                after.language = Some(clean(language).into_owned());
            }
            latest.insert(after.id, ContactRecord { is_new: false, ..after.clone() });
            upserted.push(UpsertedContact { before, after });
        }
        let sql = "UPDATE contact SET attributes = $2, language = $3 WHERE id = $1";
        for record in latest.values() {
            let text = attributes_text(&record.attributes);
            on_tx!(&mut self.tx, |db| {
                let query = sqlx::query(sql).bind(record.id.as_uuid()).bind(text).bind(record.language.as_deref());
                query.execute(&mut *db).await.map(drop)?;
            });
        }
        Ok(upserted)
    }
}

pub(crate) fn attributes_text(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).unwrap_or_else(|_| "{}".to_owned())
}
