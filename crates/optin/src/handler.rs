//! One batch, one transaction: whose words these are, what they said before, and what follows. Most batches say nothing about
//! consent, and cost one statement: how far this is.
//!
//! Given a process that dies after the commit, then the batch comes again, and its entries, under the same ids, are there.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use waypost_bus::DeadLetterReason;
use waypost_domain::{ContactRecord, NumberName, Timestamp};
use waypost_live::{Numbers, SendingLive};
use waypost_store::{Fence, Observation, Store, StoreError};
use waypost_worker::{ClaimedBatch, HandleError, Handler};

use crate::event::{self, Said, What};
use crate::keep::{Heard, Keeping};
use crate::meaning::Lexicon;
use crate::{OptinConfig, metrics};

/// What waited for longer is told to the store before anything else: whoever sends waits then.
const BEHIND_MS: i64 = 10_000;

/// Keeps what the customers of one partition say about consent.
pub struct ConsentHandler {
    config: OptinConfig,
    store: Store,
    numbers: Arc<Numbers>,
    sending: Arc<SendingLive>,
    lexicon: Lexicon,
}

#[async_trait]
impl Handler for ConsentHandler {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            if let Err(error) = self.handle_batch(batch).await {
                batch.leave(error);
            }
        }
        Ok(())
    }
}

impl ConsentHandler {
    pub(crate) fn new(config: OptinConfig, store: Store, numbers: Arc<Numbers>, sending: Arc<SendingLive>) -> Self {
        let lexicon = Lexicon::new(sending.current().policy.clone());
        Self { config, store, numbers, sending, lexicon }
    }

    async fn handle_batch(&mut self, batch: &mut ClaimedBatch<'_>) -> Result<(), HandleError> {
        let (heard, oldest_at) = self.read(batch).await?;
        let fence = batch.claim.fence(oldest_at);
        let is_behind = oldest_at.is_some_and(|oldest_at| now().millis_since(oldest_at) > BEHIND_MS);
        if heard.is_empty() || is_behind {
            self.store.mark_published(&fence).await?;
        }
        if !heard.is_empty() {
            self.keep(&fence, &heard).await?;
        }
        Ok(())
    }

    /// Parks what is no event; returns what speaks of consent, and when the oldest of all was received.
    async fn read(&mut self, batch: &mut ClaimedBatch<'_>) -> Result<(Vec<Heard>, Option<Timestamp>), HandleError> {
        let policy = self.sending.current().policy.clone();
        if !Arc::ptr_eq(&policy, self.lexicon.policy()) {
            self.lexicon = Lexicon::new(policy);
        }
        let mut heard = Vec::new();
        let mut oldest_at: Option<Timestamp> = None;
        for (index, event) in batch.events().enumerate() {
            let (said, received_at) = match event::read(event.body().clone()) {
                Ok(read) => read,
                Err(problem) if problem.is_of_a_later_release() => return Err(HandleError::stop(problem)),
                Err(problem) => {
                    ::metrics::counter!(metrics::UNDECODABLE).increment(1);
                    batch.park(index, DeadLetterReason::UndecodableEvent, problem);
                    continue;
                }
            };
            oldest_at = Some(oldest_at.map_or(received_at, |oldest| oldest.min(received_at)));
            for said in said {
                let Some(understood) = self.lexicon.understand(&said) else { continue };
                metrics::heard(understood.meaning.word());
                let known = self.numbers.number(&said.number, &said.display_number, &said.waba).await?;
                let brand = self.brand(&known.name).await?;
                heard.push(Heard { said, understood, number: known.name, brand });
            }
        }
        Ok((heard, oldest_at))
    }

    /// Whose brand the number is; a number that was not known a moment ago is read.
    async fn brand(&self, number: &NumberName) -> Result<String, StoreError> {
        if !self.sending.current().numbers.contains_key(number) {
            self.sending.refresh().await?;
        }
        Ok(self.sending.current().numbers.get(number).map(|number| number.brand.clone()).unwrap_or_default())
    }

    async fn keep(&self, fence: &Fence, heard: &[Heard]) -> Result<(), HandleError> {
        let observations: Vec<Observation> = heard.iter().map(|heard| self.observation(&heard.said)).collect();
        // Before, not within: there may be one connection for everything.
        let now = self.store.now().await?;
        let mut tx = self.store.begin_consent(fence).await?;
        let contacts = match tx.contacts(&observations).await {
            Ok(contacts) => contacts.into_iter().map(|contact| contact.into_iter().collect()).collect(),
            // Two that will be one: whoever decides about the message makes them one, and a stop may not wait for it.
            Err(StoreError::MergeFirst(_)) => {
                drop(tx);
                tx = self.store.begin_consent(fence).await?;
                let mut contacts: Vec<Vec<ContactRecord>> = Vec::with_capacity(heard.len());
                for heard in heard {
                    contacts.push(tx.everybody(&heard.said.by).await?);
                }
                contacts
            }
            Err(error) => return Err(error.into()),
        };
        let mut keeping = Keeping::new(tx, self.sending.current(), now);
        for (heard, contacts) in heard.iter().zip(contacts) {
            for contact in contacts {
                keeping.take_in(heard, &contact).await?;
            }
        }
        Ok(keeping.commit().await?)
    }

    /// As the router's of the same event, but for the language, which it learns once.
    fn observation(&self, said: &Said) -> Observation {
        match &said.what {
            What::Words { message, .. } => {
                let silence = i64::try_from(self.config.claim_after.as_millis()).unwrap_or(i64::MAX);
                let silent_before = said.received_at.plus_millis(-silence);
                Observation::of_message(message, said.received_at, silent_before, None)
            }
            What::Preference(_) => Observation::of(said.by.clone(), said.received_at),
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}
