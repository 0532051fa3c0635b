//! A partition in our hands: the lease, the sequence and the mark of what was published.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use waypost_domain::{PartitionId, Timestamp};
use waypost_store::{Fence, Lease};

/// Held by the task of one partition while the lease lasts. Every effect carries its [`fence`](Self::fence).
pub struct Claim {
    lease: Lease,
    /// Up to where everything was published and acknowledged.
    published_seq: i64,
    /// The highest sequence number given to an event.
    last_seq: i64,
    /// The highest sequence number that the batch in hand holds.
    batch_seq: i64,
    /// Whether the store has yet to hear of the last batch.
    needs_mark: bool,
    /// When the lease runs out, by our own monotonic clock, unless renewed.
    valid_until: watch::Receiver<Instant>,
}

impl Claim {
    pub(crate) fn new(lease: Lease, valid_until: watch::Receiver<Instant>) -> Self {
        let (published_seq, last_seq) = (lease.published_seq, lease.last_seq);
        Self { lease, published_seq, last_seq, batch_seq: published_seq, needs_mark: false, valid_until }
    }

    pub const fn partition(&self) -> PartitionId {
        self.lease.partition
    }

    /// What the first statement of every transaction checks and writes. `oldest_at`: when the first event of the
    /// batch was received, for the backlog's age.
    pub fn fence(&self, oldest_at: Option<Timestamp>) -> Fence {
        Fence {
            component: self.lease.component.clone(),
            partition: self.lease.partition,
            owner: self.lease.owner.clone(),
            epoch: self.lease.epoch,
            published_seq: self.published_seq,
            oldest_at,
        }
    }

    /// The sequence number of an event that is decided now.
    pub const fn next_seq(&mut self) -> i64 {
        self.last_seq += 1;
        self.covers(self.last_seq);
        self.last_seq
    }

    /// The batch holds the event of this sequence number, decided now or earlier. Once the batch is published, so is
    /// everything up to here: events are decided, and delivered again, in the order of the queue. An event that was
    /// decided but is not in the batch stays unpublished, whatever its number.
    pub const fn covers(&mut self, seq: i64) {
        if seq > self.batch_seq {
            self.batch_seq = seq;
        }
    }

    /// Where the sequence stands, to come back to when a transaction is rolled back.
    pub const fn position(&self) -> i64 {
        self.last_seq
    }

    pub const fn rewind(&mut self, position: i64) {
        self.last_seq = position;
        self.batch_seq = self.published_seq;
    }

    /// The batch in hand is published and acknowledged.
    pub(crate) const fn published(&mut self) {
        self.published_seq = self.batch_seq;
        self.needs_mark = true;
    }

    pub(crate) const fn needs_mark(&self) -> bool {
        self.needs_mark
    }

    pub(crate) const fn marked(&mut self) {
        self.needs_mark = false;
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether our own clock says that the lease still holds.
    pub(crate) fn is_valid(&self) -> bool {
        Instant::now() < *self.valid_until.borrow()
    }

    /// Returns when the lease ran out.
    pub(crate) async fn expired(&mut self) {
        loop {
            let valid_until = *self.valid_until.borrow_and_update();
            let Some(left) = valid_until.checked_duration_since(Instant::now()).filter(|left| *left > Duration::ZERO)
            else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                changed = self.valid_until.changed() => if changed.is_err() { return },
            }
        }
    }
}
