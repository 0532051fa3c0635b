//! The broker's state: queues, who consumes them, what is in whose hands. Every change is one step; when it happens,
//! and whether it fails, is decided elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;
use waypost_bus::{Delivery, Message};

/// Where the broker puts messages that come back while others that came back wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// In their old place.
    InPlace,
    /// Behind the others, as RabbitMQ does.
    Behind,
}

pub(crate) type ConsumerId = u64;

struct Stored {
    message: Message,
    /// Its place: counted up in the order of arrival.
    place: u64,
    deliveries: u32,
}

#[derive(Default)]
pub(crate) struct Queue {
    ready: VecDeque<Stored>,
    returned: VecDeque<Stored>,
    /// In the order of subscription; only the first receives anything.
    consumers: Vec<ConsumerId>,
    unacknowledged: BTreeMap<ConsumerId, Vec<Stored>>,
    places: u64,
    pub(crate) is_full: bool,
    pub(crate) is_missing: bool,
    /// Notify, because it wakes in the order of waiting.
    changed: Arc<Notify>,
}

impl Queue {
    pub(crate) fn push(&mut self, message: Message) {
        self.places += 1;
        self.ready.push_back(Stored { message, place: self.places, deliveries: 0 });
        self.touch();
    }

    /// Ready and unacknowledged.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let unacknowledged = self.unacknowledged.values().map(Vec::len).sum();
        (self.ready.len() + self.returned.len(), unacknowledged)
    }

    /// Everything that waits, in order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.returned.iter().chain(&self.ready).map(|stored| &stored.message)
    }

    pub(crate) fn changes(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    pub(crate) fn subscribe(&mut self, consumer: ConsumerId) {
        self.consumers.push(consumer);
        self.unacknowledged.insert(consumer, Vec::new());
        self.touch();
    }

    pub(crate) fn is_subscribed(&self, consumer: ConsumerId) -> bool {
        self.consumers.contains(&consumer)
    }

    /// Whether there is something for this consumer now.
    pub(crate) fn has_for(&self, consumer: ConsumerId) -> bool {
        self.consumers.first() == Some(&consumer) && self.ready.len() + self.returned.len() > 0
    }

    pub(crate) fn deliver(&mut self, consumer: ConsumerId, max: usize) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let Some(held) = self.unacknowledged.get_mut(&consumer) else { return deliveries };
        while deliveries.len() < max {
            let Some(stored) = self.returned.pop_front().or_else(|| self.ready.pop_front()) else { break };
            let (message, count) = (stored.message.clone(), stored.deliveries);
            deliveries.push(Delivery::new(message, count, count > 0, stored.place));
            held.push(stored);
        }
        deliveries
    }

    /// `false`: the subscription is over, and nothing is acknowledged.
    pub(crate) fn acknowledge(&mut self, consumer: ConsumerId, places: &[u64]) -> bool {
        let Some(held) = self.unacknowledged.get_mut(&consumer) else { return false };
        held.retain(|stored| !places.contains(&stored.place));
        true
    }

    /// Ends a subscription; what it held goes back before anybody else receives something.
    pub(crate) fn unsubscribe(&mut self, consumer: ConsumerId, returns: Returns) {
        let back = self.take_back(consumer);
        match returns {
            Returns::InPlace => back.into_iter().rev().for_each(|stored| self.ready.push_front(stored)),
            Returns::Behind => self.returned.extend(back),
        }
        self.touch();
    }

    /// What a cancel with unacknowledged deliveries does: the rest is given to the next consumer first.
    pub(crate) fn unsubscribe_overtaken(&mut self, consumer: ConsumerId) {
        let back = self.take_back(consumer);
        self.ready.extend(back);
        self.touch();
    }

    fn take_back(&mut self, consumer: ConsumerId) -> Vec<Stored> {
        self.consumers.retain(|other| *other != consumer);
        let mut held = self.unacknowledged.remove(&consumer).unwrap_or_default();
        for stored in &mut held {
            stored.deliveries += 1;
        }
        held
    }

    /// Wakes whoever waits for a change.
    pub(crate) fn touch(&self) {
        self.changed.notify_waiters();
    }
}
