//! Which partitions this replica owns: leases in the store, spread evenly over the replicas that are alive.
//!
//! Every tick: tell that we live, renew what we have, give up what is above our share, take what is free below it. A
//! lease that could not be renewed counts as lost when our own clock says that its time has run out.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waypost_domain::{PartitionId, Timestamp};
use waypost_store::{Lease, LeaseRow, StoreError};

use crate::claim::Claim;
use crate::partition::run_partition;
use crate::{Parts, WorkerConfig, metrics};

/// Runs one component's partitions in this process.
pub struct Worker {
    config: WorkerConfig,
    parts: Parts,
    owned: BTreeMap<PartitionId, Owned>,
    tasks: JoinSet<()>,
}

/// A partition whose task is running.
struct Owned {
    epoch: i64,
    task: tokio::task::Id,
    valid_until: watch::Sender<Instant>,
    /// Ends the task in good order: finish the batch, close, release.
    stop: CancellationToken,
}

impl Worker {
    pub fn new(config: WorkerConfig, parts: Parts) -> Self {
        metrics::begin(config.component);
        Self { config, parts, owned: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Runs until `shutdown`, then drains: at most `drain_timeout`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(self.config.lease_renew_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.task_ended(ended),
                _ = ticks.tick() => {
                    if let Err(error) = self.tick().await {
                        warn!(component = self.config.component, %error, "leases not renewed");
                    }
                }
            }
        }
        self.drain().await;
    }

    async fn tick(&mut self) -> Result<(), StoreError> {
        let config = &self.config;
        let asked_at = Instant::now();
        let replicas = self.parts.store.join(config.component, &config.instance, config.lease_ttl).await?;
        let renewed = self.parts.store.renew_leases(config.component, &config.instance, config.lease_ttl).await?;
        let renewed: BTreeMap<PartitionId, i64> = renewed.into_iter().collect();
        config.lease_clock.renewed(asked_at);
        for (partition, owned) in &self.owned {
            if renewed.get(partition) == Some(&owned.epoch) {
                owned.valid_until.send_replace(asked_at + config.lease_ttl);
            } else if !owned.stop.is_cancelled() {
                warn!(component = config.component, %partition, "lease lost");
                ::metrics::counter!(metrics::LEASES_LOST, "component" => config.component).increment(1);
                owned.valid_until.send_replace(asked_at);
            }
        }
        // Lost by our clock before it ran out in the store: it must not live on in our name, with nobody working.
        for (partition, epoch) in renewed {
            if !self.owned.contains_key(&partition) {
                self.give_back(partition, epoch).await?;
            }
        }
        self.share_out(replicas).await
    }

    async fn give_back(&self, partition: PartitionId, epoch: i64) -> Result<(), StoreError> {
        warn!(component = self.config.component, %partition, "lease without a task given back");
        let lease = Lease {
            component: self.config.component.to_owned(),
            partition,
            owner: self.config.instance.clone(),
            epoch,
            published_seq: 0,
            last_seq: 0,
            expires_at: Timestamp::default(),
            suspect: None,
        };
        self.parts.store.release_lease(&lease).await
    }

    async fn share_out(&mut self, replicas: u32) -> Result<(), StoreError> {
        let partitions = usize::from(self.config.partitions.get());
        let share = partitions.div_ceil(usize::try_from(replicas.max(1)).unwrap_or(usize::MAX));
        let held: Vec<PartitionId> =
            self.owned.iter().filter(|(_, owned)| !owned.stop.is_cancelled()).map(|(id, _)| *id).collect();
        for partition in held.iter().skip(share) {
            info!(component = self.config.component, %partition, "giving a partition to another replica");
            self.owned[partition].stop.cancel();
        }
        let mut room = share.saturating_sub(self.owned.len());
        if room == 0 {
            return Ok(());
        }
        let others = |row: &LeaseRow| row.owner.as_ref().is_some_and(|owner| *owner != self.config.instance);
        let now = self.parts.store.now().await?;
        let leases = self.parts.store.leases(self.config.component).await?;
        let taken: BTreeSet<PartitionId> =
            leases.iter().filter(|row| others(row) && row.expires_at > now).map(|row| row.partition).collect();
        for partition in self.config.partitions.all() {
            if room == 0 {
                break;
            }
            if !taken.contains(&partition) && !self.owned.contains_key(&partition) && self.take(partition).await? {
                room -= 1;
            }
        }
        Ok(())
    }

    /// Whether the partition is ours now, with its task running.
    async fn take(&mut self, partition: PartitionId) -> Result<bool, StoreError> {
        let config = &self.config;
        let asked_at = Instant::now();
        let lease =
            self.parts.store.acquire_lease(config.component, partition, &config.instance, config.lease_ttl).await?;
        let Some(lease) = lease else { return Ok(false) };
        let (valid_until, receiver) = watch::channel(asked_at + config.lease_ttl);
        let stop = CancellationToken::new();
        let epoch = lease.epoch;
        let claim = Claim::new(lease, receiver);
        let task = self.tasks.spawn(run_partition(config.clone(), self.parts.clone(), claim, stop.clone())).id();
        self.owned.insert(partition, Owned { epoch, task, valid_until, stop });
        self.count_owned();
        Ok(true)
    }

    fn task_ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                // A partition's task catches its handler's panics; what is left is a bug of ours.
                tracing::error!(component = self.config.component, %error, "partition task failed");
                error.id()
            }
        };
        self.owned.retain(|_, owned| owned.task != task);
        self.count_owned();
    }

    async fn drain(mut self) {
        for owned in self.owned.values() {
            owned.stop.cancel();
        }
        let deadline = Instant::now() + self.config.drain_timeout;
        loop {
            match tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await {
                Ok(Some(ended)) => self.task_ended(ended),
                Ok(None) => break,
                Err(_) => {
                    warn!(component = self.config.component, partitions = self.owned.len(), "drain deadline passed");
                    self.tasks.shutdown().await;
                    break;
                }
            }
        }
        if let Err(error) = self.parts.store.leave(self.config.component, &self.config.instance).await {
            warn!(component = self.config.component, %error, "could not say goodbye; the others wait for the time-out");
        }
    }

    fn count_owned(&self) {
        let owned = f64::from(u32::try_from(self.owned.len()).unwrap_or(u32::MAX));
        ::metrics::gauge!(metrics::PARTITIONS_OWNED, "component" => self.config.component).set(owned);
    }
}
