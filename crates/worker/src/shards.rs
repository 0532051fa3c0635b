//! Which shards of a component's work this replica owns: leases in the store, spread evenly over the replicas that are
//! alive. A shard is a number; what it stands for (a partition, a group of phone numbers or timers) is its user's affair.
//!
//! Every tick: say that we live, renew what we have, give up what is above our share, take what is free below it. A lease
//! that could not be renewed counts as lost when our own clock says that its time has run out. Must never wait without a
//! bound for the store, and never take again what had to be stopped for good.

mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_domain::{PartitionId, Timestamp};
use waypost_store::{Lease, LeaseRow, Renewal, Sequence, Store};

use crate::bounded::{CallError, bounded};
use crate::lease_clock::LeaseClock;
use crate::metrics;

pub use held::Held;

/// The number under which the lease table knows a piece of a component's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Shard {
    /// The store's word for it: its leases were made for partitions first.
    pub(crate) const fn row(self) -> PartitionId {
        PartitionId(self.0)
    }
}

impl From<PartitionId> for Shard {
    fn from(partition: PartitionId) -> Self {
        Self(partition.0)
    }
}

/// How shards are owned.
#[derive(Debug, Clone)]
pub struct ShardsConfig {
    /// The lease's component name, e.g. `router`.
    pub component: &'static str,
    /// Where the sequence numbers of its shards are counted.
    pub sequence: Sequence,
    /// Names this replica; unique per process.
    pub instance: String,
    /// How long a lease lasts unless renewed.
    pub lease_ttl: Duration,
    pub lease_renew_every: Duration,
    /// How long a shutdown may take, whatever the store does.
    pub drain_timeout: Duration,
    /// Told of every renewal.
    pub lease_clock: LeaseClock,
}

/// A lease of less than three of these is one of a test's.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// The part of the drain time that is kept for saying goodbye, and the most that it may be.
const GOODBYE_PART: u32 = 10;
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// How long the store may take for one answer: three of them fit into a lease.
pub(crate) fn call_timeout(lease_ttl: Duration) -> Duration {
    (lease_ttl / 3).max(CALL_TIMEOUT_MIN)
}

/// What is done with a shard while it is held.
#[async_trait]
pub trait ShardWork: Send + Sync {
    /// Works on the shard until it is told to stop, the lease runs out, or there is nothing more that this process can
    /// do. Touches nothing of the shard's once it has returned.
    async fn run(&self, held: Held) -> ShardEnd;
}

/// How the work on a shard ended: what becomes of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardEnd {
    /// In good order: the lease is given back.
    Finished,
    /// Only a person or a newer release can help: the lease is given back, and this process does not take it again.
    StoppedForGood,
    /// What was in hand is perhaps in hand still: the lease is kept for as long as it lasts, and then given back; with
    /// `for_good` this process does not take it again.
    InDoubt { for_good: bool },
    /// The lease is lost: there is nothing to give back.
    Dropped,
}

/// Runs one component's shards in this process.
pub struct Shards {
    config: ShardsConfig,
    store: Store,
    keys: BTreeSet<Shard>,
    work: Arc<dyn ShardWork>,
    owned: BTreeMap<Shard, Owned>,
    /// What this process is not to take any more.
    stopped: BTreeSet<Shard>,
    tasks: JoinSet<ShardEnd>,
    draining: CancellationToken,
}

/// A shard whose task is running.
struct Owned {
    epoch: i64,
    task: Id,
    valid_until: watch::Sender<Instant>,
    /// Ends the task in good order.
    stop: CancellationToken,
}

impl Shards {
    pub fn new(
        config: ShardsConfig,
        store: Store,
        keys: impl IntoIterator<Item = Shard>,
        work: Arc<dyn ShardWork>,
    ) -> Self {
        metrics::begin(config.component);
        Self {
            config,
            store,
            keys: keys.into_iter().collect(),
            work,
            owned: BTreeMap::new(),
            stopped: BTreeSet::new(),
            tasks: JoinSet::new(),
            draining: CancellationToken::new(),
        }
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
                    // What a tick that is cut off here has taken without telling us is given back in the drain.
                    let Some(ticked) = shutdown.run_until_cancelled(Box::pin(self.tick())).await else { break };
                    if let Err(error) = ticked {
                        warn!(component = self.config.component, %error, "leases not renewed");
                    }
                }
            }
        }
        Box::pin(self.drain()).await;
    }

    async fn tick(&mut self) -> Result<(), CallError> {
        let config = &self.config;
        let limit = call_timeout(config.lease_ttl);
        let asked_at = Instant::now();
        let renewing = self.store.renew_leases(config.component, &config.instance, config.lease_ttl);
        let renewed: BTreeMap<Shard, Renewal> =
            bounded(limit, renewing).await?.into_iter().map(|one| (one.partition.into(), one)).collect();
        config.lease_clock.renewed(asked_at);
        for (shard, owned) in &self.owned {
            if let Some(renewal) = renewed.get(shard).filter(|renewal| renewal.epoch == owned.epoch) {
                if renewal.extended {
                    owned.valid_until.send_replace(asked_at + config.lease_ttl);
                }
            } else if !owned.stop.is_cancelled() {
                owned.valid_until.send_replace(asked_at);
            }
        }
        self.give_back_strays(renewed.into_iter().map(|(shard, renewal)| (shard, renewal.epoch)).collect()).await?;
        let joining = self.store.join(self.config.component, &self.config.instance, self.config.lease_ttl);
        let replicas = bounded(limit, joining).await?;
        self.share_out(replicas, asked_at + self.config.lease_renew_every).await
    }

    /// Leases in our name without a task: lost by our clock before they ran out in the store, or taken by a call whose
    /// answer we did not wait for. They must not live on with nobody working.
    async fn give_back_strays(&self, leases: BTreeMap<Shard, i64>) -> Result<(), CallError> {
        for (shard, epoch) in leases {
            if self.owned.contains_key(&shard) {
                continue;
            }
            warn!(component = self.config.component, shard = shard.0, "lease without a task given back");
            let lease = Lease {
                component: self.config.component.to_owned(),
                partition: shard.row(),
                owner: self.config.instance.clone(),
                epoch,
                published_seq: 0,
                last_seq: 0,
                expires_at: Timestamp::default(),
                suspect: None,
            };
            bounded(call_timeout(self.config.lease_ttl), self.store.release_lease(&lease)).await?;
        }
        Ok(())
    }

    /// Gives up what is above our share, and takes what is free below it: until `deadline`, when renewing is more urgent.
    async fn share_out(&mut self, replicas: u32, deadline: Instant) -> Result<(), CallError> {
        let share = self.keys.len().div_ceil(usize::try_from(replicas.max(1)).unwrap_or(usize::MAX));
        let held: Vec<Shard> =
            self.owned.iter().filter(|(_, owned)| !owned.stop.is_cancelled()).map(|(shard, _)| *shard).collect();
        for shard in held.iter().skip(share) {
            info!(component = self.config.component, shard = shard.0, "giving a shard to another replica");
            self.owned[shard].stop.cancel();
        }
        let mut room = share.saturating_sub(self.owned.len());
        if room == 0 {
            return Ok(());
        }
        let limit = call_timeout(self.config.lease_ttl);
        let now = bounded(limit, self.store.now()).await?;
        let leases = bounded(limit, self.store.leases(self.config.component)).await?;
        // What was given back runs no more.
        let taken: BTreeSet<Shard> =
            leases.iter().filter(|row| row.expires_at > now).map(|row| row.partition.into()).collect();
        let is_free =
            |shard: &Shard| !taken.contains(shard) && !self.owned.contains_key(shard) && !self.stopped.contains(shard);
        let free: Vec<Shard> = self.keys.iter().copied().filter(is_free).collect();
        for shard in free {
            if room == 0 || Instant::now() >= deadline {
                break;
            }
            if self.take(shard).await? {
                room -= 1;
            }
        }
        Ok(())
    }

    /// Whether the shard is ours now, with its task running.
    async fn take(&mut self, shard: Shard) -> Result<bool, CallError> {
        let config = &self.config;
        let asked_at = Instant::now();
        let (instance, ttl) = (&config.instance, config.lease_ttl);
        let taking = self.store.acquire_lease(config.component, shard.row(), instance, ttl, config.sequence);
        let Some(lease) = bounded(call_timeout(ttl), taking).await? else { return Ok(false) };
        let (valid_until, receiver) = watch::channel(asked_at + ttl);
        let stop = CancellationToken::new();
        let epoch = lease.epoch;
        let held = Held::new(lease.clone(), receiver, stop.clone());
        let (work, store, limit) = (self.work.clone(), self.store.clone(), call_timeout(ttl));
        let (component, draining) = (config.component, self.draining.clone());
        let task = self.tasks.spawn(async move {
            let end = work.run(held).await;
            match end {
                ShardEnd::Finished | ShardEnd::StoppedForGood => give_back(&store, &lease, limit).await,
                ShardEnd::InDoubt { .. } => {
                    // In a drain nobody waits: the lease is not renewed any more, and runs out.
                    if draining.run_until_cancelled(tokio::time::sleep(ttl)).await.is_some() {
                        give_back(&store, &lease, limit).await;
                    }
                }
                // Whoever found it out: the store, our own clock, or the fence of a transaction.
                ShardEnd::Dropped => {
                    warn!(component, shard = shard.0, "lease lost");
                    ::metrics::counter!(metrics::LEASES_LOST, "component" => component).increment(1);
                }
            }
            end
        });
        self.owned.insert(shard, Owned { epoch, task: task.id(), valid_until, stop });
        self.count_owned();
        Ok(true)
    }

    fn task_ended(&mut self, ended: Result<(Id, ShardEnd), JoinError>) {
        let (task, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Whoever works on a shard catches its handler's panics; what is left is a bug of ours.
                error!(component = self.config.component, %error, "shard's task failed");
                (error.id(), ShardEnd::Dropped)
            }
        };
        let shard = self.owned.iter().find(|(_, owned)| owned.task == task).map(|(shard, _)| *shard);
        if let Some(shard) = shard {
            self.owned.remove(&shard);
            if matches!(end, ShardEnd::StoppedForGood | ShardEnd::InDoubt { for_good: true }) {
                self.stopped.insert(shard);
            }
        }
        self.count_owned();
    }

    async fn drain(mut self) {
        let deadline = Instant::now() + self.config.drain_timeout;
        let goodbye = (self.config.drain_timeout / GOODBYE_PART).min(GOODBYE_MAX);
        self.draining.cancel();
        for owned in self.owned.values() {
            owned.stop.cancel();
        }
        loop {
            match tokio::time::timeout_at(deadline - goodbye, self.tasks.join_next_with_id()).await {
                // It stays among what is owned, and its lease runs out: were it given back now, the next owner might be
                // served before the broker knows that this one is gone.
                Ok(Some(Ok((_, ShardEnd::InDoubt { .. } | ShardEnd::Dropped)))) => {}
                Ok(Some(ended)) => self.task_ended(ended),
                Ok(None) => break,
                Err(_) => {
                    warn!(component = self.config.component, shards = self.owned.len(), "drain deadline passed");
                    break;
                }
            }
        }
        let end = async {
            // What a task has in hand still goes back as after a crash.
            self.tasks.shutdown().await;
            self.say_goodbye().await;
        };
        if tokio::time::timeout_at(deadline, end).await.is_err() {
            warn!(component = self.config.component, "could not say goodbye; the others wait for the time-out");
        }
    }

    /// Nothing is left in our name but what may still be in hand somewhere.
    async fn say_goodbye(&self) {
        let (component, instance) = (self.config.component, self.config.instance.as_str());
        let limit = call_timeout(self.config.lease_ttl);
        if let Err(error) = bounded(limit, self.store.leave(component, instance)).await {
            warn!(component, %error, "could not say goodbye; the others wait for the time-out");
            return;
        }
        let ours = |row: &LeaseRow| row.owner.as_deref() == Some(instance);
        let strays = match bounded(limit, self.store.leases(component)).await {
            Ok(leases) => {
                leases.iter().filter(|row| ours(row)).map(|row| (Shard::from(row.partition), row.epoch)).collect()
            }
            Err(error) => {
                warn!(component, %error, "leases not looked at; what is left of ours runs out");
                return;
            }
        };
        if let Err(error) = self.give_back_strays(strays).await {
            warn!(component, %error, "lease not released; it will run out");
        }
    }

    fn count_owned(&self) {
        let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let component = self.config.component;
        ::metrics::gauge!(metrics::PARTITIONS_OWNED, "component" => component).set(count(self.owned.len()));
        ::metrics::gauge!(metrics::SHARDS_STOPPED, "component" => component).set(count(self.stopped.len()));
    }
}

async fn give_back(store: &Store, lease: &Lease, limit: Duration) {
    let (component, shard) = (&lease.component, Shard::from(lease.partition));
    match bounded(limit, store.release_lease(lease)).await {
        Ok(()) => info!(component, shard = shard.0, "shard released"),
        Err(error) => warn!(component, shard = shard.0, %error, "lease not released; it will run out"),
    }
}
