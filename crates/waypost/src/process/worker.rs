//! What every component of this process that owns shards by lease runs with, and how long all of them may take to drain.

use std::time::Duration;

use waypost_domain::PartitionCount;
use waypost_ops::{Health, State};
use waypost_worker::WorkerConfig;

use super::Config;
use super::section::{Problems, millis, section};

section! {
    /// Whoever takes messages off partitioned queues: ownership by lease, batches, and when a message is parked.
    WorkerSection = "worker" {
        /// How long a lease lasts unless renewed: after a crash, others take over then.
        lease_ttl_ms: u64 = millis(defaults().lease_ttl),
        /// How often leases are renewed; at most half of `worker.lease_ttl_ms`.
        lease_renew_ms: u64 = millis(defaults().lease_renew_every),
        /// Messages in a transaction at most.
        batch_max: u16 = defaults().batch_max,
        /// A message is parked when its handler has panicked so often in a row while it was handled alone.
        park_after_panics: u32 = defaults().park_after_panics,
        /// A message is parked when so many processes in a row have died while it was handled alone.
        park_after_deaths: u32 = defaults().park_after_deaths,
        /// After so long without work, what was published is marked so.
        idle_flush_ms: u64 = millis(defaults().idle_flush_after),
        /// How long the components of a process that was asked to stop may take; it has ended 5 s later.
        drain_timeout_ms: u64 = millis(defaults().drain_timeout),
    }
}

fn defaults() -> WorkerConfig {
    WorkerConfig::new("", "", PartitionCount::DEFAULT)
}

impl WorkerSection {
    pub(crate) fn check(&self, problems: &mut Problems) {
        problems.require(self.batch_max > 0, "worker.batch_max", "must be above 0");
        problems.require(self.park_after_panics > 0, "worker.park_after_panics", "must be above 0");
        problems.require(self.park_after_deaths > 0, "worker.park_after_deaths", "must be above 0");
        let leaves_room = self.lease_renew_ms > 0 && self.lease_renew_ms.saturating_mul(2) <= self.lease_ttl_ms;
        let hint = "must be above 0 and at most half of worker.lease_ttl_ms";
        problems.require(leaves_room, "worker.lease_renew_ms", hint);
    }

    /// What every component of a process has to finish in when it is asked to stop.
    pub(crate) const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

impl Config {
    pub(crate) fn worker_config(&self, component: &'static str, partitions: PartitionCount) -> WorkerConfig {
        let section = &self.worker;
        WorkerConfig {
            lease_ttl: Duration::from_millis(section.lease_ttl_ms),
            lease_renew_every: Duration::from_millis(section.lease_renew_ms),
            batch_max: section.batch_max,
            park_after_panics: section.park_after_panics,
            park_after_deaths: section.park_after_deaths,
            idle_flush_after: Duration::from_millis(section.idle_flush_ms),
            drain_timeout: section.drain_timeout(),
            ..WorkerConfig::new(component, self.instance_name(), partitions)
        }
    }
}

/// A worker whose leases the store does not renew does no work, or soon none.
pub(crate) fn register(health: &Health, worker: &WorkerConfig) {
    let (clock, ttl) = (worker.lease_clock.clone(), worker.lease_ttl);
    health.register_state(worker.component, "leases", move || match clock.age() {
        None => State::NotReady("not taken yet".to_owned()),
        Some(age) if age > ttl => State::NotReady(format!("last renewed {} s ago", age.as_secs())),
        Some(_) => State::Ready,
    });
}
