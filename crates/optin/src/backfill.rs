//! What customers wrote before there was an opt-in worker: once, at its first start, the inputs that the router's decisions were
//! stored with are looked through. Entries have the ids that the live worker would give them, so nothing is written twice.
//!
//! Must never keep what was said in another order than it was said in: a start restores what a stop before it took.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tracing::info;
use waypost_domain::message::{Tap, TapSource};
use waypost_domain::{AliasSet, ContactId, NumberName, Timestamp, WabaId};
use waypost_live::SendingLive;
use waypost_proto::route::decode_route_input;
use waypost_rules::RouteInput;
use waypost_store::{DecisionFilter, DecisionPlaces, KnownEvent, Store};
use waypost_worker::{DueSource, HandleError, Held, Pass};

use crate::event::{Said, What};
use crate::keep::{Heard, Keeping};
use crate::meaning::Lexicon;

/// How long decisions keep their inputs.
const REACH_MS: i64 = 9 * 24 * 60 * 60 * 1000;
/// Decisions that one pass looks at, and what one transaction keeps at most.
pub(crate) const ROWS_MAX: u32 = 500;
const KEPT_MAX: usize = 50;
/// Longer than a pass takes on a store that is alive.
pub(crate) const PASS_TIMEOUT: Duration = Duration::from_secs(60);
/// The mark of the lease once all was looked through.
const DONE: i64 = 1;

pub(crate) struct Backfill {
    store: Store,
    sending: Arc<SendingLive>,
    progress: Mutex<Progress>,
}

/// How far this process is.
#[derive(Default)]
struct Progress {
    /// Since when; `None` before it has begun.
    since: Option<Timestamp>,
    /// Where to go on; `None` at the end, and before the beginning.
    places: Option<DecisionPlaces>,
    /// What was found, the newest first.
    found: Vec<(Heard, ContactId)>,
    is_read: bool,
    is_done: bool,
}

impl Backfill {
    pub(crate) fn new(store: Store, sending: Arc<SendingLive>) -> Self {
        Self { store, sending, progress: Mutex::default() }
    }

    /// One page of decisions.
    async fn read(&self, progress: &mut Progress, rows_max: u32) -> Result<(), HandleError> {
        let since = match progress.since {
            Some(since) => since,
            None => self.store.now().await?.plus_millis(-REACH_MS),
        };
        progress.since = Some(since);
        let filter = DecisionFilter { since: Some(since), ..DecisionFilter::default() };
        let page = self.store.newest_decisions(&filter, progress.places.take(), rows_max).await?;
        let lexicon = Lexicon::new(self.sending.current().policy.clone());
        for event in page.events {
            progress.found.extend(self.heard(&lexicon, event));
        }
        progress.is_read = page.next.is_none();
        progress.places = page.next;
        Ok(())
    }

    /// `None`: it says nothing about consent, or nobody knows any more what it said.
    fn heard(&self, lexicon: &Lexicon, event: KnownEvent) -> Option<(Heard, ContactId)> {
        let contact = event.contact?;
        let input = decode_route_input(&event.outcome?.input).ok()?;
        let number = NumberName::new(input.number.clone()).ok()?;
        if input.group_id.is_some() {
            return None;
        }
        let brand = self.sending.current().numbers.get(&number).map(|number| number.brand.clone()).unwrap_or_default();
        let said = Said {
            number: event.event.number,
            display_number: String::new(),
            waba: WabaId::default(),
            key: event.event.key,
            by: AliasSet::default(),
            country: input.country.clone(),
            received_at: event.received_at,
            at: event.received_at,
            what: words(&input)?,
        };
        let understood = lexicon.understand(&said)?;
        Some((Heard { said, understood, number, brand }, contact))
    }

    /// Keeps the oldest of what was found.
    async fn keep(&self, held: &Held, progress: &mut Progress) -> Result<(), HandleError> {
        let from = progress.found.len().saturating_sub(KEPT_MAX);
        let mut contacts = Vec::new();
        for (_, contact) in &progress.found[from..] {
            let survivor = self.store.surviving_contact(*contact).await?;
            let details = match survivor {
                Some(survivor) => self.store.contact(survivor).await?,
                None => None,
            };
            contacts.push(details.map(|details| details.contact));
        }
        let now = self.store.now().await?;
        let tx = self.store.begin_consent(&held.fence(0, None)).await?;
        let mut keeping = Keeping::new(tx, self.sending.current(), now);
        for ((heard, _), contact) in progress.found[from..].iter().zip(&contacts).rev() {
            if let Some(contact) = contact {
                keeping.take_in(heard, contact).await?;
            }
        }
        keeping.commit().await?;
        progress.found.truncate(from);
        Ok(())
    }
}

fn words(input: &RouteInput) -> Option<What> {
    let source = if input.message_type == "button" { TapSource::Template } else { TapSource::Button };
    let tap = input.reply_id.clone().map(|id| Tap { source, id, title: input.text.clone(), description: None });
    let text = input.text.clone().or_else(|| input.reply_id.clone())?;
    Some(What::Words { text, tap, is_forwarded: input.forwarded, message: Box::default() })
}

#[async_trait]
impl DueSource for Backfill {
    async fn pass(&self, held: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        let mut progress = self.progress.lock().await;
        if progress.is_done || held.lease().published_seq >= DONE {
            return Ok(Pass::NothingMore);
        }
        if !progress.is_read {
            self.read(&mut progress, rows_max).await?;
            if progress.is_read {
                // By time, since partitions and clocks mix: the newest first.
                progress.found.sort_by_key(|(heard, _)| std::cmp::Reverse(heard.said.at));
                info!(found = progress.found.len(), "what was written before is looked through for stops");
            }
            return Ok(Pass::MoreIsDue);
        }
        if !progress.found.is_empty() {
            self.keep(held, &mut progress).await?;
            return Ok(Pass::MoreIsDue);
        }
        self.store.mark_published(&held.fence(DONE, None)).await?;
        progress.is_done = true;
        Ok(Pass::NothingMore)
    }
}
