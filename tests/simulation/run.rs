//! One simulated run: a world from a seed, everything that goes wrong in it, then the healing, the drain and the
//! ledger's verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Layout, Message, Topology};
use waypost_domain::PartitionCount;
use waypost_ledger::{DeliveryRecord, ItemKind, Ledger, QueueDepth, StoreFacts, Verdict};
use waypost_proto::decode_event;
use waypost_rules::RuleSet;
use waypost_store::{Store, StoreOptions, StoreUrl};

use crate::bindings::decided_unseen;
use crate::broker::Returns;
use crate::bus::short;
use crate::customers::{Posts, Sender};
use crate::ids::SeededIds;
use crate::process::{Stage, Strike};
use crate::replica::{DEADLY, Fleet, POISON, REPLICAS_MAX};
use crate::time::{now_ms, runtime, sleep, wall_clock};
use crate::world::{Defect, Rates, World};

const RULES: &str = include_str!("rules.toml");
/// How long everything may take to drain after the healing. A deadly message takes half a minute.
const DRAIN_MS: u64 = 600_000;

/// What a seed stands for.
#[derive(Debug, Clone)]
struct Scenario {
    seed: u64,
    replicas: usize,
    partitions: u16,
    senders: u64,
    customers: u64,
    messages_each: u64,
    batch_max: u16,
    troubles: u32,
    returns: Returns,
    rates: Rates,
}

/// What came of it.
pub(crate) struct Report {
    /// In the middle of the faults: nothing that came out may be wrong.
    pub(crate) so_far: Verdict,
    /// After the healing and the drain: nothing may be missing either.
    pub(crate) at_the_end: Verdict,
    /// Reasons of dead letters in which there is nothing wrong.
    pub(crate) parked_innocents: Vec<String>,
    /// Decisions that were made by something else than what was there.
    pub(crate) decided_unseen: Vec<String>,
    /// Every id that the program drew.
    pub(crate) ids: Vec<Uuid>,
    /// The conversations that the teams were told of, message by message.
    pub(crate) conversations: Vec<String>,
    pub(crate) log: String,
}

impl Report {
    pub(crate) fn is_good(&self) -> bool {
        let is_good = self.so_far.is_good() && self.at_the_end.is_good();
        is_good && self.parked_innocents.is_empty() && self.decided_unseen.is_empty()
    }
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut rate = |max: u32| if rng.bool() { rng.u32(0..=max) } else { 0 };
        let rates = Rates {
            publish_in_doubt: rate(150),
            duplicate: rate(50),
            acknowledge_lost: rate(80),
            subscribe_refused: rate(100),
        };
        Self {
            seed,
            replicas: rng.usize(1..=REPLICAS_MAX),
            partitions: rng.u16(1..=4),
            senders: rng.u64(1..=3),
            customers: rng.u64(1..=6),
            messages_each: rng.u64(10..=40),
            batch_max: [2, 4, 16][rng.usize(0..3)],
            troubles: rng.u32(0..=14),
            returns: if seed % 4 == 3 { Returns::Behind } else { Returns::InPlace },
            rates,
        }
    }
}

/// The rules that replicas are started with, one or the other.
fn rule_sets() -> Vec<String> {
    vec![RULES.to_owned(), RULES.replace("team = \"billing\" # invoices", "team = \"people\"")]
}

pub(crate) fn run(seed: u64, defect: Defect) -> Report {
    fastrand::seed(seed);
    let store = open_store(seed);
    let runtime = runtime(store.clone());
    // In a task: only tasks show that the store has woken them.
    runtime.block_on(async move { tokio::spawn(play(Scenario::new(seed), store, defect)).await }).expect("it runs")
}

/// Opened in real time, because connecting has a deadline.
fn open_store(seed: u64) -> Store {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // Other dice than the program's own, or the same ids would be drawn twice.
        let ids = Arc::new(SeededIds::new(!seed));
        let options = StoreOptions { clock: wall_clock, ids, ..StoreOptions::default() };
        let store = Store::open(&StoreUrl::sqlite_memory(), options).await.expect("a store in memory");
        store.migrate().await.expect("a schema");
        while store.is_busy() {
            tokio::task::yield_now().await;
        }
        store
    })
}

async fn play(scenario: Scenario, store: Store, defect: Defect) -> Report {
    let layout = Layout::new(PartitionCount::new(scenario.partitions).expect("at least one"));
    let teams = RuleSet::parse(RULES).expect("the simulation's rules are valid").team_names();
    let topology = Topology::new(layout, &teams, false);
    let world = World::new(scenario.seed, store, &topology, defect, scenario.returns);
    world.log("world", format_args!("{scenario:?}"));
    let posts = Arc::new(Posts::default());
    let fleet = Fleet::new(world.clone(), layout, rule_sets(), scenario.batch_max, scenario.replicas);
    let stop = CancellationToken::new();
    let mut replicas = JoinSet::new();
    for index in 0..scenario.replicas {
        replicas.spawn(fleet.clone().supervise(index, stop.clone()));
    }
    let mut senders = JoinSet::new();
    for index in 0..scenario.senders {
        let (world, posts) = (world.clone(), posts.clone());
        let (customers, messages) = (scenario.customers, scenario.messages_each);
        senders.spawn(Sender { world, layout, posts, index, customers, messages }.run());
    }
    world.state().rates = scenario.rates;
    trouble(&world, &fleet, &scenario).await;
    let so_far = ledger(&world, &posts).await.check_so_far();

    world.turn("heal".to_owned(), 1..=1).await;
    heal(&world, &fleet, &scenario);
    let work: Vec<String> = world.state().queues.keys().filter(|name| is_work_queue(name)).cloned().collect();
    let until = now_ms() + DRAIN_MS;
    while now_ms() < until && (!senders.is_empty() || !is_drained(&world, &work)) {
        while senders.try_join_next().is_some() {}
        sleep(50).await;
    }
    // Repetitions that are still under way: two seconds are longer than any waits.
    sleep(2_000).await;
    while now_ms() < until && !is_drained(&world, &work) {
        sleep(50).await;
    }
    world.turn("stop".to_owned(), 1..=1).await;
    stop.cancel();
    while replicas.join_next().await.is_some() {}
    let mut ledger = ledger(&world, &posts).await;
    // Control of every thread came to us in the end: what was held is promised like any other message.
    for item in ledger.posts.iter_mut().flat_map(|post| &mut post.items) {
        if item.kind == ItemKind::Standby {
            item.kind = ItemKind::Message;
        }
    }
    ledger.depths = work.iter().map(|queue| depth(&world, queue)).collect();
    let at_the_end = ledger.check();
    let parked_innocents = parked_innocents(&world);
    let decided_unseen = decided_unseen(&world.store, &RuleSet::parse(RULES).expect("they are valid")).await;
    let (ids, conversations) = (world.ids.given(), conversations(&world));
    let log = std::mem::take(&mut world.state().log);
    Report { so_far, at_the_end, parked_innocents, decided_unseen, ids, conversations, log }
}

/// Everything that goes wrong beside the dice of each step.
async fn trouble(world: &Arc<World>, fleet: &Arc<Fleet>, scenario: &Scenario) {
    world.turn("trouble begins".to_owned(), 500..=1_000).await;
    for _ in 0..scenario.troubles {
        let mut rng = world.turn("trouble".to_owned(), 20..=700).await;
        let stage = if rng.bool() { Stage::Before } else { Stage::After };
        let (index, kind) = (rng.usize(0..scenario.replicas), rng.u32(0..10));
        let (steps, long) = (rng.u32(0..12), rng.u64(100..3_000));
        let Some(running) = fleet.running(index) else { continue };
        match kind {
            0..=2 => running.process.strike_after(steps, stage, Strike::Kill),
            3 => running.process.kill(),
            4 | 5 => running.process.strike_after(steps, stage, Strike::Freeze(long)),
            6 => running.process.break_connection(),
            7 => running.shutdown.cancel(),
            8 => {
                world.log("world", format_args!("bus down for {long} ms"));
                world.state().is_down = true;
                later(world, "bus up", long, |world| world.state().is_down = false);
            }
            _ => queue_trouble(world, &mut rng, long),
        }
    }
    world.turn("trouble ends".to_owned(), 100..=1_000).await;
}

/// One of the outgoing queues is full or gone for a while.
fn queue_trouble(world: &Arc<World>, rng: &mut Rng, for_ms: u64) {
    let (name, is_full) = {
        let mut state = world.state();
        let names: Vec<String> = state.queues.keys().filter(|name| name.starts_with("team.")).cloned().collect();
        let name = names[rng.usize(0..names.len())].clone();
        let is_full = rng.bool();
        if let Some(queue) = state.queue(&name) {
            (queue.is_full, queue.is_missing) = (is_full, !is_full);
        }
        (name, is_full)
    };
    world.log("world", format_args!("{name} {} for {for_ms} ms", if is_full { "full" } else { "missing" }));
    let key = format!("{name} well");
    later(world, &key, for_ms, move |world| {
        if let Some(queue) = world.state().queue(&name) {
            (queue.is_full, queue.is_missing) = (false, false);
        }
    });
}

fn later(world: &Arc<World>, key: &str, after_ms: u64, what: impl FnOnce(&World) + Send + 'static) {
    let (world, key) = (world.clone(), key.to_owned());
    tokio::spawn(async move {
        world.turn(key, after_ms..=after_ms).await;
        what(&world);
    });
}

fn heal(world: &World, fleet: &Fleet, scenario: &Scenario) {
    world.log("world", "healed");
    {
        let mut state = world.state();
        state.rates = Rates::default();
        state.is_down = false;
        for queue in state.queues.values_mut() {
            (queue.is_full, queue.is_missing) = (false, false);
        }
    }
    for index in 0..scenario.replicas {
        if let Some(running) = fleet.running(index) {
            running.process.heal();
        }
    }
}

/// Whether the program itself consumes it.
fn is_work_queue(name: &str) -> bool {
    ["wa.in.", "wa.st.", "wa.account"].iter().any(|beginning| name.starts_with(beginning))
}

fn is_drained(world: &World, queues: &[String]) -> bool {
    let state = world.state();
    queues.iter().all(|name| state.queues.get(name).is_some_and(|queue| queue.depth() == (0, 0)))
}

fn depth(world: &World, name: &str) -> QueueDepth {
    let (ready, unacknowledged) = world.state().queues.get(name).map_or((0, 0), crate::broker::Queue::depth);
    let count = |depth: usize| u64::try_from(depth).unwrap_or(u64::MAX);
    QueueDepth { queue: name.to_owned(), ready: count(ready), unacknowledged: Some(count(unacknowledged)) }
}

fn conversations(world: &World) -> Vec<String> {
    let state = world.state();
    let id = |message: &Message| {
        let document: Value = serde_json::from_slice(&message.body).ok()?;
        document["data"]["conversation"]["id"].as_str().map(str::to_owned)
    };
    state.queues.values().flat_map(|queue| queue.messages().filter_map(id)).collect()
}

fn parked_innocents(world: &World) -> Vec<String> {
    let is_innocent = |message: &&Message| {
        let is_guilty = [POISON, DEADLY].iter().any(|mark| message.headers.contains_key(*mark));
        !is_guilty && decode_event(message.body.clone()).is_ok()
    };
    let parked = |message: &Message| format!("{} {:?}", short(&message.id), message.headers);
    let state = world.state();
    let letters = state.queues.get(DEAD_LETTERS_QUEUE).map(|queue| queue.messages().filter(is_innocent).map(parked));
    letters.into_iter().flatten().collect()
}

async fn ledger(world: &World, posts: &Posts) -> Ledger {
    let store = StoreFacts::read(&world.store).await.expect("the store is in memory");
    let mut deliveries = Vec::new();
    let state = world.state();
    let outgoing: BTreeMap<_, _> = state.queues.iter().filter(|(name, _)| !is_work_queue(name)).collect();
    for (name, queue) in outgoing {
        for (position, message) in (0..).zip(queue.messages()) {
            deliveries.push(DeliveryRecord::new(name, position, message, 0, 0));
        }
    }
    let interruptions = state.interruptions.clone();
    let (posts, store) = (posts.all(), Some(store));
    Ledger { posts, deliveries, interruptions, store, rule_sets: rule_sets(), ..Ledger::default() }
}
