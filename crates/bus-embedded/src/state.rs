//! What is known of each queue in memory, and who gets which message next. No I/O here: the writer stores what follows
//! from it before anybody is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use waypost_bus::{Address, QueueKind, Stream};

use crate::inbox::Inbox;

/// Numbers of one queue go up to 2^40, about a million million: 30 years at 1,000 messages a second.
pub(crate) const SEQ_BITS: u32 = 40;
pub(crate) const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// What a queue is. Stored when it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) id: i64,
    pub(crate) name: Arc<str>,
    pub(crate) address: Address,
    pub(crate) kind: QueueKind,
    pub(crate) messages_max: u64,
}

/// What a queue holds and how far it was handed out. Stored with every commit that changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The number of the newest message ever; numbers are never used twice.
    pub(crate) last_seq: u64,
    /// Everything up to here was handed to a consumer at least once. What is behind it is there without gaps.
    pub(crate) delivered_through: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// A subscription.
#[derive(Debug, Clone)]
pub(crate) struct Subscriber {
    pub(crate) id: u64,
    pub(crate) prefetch: usize,
    pub(crate) unacknowledged: BTreeSet<u64>,
    pub(crate) inbox: Arc<Inbox>,
}

/// A queue. Cheap to clone, for that is how a failed commit is undone: the sets are bounded by the prefetches.
#[derive(Debug, Clone)]
pub(crate) struct QueueState {
    pub(crate) definition: Arc<Definition>,
    pub(crate) progress: Progress,
    /// Handed out before, nobody's now; all at or below `delivered_through`, so they come before anything new.
    pub(crate) returned: BTreeSet<u64>,
    /// A single active consumer is the first; competing consumers take turns.
    pub(crate) subscribers: VecDeque<Subscriber>,
}

/// The next message of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    New(u64),
    Again(u64),
}

impl QueueState {
    pub(crate) fn new(definition: Definition, progress: Progress, returned: BTreeSet<u64>) -> Self {
        Self { definition: Arc::new(definition), progress, returned, subscribers: VecDeque::new() }
    }

    pub(crate) fn is_full_for(&self, bytes: u64) -> bool {
        self.progress.messages >= self.definition.messages_max
            || self.progress.last_seq >= SEQ_MAX
            || self.progress.bytes.saturating_add(bytes) > self.definition.kind.bytes_max()
    }

    /// The number of a new message of this size.
    pub(crate) fn append(&mut self, bytes: u64) -> u64 {
        self.progress.last_seq += 1;
        self.progress.messages += 1;
        self.progress.bytes += bytes;
        self.progress.last_seq
    }

    pub(crate) fn removed(&mut self, messages: u64, bytes: u64) {
        self.progress.messages = self.progress.messages.saturating_sub(messages);
        self.progress.bytes = self.progress.bytes.saturating_sub(bytes);
    }

    pub(crate) fn unacknowledged(&self) -> u64 {
        self.subscribers.iter().map(|subscriber| subscriber.unacknowledged.len() as u64).sum()
    }

    /// The next consumer's turn and its message, taken out of the queue. `None`: nobody has room, or nothing waits.
    pub(crate) fn next(&mut self) -> Option<(usize, Next)> {
        let has_room = |subscriber: &Subscriber| subscriber.unacknowledged.len() < subscriber.prefetch;
        let receiver = if self.definition.kind.single_active_consumer() {
            self.subscribers.front().filter(|first| has_room(first)).map(|_| 0)?
        } else {
            self.subscribers.iter().position(has_room)?
        };
        if let Some(seq) = self.returned.pop_first() {
            return Some((receiver, Next::Again(seq)));
        }
        if self.progress.delivered_through >= self.progress.last_seq {
            return None;
        }
        self.progress.delivered_through += 1;
        Some((receiver, Next::New(self.progress.delivered_through)))
    }

    /// Notes that it is in that consumer's hands now; says where to tell it.
    pub(crate) fn hand_to(&mut self, receiver: usize, seq: u64) -> Option<Arc<Inbox>> {
        let mut subscriber = self.subscribers.remove(receiver)?;
        subscriber.unacknowledged.insert(seq);
        let inbox = Arc::clone(&subscriber.inbox);
        if self.definition.kind.single_active_consumer() {
            self.subscribers.insert(receiver, subscriber);
        } else {
            self.subscribers.push_back(subscriber);
        }
        Some(inbox)
    }

    /// Those of `seqs` that this consumer holds, in ascending order; it holds them no more. `None`: no such consumer.
    pub(crate) fn acknowledge(&mut self, consumer: u64, seqs: &[u64]) -> Option<Vec<u64>> {
        let subscriber = self.subscribers.iter_mut().find(|subscriber| subscriber.id == consumer)?;
        let mut held: Vec<u64> = seqs.iter().copied().filter(|seq| subscriber.unacknowledged.remove(seq)).collect();
        held.sort_unstable();
        Some(held)
    }

    /// Takes back what this consumer holds.
    pub(crate) fn leave(&mut self, consumer: u64) -> Option<Subscriber> {
        let position = self.subscribers.iter().position(|subscriber| subscriber.id == consumer)?;
        let mut subscriber = self.subscribers.remove(position)?;
        self.returned.append(&mut subscriber.unacknowledged);
        Some(subscriber)
    }
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queues: BTreeMap<Arc<str>, QueueState>,
    pub(crate) names: HashMap<Address, Arc<str>>,
}

impl State {
    pub(crate) fn add(&mut self, queue: QueueState) {
        let name = Arc::clone(&queue.definition.name);
        self.names.insert(queue.definition.address.clone(), Arc::clone(&name));
        self.queues.insert(name, queue);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<QueueState> {
        let queue = self.queues.remove(name)?;
        self.names.remove(&queue.definition.address);
        Some(queue)
    }

    /// The queue that is bound to it; a reply names its queue.
    pub(crate) fn name_of(&self, address: &Address) -> Option<Arc<str>> {
        match address.stream {
            Stream::Replies => self.queues.get_key_value(&*address.key).map(|(name, _)| name.clone()),
            Stream::Events
            | Stream::Send
            | Stream::Teams
            | Stream::Activity
            | Stream::Unrouted
            | Stream::DeadLetters => self.names.get(address).cloned(),
        }
    }

    /// Every subscription is over.
    pub(crate) fn end_all(&mut self, reason: &str) {
        for queue in self.queues.values_mut() {
            for mut subscriber in std::mem::take(&mut queue.subscribers) {
                queue.returned.append(&mut subscriber.unacknowledged);
                subscriber.inbox.end(reason);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(kind: QueueKind, messages: u64) -> QueueState {
        let definition = Definition {
            id: 1,
            name: "q".into(),
            address: Address::dead_letters(),
            kind,
            messages_max: kind.messages_max(),
        };
        let mut queue = QueueState::new(definition, Progress::default(), BTreeSet::new());
        for _ in 0..messages {
            queue.append(10);
        }
        queue
    }

    fn subscribe(queue: &mut QueueState, id: u64, prefetch: usize) {
        let subscriber = Subscriber { id, prefetch, unacknowledged: BTreeSet::new(), inbox: Arc::default() };
        queue.subscribers.push_back(subscriber);
    }

    /// Hands out all that can be: "consumer:seq", redeliveries with a star.
    fn deliver(queue: &mut QueueState) -> String {
        let mut handed = Vec::new();
        while let Some((receiver, next)) = queue.next() {
            let id = queue.subscribers[receiver].id;
            let (seq, star) = match next {
                Next::New(seq) => (seq, ""),
                Next::Again(seq) => (seq, "*"),
            };
            queue.hand_to(receiver, seq).unwrap();
            handed.push(format!("{id}:{seq}{star}"));
        }
        handed.join(" ")
    }

    #[test]
    fn the_first_consumer_alone_receives_on_a_partition() {
        let mut queue = queue(QueueKind::Partitioned, 5);
        subscribe(&mut queue, 1, 2);
        subscribe(&mut queue, 2, 9);
        assert_eq!(deliver(&mut queue), "1:1 1:2");
        assert_eq!(queue.acknowledge(1, &[2, 77]), Some(vec![2]));
        assert_eq!(deliver(&mut queue), "1:3");
        queue.leave(1).unwrap();
        assert_eq!(deliver(&mut queue), "2:1* 2:3* 2:4 2:5");
    }

    #[test]
    fn competing_consumers_take_turns_up_to_their_prefetch() {
        let mut queue = queue(QueueKind::Team, 6);
        subscribe(&mut queue, 1, 2);
        subscribe(&mut queue, 2, 9);
        assert_eq!(deliver(&mut queue), "1:1 2:2 1:3 2:4 2:5 2:6");
        queue.leave(2).unwrap();
        assert_eq!(queue.acknowledge(1, &[3, 1]), Some(vec![1, 3]));
        assert_eq!(deliver(&mut queue), "1:2* 1:4*");
        assert_eq!(queue.acknowledge(2, &[5]), None);
    }

    #[test]
    fn limits_count_messages_and_bytes() {
        let mut queue = queue(QueueKind::Team, 3);
        assert!(!queue.is_full_for(1));
        assert!(queue.is_full_for(QueueKind::Team.bytes_max()));
        queue.definition = Arc::new(Definition { messages_max: 3, ..(*queue.definition).clone() });
        assert!(queue.is_full_for(0));
        queue.removed(1, 10);
        assert!(!queue.is_full_for(0));
    }
}
