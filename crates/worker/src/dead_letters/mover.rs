//! The mover: takes whatever is parked off the bus's last two queues and keeps it in the store, where it can be listed,
//! whatever the bus. Everybody parks there: the ingress, the workers, the broker itself.
//!
//! It is a worker like any other, under a lease of its own, and so acknowledges what is committed. A message that is moved
//! twice, by two movers or after a crash in between, is one row. What it takes it never parks: there is nowhere left to put
//! it, so what cannot be kept yet is tried again for ever, in its place.

use std::slice;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::error;
use waypost_bus::dead_letter::{ATTEMPTS_HEADER, DETAIL_HEADER, DIVERTED_HEADER, in_our_words, reason_code, replays};
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_bus::{Bus, Message};
use waypost_domain::{PartitionCount, PartitionId, Timestamp};
use waypost_store::{ParkedContent, ParkedMessage, ParkedRow, Parking, Sequence, Store, StoreError};

use crate::deliveries::{ClaimedBatch, Handler, Parts, Worker, WorkerConfig, no_bundles};
use crate::error::HandleError;
use crate::metrics;

/// The mover's lease name.
pub const PARKING: &str = "parking";

/// What it works off, by shard.
pub const QUEUES: [(Parking, &str); 2] =
    [(Parking::DeadLetters, DEAD_LETTERS_QUEUE), (Parking::Unrouted, UNROUTED_QUEUE)];

/// Messages in a transaction: each may be as large as a webhook's body.
const BATCH_MAX: u16 = 16;
/// Bytes in a transaction, unless one message has more: 4 MiB.
const BATCH_BYTES_MAX: usize = 4_194_304;

/// The code of what no team's queue takes; its detail says more.
const UNROUTED_REASON: &str = "unrouted";
/// Who parks it.
const UNROUTED_ORIGIN: &str = "router";

/// A worker that moves what is parked. `config`: how the other workers of this process run, for so many shards as there are
/// [`QUEUES`], under the lease name [`PARKING`].
pub fn mover(
    config: impl FnOnce(&'static str, PartitionCount) -> WorkerConfig,
    bus: Arc<dyn Bus>,
    store: Store,
) -> Worker {
    let shards = u16::try_from(QUEUES.len()).ok().and_then(PartitionCount::new);
    let config = of_a_mover(config(PARKING, shards.unwrap_or(PartitionCount::DEFAULT)));
    metrics::begin_moving();
    let rows = store.clone();
    let parts = Parts {
        bus,
        store,
        handler: Arc::new(move |shard| Box::new(Mover { store: rows.clone(), parking: queue(shard).0 })),
        queue: Arc::new(|shard| queue(shard).1.to_owned()),
        sequence: Sequence::None,
        split: no_bundles,
        suspects: Arc::default(),
    };
    Worker::new(config, parts)
}

fn of_a_mover(config: WorkerConfig) -> WorkerConfig {
    WorkerConfig {
        batch_max: config.batch_max.min(BATCH_MAX),
        // A message that it parked would come back to it, with another reason than its own.
        park_after_panics: u32::MAX,
        park_after_deaths: u32::MAX,
        ..config
    }
}

fn queue(shard: PartitionId) -> (Parking, &'static str) {
    QUEUES[usize::from(shard.0) % QUEUES.len()]
}

struct Mover {
    store: Store,
    parking: Parking,
}

#[async_trait]
impl Handler for Mover {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            if let Err(error) = self.keep(batch).await {
                batch.leave(never_parked(error));
            }
        }
        Ok(())
    }
}

impl Mover {
    /// What cannot be kept holds up nothing that came with it.
    async fn keep(&self, batch: &ClaimedBatch<'_>) -> Result<(), HandleError> {
        let now = self.store.now().await?;
        let letters: Vec<_> = batch.events().map(|event| parked(self.parking, event.carrier().clone(), now)).collect();
        let mut first = 0;
        let mut problem = None;
        for some in at_once(&letters) {
            if let Err(error) = self.commit(batch, first, some).await {
                if is_all(&error) {
                    return Err(error.into());
                }
                for (place, letter) in (first..).zip(some) {
                    let Err(error) = self.commit(batch, place, slice::from_ref(letter)).await else { continue };
                    if is_all(&error) {
                        return Err(error.into());
                    }
                    error!(id = letter.row.message_id, queue = letter.row.parking.as_str(), %error, "cannot be kept yet");
                    problem.get_or_insert(error);
                }
            }
            first += some.len();
        }
        problem.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn commit(
        &self,
        batch: &ClaimedBatch<'_>,
        first: usize,
        letters: &[ParkedMessage],
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin_record(&batch.claim.fence(None)).await?;
        let new = tx.park_from(first, letters).await?;
        tx.commit().await?;
        metrics::moved(self.parking, new);
        Ok(())
    }
}

/// Whatever is to be kept, it would fail alike.
const fn is_all(error: &StoreError) -> bool {
    error.is_transient() || matches!(error, StoreError::LeaseLost { .. })
}

/// In the same order, each part of as many bytes as a transaction takes, or of one message.
fn at_once(letters: &[ParkedMessage]) -> impl Iterator<Item = &[ParkedMessage]> {
    let mut rest = letters;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|letter| {
            bytes += letter.content.body.len();
            bytes <= BATCH_BYTES_MAX
        });
        let (some, others) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = others;
        (!some.is_empty()).then_some(some)
    })
}

fn never_parked(error: HandleError) -> HandleError {
    match error {
        HandleError::Park { source, .. } => HandleError::Retry { source },
        error @ (HandleError::LeaseLost | HandleError::Retry { .. } | HandleError::Stop { .. }) => error,
    }
}

fn parked(parking: Parking, message: Message, now: Timestamp) -> ParkedMessage {
    let header = |message: &Message, name: &str| message.headers.get(name).cloned().unwrap_or_default();
    let (message, reason, detail, origin) = match parking {
        Parking::DeadLetters => {
            // In our own words, which mean something on the way back too.
            let message = in_our_words(message);
            let origin = waypost_bus::dead_letter::origin(&message).unwrap_or_default().to_owned();
            let (reason, detail) = (reason_code(&message).to_owned(), header(&message, DETAIL_HEADER));
            (message, reason, detail, origin)
        }
        Parking::Unrouted => {
            let detail = header(&message, DIVERTED_HEADER);
            (message, UNROUTED_REASON.to_owned(), detail, UNROUTED_ORIGIN.to_owned())
        }
    };
    let (attempts, replays) = (header(&message, ATTEMPTS_HEADER).parse().unwrap_or_default(), replays(&message));
    let Message { id, kind, content_type, headers, body } = message;
    ParkedMessage {
        row: ParkedRow {
            parking,
            message_id: id,
            reason,
            detail,
            origin,
            attempts,
            replays,
            kind,
            parked_at: now,
            body_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
        },
        content: ParkedContent { content_type, headers, body: body.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_so_many_bytes_and_at_least_one_message() {
        let now = Timestamp::from_millis(0);
        let letter = |bytes: usize| {
            let message = Message { body: vec![0; bytes].into(), ..Message::default() };
            parked(Parking::Unrouted, message, now)
        };
        let half = 2 << 20;
        let letters = [half, half, 1, BATCH_BYTES_MAX + 1, 0].map(letter);
        assert_eq!(at_once(&letters).map(<[_]>::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert_eq!(at_once(&[]).count(), 0);
    }

    #[test]
    fn a_mover_takes_little_at_once_and_parks_nothing() {
        for (batch_max, expected) in [(128, 16), (8, 8)] {
            let others = WorkerConfig { batch_max, ..WorkerConfig::new(PARKING, "a", PartitionCount::DEFAULT) };
            let config = of_a_mover(others);
            assert_eq!(config.batch_max, expected);
            assert_eq!((config.park_after_panics, config.park_after_deaths), (u32::MAX, u32::MAX));
        }
    }

    #[test]
    fn an_outage_is_no_fault_of_one_message() {
        let problems = [
            (StoreError::Retry { reason: "deadlock", source: None }, true),
            (StoreError::LeaseLost { component: PARKING.into(), partition: 0 }, true),
            (StoreError::Invalid("too long".into()), false),
        ];
        for (error, expected) in problems {
            assert_eq!(is_all(&error), expected, "{error}");
        }
    }
}
