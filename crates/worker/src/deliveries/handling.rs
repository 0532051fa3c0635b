//! Has what is in hand handled, from the front, and finds the event that does harm.
//!
//! What has come back twice is handled alone, in order, and so is every event of a batch on which the handler panicked:
//! then it shows which one it was. That one is parked when it has failed often enough: for panics we count ourselves,
//! and for crashes of the process there is [`CrashRecord`](super::crashes::CrashRecord). What the handler refuses for
//! good is found by halves and parked at once. Nothing is parked for its delivery count, which says only that somebody
//! crashed. A handler that hangs is dropped when the lease has run out.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tracing::{error, warn};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{Consumer, DeadLetterReason, Delivery, Publication};
use waypost_domain::Timestamp;
use waypost_fault::{self as fault, Sabotage};
use waypost_store::StoreError;

use super::partition::{Ended, PartitionRunner};
use super::work::{ClaimedBatch, InHand, Parked};
use crate::bounded::CallError;
use crate::error::{Cause, Chain, HandleError};
use crate::{dead_letters, metrics};

/// Deliveries that came back so often are handled alone.
const ALONE_FROM: u32 = 2;

/// What the handler made of a batch.
enum Handled {
    /// But for what it parked.
    Done(Vec<Parked>),
    Panicked,
    /// One of its events, and no repetition helps.
    Refused {
        reason: DeadLetterReason,
        source: Cause,
    },
}

/// More than an acknowledgement takes to the broker. Only for sabotage.
const SABOTAGED_ACK_TRAVEL: Duration = Duration::from_millis(100);

impl PartitionRunner {
    /// Has the deliveries handled or parked, and acknowledges them.
    pub(super) async fn settle(&mut self, consumer: &mut dyn Consumer, batch: Vec<Delivery>) -> Result<(), Ended> {
        let came_back = batch.iter().any(|delivery| delivery.delivery_count >= ALONE_FROM);
        let mut in_hand = InHand::new(batch, self.parts.split, |id| self.crashes.done_before(id));
        let mut alone = if came_back { in_hand.len() } else { 0 };
        while !in_hand.is_empty() {
            if alone > 0 {
                self.work_alone(consumer, &mut in_hand).await?;
                alone -= 1;
            } else {
                self.settle_crashes().await;
                let count = in_hand.next_batch(usize::from(self.config.batch_max));
                alone = self.work(consumer, &mut in_hand, count).await?;
            }
        }
        Ok(())
    }

    /// The first event, of which the store knows that it is in hand.
    async fn work_alone(&mut self, consumer: &mut dyn Consumer, in_hand: &mut InHand) -> Result<(), Ended> {
        let Some(event) = in_hand.first() else { return Ok(()) };
        let (id, place) = (event.carrier().id.clone(), event.place());
        let crashes = self.crashes.crashes(&id, place);
        let mut turn = None;
        if crashes > 0 {
            warn!(queue = self.queue, id, place, crashes, "processes have crashed with this event in hand");
            // Whatever else was in hand at those crashes waits, so that the next one speaks against this event only.
            turn = Some(self.take_turn().await?);
        }
        if crashes >= self.config.park_after_deaths {
            let detail = format!("{crashes} times in a row the process ended while it handled this event");
            self.park_first(consumer, in_hand, DeadLetterReason::WorkerDied, crashes, &detail).await?;
        } else {
            self.begin_alone(&id, place).await?;
            let mut panics = 0;
            while self.work(consumer, in_hand, 1).await? > 0 {
                panics += 1;
                if panics >= self.config.park_after_panics {
                    let detail = format!("the handler panicked on this event {panics} times in a row");
                    self.park_first(consumer, in_hand, DeadLetterReason::HandlerPanicked, panics, &detail).await?;
                    break;
                }
                if let Some(ended) = self.back_off().await {
                    return Err(ended);
                }
            }
        }
        match in_hand.first().filter(|next| next.place() > place && next.carrier().id == id) {
            Some(next) => self.crashes.go_on(&id, next.place()),
            None => self.crashes.clear(),
        }
        drop(turn);
        Ok(())
    }

    /// Has the first `count` events handled and acknowledged, or what is to blame parked. Returns how many are to be
    /// handled alone: those of the part on which the handler panicked, and all behind it.
    ///
    /// Given a batch of four whose third is refused for good: the four are refused, then the first two are handled, then
    /// three and four are refused, three alone is refused and parked, four is handled. So order is kept, and the others
    /// pay with a few transactions; else they would be parked with the one, or wait for ever behind it.
    async fn work(&mut self, consumer: &mut dyn Consumer, in_hand: &mut InHand, count: usize) -> Result<usize, Ended> {
        // What is left to do, the next part last.
        let mut parts = vec![count];
        while let Some(part) = parts.pop() {
            let started = Instant::now();
            fault::point(fault::WORKER_BEFORE_HANDLE);
            if fault::sabotaged(Sabotage::AckBeforeCommit) {
                self.ack(consumer, in_hand.copies(part)).await?;
                // It must have left the process before a kill point ends that, else nothing is broken.
                tokio::time::sleep(SABOTAGED_ACK_TRAVEL).await;
            }
            match self.handle(in_hand, part).await? {
                Handled::Done(parked) => self.finish(consumer, in_hand, part, parked, started).await?,
                Handled::Panicked => return Ok(parts.iter().chain([&part]).sum()),
                Handled::Refused { reason, source } if part == 1 => {
                    error!(queue = self.queue, reason = reason.code(), cause = %Chain(&*source), "event refused");
                    self.park_first(consumer, in_hand, reason, 1, &source.to_string()).await?;
                }
                Handled::Refused { reason, source } => {
                    warn!(queue = self.queue, reason = reason.code(), cause = %Chain(&*source), "batch is split");
                    parts.extend([part - part / 2, part / 2]);
                }
            }
        }
        Ok(0)
    }

    /// Tries until it is known what becomes of the first `count` events, or the lease is lost, or trying cannot help.
    async fn handle(&mut self, in_hand: &InHand, count: usize) -> Result<Handled, Ended> {
        loop {
            if fault::sabotaged(Sabotage::SkipFence) {
                self.forge_fence().await;
            }
            let expiry = self.claim.held().expiry();
            let mut work = [ClaimedBatch::new(&mut self.claim, in_hand, count)];
            let attempt = tokio::select! {
                biased;
                attempt = AssertUnwindSafe(self.handler.handle(&mut work)).catch_unwind() => attempt,
                () = expiry => Ok(Err(HandleError::LeaseLost)),
            };
            let [ClaimedBatch { parked, left, .. }] = work;
            let error = match (attempt, left) {
                (Ok(Ok(())), None) => return Ok(Handled::Done(parked)),
                (Ok(Ok(())), Some(error)) | (Ok(Err(error)), _) => Some(error),
                (Err(_), _) => None,
            };
            self.claim.drop_batch();
            let Some(error) = error else {
                ::metrics::counter!(metrics::PANICS, "component" => self.config.component).increment(1);
                error!(queue = self.queue, events = count, "handler panicked");
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
                    return Err(Ended::StoppedForGood);
                }
                HandleError::Park { reason, source } => return Ok(Handled::Refused { reason, source }),
                HandleError::Retry { source } => {
                    metrics::retried(self.config.component);
                    warn!(queue = self.queue, cause = %Chain(&*source), "batch not handled yet");
                }
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// The first `count` events are handled but for what was `parked` of them.
    async fn finish(
        &mut self,
        consumer: &mut dyn Consumer,
        in_hand: &mut InHand,
        count: usize,
        parked: Vec<Parked>,
        started: Instant,
    ) -> Result<(), Ended> {
        let component = self.config.component;
        for Parked { index, reason, source } in parked {
            let Some(event) = in_hand.events(count).nth(index) else { continue };
            error!(queue = self.queue, reason = reason.code(), cause = %Chain(&*source), "event refused");
            let times = event.delivery_count().max(1);
            let letter = dead_letter(event.to_message(), reason, &self.queue, times, &source.to_string());
            self.store_letter(letter, reason).await?;
        }
        self.ack(consumer, in_hand.finish(count)).await?;
        fault::point(fault::WORKER_AFTER_ACK);
        self.claim.published(Timestamp::from_system_time(SystemTime::now()));
        ::metrics::counter!(metrics::HANDLED, "component" => component).increment(u64::try_from(count).unwrap_or(0));
        ::metrics::histogram!(metrics::BATCH_SIZE, "component" => component)
            .record(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        ::metrics::histogram!(metrics::BATCH_SECONDS, "component" => component).record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Makes a dead letter of the first event. `times`: how often it was seen to do harm.
    async fn park_first(
        &mut self,
        consumer: &mut dyn Consumer,
        in_hand: &mut InHand,
        reason: DeadLetterReason,
        times: u32,
        detail: &str,
    ) -> Result<(), Ended> {
        let Some(event) = in_hand.first() else { return Ok(()) };
        let letter = dead_letter(event.to_message(), reason, &self.queue, times, detail);
        self.store_letter(letter, reason).await?;
        self.ack(consumer, in_hand.finish(1)).await
    }

    async fn store_letter(&mut self, letter: Publication, reason: DeadLetterReason) -> Result<(), Ended> {
        let timeout = self.config.publish_timeout;
        while let Err(error) = dead_letters::store(&*self.parts.bus, vec![letter.clone()], timeout).await {
            warn!(queue = self.queue, %error, "an event cannot be parked yet");
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
        dead_letters::count(self.config.component, reason, 1);
        error!(queue = self.queue, reason = reason.code(), "event parked as a dead letter");
        Ok(())
    }

    async fn ack(&mut self, consumer: &mut dyn Consumer, deliveries: Vec<Delivery>) -> Result<(), Ended> {
        if !deliveries.is_empty() {
            match tokio::time::timeout(self.config.bus_timeout(), consumer.ack(deliveries)).await {
                Ok(Ok(())) => {}
                Ok(Err(ended)) => {
                    warn!(queue = self.queue, reason = %ended, "subscription ended before the acknowledgement");
                    return Err(Ended::Failed);
                }
                Err(_) => {
                    warn!(queue = self.queue, "the bus does not take the acknowledgement");
                    return Err(Ended::Failed);
                }
            }
        }
        self.backoff.reset();
        Ok(())
    }

    /// Tells the store what is handled alone now. Not before that is durable may it be handled.
    async fn begin_alone(&mut self, message_id: &str, place: u32) -> Result<(), Ended> {
        loop {
            if fault::sabotaged(Sabotage::SkipFence) {
                self.forge_fence().await;
            }
            let (store, limit) = (&self.parts.store, self.config.store_timeout());
            match self.crashes.begin(store, self.claim.lease(), limit, (message_id, place)).await {
                Ok(()) => return Ok(()),
                Err(CallError::Store(StoreError::LeaseLost { .. })) => return Err(Ended::LeaseLost),
                Err(error) => warn!(queue = self.queue, %error, "cannot handle an event alone yet"),
            }
            if let Some(ended) = self.back_off().await {
                return Err(ended);
            }
        }
    }

    /// Waits until no other partition of this process handles an event that is suspected of killing it.
    async fn take_turn(&mut self) -> Result<OwnedMutexGuard<()>, Ended> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = self.claim.held_mut().expired() => Err(Ended::LeaseLost),
            turn = self.parts.suspects.clone().lock_owned() => Ok(turn),
        }
    }
}
