//! Which connections are open, what each of them is waiting for, and which ones have waited too long.
//!
//! A connection writes its phase into one atomic word and sets no timer of its own: one sweep for all of them closes
//! those over their time, and when there is no room left a newcomer takes the place of whoever has kept us waiting
//! longest. So thousands of silent clients can not keep a talking one out. It must never close a connection whose
//! request is being handled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::metrics::{CloseReason, Counted, Metrics};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between requests.
    Idle = 0,
    /// New, or in the middle of a request's headers.
    Header = 1,
    /// In the middle of a request's body; its time is kept by whoever reads the body.
    Body = 2,
    /// Waiting for us.
    Busy = 3,
    /// Told to end.
    Closing = 4,
}

impl Phase {
    const BITS: u32 = 3;

    const fn of(word: u64) -> Self {
        match word & ((1 << Self::BITS) - 1) {
            0 => Self::Idle,
            1 => Self::Header,
            2 => Self::Body,
            3 => Self::Busy,
            _ => Self::Closing,
        }
    }
}

/// One open connection.
pub(crate) struct Connection {
    /// The phase in the low bits, above it the microsecond in which it began.
    word: AtomicU64,
    /// The table's beginning, from which microseconds are counted.
    began_at: Instant,
    close: Notify,
}

impl Connection {
    pub(crate) fn enter(&self, phase: Phase) {
        self.enter_at(phase, micros(self.began_at.elapsed()));
    }

    fn enter_at(&self, phase: Phase, now_us: u64) {
        self.word.store(now_us << Phase::BITS | phase as u64, Ordering::Relaxed);
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        Phase::of(self.word.load(Ordering::Relaxed)) == phase
    }

    /// Waits until somebody decides that this connection has to end.
    pub(crate) async fn told_to_close(&self) {
        self.close.notified().await;
    }

    /// Tells it to end, unless it went on since `word` was read.
    fn tell_to_close(&self, word: u64) -> bool {
        let closing = word & !((1 << Phase::BITS) - 1) | Phase::Closing as u64;
        let is_closing = self.word.compare_exchange(word, closing, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_closing {
            self.close.notify_one();
        }
        is_closing
    }
}

/// All open connections of one listener.
pub(crate) struct Connections {
    began_at: Instant,
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Connection>>,
}

impl Connections {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { began_at: Instant::now(), open: Mutex::default(), metrics })
    }

    /// Enters a new connection; dropping the guard takes it out again.
    pub(crate) fn add(self: &Arc<Self>) -> OpenConnection {
        let connection =
            Arc::new(Connection { word: AtomicU64::new(0), began_at: self.began_at, close: Notify::new() });
        connection.enter(Phase::Header);
        let number = self.with_open(|open| {
            open.next += 1;
            open.by_number.insert(open.next, connection.clone());
            open.next
        });
        OpenConnection { connection, number, table: self.clone(), _counted: Counted::new(&self.metrics.connections) }
    }

    /// Closes those that have been silent too long.
    pub(crate) fn sweep(&self, header_timeout: Duration, idle_timeout: Duration) {
        self.sweep_at(micros(self.began_at.elapsed()), header_timeout, idle_timeout);
    }

    fn sweep_at(&self, now_us: u64, header_timeout: Duration, idle_timeout: Duration) {
        self.with_open(|open| {
            for connection in open.by_number.values() {
                let word = connection.word.load(Ordering::Relaxed);
                let (limit, reason) = match Phase::of(word) {
                    Phase::Idle => (idle_timeout, CloseReason::IdleTimeout),
                    Phase::Header => (header_timeout, CloseReason::HeaderTimeout),
                    Phase::Body | Phase::Busy | Phase::Closing => continue,
                };
                let waited_us = now_us.saturating_sub(word >> Phase::BITS);
                if waited_us > micros(limit) && connection.tell_to_close(word) {
                    self.metrics.closed(reason);
                }
            }
        });
    }

    /// Closes the one that has kept us waiting longest. False: each of them waits for us.
    pub(crate) fn evict(&self) -> bool {
        let evicted = self.with_open(|open| {
            let mut oldest: Option<(u64, &Arc<Connection>)> = None;
            for connection in open.by_number.values() {
                let word = connection.word.load(Ordering::Relaxed);
                let waiting = match Phase::of(word) {
                    Phase::Idle | Phase::Header | Phase::Body => true,
                    Phase::Busy | Phase::Closing => false,
                };
                if waiting && oldest.is_none_or(|(other, _)| word >> Phase::BITS < other >> Phase::BITS) {
                    oldest = Some((word, connection));
                }
            }
            oldest.is_some_and(|(word, connection)| connection.tell_to_close(word))
        });
        if evicted {
            self.metrics.closed(CloseReason::Evicted);
        }
        evicted
    }

    fn with_open<T>(&self, use_it: impl FnOnce(&mut Open) -> T) -> T {
        // Nothing that runs under this lock can panic half-way through a change.
        use_it(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection's entry among the open ones.
pub(crate) struct OpenConnection {
    pub(crate) connection: Arc<Connection>,
    number: u64,
    table: Arc<Connections>,
    _counted: Counted,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.table.with_open(|open| open.by_number.remove(&self.number));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_micros(100);
    const IDLE: Duration = Duration::from_micros(1000);

    fn table(phases: &[(Phase, u64)]) -> (Arc<Connections>, Vec<OpenConnection>) {
        let table = Connections::new(Arc::new(Metrics::new()));
        let open: Vec<_> = phases.iter().map(|_| table.add()).collect();
        for (entry, (phase, since_us)) in open.iter().zip(phases) {
            entry.connection.enter_at(*phase, *since_us);
        }
        (table, open)
    }

    fn closing(open: &[OpenConnection]) -> Vec<usize> {
        (0..open.len()).filter(|i| open[*i].connection.is(Phase::Closing)).collect()
    }

    #[test]
    fn the_sweep_closes_whoever_is_over_time() {
        let phases = [(Phase::Header, 10), (Phase::Header, 950), (Phase::Idle, 10), (Phase::Body, 0), (Phase::Busy, 0)];
        let (table, open) = table(&phases);
        for (now_us, want) in
            [(110, vec![]), (111, vec![0]), (1010, vec![0]), (1011, vec![0, 2]), (1051, vec![0, 1, 2])]
        {
            table.sweep_at(now_us, HEADER, IDLE);
            assert_eq!(closing(&open), want, "at {now_us} µs");
        }
    }

    #[test]
    fn a_newcomer_replaces_whoever_kept_us_waiting_longest() {
        let phases = [(Phase::Busy, 0), (Phase::Idle, 20), (Phase::Body, 10), (Phase::Header, 30)];
        let (table, open) = table(&phases);
        for want in [vec![2], vec![1, 2], vec![1, 2, 3]] {
            assert!(table.evict());
            assert_eq!(closing(&open), want);
        }
        assert!(!table.evict(), "nobody is cut off while waiting for us");
    }

    #[test]
    fn who_goes_on_in_the_meantime_is_spared() {
        let (_table, open) = table(&[(Phase::Idle, 20)]);
        let connection = &open[0].connection;
        let seen = connection.word.load(Ordering::Relaxed);
        connection.enter_at(Phase::Busy, 21);
        assert!(!connection.tell_to_close(seen));
        assert!(connection.is(Phase::Busy));
    }

    #[test]
    fn a_closed_connection_leaves_no_trace() {
        let (table, mut open) = table(&[(Phase::Idle, 1), (Phase::Idle, 2)]);
        open.remove(0);
        assert_eq!(table.with_open(|open| open.by_number.len()), 1);
    }
}
