//! One partition's life in our hands: subscribe, take a batch, handle it, acknowledge it; mark when idle; give it back.
//!
//! A broker may put what is returned alone behind what was returned with it. So all that came back is taken in hand
//! together, which keeps its order. What has come back twice is handled alone, in order, and so is every message of a
//! batch on which the handler panicked: then it shows which one it was. That one is parked when it has failed often
//! enough: for panics we count ourselves, and for deaths of the process there is `Evidence`. Nothing is parked for its
//! delivery count, which says only that somebody crashed.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{BusError, Consumer, DeadLetterReason, Delivery, Outcome};
use waypost_fault::{self as fault, Sabotage};
use waypost_store::StoreError;

use crate::claim::Claim;
use crate::error::{Cause, Chain};
use crate::evidence::Evidence;
use crate::{HandleError, Handler, Parts, WorkerConfig, metrics};

/// Batches that may be in hand: the one that is handled, and the next, which is complete when that ends.
const BATCHES_PREFETCHED: u16 = 2;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Deliveries that came back so often are handled alone.
const ALONE_FROM: u32 = 2;

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
}

/// What the handler made of a batch.
enum Handled {
    Done,
    Panicked,
    /// One of its events, and no repetition helps.
    Refused {
        reason: DeadLetterReason,
        source: Cause,
    },
}

/// Runs until `stop` or until the lease is lost. Releases the lease only after the subscription is closed.
pub(crate) async fn run_partition(config: WorkerConfig, parts: Parts, claim: Claim, stop: CancellationToken) {
    let queue = (parts.queue)(claim.partition());
    let handler = (parts.handler)(claim.partition());
    let evidence = Evidence::found_with(claim.lease());
    let mut runner = PartitionRunner { config, parts, claim, evidence, stop, queue, handler, backoff: BACKOFF_MIN };
    info!(queue = runner.queue, epoch = runner.claim.lease().epoch, "partition taken");
    match runner.run().await {
        Ended::Stopped | Ended::Halted | Ended::Failed => runner.release().await,
        Ended::LeaseLost => warn!(queue = runner.queue, "partition lost"),
    }
}

struct PartitionRunner {
    config: WorkerConfig,
    parts: Parts,
    claim: Claim,
    evidence: Evidence,
    stop: CancellationToken,
    queue: String,
    handler: Box<dyn Handler>,
    backoff: Duration,
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
                Ended::Halted => return self.idle().await,
                ended @ (Ended::Stopped | Ended::LeaseLost) => return ended,
            }
        }
    }

    /// Keeps the partition and leaves its queue alone.
    async fn idle(&mut self) -> Ended {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ended::Stopped,
            () = self.claim.expired() => Ended::LeaseLost,
        }
    }

    async fn subscribe(&mut self) -> Result<Box<dyn Consumer>, Ended> {
        let prefetch = self.config.batch_max.saturating_mul(BATCHES_PREFETCHED);
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
    async fn consume(&mut self, mut consumer: Box<dyn Consumer>) -> Ended {
        let ended = self.consume_batches(&mut *consumer).await;
        match ended {
            Ended::LeaseLost => drop(consumer),
            Ended::Stopped | Ended::Halted | Ended::Failed => {
                consumer.close().await;
                self.settle_evidence().await;
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
            if batch.iter().all(|delivery| !delivery.redelivered) {
                self.claim.recovered();
                self.evidence.acquit();
            }
            if let Err(ended) = self.settle(consumer, batch).await {
                return ended;
            }
        }
    }

    /// Has the batch handled or parked, and acknowledges it.
    async fn settle(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        let alone = if batch.iter().any(|delivery| delivery.delivery_count >= ALONE_FROM) {
            batch
        } else {
            self.settle_evidence().await;
            self.work(consumer, batch).await?
        };
        for delivery in alone {
            self.work_alone(consumer, delivery).await?;
        }
        Ok(())
    }

    /// One message, of which the store knows that it is in hand.
    async fn work_alone(&mut self, consumer: &mut dyn Consumer, delivery: Delivery) -> Result<(), Ended> {
        let id = delivery.message.id.clone();
        let deaths = self.evidence.deaths(&id);
        let mut turn = None;
        if deaths > 0 {
            warn!(queue = self.queue, id, deaths, "processes have died with this message in hand");
            // Whatever else was in hand at those deaths waits, so that the next one speaks against this message only.
            turn = Some(self.take_turn().await?);
        }
        if deaths >= self.config.park_after_deaths {
            let detail = format!("{deaths} times in a row the process ended while it handled this message");
            return self.park(consumer, vec![delivery], DeadLetterReason::WorkerDied, deaths, &detail).await;
        }
        self.accuse(&id).await?;
        let mut left = vec![delivery];
        let mut panics = 0;
        loop {
            left = self.work(consumer, left).await?;
            if left.is_empty() {
                break;
            }
            panics += 1;
            if panics >= self.config.park_after_panics {
                let detail = format!("the handler panicked on this message {panics} times in a row");
                self.park(consumer, left, DeadLetterReason::HandlerPanicked, panics, &detail).await?;
                break;
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
        self.evidence.acquit();
        drop(turn);
        Ok(())
    }

    /// Has the batch handled and acknowledged, or what is to blame parked. Gives back what is to be handled alone: the
    /// part on which the handler panicked, and all behind it.
    ///
    /// Given a batch of four whose third cannot be handled, the four are refused, then the first two are handled, then
    /// three and four are refused, three alone is refused and parked, four is handled: in order, and the others
    /// pay with a few transactions.
    async fn work(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<Vec<Delivery>, Ended> {
        // What is left to do, the next part last.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let started = Instant::now();
            fault::point(fault::WORKER_BEFORE_HANDLE);
            if fault::sabotaged(Sabotage::AckBeforeCommit) {
                self.ack(consumer, twins(&part)).await?;
            }
            match self.handle(&part).await? {
                Handled::Done => self.finish(consumer, part, started).await?,
                Handled::Panicked => {
                    parts.push(part);
                    return Ok(parts.into_iter().rev().flatten().collect());
                }
                Handled::Refused { reason, source } if part.len() == 1 => {
                    error!(queue = self.queue, reason = reason.code(), cause = %Chain(&*source), "event refused");
                    self.park(consumer, part, reason, 1, &source.to_string()).await?;
                }
                Handled::Refused { reason, source } => {
                    warn!(queue = self.queue, reason = reason.code(), cause = %Chain(&*source), "batch is split");
                    let behind = part.split_off(part.len() / 2);
                    parts.extend([behind, part]);
                }
            }
        }
        Ok(Vec::new())
    }

    async fn finish(
        &mut self,
        consumer: &mut dyn Consumer,
        batch: Vec<Delivery>,
        started: Instant,
    ) -> Result<(), Ended> {
        let component = self.config.component;
        let count = batch.len();
        self.ack(consumer, batch).await?;
        fault::point(fault::WORKER_AFTER_ACK);
        self.claim.published();
        ::metrics::counter!(metrics::HANDLED, "component" => component).increment(u64::try_from(count).unwrap_or(0));
        ::metrics::histogram!(metrics::BATCH_SIZE, "component" => component)
            .record(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        ::metrics::histogram!(metrics::BATCH_SECONDS, "component" => component).record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Tries until it is known what becomes of the batch, or the lease is lost, or trying cannot help.
    async fn handle(&mut self, batch: &[Delivery]) -> Result<Handled, Ended> {
        loop {
            if fault::sabotaged(Sabotage::SkipFence) {
                self.forge_fence().await;
            }
            let attempt = AssertUnwindSafe(self.handler.handle(batch, &mut self.claim)).catch_unwind().await;
            let error = match attempt {
                Ok(Ok(())) => return Ok(Handled::Done),
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            };
            self.claim.drop_batch();
            let Some(error) = error else {
                ::metrics::counter!(metrics::PANICS, "component" => self.config.component).increment(1);
                error!(queue = self.queue, messages = batch.len(), "handler panicked");
                self.handler = (self.parts.handler)(self.claim.partition());
                return Ok(Handled::Panicked);
            };
            match error {
                // The forgery may have failed, or is out of date.
                HandleError::LeaseLost if fault::sabotaged(Sabotage::SkipFence) => {}
                HandleError::LeaseLost => return Err(Ended::LeaseLost),
                HandleError::Stop { source } => {
                    let cause = Chain(&*source);
                    error!(queue = self.queue, %cause, "consumer stopped; nothing is lost, a person must act");
                    return Err(Ended::Halted);
                }
                HandleError::Park { reason, source } => return Ok(Handled::Refused { reason, source }),
                HandleError::Retry { source } => {
                    ::metrics::counter!(metrics::RETRIED, "component" => self.config.component).increment(1);
                    warn!(queue = self.queue, cause = %Chain(&*source), "batch not handled yet");
                }
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// Makes dead letters of them, and acknowledges. `times`: how often they were seen to do harm.
    async fn park(
        &mut self,
        consumer: &mut dyn Consumer,
        parked: Vec<Delivery>,
        reason: DeadLetterReason,
        times: u32,
        detail: &str,
    ) -> Result<(), Ended> {
        let letter = |delivery: &Delivery| dead_letter(delivery.message.clone(), reason, &self.queue, times, detail);
        let letters: Vec<_> = parked.iter().map(letter).collect();
        loop {
            let outcomes = self.parts.bus.publish(letters.clone(), self.config.publish_timeout).await;
            if outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed) {
                break;
            }
            warn!(queue = self.queue, ?outcomes, "dead letters not stored yet");
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
        let count = u64::try_from(parked.len()).unwrap_or(0);
        let labels = [("component", self.config.component), ("reason", reason.code())];
        ::metrics::counter!(metrics::DEAD_LETTERED, &labels).increment(count);
        error!(queue = self.queue, count, reason = reason.code(), "parked as dead letters");
        self.ack(consumer, parked).await?;
        self.evidence.acquit();
        Ok(())
    }

    async fn ack(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        consumer.ack(batch).await.map_err(|ended| {
            warn!(queue = self.queue, reason = %ended, "subscription ended before the acknowledgement");
            Ended::Failed
        })?;
        self.backoff = BACKOFF_MIN;
        Ok(())
    }

    /// Tells the store what is handled alone now. Not before that is durable may it be handled.
    async fn accuse(&mut self, message_id: &str) -> Result<(), Ended> {
        loop {
            if fault::sabotaged(Sabotage::SkipFence) {
                self.forge_fence().await;
            }
            match self.evidence.accuse(&self.parts.store, self.claim.lease(), message_id).await {
                Ok(()) => return Ok(()),
                Err(StoreError::LeaseLost { .. }) => return Err(Ended::LeaseLost),
                Err(error) => warn!(queue = self.queue, %error, "cannot handle a message alone yet"),
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// Nothing is handled alone any more. A failure costs a wrong death at most, and only if we die soon.
    async fn settle_evidence(&mut self) {
        if let Err(error) = self.evidence.settle(&self.parts.store, self.claim.lease()).await {
            warn!(queue = self.queue, %error, "evidence not settled");
        }
    }

    /// Waits until no other partition of this process handles a message that is suspected of killing it.
    async fn take_turn(&mut self) -> Result<OwnedMutexGuard<()>, Ended> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = self.claim.expired() => Err(Ended::LeaseLost),
            turn = self.parts.suspects.clone().lock_owned() => Ok(turn),
        }
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
