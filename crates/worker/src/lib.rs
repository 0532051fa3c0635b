//! What every consuming component runs on: ownership of partitions by lease, and the batch loop.
//!
//! A [`Worker`] spreads its component's partitions evenly over the replicas ([`ownership`]), subscribes to a
//! partition's queue only while it holds the lease ([`partition`]), hands batches that never overlap to the component's
//! [`Handler`], parks what harms whoever handles it, and drains under a deadline. It must never acknowledge before the
//! handler's effects are durable, and never know what a component does.

pub mod claim;
mod error;
mod evidence;
pub mod lease_clock;
pub mod metrics;
pub mod ownership;
pub mod partition;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use waypost_bus::{Bus, Delivery};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_store::Store;

pub use claim::Claim;
pub use error::{Cause, HandleError};
pub use lease_clock::LeaseClock;
pub use ownership::Worker;

/// What a component does with its messages.
#[async_trait]
pub trait Handler: Send {
    /// Handles the whole of `batch`, in order. On `Ok` every effect is durable and the batch is acknowledged; on any
    /// error nothing is. The same delivery may come again, in this process or another.
    async fn handle(&mut self, batch: &[Delivery], claim: &mut Claim) -> Result<(), HandleError>;
}

/// How a component's worker runs. The defaults are DESIGN's.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The lease's component name, e.g. `router`.
    pub component: &'static str,
    /// Names this replica; unique per process.
    pub instance: String,
    pub partitions: PartitionCount,
    /// How long a lease lasts unless renewed.
    pub lease_ttl: Duration,
    pub lease_renew_every: Duration,
    /// Deliveries in a batch at most. Twice as many are prefetched.
    pub batch_max: u16,
    /// A message on which the handler panicked so often in a row, while it was handled alone, is parked.
    pub park_after_panics: u32,
    /// A message that so many processes in a row died with, while it was handled alone, is parked before the next
    /// handles it.
    pub park_after_deaths: u32,
    /// After this long without work, what was published is marked so.
    pub idle_flush_after: Duration,
    /// How long a publish to the dead letters may take.
    pub publish_timeout: Duration,
    /// How long a shutdown may take.
    pub drain_timeout: Duration,
    /// Told of every renewal; for whoever asks whether this worker lives.
    pub lease_clock: LeaseClock,
}

impl WorkerConfig {
    pub fn new(component: &'static str, instance: impl Into<String>, partitions: PartitionCount) -> Self {
        Self {
            component,
            instance: instance.into(),
            partitions,
            lease_ttl: Duration::from_secs(15),
            lease_renew_every: Duration::from_secs(5),
            batch_max: 128,
            park_after_panics: 5,
            park_after_deaths: 10,
            idle_flush_after: Duration::from_secs(1),
            publish_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(20),
            lease_clock: LeaseClock::default(),
        }
    }
}

/// What a worker works with.
#[derive(Clone)]
pub struct Parts {
    pub bus: Arc<dyn Bus>,
    pub store: Store,
    /// Makes the handler of one partition.
    pub handler: Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync>,
    /// The queue of a partition.
    pub queue: Arc<dyn Fn(PartitionId) -> String + Send + Sync>,
    /// One for all workers of a process: held while a message is handled that processes have died with.
    pub suspects: Arc<tokio::sync::Mutex<()>>,
}
