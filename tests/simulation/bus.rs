//! The bus as one simulated process sees it: an adapter whose every call takes time and may fail in the ways that the
//! port names, and in no others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use waypost_bus::{
    Address, Bus, BusError, ConsumeEnded, Consumer, Delivery, Depth, Health, Message, Outcome, Publication, Topology,
};

use crate::broker::ConsumerId;
use crate::process::{Process, Stage};
use crate::time::{now_ms, sleep_until};
use crate::world::{Defect, State};

pub(crate) struct ProcessBus(pub(crate) Arc<Process>);

/// What becomes of the publications to one address: the first so many arrive, the first so many are known to.
#[derive(Clone, Copy)]
struct Lane {
    arrive: usize,
    confirmed: usize,
    /// What did not arrive by then arrives later.
    late: bool,
}

impl Lane {
    const WELL: Self = Self { arrive: usize::MAX, confirmed: usize::MAX, late: false };

    /// Confirmations come in order, and so does what a broken connection lets through.
    fn new(state: &mut State, count: usize) -> Self {
        let rate = state.rates.publish_in_doubt;
        if !state.chance(rate) {
            return Self::WELL;
        }
        let arrive = state.rng.usize(0..=count);
        let confirmed = state.rng.usize(0..=arrive);
        Self { arrive, confirmed, late: state.rng.bool() }
    }
}

impl ProcessBus {
    /// Everything arrives, or does not, at one instant.
    fn store(&self, batch: Vec<Publication>) -> Vec<Outcome> {
        let world = &self.0.world;
        let mut state = world.state();
        if state.is_down {
            return vec![Outcome::Unavailable; batch.len()];
        }
        let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
        for publication in &batch {
            *counts.entry(publication.address.clone()).or_default() += 1;
        }
        let mut lanes: BTreeMap<Address, (Lane, usize)> = BTreeMap::new();
        for (address, count) in counts {
            let lane = Lane::new(&mut state, count);
            lanes.insert(address, (lane, 0));
        }
        let mut late = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for Publication { address, message } in batch {
            let Some((lane, place)) = lanes.get_mut(&address) else { continue };
            let (lane, at) = (*lane, *place);
            *place += 1;
            let outcome = match state.bound(&address) {
                None => Outcome::Returned,
                Some(queue) if queue.is_full => Outcome::Nacked,
                Some(_) if at < lane.confirmed => Outcome::Confirmed,
                Some(_) => Outcome::Unknown,
            };
            outcomes.push(outcome);
            let is_taken = matches!(outcome, Outcome::Confirmed | Outcome::Unknown);
            if is_taken && at < lane.arrive {
                state.store(&address, message);
            } else if is_taken && lane.late {
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
        let (world, slot) = (self.0.world.clone(), self.0.world.slot(20, 400));
        tokio::spawn(async move {
            sleep_until(slot).await;
            let mut state = world.state();
            for (address, message) in late {
                state.store(&address, message);
            }
        });
    }
}

#[async_trait]
impl Bus for ProcessBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        let process = &self.0;
        process.step(Stage::Before).await;
        let began_ms = now_ms();
        let ids: Vec<String> =
            batch.iter().map(|one| format!("{}>{}", short(&one.message.id), one.address.key)).collect();
        let slot = process.world.slot(0, 15);
        sleep_until(slot).await;
        process.alive().await;
        let outcomes = self.store(batch);
        process.log(format_args!("publish {ids:?} {outcomes:?}"));
        process.step(Stage::After).await;
        let answer = if outcomes.contains(&Outcome::Unknown) {
            // Noticed at once when a connection breaks, at the time-out when an answer is lost.
            let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            let is_noticed = process.world.state().rng.bool();
            if is_noticed { 0 } else { (began_ms + timeout_ms).saturating_sub(now_ms()) }
        } else {
            0
        };
        let slot = process.world.slot(answer, answer + 15);
        sleep_until(slot).await;
        process.alive().await;
        outcomes
    }

    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let process = &self.0;
        process.step(Stage::Before).await;
        sleep_until(process.world.slot(0, 15)).await;
        process.alive().await;
        let subscribed = {
            let mut state = process.world.state();
            let rate = state.rates.subscribe_refused;
            let id = state.next_consumer();
            if state.is_down || state.chance(rate) {
                return Err(BusError::Unavailable("simulated".to_owned()));
            }
            let Some(found) = state.queue(queue) else { return Err(BusError::NoSuchQueue(queue.to_owned())) };
            found.subscribe(id);
            SimulatedConsumer {
                process: process.clone(),
                queue: queue.to_owned(),
                id,
                prefetch,
                changes: found.changes(),
            }
        };
        process.subscribed(queue, subscribed.id);
        process.log(format_args!("consume {queue}, prefetch {prefetch}"));
        process.step(Stage::After).await;
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
    prefetch: u16,
    changes: watch::Receiver<u64>,
}

enum Look {
    Ended,
    Empty,
    Something,
}

impl SimulatedConsumer {
    fn look(&mut self) -> Look {
        self.changes.borrow_and_update();
        let mut state = self.process.world.state();
        match state.queue(&self.queue) {
            Some(queue) if !queue.is_subscribed(self.id) => Look::Ended,
            Some(queue) if queue.has_for(self.id) => Look::Something,
            Some(_) => Look::Empty,
            None => Look::Ended,
        }
    }

    /// Never more than the prefetch: the worker takes nothing while it holds something.
    fn take(&self, max: usize) -> Vec<Delivery> {
        let world = &self.process.world;
        let mut state = world.state();
        let max = max.min(usize::from(self.prefetch));
        let max = state.rng.usize(1..=max.max(1));
        let Some(queue) = state.queue(&self.queue) else { return Vec::new() };
        let deliveries = queue.deliver(self.id, max);
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
            self.process.alive().await;
            match self.look() {
                Look::Ended => return Err(self.ended()),
                // The sender lives as long as the world.
                Look::Empty => drop(self.changes.changed().await),
                Look::Something => {
                    self.process.step(Stage::Before).await;
                    sleep_until(self.process.world.slot(0, 15)).await;
                    self.process.alive().await;
                    let deliveries = self.take(max);
                    if deliveries.is_empty() {
                        continue;
                    }
                    let ids: Vec<String> = deliveries
                        .iter()
                        .map(|one| format!("{}#{}", short(&one.message.id), one.delivery_count))
                        .collect();
                    self.process.log(format_args!("{} delivers {ids:?}", self.queue));
                    return Ok(deliveries);
                }
            }
        }
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) -> Result<(), ConsumeEnded> {
        let places: Vec<u64> = deliveries.iter().map(Delivery::tag).collect();
        self.process.step(Stage::Before).await;
        sleep_until(self.process.world.slot(0, 15)).await;
        self.process.alive().await;
        let (is_lost, arrives) = {
            let mut state = self.process.world.state();
            let rate = state.rates.acknowledge_lost;
            (state.chance(rate), state.rng.bool())
        };
        let mut is_known = false;
        if !is_lost || arrives {
            let mut state = self.process.world.state();
            is_known = state.queue(&self.queue).is_some_and(|queue| queue.acknowledge(self.id, &places));
        }
        self.process.log(format_args!("{} ack of {}: {is_known}, lost {is_lost}", self.queue, places.len()));
        self.process.step(Stage::After).await;
        if is_lost {
            self.process.unsubscribe(self.id);
        }
        if is_known && !is_lost { Ok(()) } else { Err(self.ended()) }
    }

    async fn close(self: Box<Self>) {
        self.process.step(Stage::Before).await;
        sleep_until(self.process.world.slot(0, 15)).await;
        self.process.alive().await;
        self.process.log(format_args!("{} closed", self.queue));
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
