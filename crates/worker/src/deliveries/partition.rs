//! One partition's life in our hands: subscribe, take a batch, have it handled; mark when idle; end the subscription.
//!
//! A broker may put what is returned alone behind what was returned with it. So all that came back is taken in hand
//! together, which keeps its order. Must never wait without a bound for the bus or the store.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_bus::{BusError, Consumer};

use super::Handler;
use super::claim::Claim;
use super::config::{Parts, WorkerConfig};
use super::crashes::CrashRecord;
use crate::backoff::Backoff;
use crate::bounded::bounded;
use crate::shards::{Held, ShardEnd};

/// Batches that may be in hand: the one that is handled, and the next, which is complete when that ends.
const BATCHES_PREFETCHED: u16 = 2;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Why a subscription was given up.
pub(super) enum Ended {
    /// We were asked to stop: the lease is given back.
    Stopped,
    /// The lease is gone: touch nothing any more.
    LeaseLost,
    /// Only a person or a newer release can help. Every further subscription would count as a failure.
    StoppedForGood,
    /// Subscribe again, after a back-off.
    Failed,
    /// We are to leave, and the bus does not say that the subscription is over: what was in hand is perhaps not back
    /// yet, and a next owner must not be served before it is.
    NotClosed { for_good: bool },
}

/// Runs until told to stop or until the lease is lost.
pub(super) async fn run(config: WorkerConfig, parts: Parts, held: Held) -> ShardEnd {
    let (stop, claim) = (held.stop().clone(), Claim::new(held));
    let queue = (parts.queue)(claim.partition());
    let handler = (parts.handler)(claim.partition());
    let crashes = CrashRecord::found_with(claim.lease());
    let backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
    let mut runner = PartitionRunner { config, parts, claim, crashes, stop, queue, handler, backoff };
    info!(queue = runner.queue, epoch = runner.claim.lease().epoch, "partition taken");
    let ended = runner.run().await;
    let end = match ended {
        Ended::Stopped | Ended::Failed => ShardEnd::Finished,
        Ended::StoppedForGood => ShardEnd::StoppedForGood,
        Ended::NotClosed { for_good } => ShardEnd::InDoubt { for_good },
        Ended::LeaseLost => return ShardEnd::Dropped,
    };
    if runner.claim.needs_mark() {
        runner.mark().await;
    }
    end
}

pub(super) struct PartitionRunner {
    pub(super) config: WorkerConfig,
    pub(super) parts: Parts,
    pub(super) claim: Claim,
    pub(super) crashes: CrashRecord,
    pub(super) stop: CancellationToken,
    pub(super) queue: String,
    pub(super) handler: Box<dyn Handler>,
    pub(super) backoff: Backoff,
}

impl PartitionRunner {
    async fn run(&mut self) -> Ended {
        loop {
            let consumer = match self.subscribe().await {
                Ok(consumer) => consumer,
                Err(ended) => return ended,
            };
            match self.consume(consumer).await {
                Ended::Failed => {
                    self.claim.recover();
                    if let Some(ended) = self.back_off().await {
                        return ended;
                    }
                }
                ended @ (Ended::Stopped | Ended::LeaseLost | Ended::StoppedForGood | Ended::NotClosed { .. }) => {
                    return ended;
                }
            }
        }
    }

    async fn subscribe(&mut self) -> Result<Box<dyn Consumer>, Ended> {
        let prefetch = self.config.batch_max.saturating_mul(BATCHES_PREFETCHED);
        loop {
            let subscribing = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                () = self.claim.held_mut().expired() => return Err(Ended::LeaseLost),
                subscribing = tokio::time::timeout(
                    self.config.bus_timeout(),
                    self.parts.bus.consume(&self.queue, prefetch),
                ) => subscribing,
            };
            match subscribing {
                Ok(Ok(consumer)) => return Ok(consumer),
                Ok(Err(
                    error @ (BusError::NoSuchQueue(_) | BusError::Refused(_) | BusError::TopologyMismatch { .. }),
                )) => {
                    error!(queue = self.queue, %error, "cannot subscribe");
                }
                Ok(Err(error @ (BusError::Unavailable(_) | BusError::Unsupported(_)))) => {
                    warn!(queue = self.queue, %error, "cannot subscribe yet");
                }
                Err(_) => warn!(queue = self.queue, "cannot subscribe yet: the bus does not answer"),
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// Consumes until something ends the subscription, and closes it: with a lost lease by dropping it, so that nothing
    /// is cancelled while deliveries are unacknowledged.
    async fn consume(&mut self, mut consumer: Box<dyn Consumer>) -> Ended {
        let ended = self.consume_batches(&mut *consumer).await;
        match ended {
            Ended::LeaseLost => drop(consumer),
            Ended::Stopped | Ended::StoppedForGood | Ended::Failed | Ended::NotClosed { .. } => {
                let closing = tokio::time::timeout(self.config.bus_timeout(), consumer.close());
                let is_closed = closing.await.unwrap_or(false);
                self.settle_crashes().await;
                if !is_closed {
                    warn!(queue = self.queue, "the bus does not say that the subscription is over");
                    match ended {
                        Ended::Stopped => return Ended::NotClosed { for_good: false },
                        Ended::StoppedForGood => return Ended::NotClosed { for_good: true },
                        // Whoever subscribes again waits in the same queue as everybody else.
                        Ended::Failed | Ended::LeaseLost | Ended::NotClosed { .. } => {}
                    }
                }
            }
        }
        ended
    }

    async fn consume_batches(&mut self, consumer: &mut dyn Consumer) -> Ended {
        let batch_max = usize::from(self.config.batch_max);
        loop {
            let batch = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ended::Stopped,
                () = self.claim.held_mut().expired() => return Ended::LeaseLost,
                batch = consumer.next_batch(batch_max) => batch,
                () = tokio::time::sleep(self.config.idle_flush_after), if self.claim.needs_mark() => {
                    self.mark().await;
                    continue;
                }
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(ended) => {
                    warn!(queue = self.queue, reason = %ended, "subscription ended");
                    return Ended::Failed;
                }
            };
            if batch.iter().all(|delivery| !delivery.redelivered) {
                self.claim.recovered();
                self.crashes.clear();
            }
            if let Err(ended) = self.settle(consumer, batch).await {
                return ended;
            }
        }
    }

    /// Waits a little, longer each time; `Some` when meanwhile it became pointless.
    pub(super) async fn back_off(&mut self) -> Option<Ended> {
        let pause = self.backoff.pause();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Some(Ended::Stopped),
            () = self.claim.held_mut().expired() => Some(Ended::LeaseLost),
            () = tokio::time::sleep(pause) => None,
        }
    }

    /// Nothing is handled alone any more. A failure costs a wrong crash at most, and only if we crash soon.
    pub(super) async fn settle_crashes(&mut self) {
        let limit = self.config.store_timeout();
        if let Err(error) = self.crashes.settle(&self.parts.store, self.claim.lease(), limit).await {
            warn!(queue = self.queue, %error, "what was handled alone is not taken back in the store");
        }
    }

    /// Tells the store what was published, outside of a batch. A failure is harmless: the next batch tells it.
    async fn mark(&mut self) {
        let fence = self.claim.fence(None);
        match bounded(self.config.store_timeout(), self.parts.store.mark_published(&fence)).await {
            Ok(()) => self.claim.marked(),
            Err(error) => warn!(queue = self.queue, %error, "published mark not written"),
        }
    }

    /// Only for sabotage: the fence then lets us through, whoever owns the partition.
    pub(super) async fn forge_fence(&mut self) {
        let leases = self.parts.store.leases(self.config.component).await.unwrap_or_default();
        let partition = self.claim.partition();
        if let Some(row) = leases.into_iter().find(|row| row.partition == partition) {
            self.claim.held_mut().forge(row.owner.unwrap_or_default(), row.epoch);
        }
    }
}
