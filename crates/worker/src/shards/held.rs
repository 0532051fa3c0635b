//! A shard in our hands, for as long as its lease lasts by our own clock.

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waypost_domain::Timestamp;
use waypost_fault::{self as fault, Sabotage};
use waypost_store::{Fence, Lease};

use super::Shard;

/// What whoever works on a shard is given with it.
pub struct Held {
    lease: Lease,
    /// When the lease runs out, by our own monotonic clock, unless renewed.
    valid_until: watch::Receiver<Instant>,
    stop: CancellationToken,
}

impl Held {
    pub(crate) const fn new(lease: Lease, valid_until: watch::Receiver<Instant>, stop: CancellationToken) -> Self {
        Self { lease, valid_until, stop }
    }

    pub const fn shard(&self) -> Shard {
        Shard(self.lease.partition.0)
    }

    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Cancelled when the shard is to be given back: finish what is in hand, and return.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// What the first statement of every transaction checks and writes.
    pub fn fence(&self, published_seq: i64, oldest_at: Option<Timestamp>) -> Fence {
        self.lease.fence(published_seq, oldest_at)
    }

    /// Returns when the lease ran out.
    pub async fn expired(&mut self) {
        expired(&mut self.valid_until).await;
    }

    /// The same while the shard itself is in somebody else's hands.
    pub(crate) fn expiry(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut valid_until = self.valid_until.clone();
        async move { expired(&mut valid_until).await }
    }

    /// Only for sabotage.
    pub(crate) fn forge(&mut self, owner: String, epoch: i64) {
        self.lease.owner = owner;
        self.lease.epoch = epoch;
    }
}

async fn expired(valid_until: &mut watch::Receiver<Instant>) {
    if fault::sabotaged(Sabotage::SkipFence) {
        return std::future::pending().await;
    }
    loop {
        let until = *valid_until.borrow_and_update();
        if until <= Instant::now() {
            return;
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(until) => {}
            changed = valid_until.changed() => if changed.is_err() { return },
        }
    }
}
