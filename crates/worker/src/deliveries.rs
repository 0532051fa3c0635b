//! Batches off queues: every partition's queue is consumed under the partition's lease, in batches that never overlap.
//!
//! Follow a delivery: `partition` subscribes and takes it in hand → `handling` gives its events to the component's
//! [`Handler`], finds the one that does harm, parks it, acknowledges the rest. Beside them, `claim` counts what was
//! published and `crashes` remembers what processes crashed with. Must never acknowledge before the handler's effects
//! are durable, and never know what a component does.

mod claim;
mod config;
mod crashes;
mod handling;
mod partition;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::error::HandleError;
use crate::shards::{Held, Shard, ShardEnd, ShardWork, Shards};

pub use claim::Claim;
pub use config::{Parts, WorkerConfig};
pub use work::{Bundle, ClaimedBatch, Event, InHand, Split, no_bundles};

/// What a component does with its events.
#[async_trait]
pub trait Handler: Send {
    /// Handles all events of all batches, those of one batch in order. On `Ok` every effect of a batch that was not left
    /// ([`ClaimedBatch::leave`]) is durable, what was parked of it becomes dead letters, and it is acknowledged; on an
    /// error nothing is. The same event may come again, in this process or another.
    ///
    /// Today a batch comes alone. A handler must not count on that: batches of several partitions are to share one
    /// transaction and one flight.
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError>;
}

/// Runs one component's partitions in this process.
pub struct Worker {
    config: WorkerConfig,
    parts: Parts,
}

impl Worker {
    pub const fn new(config: WorkerConfig, parts: Parts) -> Self {
        Self { config, parts }
    }

    /// Runs until `shutdown`, then drains: at most `drain_timeout`, whatever the store and the bus do.
    pub async fn run(self, shutdown: CancellationToken) {
        let (config, store) = (self.config.shards(self.parts.sequence), self.parts.store.clone());
        let keys: Vec<Shard> = self.config.partitions.all().map(Shard::from).collect();
        Shards::new(config, store, keys, Arc::new(self)).run(shutdown).await;
    }
}

#[async_trait]
impl ShardWork for Worker {
    async fn run(&self, held: Held) -> ShardEnd {
        partition::run(self.config.clone(), self.parts.clone(), held).await
    }
}
