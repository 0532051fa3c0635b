//! One partition's life in our hands: subscribe, take a batch, handle it, acknowledge it; mark when idle; give it back.
//!
//! Every subscription starts with a prefetch of one and is widened after the first delivery that nobody held before:
//! a crash counts against every unacknowledged delivery, so a message that kills its handler must stand alone.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{BusError, Consumer, DeadLetterReason, Delivery, Outcome};

use crate::claim::Claim;
use crate::{HandleError, Handler, Parts, WorkerConfig, metrics};

const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Why a subscription was given up.
enum Ended {
    /// We were asked to stop: release the lease.
    Stopped,
    /// The lease is gone: touch nothing any more.
    LeaseLost,
    /// Subscribe again, at once or after a back-off.
    Resubscribe { after_failure: bool },
}

/// Runs until `stop` or until the lease is lost. Releases the lease only after the subscription is closed.
pub(crate) async fn run_partition(config: WorkerConfig, parts: Parts, claim: Claim, stop: CancellationToken) {
    let queue = (parts.queue)(claim.partition());
    let handler = (parts.handler)(claim.partition());
    let mut runner = PartitionRunner { config, parts, claim, stop, queue, handler, backoff: BACKOFF_MIN };
    info!(queue = runner.queue, epoch = runner.claim.lease().epoch, "partition taken");
    match runner.run().await {
        Ended::Stopped | Ended::Resubscribe { .. } => runner.release().await,
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
        let mut prefetch = 1;
        loop {
            let consumer = match self.subscribe(prefetch).await {
                Ok(consumer) => consumer,
                Err(ended) => return ended,
            };
            match self.consume(consumer, prefetch).await {
                Ended::Resubscribe { after_failure: false } => prefetch = self.config.batch_max,
                Ended::Resubscribe { after_failure: true } => {
                    prefetch = 1;
                    self.claim.recover();
                    if let Some(ended) = self.back_off().await {
                        return ended;
                    }
                }
                ended @ (Ended::Stopped | Ended::LeaseLost) => return ended,
            }
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
            Ended::Stopped | Ended::Resubscribe { .. } => consumer.close().await,
        }
        ended
    }

    async fn consume_batches(&mut self, consumer: &mut dyn Consumer, prefetch: u16) -> Ended {
        loop {
            let batch = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ended::Stopped,
                () = self.claim.expired() => return Ended::LeaseLost,
                batch = consumer.next_batch(usize::from(prefetch)) => batch,
                () = tokio::time::sleep(self.config.idle_flush_after), if self.claim.needs_mark() => {
                    self.mark().await;
                    continue;
                }
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(ended) => {
                    warn!(queue = self.queue, reason = %ended, "subscription ended");
                    return Ended::Resubscribe { after_failure: true };
                }
            };
            let clean = batch.iter().all(|delivery| !delivery.redelivered);
            if clean {
                self.claim.recovered();
            }
            if let Err(ended) = self.settle(consumer, batch).await {
                return ended;
            }
            self.backoff = BACKOFF_MIN;
            if clean && prefetch < self.config.batch_max {
                return Ended::Resubscribe { after_failure: false };
            }
        }
    }

    /// Parks what was delivered too often, has the rest handled, and acknowledges.
    async fn settle(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        let started = Instant::now();
        let component = self.config.component;
        let count = batch.len();
        let (parked, batch): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|delivery| delivery.delivery_count >= self.config.park_after);
        if !parked.is_empty() {
            self.park(&parked).await?;
            self.ack(consumer, parked).await?;
        }
        if !batch.is_empty() {
            self.handle(&batch).await?;
            self.ack(consumer, batch).await?;
            self.claim.published();
        }
        ::metrics::counter!(metrics::HANDLED, "component" => component).increment(u64::try_from(count).unwrap_or(0));
        ::metrics::histogram!(metrics::BATCH_SIZE, "component" => component)
            .record(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        ::metrics::histogram!(metrics::BATCH_SECONDS, "component" => component).record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Tries until it succeeds, the lease is lost, or trying cannot help.
    async fn handle(&mut self, batch: &[Delivery]) -> Result<(), Ended> {
        loop {
            let attempt = AssertUnwindSafe(self.handler.handle(batch, &mut self.claim)).catch_unwind().await;
            let error = match attempt {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    // As a crash of the process would: the deliveries go back, their count rises, one at a time next.
                    ::metrics::counter!(metrics::PANICS, "component" => self.config.component).increment(1);
                    error!(queue = self.queue, "handler panicked");
                    self.handler = (self.parts.handler)(self.claim.partition());
                    return Err(Ended::Resubscribe { after_failure: true });
                }
            };
            self.claim.drop_batch();
            match error {
                HandleError::LeaseLost => return Err(Ended::LeaseLost),
                HandleError::Stop(reason) => {
                    error!(queue = self.queue, reason, "consumer stopped; nothing is lost, a person must act");
                    self.backoff = BACKOFF_MAX;
                    return Err(Ended::Resubscribe { after_failure: true });
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
            Ended::Resubscribe { after_failure: true }
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
