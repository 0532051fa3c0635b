//! How a component's worker runs, and what it works with.

use std::sync::Arc;
use std::time::Duration;

use waypost_bus::Bus;
use waypost_domain::{PartitionCount, PartitionId};
use waypost_store::{Sequence, Store};

use super::{Handler, Split};
use crate::lease_clock::LeaseClock;
use crate::shards::{self, ShardsConfig};

/// How a component's worker runs. The defaults are those of the configuration.
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
    /// Events in a batch at most. Twice as many deliveries are prefetched.
    pub batch_max: u16,
    /// An event on which the handler panicked so often in a row, while it was handled alone, is parked.
    pub park_after_panics: u32,
    /// An event with which so many processes in a row crashed, while it was handled alone, is parked before the next
    /// handles it.
    pub park_after_deaths: u32,
    /// After this long without work, what was published is marked so.
    pub idle_flush_after: Duration,
    /// How long a publish to the dead letters may take.
    pub publish_timeout: Duration,
    /// How long a shutdown may take, whatever the store and the bus do.
    pub drain_timeout: Duration,
    /// Told of every renewal; for whoever asks whether this worker lives.
    pub lease_clock: LeaseClock,
}

/// How long a bus may take to take part of a message back, or to end a subscription.
const BUS_TIMEOUT_MAX: Duration = Duration::from_secs(10);

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

    /// How its shards are owned, whose sequence numbers are counted there.
    pub fn shards(&self, sequence: Sequence) -> ShardsConfig {
        ShardsConfig {
            component: self.component,
            sequence,
            instance: self.instance.clone(),
            lease_ttl: self.lease_ttl,
            lease_renew_every: self.lease_renew_every,
            drain_timeout: self.drain_timeout,
            lease_clock: self.lease_clock.clone(),
        }
    }

    /// How long the store may take for one answer.
    pub(crate) fn store_timeout(&self) -> Duration {
        shards::call_timeout(self.lease_ttl)
    }

    /// How long the bus may take to subscribe, to take an acknowledgement, or to end a subscription: half of a drain, so
    /// that the lease can still be given back.
    pub(crate) fn bus_timeout(&self) -> Duration {
        (self.drain_timeout / 2).min(BUS_TIMEOUT_MAX)
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
    /// Where the handlers' numbers are counted: of the inbox, if the handlers write it.
    pub sequence: Sequence,
    /// How a message that carries several events is taken apart.
    pub split: Split,
    /// One for all workers of a process: held while an event is handled with which processes have crashed.
    pub suspects: Arc<tokio::sync::Mutex<()>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_answers_of_the_store_fit_into_a_lease_and_two_of_the_bus_into_a_drain() {
        for (lease_ttl, drain_timeout, store, bus) in [(15, 20, 5, 10), (60, 8, 20, 4), (1, 60, 1, 10)] {
            let config = WorkerConfig {
                lease_ttl: Duration::from_secs(lease_ttl),
                drain_timeout: Duration::from_secs(drain_timeout),
                ..WorkerConfig::new("router", "one", PartitionCount::DEFAULT)
            };
            assert_eq!((config.store_timeout().as_secs(), config.bus_timeout().as_secs()), (store, bus));
        }
    }
}
