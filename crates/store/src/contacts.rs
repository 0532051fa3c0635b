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

mod details;
mod merge;
mod observation;
mod people;
mod person;
mod rows;
mod split;
mod upsert;

use std::collections::BTreeMap;

use waypost_domain::{AliasSet, ContactId, IdSource, KnownLanguage, LanguageMemory, LanguageSource};

use crate::core::Tx;
use crate::inbox::InboxTx;
use crate::lease::Fenced;
use crate::records::clean;
use crate::{Result, Store, StoreError};

use rows::Owned;

pub use details::{Claim, ClaimOn, ContactDetails, MergedContact};
pub(crate) use observation::stored_names;
pub use observation::{Observation, Wrote};
pub(crate) use people::People;
pub(crate) use person::{RECORD, record};
pub(crate) use rows::{alias_id, lock_read, read_owners};
pub use split::{ConfirmedContact, SplitContact};
pub use upsert::{ContactUpsert, UpsertedContact};
pub use waypost_domain::contact::ContactRecord;

/// Times that two writers may get in each other's way before we say so.
const ATTEMPTS_MAX: u32 = 10;

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
            let read = self.read.contacts.remove(&contact.person.record.id);
            if read.is_some_and(|version| version != contact.version) {
                return Err(StoreError::retry("a contact changed since it was read"));
            }
        }
        write(tx, owned, &**ids, observations).await
    }
}

/// Finds whom the observations speak of, or makes their contacts, with their rows locked. Errors: as [`InboxTx::contacts`].
pub(crate) async fn observe(
    tx: &mut Tx,
    ids: &dyn IdSource,
    observations: &[Observation],
) -> Result<Vec<Option<ContactRecord>>> {
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
        let observation = Observation::of(aliases.clone(), self.now().await?);
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
        let Some(mut record) = record else {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        };
        let cleaned = attributes.iter().map(|(name, value)| (clean(name).into_owned(), clean(value).into_owned()));
        record.attributes.extend(cleaned);
        if let Some(language) = language {
            record.language = told_by_crm(language);
        }
        tx.run(vec![upsert::replacing(&record)]).await?;
        tx.commit().await?;
        Ok(record.id)
    }
}

pub(crate) fn attributes_text(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).unwrap_or_else(|_| "{}".to_owned())
}

/// What another system says outranks whatever was learnt.
fn told_by_crm(language: &str) -> LanguageMemory {
    let known = KnownLanguage::told(clean(language).into_owned(), LanguageSource::Crm);
    LanguageMemory { known: Some(known), sample: None }
}
