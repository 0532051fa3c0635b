//! The opt-in worker: the one writer of consent from what customers write and tap.
//!
//! Follow a stop: the ingress publishes what may speak of consent a second time, in bundles by partition → [`event`] reads it →
//! [`meaning`] says what it asks for, without the store → `handler` looks, in one transaction with the contact's row locked,
//! at what the contact said before, and keeps what follows ([`follow`], `keep`): entries of the ledger with the message as their
//! source, one confirmation for the sender to send, an alert where a person has to judge. The router decides about the same
//! message by itself, before or after.
//!
//! Must never take a later ordinary message for consent, never write an entry without its source, and never wait for the router.

mod backfill;
pub mod event;
pub mod follow;
mod handler;
mod keep;
pub mod meaning;
pub mod metrics;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, Layout};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_live::{Numbers, SendingLive};
use waypost_store::{Sequence, Store};
use waypost_worker::{Due, DueConfig, Handler, Parts, Shard, Worker, WorkerConfig};

pub use handler::ConsentHandler;
/// The lease name, by which whoever sends sees how far it is.
pub use waypost_live::sending::OPTIN;

/// The lease name of whoever looks through what was written before there was an opt-in worker.
pub const BACKFILL: &str = "optin-backfill";

/// How often is looked whether that is done.
const BACKFILL_EVERY: Duration = Duration::from_secs(1);

/// What it is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptinConfig {
    /// Silence after which a number alone does not say who writes: as the router's.
    pub claim_after: Duration,
}

/// A running worker's parts.
pub struct Optin {
    pub config: OptinConfig,
    pub layout: Layout,
    pub bus: Arc<dyn Bus>,
    pub store: Store,
    /// Followed by whoever made it.
    pub sending: Arc<SendingLive>,
}

impl Optin {
    /// Runs until `shutdown`, then drains under the worker's deadline. `worker`: what a lease name is worked under.
    pub fn run(
        self,
        worker: impl Fn(&'static str, PartitionCount) -> WorkerConfig,
        shutdown: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        metrics::describe();
        let layout = self.layout;
        let numbers = Arc::new(Numbers::new(self.store.clone()));
        let parts = Parts {
            bus: self.bus.clone(),
            store: self.store.clone(),
            handler: self.handlers(&numbers),
            queue: Arc::new(move |partition| layout.consent_queue(partition)),
            sequence: Sequence::None,
            split: event::split,
            suspects: Arc::default(),
        };
        let backfill = self.backfill(&worker(BACKFILL, PartitionCount::ONE));
        let worker = Worker::new(worker(OPTIN, layout.partitions), parts);
        Box::pin(async move {
            tokio::join!(
                worker.run(shutdown.clone()),
                Box::pin(backfill.run(shutdown.clone())),
                numbers.follow(shutdown)
            );
        })
    }

    fn backfill(&self, worker: &WorkerConfig) -> Due {
        let config = DueConfig {
            shards: worker.shards(Sequence::None),
            every: BACKFILL_EVERY,
            rows_max: backfill::ROWS_MAX,
            pass_timeout: backfill::PASS_TIMEOUT,
        };
        let source = backfill::Backfill::new(self.store.clone(), self.sending.clone());
        Due::new(config, self.store.clone(), [Shard(0)], Arc::new(source))
    }

    /// Makes the handlers of all partitions.
    pub fn handlers(&self, numbers: &Arc<Numbers>) -> Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync> {
        let (config, store, numbers) = (self.config.clone(), self.store.clone(), numbers.clone());
        let sending = self.sending.clone();
        Arc::new(move |_| {
            Box::new(ConsentHandler::new(config.clone(), store.clone(), numbers.clone(), sending.clone()))
        })
    }
}
