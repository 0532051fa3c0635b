//! The broker's state: queues, who consumes them, what is in whose hands. Every change is one step; when it happens,
//! and whether it fails, is decided elsewhere.

use std::collections::VecDeque;
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

struct Subscription {
    id: ConsumerId,
    prefetch: usize,
    /// Its messages until they are acknowledged, in the order in which it got them.
    hand: Vec<Stored>,
    /// How many of the hand were looked at already.
    seen: usize,
}

#[derive(Default)]
pub(crate) struct Queue {
    ready: VecDeque<Stored>,
    returned: VecDeque<Stored>,
    /// In the order of subscription; only the first receives anything.
    subscriptions: Vec<Subscription>,
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
        self.fill();
    }

    /// Ready and unacknowledged.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let unacknowledged = self.subscriptions.iter().map(|subscription| subscription.hand.len()).sum();
        (self.ready.len() + self.returned.len(), unacknowledged)
    }

    /// Everything that waits, in order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.returned.iter().chain(&self.ready).map(|stored| &stored.message)
    }

    pub(crate) fn changes(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    pub(crate) fn subscribe(&mut self, id: ConsumerId, prefetch: u16) {
        let prefetch = usize::from(prefetch);
        self.subscriptions.push(Subscription { id, prefetch, hand: Vec::new(), seen: 0 });
        self.fill();
    }

    pub(crate) fn is_subscribed(&self, id: ConsumerId) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.id == id)
    }

    /// Whether this consumer has something in its hand that it has not seen.
    pub(crate) fn has_for(&self, id: ConsumerId) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.id == id && subscription.seen < subscription.hand.len())
    }

    /// Shows a consumer up to `max` more of what it has in its hand.
    pub(crate) fn deliver(&mut self, id: ConsumerId, max: usize) -> Vec<Delivery> {
        let Some(subscription) = self.subscription(id) else { return Vec::new() };
        let show = subscription.hand.iter().skip(subscription.seen).take(max);
        let deliveries: Vec<Delivery> = show
            .map(|stored| Delivery::new(stored.message.clone(), stored.deliveries, stored.deliveries > 0, stored.place))
            .collect();
        subscription.seen += deliveries.len();
        deliveries
    }

    /// `false`: the subscription is over, and nothing is acknowledged.
    pub(crate) fn acknowledge(&mut self, id: ConsumerId, places: &[u64]) -> bool {
        let Some(subscription) = self.subscription(id) else { return false };
        let before = subscription.hand.len();
        subscription.hand.retain(|stored| !places.contains(&stored.place));
        subscription.seen -= before - subscription.hand.len();
        self.fill();
        true
    }

    /// Ends a subscription; what it held goes back before anybody else receives something.
    pub(crate) fn unsubscribe(&mut self, id: ConsumerId, returns: Returns) {
        let back = self.take_back(id);
        match returns {
            Returns::InPlace => back.into_iter().rev().for_each(|stored| self.ready.push_front(stored)),
            Returns::Behind => self.returned.extend(back),
        }
        self.fill();
    }

    /// What a cancel with unacknowledged deliveries does: the rest is given to the next consumer first.
    pub(crate) fn unsubscribe_overtaken(&mut self, id: ConsumerId) {
        let back = self.take_back(id);
        self.ready.extend(back);
        self.fill();
    }

    fn subscription(&mut self, id: ConsumerId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.id == id)
    }

    fn take_back(&mut self, id: ConsumerId) -> Vec<Stored> {
        let Some(index) = self.subscriptions.iter().position(|subscription| subscription.id == id) else {
            return Vec::new();
        };
        let mut back = self.subscriptions.remove(index).hand;
        for stored in &mut back {
            stored.deliveries += 1;
        }
        back
    }

    /// Puts as much into the active consumer's hand as it may hold, as the broker does at once with every change.
    fn fill(&mut self) {
        if let Some(active) = self.subscriptions.first_mut() {
            while active.hand.len() < active.prefetch {
                let Some(stored) = self.returned.pop_front().or_else(|| self.ready.pop_front()) else { break };
                active.hand.push(stored);
            }
        }
        self.changed.notify_waiters();
    }
}
