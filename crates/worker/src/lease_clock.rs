//! When a worker last renewed its leases: what its process is asked for by whoever wants to know whether it is ready.
//!
//! It says nothing of how many leases there were: a replica may rightly have none. Must never be read by the worker
//! itself, whose own clock is each claim's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by a worker and those who ask; a clone is the same clock.
#[derive(Debug, Clone, Default)]
pub struct LeaseClock(Arc<Mutex<Option<Instant>>>);

impl LeaseClock {
    /// The store answered a renewal that was asked for at `at`.
    pub fn renewed(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// How long ago the leases were renewed. `None`: not yet.
    pub fn age(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clone_is_the_same_clock() {
        let clock = LeaseClock::default();
        let other = clock.clone();
        assert_eq!(other.age(), None);
        clock.renewed(Instant::now());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(other.age(), Some(Duration::from_secs(7)));
    }
}
