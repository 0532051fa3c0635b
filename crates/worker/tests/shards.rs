//! Shards of any kind are spread evenly, and due work is done by one replica at a time.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use support::{eventually, some_renewals_later};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_domain::PartitionId;
use waypost_store::{LeaseRow, Sequence, Store, StoreOptions, StoreUrl};
use waypost_worker::{
    Due, DueConfig, DueSource, HandleError, Held, LeaseClock, Pass, Shard, ShardEnd, ShardWork, Shards, ShardsConfig,
};

const KEYS: [Shard; 4] = [Shard(3), Shard(7), Shard(500), Shard(40_000)];
const ROWS_MAX: u32 = 10;
const HOUR: Duration = Duration::from_secs(3_600);

async fn store() -> Store {
    let store = Store::open(&StoreUrl::sqlite_memory(), StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn config(instance: &str) -> ShardsConfig {
    ShardsConfig {
        component: "numbers",
        sequence: Sequence::None,
        instance: instance.to_owned(),
        lease_ttl: Duration::from_secs(3),
        lease_renew_every: Duration::from_millis(30),
        drain_timeout: Duration::from_secs(5),
        lease_clock: LeaseClock::default(),
    }
}

async fn leases(store: &Store) -> Vec<LeaseRow> {
    store.leases("numbers").await.unwrap()
}

/// Works until it is told to stop; one shard it ends at once, in its own way.
struct Waiter(Option<(Shard, ShardEnd)>);

#[async_trait]
impl ShardWork for Waiter {
    async fn run(&self, held: Held) -> ShardEnd {
        if let Some((_, end)) = self.0.filter(|(shard, _)| *shard == held.shard()) {
            return end;
        }
        held.stop().cancelled().await;
        ShardEnd::Finished
    }
}

/// Does not do as it is told.
struct Endless;

#[async_trait]
impl ShardWork for Endless {
    async fn run(&self, _: Held) -> ShardEnd {
        std::future::pending().await
    }
}

fn start(store: &Store, instance: &str, ends: Option<(Shard, ShardEnd)>) -> (CancellationToken, JoinHandle<()>) {
    start_with(store, config(instance), Waiter(ends))
}

fn start_with(
    store: &Store,
    config: ShardsConfig,
    work: impl ShardWork + 'static,
) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let shards = Shards::new(config, store.clone(), KEYS, Arc::new(work));
    (stop.clone(), tokio::spawn(shards.run(stop)))
}

#[tokio::test]
async fn any_set_of_keys_is_spread_evenly() {
    let store = store().await;
    let owned_by = async |owner: &str| {
        let rows = leases(&store).await;
        rows.into_iter()
            .filter(|row| row.owner.as_deref() == Some(owner))
            .map(|row| Shard::from(row.partition))
            .collect::<BTreeSet<_>>()
    };
    let (stop_a, a) = start(&store, "a", None);
    eventually(async || owned_by("a").await == BTreeSet::from(KEYS)).await;
    let (stop_b, b) = start(&store, "b", None);
    eventually(async || owned_by("a").await.len() == 2 && owned_by("b").await.len() == 2).await;
    stop_a.cancel();
    a.await.unwrap();
    eventually(async || owned_by("b").await == BTreeSet::from(KEYS)).await;
    stop_b.cancel();
    b.await.unwrap();
    assert!(leases(&store).await.iter().all(|row| row.owner.is_none()));
}

#[tokio::test]
async fn no_more_is_taken_than_the_share() {
    let store = store().await;
    store.join("numbers", "other", HOUR).await.unwrap();
    let (stop, a) = start(&store, "a", None);
    eventually(async || leases(&store).await.len() >= 2).await;
    some_renewals_later(&store, "numbers").await;
    assert_eq!(leases(&store).await.len(), 2, "the others were never taken");
    stop.cancel();
    a.await.unwrap();
}

/// While there is room for another shard, which somebody else has.
#[tokio::test]
async fn what_we_have_is_not_taken_again() {
    let store = store().await;
    store.acquire_lease("numbers", PartitionId(KEYS[3].0), "other", HOUR, Sequence::None).await.unwrap().unwrap();
    let (stop, a) = start(&store, "a", None);
    eventually(async || leases(&store).await.len() == KEYS.len()).await;
    some_renewals_later(&store, "numbers").await;
    let epochs: Vec<i64> = leases(&store).await.iter().map(|row| row.epoch).collect();
    assert_eq!(epochs, [1; KEYS.len()]);
    stop.cancel();
    a.await.unwrap();
}

#[tokio::test]
async fn what_ends_is_given_back_without_waiting_for_the_next_renewal() {
    let store = store().await;
    let config = ShardsConfig { lease_renew_every: HOUR, ..config("a") };
    let (stop, a) = start_with(&store, config, Waiter(Some((Shard(7), ShardEnd::Finished))));
    eventually(async || {
        let leases = leases(&store).await;
        leases.len() == KEYS.len() && leases.iter().filter(|row| row.owner.is_none()).count() == 1
    })
    .await;
    stop.cancel();
    a.await.unwrap();
}

/// Whoever is left need not wait for the end of our membership.
#[tokio::test]
async fn work_that_does_not_end_leaves_time_to_say_goodbye() {
    let store = store().await;
    let (stop, a) = start_with(&store, ShardsConfig { lease_ttl: HOUR, ..config("a") }, Endless);
    eventually(async || leases(&store).await.len() == KEYS.len()).await;
    stop.cancel();
    a.await.unwrap();
    assert_eq!(store.join("numbers", "b", HOUR).await.unwrap(), 1);
    assert!(leases(&store).await.iter().all(|row| row.owner.as_deref() == Some("a")), "perhaps in hand still");
}

#[tokio::test]
async fn what_was_stopped_for_good_is_another_s_to_take() {
    for end in [ShardEnd::StoppedForGood, ShardEnd::InDoubt { for_good: true }] {
        is_another_s_to_take(end).await;
    }
}

async fn is_another_s_to_take(end: ShardEnd) {
    let store = store().await;
    let stopped = async || leases(&store).await.into_iter().find(|row| row.partition.0 == 500).unwrap();
    let (stop_a, a) = start(&store, "a", Some((Shard(500), end)));
    eventually(async || leases(&store).await.iter().filter(|row| row.owner.is_some()).count() >= 3).await;
    eventually(async || leases(&store).await.len() == KEYS.len() && stopped().await.owner.is_none()).await;
    let epoch = stopped().await.epoch;
    some_renewals_later(&store, "numbers").await;
    assert_eq!((stopped().await.owner, stopped().await.epoch), (None, epoch));
    let (stop_b, b) = start(&store, "b", None);
    eventually(async || stopped().await.owner.as_deref() == Some("b")).await;
    for stop in [stop_a, stop_b] {
        stop.cancel();
    }
    a.await.unwrap();
    b.await.unwrap();
}

/// Does at each pass what the script says, then nothing more; notes how many passes ran at once.
#[derive(Default)]
struct Script {
    steps: Mutex<Vec<&'static str>>,
    done: Mutex<Vec<&'static str>>,
    running: AtomicU32,
    running_max: AtomicU32,
}

struct Running<'a>(&'a Script);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl DueSource for Script {
    async fn pass(&self, _: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        assert_eq!(rows_max, ROWS_MAX);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let _running = Running(self);
        self.running_max.fetch_max(running, Ordering::SeqCst);
        let step = self.steps.lock().unwrap().pop().unwrap_or("nothing");
        self.done.lock().unwrap().push(step);
        match step {
            "more" => Ok(Pass::MoreIsDue),
            "panic" => panic!("as asked"),
            "hang" => std::future::pending().await,
            "retry" => Err(HandleError::retry("as asked")),
            "stop" => Err(HandleError::stop("as asked")),
            _ => Ok(Pass::NothingMore),
        }
    }
}

fn look_for_due(
    store: &Store,
    instance: &str,
    every: Duration,
    source: &Arc<Script>,
) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let config =
        DueConfig { shards: config(instance), every, rows_max: ROWS_MAX, pass_timeout: Duration::from_millis(100) };
    let due = Due::new(config, store.clone(), [Shard(0)], source.clone());
    (stop.clone(), tokio::spawn(due.run(stop)))
}

#[tokio::test]
async fn passes_go_on_after_whatever_happens_in_one() {
    let store = store().await;
    let source = Arc::new(Script::default());
    // From the last to the first.
    *source.steps.lock().unwrap() = vec!["stop", "nothing", "hang", "retry", "panic", "more"];
    let every = Duration::from_millis(20);
    let tasks = ["a", "b"].map(|instance| look_for_due(&store, instance, every, &source));
    eventually(async || source.done.lock().unwrap().contains(&"stop")).await;
    // The one that was stopped gives the lease back, and the other goes on.
    eventually(async || source.done.lock().unwrap().len() > 7).await;
    for (stop, task) in tasks {
        stop.cancel();
        task.await.unwrap();
    }
    assert_eq!(source.done.lock().unwrap()[..6], ["more", "panic", "retry", "hang", "nothing", "stop"]);
    assert_eq!(source.running_max.load(Ordering::SeqCst), 1, "one replica at a time");
}

#[tokio::test]
async fn more_that_is_due_does_not_wait_for_the_next_look() {
    let store = store().await;
    let source = Arc::new(Script::default());
    *source.steps.lock().unwrap() = vec!["more"; 5];
    let began_at = tokio::time::Instant::now();
    let every = Duration::from_secs(2);
    let (stop, task) = look_for_due(&store, "a", every, &source);
    eventually(async || source.done.lock().unwrap().len() == 6).await;
    assert!(began_at.elapsed() < every * 2);
    stop.cancel();
    task.await.unwrap();
}
