//! Webhooks that are due one day: in lanes, of which each is posted in order. Plain state, given the time.
//!
//! What concerns one customer is always in the same lane, so that nothing of theirs overtakes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::error::ApiError;
use super::person::Person;

/// What webhooks call a number of the business.
#[derive(Debug)]
pub(crate) struct NumberName {
    pub(crate) phone_number_id: String,
    pub(crate) display_phone_number: String,
}

/// An accepted message, as its statuses speak of it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) wamid: String,
    pub(crate) number: Arc<NumberName>,
    /// `None`: nobody has this number.
    pub(crate) customer: Option<u32>,
    pub(crate) person: Arc<Person>,
    /// The group that it was sent to; then the person is a member.
    pub(crate) group: Option<Arc<str>>,
    /// Whether it was sent to the business-scoped id.
    pub(crate) is_to_user_id: bool,
    pub(crate) expires_ms: i64,
    pub(crate) callback_data: Option<String>,
    pub(crate) pricing: Option<Pricing>,
    /// A reaction is told `sent` of and no more.
    pub(crate) is_reaction: bool,
    pub(crate) is_voice: bool,
}

/// What one pays for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pricing {
    pub(crate) category: &'static str,
    /// `regular`, or why it is free.
    pub(crate) kind: &'static str,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Sent,
    Delivered,
    Read,
    Played,
    Failed,
}

impl Stage {
    /// Meta's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

/// One thing that a webhook tells.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Status {
        sent: Arc<Sent>,
        stage: Stage,
        error: Option<Arc<ApiError>>,
    },
    /// A whole change. One of a number may go to an address of its own.
    Change {
        field: &'static str,
        value: Arc<Value>,
        number: Option<Arc<NumberName>>,
    },
}

impl Item {
    /// The number whose messages it belongs to: overrides of the address are for those alone.
    pub(crate) fn messages_of(&self) -> Option<&Arc<NumberName>> {
        match self {
            Self::Status { sent, .. } => Some(&sent.number),
            Self::Change { field: "messages", number, .. } => number.as_ref(),
            Self::Change { .. } => None,
        }
    }
}

/// A body that was not answered 200.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    pub(crate) body: Bytes,
    pub(crate) url: Arc<str>,
    /// Things told in it.
    pub(crate) items: usize,
    /// Those that are statuses.
    pub(crate) statuses: Arc<[(Arc<Sent>, Stage)]>,
    /// Counted from 1.
    pub(crate) attempt: u32,
}

/// What a lane has to do.
pub(crate) enum Next {
    /// Each with its time, to one address.
    Post {
        items: Vec<(i64, Item)>,
        url: Arc<str>,
    },
    Again(Again),
    /// Nothing before then.
    At(i64),
    Nothing,
}

enum What {
    Item(Item),
    Again(Again),
}

struct Entry {
    due_ms: i64,
    seq: u64,
    what: What,
}

impl Ord for Entry {
    /// The earliest is the greatest, as a heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due_ms, other.seq).cmp(&(self.due_ms, self.seq))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

pub(crate) struct Outbox {
    lanes: Vec<BinaryHeap<Entry>>,
    seq: u64,
    pending: usize,
    pending_max: usize,
    /// Lost because too many waited.
    pub(crate) dropped: u64,
    /// A bit for each lane that has something new.
    touched: u64,
}

impl Outbox {
    /// `lanes` is 64 at most.
    pub(crate) fn new(lanes: usize, pending_max: usize) -> Self {
        let lanes = (0..lanes.clamp(1, 64)).map(|_| BinaryHeap::new()).collect();
        Self { lanes, seq: 0, pending: 0, pending_max, dropped: 0, touched: 0 }
    }

    /// `key` decides the lane.
    pub(crate) fn push(&mut self, key: u32, due_ms: i64, item: Item) {
        if self.pending >= self.pending_max {
            self.dropped += 1;
            return;
        }
        let lane = usize::try_from(key).unwrap_or_default() % self.lanes.len();
        self.pending += 1;
        self.insert(lane, due_ms, What::Item(item));
    }

    pub(crate) fn push_again(&mut self, lane: usize, due_ms: i64, again: Again) {
        self.insert(lane, due_ms, What::Again(again));
    }

    fn insert(&mut self, lane: usize, due_ms: i64, what: What) {
        self.seq += 1;
        let seq = self.seq;
        if let Some(heap) = self.lanes.get_mut(lane) {
            heap.push(Entry { due_ms, seq, what });
            self.touched |= 1 << lane;
        }
    }

    /// What is due in this lane: as much of it as may go in one POST to one address.
    pub(crate) fn next(
        &mut self,
        lane: usize,
        now_ms: i64,
        batch_max: usize,
        url_of: impl Fn(&Item) -> Arc<str>,
    ) -> Next {
        let Some(heap) = self.lanes.get_mut(lane) else { return Next::Nothing };
        let mut items = Vec::new();
        let mut url: Option<Arc<str>> = None;
        while items.len() < batch_max {
            let Some(first) = heap.peek() else { break };
            if first.due_ms > now_ms {
                if items.is_empty() {
                    return Next::At(first.due_ms);
                }
                break;
            }
            let is_alike = match (&first.what, &url) {
                (What::Item(_), None) => true,
                (What::Item(item), Some(url)) => **url == *url_of(item),
                (What::Again(_), _) => items.is_empty(),
            };
            if !is_alike {
                break;
            }
            match heap.pop() {
                Some(Entry { what: What::Again(again), .. }) => return Next::Again(again),
                Some(Entry { what: What::Item(item), due_ms, .. }) => {
                    url.get_or_insert_with(|| url_of(&item));
                    items.push((due_ms, item));
                }
                None => break,
            }
        }
        match url {
            Some(url) => Next::Post { items, url },
            None => Next::Nothing,
        }
    }

    /// So many things were told, or given up.
    pub(crate) fn settled(&mut self, items: usize) {
        self.pending = self.pending.saturating_sub(items);
    }

    /// Told to nobody yet, those under way included.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// A bit for each lane that got something since the last time.
    pub(crate) fn take_touched(&mut self) -> u64 {
        std::mem::take(&mut self.touched)
    }

    /// All lanes have to look: the clock has jumped, or all is over.
    pub(crate) fn touch_all(&mut self) {
        self.touched = u64::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(field: &'static str) -> Item {
        Item::Change { field, value: Arc::new(Value::Null), number: None }
    }

    fn fields(next: Next) -> Vec<&'static str> {
        let Next::Post { items, .. } = next else { panic!("nothing is due") };
        let field = |(_, item): (i64, Item)| match item {
            Item::Change { field, .. } => field,
            Item::Status { .. } => "status",
        };
        items.into_iter().map(field).collect()
    }

    fn url_of(item: &Item) -> Arc<str> {
        let Item::Change { field, .. } = item else { panic!("a change") };
        if field.starts_with("elsewhere") { Arc::from("elsewhere") } else { Arc::from("here") }
    }

    #[test]
    fn what_is_due_goes_in_order_and_in_batches_of_one_address() {
        let mut outbox = Outbox::new(1, 10);
        for (due_ms, field) in [(5, "c"), (3, "a"), (3, "b"), (4, "elsewhere"), (9, "later")] {
            outbox.push(0, due_ms, change(field));
        }
        assert!(matches!(outbox.next(0, 2, 10, url_of), Next::At(3)));
        assert_eq!(fields(outbox.next(0, 5, 10, url_of)), ["a", "b"]);
        assert_eq!(fields(outbox.next(0, 5, 10, url_of)), ["elsewhere"]);
        outbox.push(0, 5, change("d"));
        assert_eq!(fields(outbox.next(0, 5, 1, url_of)), ["c"]);
        assert_eq!(fields(outbox.next(0, 5, 10, url_of)), ["d"]);
        assert_eq!(outbox.pending(), 6);
        outbox.settled(5);
        assert_eq!(outbox.pending(), 1);
    }

    #[test]
    fn a_body_goes_again_alone() {
        let mut outbox = Outbox::new(1, 10);
        outbox.push(0, 1, change("a"));
        let again = Again { body: Bytes::new(), url: Arc::from("here"), items: 1, statuses: Arc::from([]), attempt: 2 };
        outbox.push_again(0, 1, again);
        outbox.push(0, 1, change("b"));
        assert_eq!(fields(outbox.next(0, 1, 10, url_of)), ["a"]);
        assert!(matches!(outbox.next(0, 1, 10, url_of), Next::Again(Again { attempt: 2, .. })));
        assert_eq!(fields(outbox.next(0, 1, 10, url_of)), ["b"]);
        assert!(matches!(outbox.next(0, 1, 10, url_of), Next::Nothing));
    }

    #[test]
    fn too_many_are_lost_and_counted() {
        let mut outbox = Outbox::new(2, 1);
        outbox.push(0, 1, change("a"));
        outbox.push(1, 1, change("b"));
        assert_eq!((outbox.pending(), outbox.dropped), (1, 1));
        assert_eq!(outbox.take_touched(), 1);
        assert_eq!(outbox.take_touched(), 0);
    }
}
