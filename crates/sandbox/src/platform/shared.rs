//! The state behind its lock, and who is woken when it changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::clock::Clock;
use super::state::State;

/// Everything that tasks, connections and handles share.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) clock: Clock,
    /// One for each lane.
    lanes: Vec<Notify>,
    /// Changes with every change of the state.
    changed: watch::Sender<()>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        let lanes = (0..state.outbox.lanes()).map(|_| Notify::new()).collect();
        Self { state: Mutex::new(state), clock: Clock::default(), lanes, changed: watch::Sender::new(()) }
    }

    /// Does something to the state, at the platform's time, and wakes whom it concerns.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, i64) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state, self.clock.now_ms());
        let touched = state.outbox.take_touched();
        drop(state);
        for (lane, notify) in self.lanes.iter().enumerate() {
            if touched & (1 << lane) != 0 {
                notify.notify_one();
            }
        }
        self.changed.send_replace(());
        result
    }

    /// Until a lane has something new.
    pub(crate) async fn woken(&self, lane: usize) {
        match self.lanes.get(lane) {
            Some(notify) => notify.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Looks at the state and changes nothing.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Tells of every change from now on.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
