//! What a batch meets after a crash or after a stretch of silence: decisions that were stored and never published are
//! published, whatever the rules say by then; what was held is released once. And a batch keeps the rules that it began
//! with, however often they change meanwhile.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, BusError, Consumer, Depth, Health, Layout, Message, Outcome, Publication, Stream, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_live::{Rules, RulesInForce};
use waypost_proto::{encode_event, v1};
use waypost_router::{Router, RouterConfig};
use waypost_rules::RuleSet;
use waypost_store::{Retention, Store, TimeOrderedIds};
use waypost_worker::WorkerConfig;

const PATIENCE: Duration = Duration::from_secs(30);
const BATCH_MAX: u16 = 8;

/// The embedded bus with a gate before the teams' queues, and a book of what goes through it.
struct GatedBus {
    inner: Arc<EmbeddedBus>,
    /// Of each batch for the teams: the versions of the rules that its messages name.
    versions: Mutex<Vec<BTreeSet<String>>>,
    shut: AtomicBool,
    refused: AtomicUsize,
}

#[async_trait]
impl Bus for GatedBus {
    async fn publish(&self, batch: Vec<Publication>, timeout: Duration) -> Vec<Outcome> {
        let to_teams = batch.iter().any(|publication| publication.address.stream == Stream::Teams);
        if to_teams && self.shut.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return vec![Outcome::Unavailable; batch.len()];
        }
        if to_teams {
            let versions = batch.iter().map(|publication| version(&publication.message)).collect();
            self.versions.lock().unwrap().push(versions);
        }
        self.inner.publish(batch, timeout).await
    }
    async fn consume(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        self.inner.consume(queue, prefetch).await
    }
    async fn declare(&self, topology: &Topology) -> Result<(), BusError> {
        self.inner.declare(topology).await
    }
    async fn verify(&self, topology: &Topology) -> Result<Vec<String>, BusError> {
        self.inner.verify(topology).await
    }
    async fn depth(&self, queue: &str) -> Result<Option<Depth>, BusError> {
        self.inner.depth(queue).await
    }
    async fn peek(&self, queue: &str, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Message)>, BusError> {
        self.inner.peek(queue, after, limit).await
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    async fn close(&self, timeout: Duration) {
        self.inner.close(timeout).await;
    }
}

struct Rig {
    bus: Arc<GatedBus>,
    store: Store,
    layout: Layout,
    _folder: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(PartitionCount::new(1).unwrap());
        let inner = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        inner.declare(&Topology::new(layout, &rules("a").team_names(), false)).await.unwrap();
        let store = support::open_store(folder.path()).await;
        let versions = Mutex::default();
        let bus = GatedBus { inner, versions, shut: AtomicBool::new(false), refused: AtomicUsize::new(0) };
        Self { bus: Arc::new(bus), store, layout, _folder: folder }
    }

    fn start(&self, instance: &'static str, default_team: &str) -> JoinHandle<()> {
        self.start_with(instance, Arc::new(Rules::fixed(rules(default_team))))
    }

    fn start_with(&self, instance: &'static str, rules: Arc<Rules>) -> JoinHandle<()> {
        let router = Router {
            config: RouterConfig::default(),
            layout: self.layout,
            bus: self.bus.clone(),
            store: self.store.clone(),
            ids: Arc::new(TimeOrderedIds),
            rules,
            asked_teams: Arc::default(),
        };
        let worker = move |component, partitions| WorkerConfig {
            lease_ttl: Duration::from_millis(500),
            lease_renew_every: Duration::from_millis(50),
            batch_max: BATCH_MAX,
            ..WorkerConfig::new(component, instance, partitions)
        };
        tokio::spawn(async move { router.run(worker, CancellationToken::new()).await })
    }

    async fn publish(&self, wamids: &[&str]) {
        // Each from somebody else: no conversation binds one to the other.
        let events: Vec<_> = wamids.iter().map(|wamid| event(wamid, &format!("1555{}", wamid.len()))).collect();
        self.publish_events(events).await;
    }

    async fn publish_events(&self, events: Vec<v1::Event>) {
        let publication = |event: v1::Event| Publication {
            address: self.layout.inbound(PartitionId(0)),
            message: Message { id: event.key.clone(), body: encode_event(event), ..Message::default() },
        };
        let outcomes = self.bus.inner.publish(events.into_iter().map(publication).collect(), PATIENCE).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed));
    }

    /// The wamids and rule sets on a team's queue.
    async fn on_queue(&self, team: &str) -> Vec<(String, String)> {
        let messages = self.bus.peek(&format!("team.{team}.normal"), None, 100).await.unwrap();
        let read = |(_, message): (u64, Message)| {
            let document: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
            let text = |path| document["data"].pointer(path).unwrap().as_str().unwrap().to_owned();
            (text("/message/wamid"), text("/routing/rule_set"))
        };
        messages.into_iter().map(read).collect()
    }
}

fn version(message: &Message) -> String {
    let document: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    document["data"]["routing"]["rule_set"].as_str().unwrap().to_owned()
}

fn rules(default_team: &str) -> RuleSet {
    rules_with(default_team, "")
}

fn rules_with(default_team: &str, more: &str) -> RuleSet {
    let text = format!(
        "[default]\nteam='{default_team}'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n[[teams]]\nname='b'\n{more}"
    );
    RuleSet::parse(&text).unwrap()
}

fn event(wamid: &str, phone: &str) -> v1::Event {
    support::event(wamid, phone, "hi")
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_stored_decision_is_published_after_a_crash() {
    let rig = Rig::new().await;
    rig.bus.shut.store(true, Ordering::SeqCst);
    rig.publish(&["w", "ww", "www"]).await;
    let first = rig.start("one", "a");
    // Decided and committed, and published to nobody.
    eventually(async || rig.bus.refused.load(Ordering::SeqCst) > 0).await;
    first.abort();
    assert!(first.await.is_err());
    rig.bus.shut.store(false, Ordering::SeqCst);

    let second = rig.start("two", "b");
    rig.publish(&["wwww"]).await;
    eventually(async || rig.on_queue("b").await.iter().any(|(wamid, _)| wamid == "wwww")).await;
    let (old, new) = (rules("a").version, rules("b").version);
    let decided = rig.on_queue("a").await;
    assert_eq!(decided.first(), Some(&("w".to_owned(), old.clone())), "the old decision for what was decided");
    let everything: Vec<(String, String)> = decided.into_iter().chain(rig.on_queue("b").await).collect();
    for wamid in ["w", "ww", "www", "wwww"] {
        let of: Vec<_> = everything.iter().filter(|(found, _)| found == wamid).collect();
        assert_eq!(of.len(), 1, "{wamid} exactly once: {everything:?}");
    }
    assert!(everything.iter().all(|(_, version)| *version == old || *version == new));

    // Meta sends all of it again.
    rig.publish(&["w", "ww", "www", "wwww", "wwwww"]).await;
    eventually(async || rig.on_queue("b").await.iter().any(|(wamid, _)| wamid == "wwwww")).await;
    assert_eq!(rig.on_queue("a").await.len() + rig.on_queue("b").await.len(), 5);
    second.abort();
}

/// An ordinary message says that the thread is ours, and Meta's word on it stands in the same batch.
#[tokio::test]
async fn what_was_held_is_released_once_in_a_batch() {
    const PHONE: &str = "15550009";
    let rig = Rig::new().await;
    let standby = v1::EventKind::StandbyMessage.into();
    rig.publish_events(vec![v1::Event { kind: standby, ..event("held", PHONE) }]).await;
    let first = rig.start("one", "a");
    eventually(async || rig.store.counts().await.unwrap().held == 1).await;
    first.abort();
    assert!(first.await.is_err());

    let control = v1::Event {
        kind: v1::EventKind::ContactChange.into(),
        field: "messaging_handovers".to_owned(),
        json: format!(r#"{{"messaging_handovers":[{{"wa_id":"{PHONE}","control_passed":{{}}}}]}}"#).into(),
        ..event("control", PHONE)
    };
    let again = v1::Event { key: "control again".to_owned(), ..control.clone() };
    let events = vec![event("somebody", "15550001"), event("message", PHONE), control, again, event("last", PHONE)];
    rig.publish_events(events).await;
    let second = rig.start("two", "a");
    eventually(async || rig.on_queue("a").await.iter().any(|(wamid, _)| wamid == "last")).await;
    let wamids: Vec<String> = rig.on_queue("a").await.into_iter().map(|(wamid, _)| wamid).collect();
    assert_eq!(wamids, ["somebody", "held", "message", "last"]);
    second.abort();
}

/// The conversation before counts though the janitor has resolved it; until it is longer ago than the rule asks.
#[tokio::test]
async fn who_answered_before_is_known_after_the_conversation_was_resolved() {
    const HOUR_MS: i64 = 3_600_000;
    let rig = Rig::new().await;
    let first = rig.start("one", "a");
    let customers = ["15550001", "15550002", "15550003"];
    let at = |key: &str, phone: &str, hours: i64| {
        let event = event(key, phone);
        v1::Event { received_at_ms: event.received_at_ms + hours * HOUR_MS, ..event }
    };
    rig.publish_events(vec![at("w1", customers[0], 0), at("w2", customers[1], 0)]).await;
    eventually(async || rig.on_queue("a").await.len() == 2).await;
    first.abort();
    assert!(first.await.is_err());
    let for_ever = Duration::from_secs(100 * 365 * 24 * 3600);
    let retention = Retention {
        inbox: for_ever,
        bodies: for_ever,
        media: for_ever,
        statuses: for_ever,
        changes: for_ever,
        conversations: for_ever,
        campaigns: for_ever,
    };
    let idle = Duration::from_secs(3600);
    // The router's own janitor may have been faster.
    rig.store.janitor_pass(&retention, idle, 100).await.unwrap();
    assert_eq!(rig.store.janitor_pass(&retention, idle, 100).await.unwrap().conversations_resolved, 0);

    let rule = "[[rules]]\nid='again'\nteam='b'\nwhen={ previous_team={ team='a', within_hours=72 } }\n";
    let second = rig.start_with("two", Arc::new(Rules::fixed(rules_with("a", rule))));
    let again = vec![at("n1", customers[0], 71), at("n2", customers[1], 73), at("n3", customers[2], 71)];
    rig.publish_events(again).await;
    eventually(async || rig.on_queue("a").await.len() + rig.on_queue("b").await.len() == 5).await;
    let on_b: Vec<String> = rig.on_queue("b").await.into_iter().map(|(wamid, _)| wamid).collect();
    assert_eq!(on_b, ["n1"], "within the hours, and of somebody who wrote before");
    second.abort();
}

#[tokio::test]
async fn a_batch_keeps_the_rules_that_it_began_with() {
    const MESSAGES: usize = 192;
    let rig = Rig::new().await;
    let events = (0..MESSAGES).map(|n| event(&format!("w{n}"), &format!("1555{n:07}"))).collect();
    rig.publish_events(events).await;
    let current = Arc::new(Rules::fixed(rules("a")));
    let others = ["a", "b"].map(|team| Arc::new(RulesInForce::only(rules(team))));
    let (changing, is_over) = (current.clone(), Arc::new(AtomicBool::new(false)));
    let over = is_over.clone();
    // As often as a processor can: also between two messages of a batch.
    let changes = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            others.iter().for_each(|rules| changing.replace(rules.clone()));
        }
    });
    let router = rig.start_with("one", current);
    let routed = async || {
        let depth = async |team: &str| rig.bus.depth(&format!("team.{team}.normal")).await.unwrap().unwrap().ready;
        depth("a").await + depth("b").await
    };
    eventually(async || routed().await == MESSAGES as u64).await;
    is_over.store(true, Ordering::Relaxed);
    changes.join().unwrap();
    router.abort();
    let batches = rig.bus.versions.lock().unwrap().clone();
    assert!(batches.len() >= MESSAGES / usize::from(BATCH_MAX), "{} batches", batches.len());
    assert!(batches.iter().all(|versions| versions.len() == 1), "mixed: {batches:?}");
    let all: BTreeSet<String> = batches.into_iter().flatten().collect();
    assert_eq!(all, BTreeSet::from([rules("a").version, rules("b").version]), "they did not change");
}
