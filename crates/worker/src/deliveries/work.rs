//! What a handler is given: the events of one or more shards, each with the claim under which they are handled.
//!
//! A delivery carries one event, or several as a bundle. It is acknowledged when each of its events is handled or parked.
//! Must never cost more for a delivery of one event than the place in a list.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use waypost_bus::{DeadLetterReason, Delivery, Message};

use super::claim::Claim;
use crate::error::{Cause, HandleError};

/// Takes a message apart that carries several events. `None`: it is one event, or nothing that can be taken apart; then
/// the handler says what is to become of it.
pub type Split = fn(&Message) -> Option<Bundle>;

/// The events of one message, in their order; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What each of them is, as a message of its own.
    pub kind: &'static str,
    pub events: Vec<Bytes>,
}

/// For queues on which every message is one event.
pub const fn no_bundles(_: &Message) -> Option<Bundle> {
    None
}

/// What was taken off a queue and is neither handled nor parked, as events in the queue's order. It is worked off from
/// the front.
pub struct InHand {
    deliveries: VecDeque<Delivery>,
    /// How many deliveries were acknowledged before the first of `deliveries`.
    acknowledged: usize,
    events: Vec<Position>,
    /// How many of `events` are done.
    done: usize,
}

/// Where an event is to be found.
struct Position {
    delivery: usize,
    /// Its place in the bundle; 0 of a message that is one event.
    place: u32,
    /// Of a bundle.
    part: Option<(&'static str, Bytes)>,
}

/// An event in a handler's hands.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    delivery: &'a Delivery,
    position: &'a Position,
}

impl InHand {
    /// `done_before` says how many events of the message with this id were handled or parked by earlier attempts.
    pub fn new(deliveries: Vec<Delivery>, split: Split, done_before: impl Fn(&str) -> u32) -> Self {
        let mut events = Vec::with_capacity(deliveries.len());
        for (index, delivery) in deliveries.iter().enumerate() {
            match split(&delivery.message).filter(|bundle| !bundle.events.is_empty()) {
                None => events.push(Position { delivery: index, place: 0, part: None }),
                Some(bundle) => {
                    let last = bundle.events.len() - 1;
                    let first = usize::try_from(done_before(&delivery.message.id)).unwrap_or(last).min(last);
                    events.extend(bundle.events.into_iter().enumerate().skip(first).map(|(place, body)| Position {
                        delivery: index,
                        place: u32::try_from(place).unwrap_or(u32::MAX),
                        part: Some((bundle.kind, body)),
                    }));
                }
            }
        }
        Self { deliveries: deliveries.into(), acknowledged: 0, events, done: 0 }
    }

    /// The events that are left.
    pub fn len(&self) -> usize {
        self.events.len() - self.done
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `count` of the events that are left.
    pub fn events(&self, count: usize) -> impl ExactSizeIterator<Item = Event<'_>> {
        self.left(count).iter().map(|position| self.event(position))
    }

    pub fn first(&self) -> Option<Event<'_>> {
        self.events(1).next()
    }

    /// How many events make the next batch: whole deliveries, `max` events at most; of one that is larger, a part.
    pub(crate) fn next_batch(&self, max: usize) -> usize {
        let left = &self.events[self.done..];
        if left.len() <= max {
            return left.len();
        }
        let cut = left[max].delivery;
        let whole = left[..max].iter().take_while(|position| position.delivery < cut).count();
        if whole == 0 { max } else { whole }
    }

    /// The first `count` events are handled or parked. Returns the deliveries of which nothing is left.
    pub(crate) fn finish(&mut self, count: usize) -> Vec<Delivery> {
        self.done += count.min(self.len());
        let open_from = self.events.get(self.done).map(|position| position.delivery);
        let finished = open_from.map_or(self.deliveries.len(), |first_open| first_open - self.acknowledged);
        self.acknowledged += finished;
        if finished == self.deliveries.len() {
            return mem::take(&mut self.deliveries).into();
        }
        self.deliveries.drain(..finished).collect()
    }

    /// Only for sabotage: a delivery is acknowledged once, and this breaks that promise.
    pub(crate) fn copies(&self, count: usize) -> Vec<Delivery> {
        let Some(last) = self.left(count).last() else { return Vec::new() };
        let copy = |one: &Delivery| Delivery::new(one.message.clone(), one.delivery_count, one.redelivered, one.tag());
        self.deliveries.iter().take(last.delivery + 1 - self.acknowledged).map(copy).collect()
    }

    fn left(&self, count: usize) -> &[Position] {
        let left = &self.events[self.done..];
        &left[..count.min(left.len())]
    }

    fn event<'a>(&'a self, position: &'a Position) -> Event<'a> {
        Event { delivery: &self.deliveries[position.delivery - self.acknowledged], position }
    }
}

impl<'a> Event<'a> {
    /// The event itself, encoded.
    pub fn body(&self) -> &'a Bytes {
        self.position.part.as_ref().map_or(&self.delivery.message.body, |(_, body)| body)
    }

    /// The message that carries it, perhaps with others.
    pub const fn carrier(&self) -> &'a Message {
        &self.delivery.message
    }

    /// How often the message was delivered before without being acknowledged.
    pub const fn delivery_count(&self) -> u32 {
        self.delivery.delivery_count
    }

    /// Its place in the message.
    pub const fn place(&self) -> u32 {
        self.position.place
    }

    /// The event as a message of its own. Of one out of a bundle the id is made of the bundle's, so that it is the same
    /// at every attempt.
    pub fn to_message(&self) -> Message {
        let carrier = self.carrier();
        match &self.position.part {
            None => carrier.clone(),
            Some((kind, body)) => Message {
                id: format!("{}.{}", carrier.id, self.position.place),
                kind: (*kind).to_owned(),
                content_type: carrier.content_type.clone(),
                headers: carrier.headers.clone(),
                body: body.clone(),
            },
        }
    }
}

/// Events of one shard, with the claim on it. A handler is given several of these when a process works on several shards
/// at once: it may put all of them into one transaction and one flight of publications.
pub struct ClaimedBatch<'a> {
    pub claim: &'a mut Claim,
    in_hand: &'a InHand,
    count: usize,
    pub(crate) parked: Vec<Parked>,
    pub(crate) left: Option<HandleError>,
}

/// An event that a handler wants to be a dead letter.
pub(crate) struct Parked {
    pub(crate) index: usize,
    pub(crate) reason: DeadLetterReason,
    pub(crate) source: Cause,
}

impl<'a> ClaimedBatch<'a> {
    /// The first `count` events in hand.
    pub const fn new(claim: &'a mut Claim, in_hand: &'a InHand, count: usize) -> Self {
        Self { claim, in_hand, count, parked: Vec::new(), left: None }
    }

    /// In the queue's order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'a>> + use<'a> {
        let in_hand = self.in_hand;
        in_hand.events(self.count)
    }

    /// The event at `index` of [`events`](Self::events) is not handled and becomes a dead letter, when the others are
    /// handled: for what is known to be undecodable.
    pub fn park(&mut self, index: usize, reason: DeadLetterReason, source: impl Into<Cause>) {
        self.parked.push(Parked { index, reason, source: source.into() });
    }

    /// This batch is not handled; what the others come to does not depend on it. An error of the handler's, in
    /// contrast, speaks of all batches.
    pub fn leave(&mut self, error: impl Into<HandleError>) {
        self.left = Some(error.into());
    }

    /// Why the batch was left.
    pub const fn problem(&self) -> Option<&HandleError> {
        self.left.as_ref()
    }

    /// The same, for a handler that gives batches of its own to another.
    pub fn into_outcome(self) -> Result<(), HandleError> {
        self.left.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliveries::claim::tests::claim;

    #[test]
    fn a_batch_that_is_left_says_so() {
        let in_hand = InHand::new(Vec::new(), no_bundles, |_| 0);
        let mut claim = claim(0, 0);
        let mut batch = ClaimedBatch::new(&mut claim, &in_hand, 0);
        assert!(batch.problem().is_none());
        batch.leave(HandleError::retry("as asked"));
        assert!(matches!(batch.problem(), Some(HandleError::Retry { .. })));
        assert!(matches!(batch.into_outcome(), Err(HandleError::Retry { .. })));
        assert!(ClaimedBatch::new(&mut claim, &in_hand, 0).into_outcome().is_ok());
    }
}
