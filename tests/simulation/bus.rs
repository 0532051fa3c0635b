//! The bus as one simulated process sees it: an adapter whose every call takes time and may fail in the ways that the
//! port names, and in no others.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use tokio::sync::Notify;
use waypost_bus::dead_letter::REASON_HEADER;
use waypost_bus::{
    Address, Bus, BusError, ConsumeEnded, Consumer, Delivery, Depth, Health, Message, Outcome, Publication, Topology,
};

use crate::broker::ConsumerId;
use crate::process::{Process, Stage};
use crate::time::now_ms;
use crate::world::{Defect, Rates, chance};

/// What one step takes.
const STEP_MS: RangeInclusive<u64> = 0..=15;

pub(crate) struct ProcessBus(pub(crate) Arc<Process>);

/// What becomes of the publications to one address: the first so many arrive, the first so many are known to.
#[derive(Clone, Copy)]
struct Fate {
    arrive: usize,
    confirmed: usize,
    /// What did not arrive by then arrives later.
    late: bool,
}

impl Fate {
    const ALL_CONFIRMED: Self = Self { arrive: usize::MAX, confirmed: usize::MAX, late: false };

    /// Confirmations come in order, and so does what a broken connection lets through.
    fn new(rates: Rates, rng: &mut Rng, count: usize) -> Self {
        if !chance(rng, rates.publish_in_doubt) {
            return Self::ALL_CONFIRMED;
        }
        let arrive = rng.usize(0..=count);
        Self { arrive, confirmed: rng.usize(0..=arrive), late: rng.bool() }
    }
}

impl ProcessBus {
    /// Everything arrives, or does not, at one instant.
    fn store(&self, batch: Vec<Publication>, rng: &mut Rng) -> Vec<Outcome> {
        let world = &self.0.world;
        let mut state = world.state();
        if state.is_down {
            return vec![Outcome::Unavailable; batch.len()];
        }
        let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
        for publication in &batch {
            *counts.entry(publication.address.clone()).or_default() += 1;
        }
        let mut fates: BTreeMap<Address, (Fate, usize)> = BTreeMap::new();
        for (address, count) in counts {
            let fate = Fate::new(state.rates, rng, count);
            fates.insert(address, (fate, 0));
        }
        let mut late = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for Publication { address, message } in batch {
            let Some((fate, place)) = fates.get_mut(&address) else { continue };
            let (fate, at) = (*fate, *place);
            *place += 1;
            let outcome = match state.bound(&address) {
                None => Outcome::Returned,
                Some(queue) if queue.is_full => Outcome::Nacked,
                Some(_) if at < fate.confirmed => Outcome::Confirmed,
                Some(_) => Outcome::Unknown,
            };
            outcomes.push(outcome);
            let is_taken = matches!(outcome, Outcome::Confirmed | Outcome::Unknown);
            let arrives = is_taken && (at < fate.arrive || fate.late);
            if arrives {
                if let Some(queue) = state.work_queue(&message.id) {
                    self.0.published(queue, &message.id);
                }
                if outcome == Outcome::Unknown {
                    state.interrupted("publish in doubt", vec![message.id.clone()]);
                }
            }
            if is_taken && at < fate.arrive {
                state.store(&address, message, rng);
            } else if is_taken && fate.late {
                late.push((address, message));
            }
        }
        drop(state);
        if !late.is_empty() {
            self.store_late(late);
        }
        outcomes
    }

    fn store_late(&self, late: Vec<(Address, Message)>) {
        let process = self.0.clone();
        tokio::spawn(async move {
            let key = format!("{} late {}", process.name, late[0].1.id);
            let mut rng = process.world.turn(key, 20..=400).await;
            let mut state = process.world.state();
            for (address, message) in late {
                state.store(&address, message, &mut rng);
            }
        });
    }
}

#[async_trait]
impl Bus for ProcessBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        let process = &self.0;
        let began_ms = now_ms();
        let named = |one: &Publication| {
            let reason = one.message.headers.get(REASON_HEADER).map_or("", String::as_str);
            format!("{}>{} {reason}", short(&one.message.id), one.address.key)
        };
        let what = format!("publish {:?}", batch.iter().map(named).collect::<Vec<_>>());
        let mut rng = process.step(&what, Stage::Before, STEP_MS).await;
        let outcomes = self.store(batch, &mut rng);
        process.log(format_args!("{what} {outcomes:?}"));
        let mut delay = STEP_MS;
        if outcomes.contains(&Outcome::Unknown) && rng.bool() {
            // A broken connection is noticed at once, a lost answer at the time-out.
            let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            let left = (began_ms + timeout_ms).saturating_sub(now_ms());
            delay = left..=left;
        }
        process.step(&what, Stage::After, delay).await;
        outcomes
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let process = &self.0;
        let what = format!("consume {queue}, prefetch {prefetch}");
        let mut rng = process.step(&what, Stage::Before, STEP_MS).await;
        let subscribed = {
            let mut state = process.world.state();
            let id = state.next_consumer();
            if state.is_down || chance(&mut rng, state.rates.subscribe_refused) {
                return Err(BusError::Unavailable("simulated".to_owned()));
            }
            let Some(found) = state.queue(queue) else { return Err(BusError::NoSuchQueue(queue.to_owned())) };
            found.subscribe(id, prefetch);
            let changes = found.changes();
            SimulatedConsumer { process: process.clone(), queue: queue.to_owned(), id, changes }
        };
        process.subscribed(queue, subscribed.id);
        process.recovers(queue);
        process.log(&what);
        process.step(&what, Stage::After, STEP_MS).await;
        Ok(Box::new(subscribed))
    }

    async fn declare(&self, _topology: &Topology) -> Result<(), BusError> {
        Ok(())
    }

    async fn verify(&self, _topology: &Topology) -> Result<Vec<String>, BusError> {
        Ok(Vec::new())
    }

    async fn depth(&self, _queue: &str) -> Result<Option<Depth>, BusError> {
        Err(BusError::Unsupported("simulated"))
    }

    async fn peek(&self, _queue: &str, _after: Option<u64>, _limit: usize) -> Result<Vec<(u64, Message)>, BusError> {
        Err(BusError::Unsupported("simulated"))
    }

    fn health(&self) -> Health {
        if self.0.world.state().is_down { Health::Down("simulated".to_owned()) } else { Health::Up }
    }

    async fn close(&self, _timeout: Duration) {}
}

struct SimulatedConsumer {
    process: Arc<Process>,
    queue: String,
    id: ConsumerId,
    changes: Arc<Notify>,
}

enum QueueState {
    Ended,
    Empty,
    Ready,
}

impl SimulatedConsumer {
    fn queue_state(&self) -> QueueState {
        let mut state = self.process.world.state();
        match state.queue(&self.queue) {
            Some(queue) if !queue.is_subscribed(self.id) => QueueState::Ended,
            Some(queue) if queue.has_for(self.id) => QueueState::Ready,
            Some(_) => QueueState::Empty,
            None => QueueState::Ended,
        }
    }

    fn take(&self, max: usize, rng: &mut Rng) -> Vec<Delivery> {
        let world = &self.process.world;
        let mut state = world.state();
        let Some(queue) = state.queue(&self.queue) else { return Vec::new() };
        let deliveries = queue.deliver(self.id, rng.usize(1..=max.max(1)));
        if world.defect == Defect::AcknowledgeBeforeCommit {
            let places: Vec<u64> = deliveries.iter().map(Delivery::tag).collect();
            queue.acknowledge(self.id, &places);
        }
        deliveries
    }

    fn ended(&self) -> ConsumeEnded {
        ConsumeEnded("simulated".to_owned())
    }
}

#[async_trait]
impl Consumer for SimulatedConsumer {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, ConsumeEnded> {
        loop {
            match self.queue_state() {
                QueueState::Ended => return Err(self.ended()),
                // Nothing can change between the question and the wait: there is one thread.
                QueueState::Empty => self.changes.notified().await,
                QueueState::Ready => {
                    let what = format!("{} delivers", self.queue);
                    let mut rng = self.process.step(&what, Stage::Before, STEP_MS).await;
                    let deliveries = self.take(max, &mut rng);
                    if deliveries.is_empty() {
                        continue;
                    }
                    self.process.delivered(&self.queue, deliveries.iter().all(|one| !one.redelivered));
                    let named = |one: &Delivery| format!("{}#{}", short(&one.message.id), one.delivery_count);
                    let ids: Vec<String> = deliveries.iter().map(named).collect();
                    self.process.log(format_args!("{what} {ids:?}"));
                    return Ok(deliveries);
                }
            }
        }
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded> {
        let places: Vec<u64> = deliveries.iter().map(Delivery::tag).collect();
        let what = format!("{} ack of {}", self.queue, places.len());
        let mut rng = self.process.step(&what, Stage::Before, STEP_MS).await;
        let is_lost = chance(&mut rng, self.process.world.state().rates.acknowledge_lost);
        let mut is_known = false;
        if !is_lost || rng.bool() {
            let mut state = self.process.world.state();
            is_known = state.queue(&self.queue).is_some_and(|queue| queue.acknowledge(self.id, &places));
        }
        self.process.log(format_args!("{what}: {is_known}, connection {}", if is_lost { "lost" } else { "well" }));
        self.process.step(&what, Stage::After, STEP_MS).await;
        if is_lost {
            self.process.unsubscribe(self.id);
        }
        if is_known && !is_lost {
            self.process.acknowledged(&self.queue);
            return Ok(());
        }
        self.process.interrupted("acknowledgement lost", Some(&self.queue));
        Err(self.ended())
    }

    async fn close(self: Box<Self>) -> bool {
        let what = format!("{} close", self.queue);
        self.process.step(&what, Stage::Before, STEP_MS).await;
        self.process.hands_over(&self.queue);
        self.process.log(what);
        true
    }
}

impl Drop for SimulatedConsumer {
    fn drop(&mut self) {
        self.process.unsubscribe(self.id);
    }
}

/// The beginning of an id, for the log.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
