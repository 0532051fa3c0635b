//! Simulated time: it passes only when nothing can run and the store is at rest, and no two steps happen at the same
//! instant. So the order of everything follows from the seed.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;
use waypost_domain::Timestamp;
use waypost_store::Store;

/// 2025-06-13T22:42:55Z. Any fixed value does.
const EPOCH_MS: i64 = 1_749_854_575_000;
/// Longer than SQLite takes for anything, in real time.
const STORE_PATIENCE: Duration = Duration::from_secs(20);
/// Steps happen at milliseconds that end in this; timers of the program under test have other endings, mostly.
const SLOT_ENDING: u64 = 3;
const SLOT_EVERY_MS: u64 = 10;

thread_local! {
    static STARTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A runtime of one thread with a paused clock. `store` is awaited, in real time, before the clock moves: SQLite works
/// on a thread of its own, and its answers must not depend on how fast that is.
pub(crate) fn runtime(store: Store) -> Runtime {
    let handle = Arc::new(OnceLock::<Handle>::new());
    let seen = handle.clone();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        // What the store's thread wakes runs after everything that is ready here, however soon it answers.
        .global_queue_interval(u32::MAX)
        .on_thread_park(move || {
            if let Some(handle) = seen.get() {
                await_store(&store, handle);
            }
        })
        .build()
        .expect("a runtime");
    handle.set(runtime.handle().clone()).ok();
    runtime.block_on(async { STARTED.set(Some(Instant::now())) });
    runtime
}

fn await_store(store: &Store, handle: &Handle) {
    let began_at = std::time::Instant::now();
    while store.is_busy() {
        // A woken task waits in the global queue, and the store's thread may be about to unpark us: until it has, the
        // clock would move. Something to run keeps this thread from parking at all.
        if handle.metrics().global_queue_depth() > 0 {
            handle.spawn(async {});
            return;
        }
        assert!(began_at.elapsed() < STORE_PATIENCE, "the store does not answer");
        std::thread::yield_now();
    }
}

/// Milliseconds since the simulation began.
pub(crate) fn now_ms() -> u64 {
    let elapsed = STARTED.get().map(|started| started.elapsed().as_millis()).unwrap_or_default();
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

pub(crate) fn now_ns() -> u64 {
    now_ms() * 1_000_000
}

/// The clock on the wall of the simulated world.
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::from_millis(EPOCH_MS).plus_millis(i64::try_from(now_ms()).unwrap_or(i64::MAX))
}

pub(crate) async fn sleep_until(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms.saturating_sub(now_ms()))).await;
}

pub(crate) async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Instants, each given once.
#[derive(Default)]
pub(crate) struct Slots {
    taken: BTreeSet<u64>,
}

impl Slots {
    /// The next free instant that is at least `delay_ms` away.
    pub(crate) fn take(&mut self, delay_ms: u64) -> u64 {
        let now = now_ms();
        self.taken = self.taken.split_off(&now);
        let first = (now + delay_ms.max(1)).next_multiple_of(SLOT_EVERY_MS) + SLOT_ENDING;
        let mut slot = first;
        while !self.taken.insert(slot) {
            slot += SLOT_EVERY_MS;
        }
        slot
    }
}
