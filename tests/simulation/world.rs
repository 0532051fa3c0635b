//! What all processes of one simulated run share: the broker, the dice, the log, and what goes wrong at present.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use waypost_bus::{Address, Message, Topology};
use waypost_ledger::{InFlight, InterruptionRecord};
use waypost_live::SendingLive;
use waypost_store::Store;

use crate::broker::{ConsumerId, Queue, Returns};
use crate::ids::SeededIds;
use crate::time::{Slots, now_ms, sleep_until};

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
    pub(crate) ids: Arc<SeededIds>,
    pub(crate) sending: Arc<SendingLive>,
    pub(crate) defect: Defect,
    state: Mutex<State>,
}

/// When it was asked for, by whom, and which of several with the same name.
type TurnKey = (u64, String, u32);

enum Turn {
    Asked(RangeInclusive<u64>),
    Granted(u64, Rng),
}

pub(crate) struct State {
    rng: Rng,
    slots: Slots,
    turns: BTreeMap<TurnKey, Turn>,
    pub(crate) queues: BTreeMap<String, Queue>,
    addresses: BTreeMap<Address, String>,
    pub(crate) rates: Rates,
    pub(crate) is_down: bool,
    pub(crate) returns: Returns,
    consumers: ConsumerId,
    /// By message id: the work queue that it came in on.
    work_queues: BTreeMap<String, String>,
    pub(crate) interruptions: Vec<InterruptionRecord>,
    pub(crate) log: String,
}

impl World {
    pub(crate) fn new(seed: u64, store: Store, topology: &Topology, defect: Defect, returns: Returns) -> Arc<Self> {
        let queues = topology.queues.iter().map(|queue| (queue.name.clone(), Queue::default()));
        let addresses = topology.queues.iter().map(|queue| (queue.address.clone(), queue.name.clone()));
        let state = State {
            rng: Rng::with_seed(seed),
            slots: Slots::default(),
            turns: BTreeMap::new(),
            queues: queues.collect(),
            addresses: addresses.collect(),
            rates: Rates::default(),
            is_down: false,
            returns,
            consumers: 0,
            work_queues: BTreeMap::new(),
            interruptions: Vec::new(),
            log: String::new(),
        };
        let sending = SendingLive::new(store.clone());
        Arc::new(Self { store, ids: Arc::new(SeededIds::new(seed)), sending, defect, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an instant at which nothing else happens, `delay` milliseconds from now or a little later, and gives
    /// the dice for what happens then.
    ///
    /// Whoever asks within the same millisecond is served in the order of `key`, not of asking: that order may hang
    /// on how fast the store's thread has answered.
    pub(crate) async fn turn(&self, key: String, delay: RangeInclusive<u64>) -> Rng {
        let asked_ms = now_ms();
        let key = {
            let mut state = self.state();
            let repeat = (0..).find(|number| !state.turns.contains_key(&(asked_ms, key.clone(), *number)));
            let key = (asked_ms, key, repeat.unwrap_or(0));
            state.turns.insert(key.clone(), Turn::Asked(delay));
            key
        };
        sleep_until(asked_ms + 1).await;
        let (at_ms, rng) = self.state().grant(&key);
        sleep_until(at_ms).await;
        rng
    }

    pub(crate) fn log(&self, who: &str, what: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        writeln!(self.state().log, "{:>6} {who}: {what}", now_ms()).ok();
    }
}

impl State {
    fn grant(&mut self, key: &TurnKey) -> (u64, Rng) {
        let now = now_ms();
        for ((asked_ms, ..), turn) in &mut self.turns {
            let Turn::Asked(delay) = turn else { continue };
            if *asked_ms < now {
                let mut rng = self.rng.fork();
                let delay = rng.u64(delay.clone());
                *turn = Turn::Granted(self.slots.take(delay), rng);
            }
        }
        // Those whose process was killed meanwhile are not fetched.
        self.turns.retain(|other, _| other.0 + 1 >= now || other == key);
        match self.turns.remove(key) {
            Some(Turn::Granted(at_ms, rng)) => (at_ms, rng),
            Some(Turn::Asked(_)) | None => unreachable!("asked in an earlier millisecond, and fetched once"),
        }
    }

    pub(crate) fn queue(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues.get_mut(name)
    }

    /// The queue that is bound to an address, unless it is missing at present.
    pub(crate) fn bound(&mut self, address: &Address) -> Option<&mut Queue> {
        let name = self.addresses.get(address)?;
        self.queues.get_mut(name).filter(|queue| !queue.is_missing)
    }

    pub(crate) fn store(&mut self, address: &Address, message: Message, rng: &mut Rng) {
        let twice = chance(rng, self.rates.duplicate);
        if let Some(name) = self.addresses.get(address).filter(|name| name.starts_with("wa.in.")) {
            self.work_queues.insert(message.id.clone(), name.clone());
        }
        let Some(queue) = self.bound(address) else { return };
        let id = message.id.clone();
        if twice {
            queue.push(message.clone());
        }
        queue.push(message);
        if twice {
            self.interrupted("doubled by the broker", vec![id]);
        }
    }

    /// The queue on which what is published under this id came in.
    pub(crate) fn work_queue(&self, id: &str) -> Option<&String> {
        self.work_queues.get(id)
    }

    /// Each of these may be published once more, and nothing else.
    pub(crate) fn interrupted(&mut self, what: &str, ids: Vec<String>) {
        if !ids.is_empty() {
            self.interruptions.push(InterruptionRecord { what: what.to_owned(), in_flight: InFlight::Ids(ids) });
        }
    }

    pub(crate) fn next_consumer(&mut self) -> ConsumerId {
        self.consumers += 1;
        self.consumers
    }
}

pub(crate) fn chance(rng: &mut Rng, per_mille: u32) -> bool {
    per_mille > 0 && rng.u32(0..1000) < per_mille
}
