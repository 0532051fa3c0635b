//! The claim on a partition: its lease, and the sequence and the mark of what was published.
//!
//! Must never let the mark pass what may still have to be published.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;
use waypost_domain::{PartitionId, Timestamp};
use waypost_store::{Fence, Lease};

use crate::shards::Held;

/// Held by the task of one partition while the lease lasts. Every effect carries its [`fence`](Self::fence).
pub struct Claim {
    held: Held,
    /// Up to where everything was published and acknowledged.
    published_seq: i64,
    /// When the last batch was; `None` of what a former owner published.
    published_at: Option<Timestamp>,
    /// What was published above that, while something below it may still come back.
    published_above: BTreeSet<i64>,
    /// The highest sequence number given to an event.
    last_seq: i64,
    /// The sequence numbers that the batch in hand holds.
    batch: Vec<i64>,
    /// Whether an event that was decided may still have to be published: it comes back before anything new does, but
    /// not always in its order. A broker puts what is returned a second time behind the rest of what was returned.
    recovering: bool,
    /// Whether the store has yet to hear of the last batch.
    needs_mark: bool,
}

impl Claim {
    pub(crate) fn new(held: Held) -> Self {
        let (published_seq, last_seq) = (held.lease().published_seq, held.lease().last_seq);
        Self {
            held,
            published_seq,
            published_at: None,
            published_above: BTreeSet::new(),
            last_seq,
            batch: Vec::new(),
            recovering: true,
            needs_mark: false,
        }
    }

    pub const fn partition(&self) -> PartitionId {
        self.held.lease().partition
    }

    /// Cancelled when the partition is to be given back: whatever is tried again and again ends then.
    pub const fn stop(&self) -> &CancellationToken {
        self.held.stop()
    }

    /// What the first statement of every transaction checks and writes. `oldest_at`: when the first event of the
    /// batch was received, for the backlog's age.
    pub fn fence(&self, oldest_at: Option<Timestamp>) -> Fence {
        Fence { published_at: self.published_at, ..self.held.fence(self.published_seq, oldest_at) }
    }

    /// When the last batch was published and acknowledged, as far as this claim knows.
    pub const fn published_at(&self) -> Option<Timestamp> {
        self.published_at
    }

    /// The sequence number of an event that is decided now.
    pub fn next_seq(&mut self) -> i64 {
        self.covers(self.last_seq + 1);
        self.last_seq
    }

    /// The batch holds the event of this sequence number, decided now or earlier.
    pub fn covers(&mut self, seq: i64) {
        self.last_seq = self.last_seq.max(seq);
        self.batch.push(seq);
    }

    /// Whether the event of this partition and sequence number was published, as far as we know. The store may know
    /// of more.
    pub fn has_published(&self, partition: PartitionId, seq: i64) -> bool {
        partition == self.partition() && (seq <= self.published_seq || self.published_above.contains(&seq))
    }

    /// Where the sequence stands, to come back to when a transaction is rolled back.
    pub const fn position(&self) -> i64 {
        self.last_seq
    }

    pub fn rewind(&mut self, position: i64) {
        self.last_seq = position;
        self.drop_batch();
    }

    /// Nothing of the batch in hand counts as published; what was stored of it keeps its sequence numbers.
    pub(crate) fn drop_batch(&mut self) {
        self.batch.clear();
    }

    /// What was in our hands, or in a former owner's, may come back.
    pub(crate) fn recover(&mut self) {
        self.drop_batch();
        self.recovering = true;
    }

    /// A message has come that nobody held before: nothing comes back any more. What was decided by now was published
    /// by us, or acknowledged by a former owner who had published it.
    pub(crate) fn recovered(&mut self) {
        if self.recovering {
            self.recovering = false;
            self.published_seq = self.last_seq;
            self.published_at = None;
            self.published_above.clear();
        }
    }

    /// The batch in hand is published and acknowledged, since `at`.
    pub(crate) fn published(&mut self, at: Timestamp) {
        self.published_at = Some(at);
        for seq in self.batch.drain(..) {
            if self.recovering {
                self.published_above.insert(seq);
            } else {
                // Events are decided in the order of the queue, one batch after the other.
                self.published_seq = self.published_seq.max(seq);
            }
        }
        while self.published_above.first().is_some_and(|first| *first <= self.published_seq + 1) {
            let first = self.published_above.pop_first().unwrap_or_default();
            self.published_seq = self.published_seq.max(first);
        }
        self.needs_mark = true;
    }

    pub(crate) const fn needs_mark(&self) -> bool {
        self.needs_mark
    }

    pub(crate) const fn marked(&mut self) {
        self.needs_mark = false;
    }

    pub(crate) const fn lease(&self) -> &Lease {
        self.held.lease()
    }

    pub(crate) const fn held_mut(&mut self) -> &mut Held {
        &mut self.held
    }

    pub(crate) const fn held(&self) -> &Held {
        &self.held
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::sync::watch;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;

    pub(in crate::deliveries) fn claim(published_seq: i64, last_seq: i64) -> Claim {
        let lease = Lease {
            component: "router".to_owned(),
            partition: PartitionId(3),
            owner: "one".to_owned(),
            epoch: 1,
            published_seq,
            last_seq,
            expires_at: Timestamp::from_millis(0),
            suspect: None,
        };
        let (_, valid_until) = watch::channel(Instant::now());
        Claim::new(Held::new(lease, valid_until, CancellationToken::new()))
    }

    fn publish(claim: &mut Claim, seqs: &[i64]) -> i64 {
        seqs.iter().for_each(|seq| claim.covers(*seq));
        claim.published(Timestamp::from_millis(7));
        claim.fence(None).published_seq
    }

    #[test]
    fn the_mark_passes_nothing_that_may_still_come_back() {
        let mut claim = claim(10, 14);
        assert_eq!(publish(&mut claim, &[12]), 10, "11 may come behind");
        assert!(claim.has_published(PartitionId(3), 12) && !claim.has_published(PartitionId(3), 11));
        assert!(!claim.has_published(PartitionId(4), 12), "that is another partition's");
        assert_eq!(claim.next_seq(), 15, "an event that came back undecided");
        assert_eq!(publish(&mut claim, &[]), 10);
        assert_eq!(publish(&mut claim, &[11]), 12);
        claim.recovered();
        assert_eq!(claim.fence(None).published_seq, 15, "13 and 14 did not come back: they were acknowledged");
        assert_eq!(claim.next_seq(), 16);
        assert_eq!(claim.published_at(), None, "nobody knows when");
        assert_eq!(publish(&mut claim, &[]), 16);
        assert_eq!(claim.fence(None).published_at, Some(Timestamp::from_millis(7)));
        assert_eq!(claim.published_at(), Some(Timestamp::from_millis(7)));
    }

    #[test]
    fn what_a_failed_batch_stored_keeps_its_numbers() {
        let mut claim = claim(0, 0);
        claim.recovered();
        assert_eq!((claim.next_seq(), claim.next_seq()), (1, 2));
        claim.recover();
        assert_eq!(publish(&mut claim, &[2]), 0);
        assert_eq!(claim.next_seq(), 3);
        assert_eq!(publish(&mut claim, &[1]), 3);
    }

    #[test]
    fn a_rolled_back_transaction_gives_its_numbers_back() {
        let mut claim = claim(5, 5);
        claim.recovered();
        let position = claim.position();
        claim.next_seq();
        claim.rewind(position);
        assert_eq!(publish(&mut claim, &[]), 5);
        assert_eq!(claim.next_seq(), 6);
        // It was durable after all: what it decided is known, and no number is given twice.
        claim.rewind(position);
        claim.covers(6);
        assert_eq!(claim.next_seq(), 7);
    }

    #[test]
    fn the_store_is_told_once_of_what_was_published() {
        let mut claim = claim(0, 0);
        assert!(!claim.needs_mark());
        publish(&mut claim, &[1]);
        assert!(claim.needs_mark());
        claim.marked();
        assert!(!claim.needs_mark());
    }
}
