//! One partition's life in our hands: subscribe, take a batch, handle it, acknowledge it; mark when idle; give it back.
//!
//! A crash counts against every unacknowledged delivery, guilty or not, and a broker may put what is returned alone
//! behind what was returned with it. So all that came back is taken in hand together, which keeps its order, and handled
//! one by one from the second time on, in order: then the first that comes back is the one that was being handled. Only
//! that one may be parked.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::fault::{self, Sabotage};
use waypost_bus::{BusError, Consumer, DeadLetterReason, Delivery, Outcome};

use crate::claim::Claim;
use crate::{HandleError, Handler, Parts, WorkerConfig, metrics};

/// Batches that may be in hand: the one that is handled, and the next, which is complete when that ends.
const BATCHES_PREFETCHED: u16 = 2;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Deliveries that failed so often are handled one by one.
const ALONE_FROM: u32 = 2;
/// Far below the count at which the broker itself gives a message up: before it does so with a whole prefetch, the order
/// is given up, and one message at a time is taken in hand.
const NARROW_FROM: u32 = 10;

/// Why a subscription was given up.
enum Ended {
    /// We were asked to stop: release the lease.
    Stopped,
    /// The lease is gone: touch nothing any more.
    LeaseLost,
    /// Only a person or a newer release can help. Every further subscription would count as a failure.
    Halted,
    /// Subscribe again, after a back-off.
    Failed,
    /// Subscribe again at once, with this prefetch.
    Resubscribe { prefetch: u16 },
}

/// Runs until `stop` or until the lease is lost. Releases the lease only after the subscription is closed.
pub(crate) async fn run_partition(config: WorkerConfig, parts: Parts, claim: Claim, stop: CancellationToken) {
    let queue = (parts.queue)(claim.partition());
    let handler = (parts.handler)(claim.partition());
    let mut runner = PartitionRunner { config, parts, claim, stop, queue, handler, backoff: BACKOFF_MIN };
    info!(queue = runner.queue, epoch = runner.claim.lease().epoch, "partition taken");
    match runner.run().await {
        Ended::Stopped | Ended::Halted | Ended::Failed | Ended::Resubscribe { .. } => runner.release().await,
        Ended::LeaseLost => warn!(queue = runner.queue, "partition lost"),
    }
}

struct PartitionRunner {
    config: WorkerConfig,
    parts: Parts,
    claim: Claim,
    stop: CancellationToken,
    queue: String,
    handler: Box<dyn Handler>,
    backoff: Duration,
}

impl PartitionRunner {
    async fn run(&mut self) -> Ended {
        let mut prefetch = self.prefetch_max();
        loop {
            let consumer = match self.subscribe(prefetch).await {
                Ok(consumer) => consumer,
                Err(ended) => return ended,
            };
            match self.consume(consumer, prefetch).await {
                Ended::Resubscribe { prefetch: next } => prefetch = next,
                Ended::Failed => {
                    self.claim.recover();
                    if let Some(ended) = self.back_off().await {
                        return ended;
                    }
                }
                Ended::Halted => return self.idle().await,
                ended @ (Ended::Stopped | Ended::LeaseLost) => return ended,
            }
        }
    }

    const fn prefetch_max(&self) -> u16 {
        self.config.batch_max.saturating_mul(BATCHES_PREFETCHED)
    }

    /// Keeps the partition and leaves its queue alone.
    async fn idle(&mut self) -> Ended {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ended::Stopped,
            () = self.claim.expired() => Ended::LeaseLost,
        }
    }

    async fn subscribe(&mut self, prefetch: u16) -> Result<Box<dyn Consumer>, Ended> {
        loop {
            if self.stop.is_cancelled() {
                return Err(Ended::Stopped);
            }
            if !self.claim.is_valid() {
                return Err(Ended::LeaseLost);
            }
            match self.parts.bus.consume(&self.queue, prefetch).await {
                Ok(consumer) => return Ok(consumer),
                Err(error @ (BusError::NoSuchQueue(_) | BusError::Refused(_) | BusError::TopologyMismatch { .. })) => {
                    error!(queue = self.queue, %error, "cannot subscribe");
                }
                Err(error @ (BusError::Unavailable(_) | BusError::Unsupported(_))) => {
                    warn!(queue = self.queue, %error, "cannot subscribe yet");
                }
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// Consumes until something ends the subscription, and closes it: with a lost lease by dropping it, so that nothing
    /// is cancelled while deliveries are unacknowledged.
    async fn consume(&mut self, mut consumer: Box<dyn Consumer>, prefetch: u16) -> Ended {
        let ended = self.consume_batches(&mut *consumer, prefetch).await;
        match ended {
            Ended::LeaseLost => drop(consumer),
            Ended::Stopped | Ended::Halted | Ended::Failed | Ended::Resubscribe { .. } => consumer.close().await,
        }
        ended
    }

    async fn consume_batches(&mut self, consumer: &mut dyn Consumer, prefetch: u16) -> Ended {
        let is_narrow = prefetch < self.prefetch_max();
        let batch_max = usize::from(prefetch.min(self.config.batch_max));
        let mut is_first = true;
        loop {
            let batch = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ended::Stopped,
                () = self.claim.expired() => return Ended::LeaseLost,
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
            let clean = batch.iter().all(|delivery| !delivery.redelivered);
            if clean {
                self.claim.recovered();
            }
            let count = batch.first().map_or(0, |first| first.delivery_count);
            if !is_narrow && is_first && count >= NARROW_FROM {
                warn!(queue = self.queue, count, "one message at a time: what comes back has failed very often");
                return Ended::Resubscribe { prefetch: 1 };
            }
            let is_guilty = match (is_narrow, is_first) {
                // Alone in hand: nobody else's failures count.
                (true, _) => count >= NARROW_FROM.saturating_add(self.config.park_after),
                (false, true) => count >= self.config.park_after,
                (false, false) => false,
            };
            if let Err(ended) = self.settle(consumer, batch, is_guilty).await {
                return ended;
            }
            is_first = false;
            self.backoff = BACKOFF_MIN;
            if clean && is_narrow {
                return Ended::Resubscribe { prefetch: self.prefetch_max() };
            }
        }
    }

    /// Parks the first when it is guilty, has the rest handled, and acknowledges.
    async fn settle(
        &mut self,
        consumer: &mut dyn Consumer,
        mut batch: Vec<Delivery>,
        is_guilty: bool,
    ) -> Result<(), Ended> {
        if is_guilty {
            let parked: Vec<Delivery> = batch.drain(..1).collect();
            self.park(&parked).await?;
            self.ack(consumer, parked).await?;
        }
        if batch.iter().any(|delivery| delivery.delivery_count >= ALONE_FROM) {
            for delivery in batch {
                self.work(consumer, vec![delivery]).await?;
            }
        } else if !batch.is_empty() {
            self.work(consumer, batch).await?;
        }
        Ok(())
    }

    async fn work(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        let started = Instant::now();
        let component = self.config.component;
        let count = batch.len();
        fault::point(fault::WORKER_BEFORE_HANDLE);
        if fault::sabotaged(Sabotage::AckBeforeCommit) {
            self.ack(consumer, twins(&batch)).await?;
        }
        self.handle(&batch).await?;
        self.ack(consumer, batch).await?;
        fault::point(fault::WORKER_AFTER_ACK);
        self.claim.published();
        ::metrics::counter!(metrics::HANDLED, "component" => component).increment(u64::try_from(count).unwrap_or(0));
        ::metrics::histogram!(metrics::BATCH_SIZE, "component" => component)
            .record(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        ::metrics::histogram!(metrics::BATCH_SECONDS, "component" => component).record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Tries until it succeeds, the lease is lost, or trying cannot help.
    async fn handle(&mut self, batch: &[Delivery]) -> Result<(), Ended> {
        loop {
            if fault::sabotaged(Sabotage::SkipFence) {
                self.forge_fence().await;
            }
            let attempt = AssertUnwindSafe(self.handler.handle(batch, &mut self.claim)).catch_unwind().await;
            let error = match attempt {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    // As a crash of the process would: the deliveries go back, and their count rises.
                    ::metrics::counter!(metrics::PANICS, "component" => self.config.component).increment(1);
                    error!(queue = self.queue, "handler panicked");
                    self.handler = (self.parts.handler)(self.claim.partition());
                    return Err(Ended::Failed);
                }
            };
            self.claim.drop_batch();
            match error {
                HandleError::LeaseLost => return Err(Ended::LeaseLost),
                HandleError::Stop(reason) => {
                    error!(queue = self.queue, reason, "consumer stopped; nothing is lost, a person must act");
                    return Err(Ended::Halted);
                }
                HandleError::Retry(reason) => {
                    ::metrics::counter!(metrics::RETRIED, "component" => self.config.component).increment(1);
                    warn!(queue = self.queue, reason, "batch not handled yet");
                    if let Some(ended) = self.back_off().await {
                        return Err(ended);
                    }
                }
            }
        }
    }

    async fn park(&mut self, parked: &[Delivery]) -> Result<(), Ended> {
        let reason = DeadLetterReason::DeliveredTooOften;
        let letters: Vec<_> = parked
            .iter()
            .map(|delivery| {
                let detail = "delivered and never acknowledged; it may crash or hang its handler";
                dead_letter(delivery.message.clone(), reason, &self.queue, delivery.delivery_count, detail)
            })
            .collect();
        loop {
            let outcomes = self.parts.bus.publish(letters.clone(), self.config.publish_timeout).await;
            if outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed) {
                let count = u64::try_from(parked.len()).unwrap_or(0);
                let labels = [("component", self.config.component), ("reason", reason.code())];
                ::metrics::counter!(metrics::DEAD_LETTERED, &labels).increment(count);
                error!(queue = self.queue, count, "parked as dead letters");
                return Ok(());
            }
            warn!(queue = self.queue, ?outcomes, "dead letters not stored yet");
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    async fn ack(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        consumer.ack(batch).await.map_err(|ended| {
            warn!(queue = self.queue, reason = %ended, "subscription ended before the acknowledgement");
            Ended::Failed
        })
    }

    /// Waits a little, longer each time; `Some` when meanwhile it became pointless.
    async fn back_off(&mut self) -> Option<Ended> {
        // Half fixed, half random: replicas that failed together do not come back together.
        let wait = self.backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Some(Ended::Stopped),
            () = self.claim.expired() => Some(Ended::LeaseLost),
            () = tokio::time::sleep(wait) => None,
        }
    }

    /// Tells the store what was published, outside of a batch. A failure is harmless: the next batch tells it.
    async fn mark(&mut self) {
        match self.parts.store.mark_published(&self.claim.fence(None)).await {
            Ok(()) => self.claim.marked(),
            Err(error) => warn!(queue = self.queue, %error, "published mark not written"),
        }
    }

    /// Only for sabotage: the fence then lets us through, whoever owns the partition.
    async fn forge_fence(&mut self) {
        let leases = self.parts.store.leases(self.config.component).await.unwrap_or_default();
        let partition = self.claim.partition();
        if let Some(row) = leases.into_iter().find(|row| row.partition == partition) {
            self.claim.forge(row.owner.unwrap_or_default(), row.epoch);
        }
    }

    async fn release(&mut self) {
        if self.claim.needs_mark() {
            self.mark().await;
        }
        match self.parts.store.release_lease(self.claim.lease()).await {
            Ok(()) => info!(queue = self.queue, "partition released"),
            Err(error) => warn!(queue = self.queue, %error, "lease not released; it will run out"),
        }
    }
}

/// Only for sabotage: a delivery is acknowledged once, and this breaks that promise.
fn twins(batch: &[Delivery]) -> Vec<Delivery> {
    let twin = |one: &Delivery| Delivery::new(one.message.clone(), one.delivery_count, one.redelivered, one.tag());
    batch.iter().map(twin).collect()
}
