//! Contacts: who is meant by the aliases that webhooks and imports show, and what is known of them.
//!
//! `waypost_domain::contact` decides; a transaction here reads the owners in one statement, applies the observations one
//! after the other in memory (`people`), and, where that changes anything, does so again with the owners' rows locked in
//! the order of their ids (`rows`), and writes what changed. Two contacts that turn out to be one are merged
//! outside of the batch (`merge`).
//!
//! Most messages change nothing about a contact, and to lock its row costs as much as to write it. What was read without
//! a lock may change before the batch is committed. That is as if the batch had come first, except where the batch
//! stores what a merge takes along: open conversations and held messages. So a conversation is only written as the one
//! that was read ([`InboxTx::record`]), which a merge changes too; and before anything is inserted that a merge would have
//! to see, the contact is locked and must have the version that was read.

mod merge;
mod people;
mod rows;
mod upsert;

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::message::Rotation;
use waypost_domain::{Alias, AliasSet, ContactId, IdSource, Timestamp};

use crate::core::{Sql, Tx, params};
use crate::inbox::InboxTx;
use crate::lease::Fenced;
use crate::records::{clean, clean_option};
use crate::{Result, Store, StoreError};

use people::storable;
use rows::Owned;

pub(crate) use people::People;
#[cfg(any(test, feature = "suite"))]
pub(crate) use rows::alias_id;
pub(crate) use rows::{lock_read, read_owners};
pub use upsert::{ContactUpsert, UpsertedContact};
pub use waypost_domain::contact::ContactRecord;

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

/// A contact with all its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetails {
    pub contact: ContactRecord,
    pub aliases: BTreeSet<Alias>,
}

static SET: Sql = Sql::both("UPDATE contact SET attributes = $2, language = coalesce($3, language) WHERE id = $1");

static BY_ID: Sql = Sql::both(
    "SELECT c.id, c.attributes, c.profile_name, c.username, c.language
    FROM contact c
    WHERE c.id = $1 AND c.merged_into IS NULL",
);

static BY_ALIAS: Sql = Sql::both(
    "SELECT c.id, c.attributes, c.profile_name, c.username, c.language
    FROM alias a
    JOIN contact c ON c.id = a.contact_id
    WHERE a.id = $1",
);

static ALIASES: Sql = Sql::both("SELECT kind, value FROM alias WHERE contact_id = $1");

impl InboxTx {
    /// The contacts that `observations` speak of, in their order; `None` where an observation names nobody. Unknown ones
    /// are created. [`StoreError::MergeFirst`] when two existing contacts turn out to be one; [`StoreError::Retry`] when
    /// another transaction changed them meanwhile.
    pub async fn contacts(&mut self, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
        let Fenced { tx, ids, .. } = &mut self.fenced;
        if !tx.is_shared() {
            return observe(tx, &**ids, observations).await;
        }
        let wanted = People::aliases(observations);
        let (owned, read) = match self.prefetched.take().filter(|(asked, _)| asked.is_superset(&wanted)) {
            Some((asked, answer)) => rows::read_by(&answer.rows, &asked, &wanted)?,
            None if wanted.is_empty() => Default::default(),
            None => {
                let answers = tx.run(vec![rows::read_owners(&wanted)]).await?;
                let read = answers.first().map(|answer| answer.rows.as_slice()).unwrap_or_default();
                rows::read_by(read, &wanted, &wanted)?
            }
        };
        let (people, found) = apply(owned, &**ids, observations);
        if people.are_settled() {
            let contacts = records(&people, found);
            self.read.add(read)?;
            return Ok(contacts);
        }
        self.read.latest.clear();
        let owned = rows::lock_owners(tx, &wanted).await?;
        for contact in &owned.contacts {
            let read = self.read.contacts.remove(&contact.record.id);
            if read.is_some_and(|version| version != contact.version) {
                return Err(StoreError::retry("a contact changed since it was read"));
            }
        }
        write(tx, owned, &**ids, observations).await
    }
}

async fn observe(tx: &mut Tx, ids: &dyn IdSource, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
    let owned = rows::lock_owners(tx, &People::aliases(observations)).await?;
    write(tx, owned, ids, observations).await
}

/// Writes what `observations` change. The rows of `owned` are locked.
async fn write(
    tx: &mut Tx,
    owned: Owned,
    ids: &dyn IdSource,
    observations: &[Observation],
) -> Result<Vec<Option<ContactRecord>>> {
    let (people, found) = apply(owned, ids, observations);
    if !people.merges().is_empty() {
        return Err(StoreError::MergeFirst(people.merges().to_vec()));
    }
    rows::write(tx, &people.changes()).await?;
    Ok(records(&people, found))
}

fn apply<'a>(
    owned: Owned,
    ids: &'a dyn IdSource,
    observations: &[Observation],
) -> (People<'a>, Vec<Option<ContactId>>) {
    let mut people = People::new(owned, ids);
    let found = observations.iter().map(|observation| people.observe(observation)).collect();
    (people, found)
}

fn records(people: &People<'_>, ids: Vec<Option<ContactId>>) -> Vec<Option<ContactRecord>> {
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
        let record = observe(&mut tx, &*self.ids, observations).await?.into_iter().next().flatten();
        let Some(record) = record else {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        };
        let mut merged = record.attributes;
        merged.extend(attributes.iter().map(|(name, value)| (clean(name).into_owned(), clean(value).into_owned())));
        let params = params![record.id, attributes_text(&merged), clean_option(language)];
        tx.execute(&SET, params).await?;
        tx.commit().await?;
        Ok(record.id)
    }

    pub async fn contact(&self, id: ContactId) -> Result<Option<ContactDetails>> {
        let rows = self.read(&BY_ID, params![id]).await?;
        match rows.first() {
            Some(row) => self.details(rows::record(&row.of("contact"))?).await.map(Some),
            None => Ok(None),
        }
    }

    async fn details(&self, contact: ContactRecord) -> Result<ContactDetails> {
        let mut aliases = BTreeSet::new();
        for row in self.read(&ALIASES, params![contact.id]).await? {
            let row = row.of("alias");
            let (kind, value): (String, String) = (row.get("kind")?, row.get("value")?);
            aliases.insert(Alias::from_parts(&kind, value).ok_or(row.unreadable("kind"))?);
        }
        Ok(ContactDetails { contact, aliases })
    }

    /// The contact that these aliases point at today: the first that has an owner, in the order of their authority.
    pub async fn find_contact(&self, aliases: &AliasSet) -> Result<Option<ContactDetails>> {
        let aliases = storable(aliases);
        for alias in aliases.iter().chain(people::other_spellings(&aliases)) {
            let rows = self.read(&BY_ALIAS, params![rows::alias_id(&alias)]).await?;
            if let Some(row) = rows.first() {
                return self.details(rows::record(&row.of("contact"))?).await.map(Some);
            }
        }
        Ok(None)
    }
}

pub(crate) fn attributes_text(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).unwrap_or_else(|_| "{}".to_owned())
}
