//! What all processes of one simulated run share: the broker, the dice, the log, and what goes wrong at present.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use waypost_bus::{Address, Message, Topology};
use waypost_store::Store;

use crate::broker::{ConsumerId, Queue, Returns};
use crate::time::{Slots, now_ms};

/// A mistake that is built in on purpose, to see that the ledger finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    /// Deliveries count as acknowledged when they are handed over.
    AcknowledgeBeforeCommit,
    /// What was decided and perhaps not published is taken for a duplicate.
    DropStoredDecision,
    /// A subscription is cancelled while deliveries are unacknowledged: the next consumer overtakes them.
    CancelWithUnacknowledged,
}

/// How often something goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// A publish is cut off in the middle, or its answer is lost.
    pub(crate) publish_in_doubt: u32,
    /// A confirmed message is there twice.
    pub(crate) duplicate: u32,
    /// A connection breaks at an acknowledgement.
    pub(crate) acknowledge_lost: u32,
    /// Subscribing fails.
    pub(crate) subscribe_refused: u32,
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) defect: Defect,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) rng: Rng,
    pub(crate) slots: Slots,
    pub(crate) queues: BTreeMap<String, Queue>,
    addresses: BTreeMap<Address, String>,
    pub(crate) rates: Rates,
    pub(crate) is_down: bool,
    pub(crate) returns: Returns,
    consumers: ConsumerId,
    pub(crate) log: String,
}

impl World {
    pub(crate) fn new(seed: u64, store: Store, topology: &Topology, defect: Defect, returns: Returns) -> Arc<Self> {
        let queues = topology.queues.iter().map(|queue| (queue.name.clone(), Queue::default()));
        let addresses = topology.queues.iter().map(|queue| (queue.address.clone(), queue.name.clone()));
        let state = State {
            rng: Rng::with_seed(seed),
            slots: Slots::default(),
            queues: queues.collect(),
            addresses: addresses.collect(),
            rates: Rates::default(),
            is_down: false,
            returns,
            consumers: 0,
            log: String::new(),
        };
        Arc::new(Self { store, defect, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instant for one step: at least `delay_min` milliseconds from now, somewhat later mostly.
    pub(crate) fn slot(&self, delay_min: u64, delay_max: u64) -> u64 {
        let mut state = self.state();
        let delay = state.rng.u64(delay_min..=delay_max);
        state.slots.take(delay)
    }

    pub(crate) fn log(&self, who: &str, what: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        writeln!(self.state().log, "{:>6} {who}: {what}", now_ms()).ok();
    }
}

impl State {
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.u32(0..1000) < per_mille
    }

    pub(crate) fn queue(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues.get_mut(name)
    }

    /// The queue that is bound to an address, unless it is missing at present.
    pub(crate) fn bound(&mut self, address: &Address) -> Option<&mut Queue> {
        let name = self.addresses.get(address)?;
        self.queues.get_mut(name).filter(|queue| !queue.is_missing)
    }

    pub(crate) fn store(&mut self, address: &Address, message: Message) {
        let twice = self.rates.duplicate;
        let twice = self.chance(twice);
        if let Some(queue) = self.bound(address) {
            if twice {
                queue.push(message.clone());
            }
            queue.push(message);
        }
    }

    pub(crate) fn next_consumer(&mut self) -> ConsumerId {
        self.consumers += 1;
        self.consumers
    }
}
