//! A router on the embedded bus and a SQLite store.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests, each of which uses a part")]

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;
use waypost_bus::{Address, Bus, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::{AliasSet, PartitionCount, PartitionId};
use waypost_live::Rules;
use waypost_proto::{encode_event, v1};
use waypost_router::{Router, RouterConfig};
use waypost_rules::RuleSet;
use waypost_store::{Store, StoreOptions, StoreUrl, TimeOrderedIds};
use waypost_worker::WorkerConfig;

const PATIENCE: Duration = Duration::from_secs(30);

/// What says `bill` goes to b, everything else to a.
pub(crate) const RULES: &str = "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n\
    [[teams]]\nname='a'\n[[teams]]\nname='b'\n[[rules]]\nid='bills'\nteam='b'\nwhen={ keyword='bill' }\n";

pub(crate) struct Rig {
    pub(crate) bus: Arc<EmbeddedBus>,
    pub(crate) store: Store,
    pub(crate) layout: Layout,
    pub(crate) config: RouterConfig,
    rules: &'static str,
    folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new(config: RouterConfig) -> Self {
        Self::with_rules(config, RULES).await
    }

    pub(crate) async fn with_rules(config: RouterConfig, rules: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(PartitionCount::new(1).unwrap());
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        let teams = RuleSet::parse(rules).unwrap().team_names();
        bus.declare(&Topology::new(layout, &teams.into_iter().collect(), true)).await.unwrap();
        let store = open_store(folder.path()).await;
        Self { bus, store, layout, config, rules, folder }
    }

    pub(crate) async fn publish(&self, address: &Address, events: impl IntoIterator<Item = v1::Event>) {
        let message =
            |event: v1::Event| Message { id: event.key.clone(), body: encode_event(event), ..Message::default() };
        self.send(address, events.into_iter().map(message)).await;
    }

    pub(crate) async fn send(&self, address: &Address, messages: impl IntoIterator<Item = Message>) {
        let publication = |message| Publication { address: address.clone(), message };
        let outcomes = self.bus.publish(messages.into_iter().map(publication).collect(), PATIENCE).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    }

    /// Runs a router until `done`, which is looked at again and again.
    pub(crate) async fn route_until(&self, mut done: impl AsyncFnMut() -> bool) {
        let router = Router {
            config: self.config.clone(),
            layout: self.layout,
            bus: self.bus.clone(),
            store: self.store.clone(),
            ids: Arc::new(TimeOrderedIds),
            rules: Arc::new(Rules::fixed(RuleSet::parse(self.rules).unwrap())),
            asked_teams: Arc::default(),
        };
        let worker = |component, partitions| WorkerConfig {
            lease_renew_every: Duration::from_millis(50),
            ..WorkerConfig::new(component, "one", partitions)
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(router.run(worker, stop.clone()));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !done().await {
            assert!(tokio::time::Instant::now() < deadline, "not in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }

    /// Routes `events`, each in a batch of its own.
    pub(crate) async fn route_each(&self, events: impl IntoIterator<Item = v1::Event>) {
        for event in events {
            self.publish(&self.layout.inbound(PartitionId(0)), [event]).await;
            self.route_until(async || self.waiting("wa.in.p00").await == 0).await;
        }
    }

    /// Messages on a queue, those included that somebody has in hand.
    pub(crate) async fn waiting(&self, queue: &str) -> u64 {
        let depth = self.bus.depth(queue).await.unwrap().unwrap();
        depth.ready + depth.unacknowledged.unwrap_or(0)
    }

    /// The documents on a team's queue, in order.
    pub(crate) async fn documents(&self, team: &str) -> Vec<serde_json::Value> {
        self.bus_documents(&format!("team.{team}.normal")).await
    }

    /// The documents on a queue, in order.
    pub(crate) async fn bus_documents(&self, queue: &str) -> Vec<serde_json::Value> {
        let messages = self.bus.peek(queue, None, 100).await.unwrap();
        messages.into_iter().map(|(_, message)| serde_json::from_slice(&message.body).unwrap()).collect()
    }

    /// The store's file, as somebody sees it who looks from outside.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        database
    }

    /// The answer to a question of one column, as text.
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        let database = self.database();
        let mut question = database.prepare(sql).unwrap();
        let answer = question.query_map([], |row| row.get(0)).unwrap();
        answer.map(Result::unwrap).collect()
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// From now on, and of this thread, until the guard is dropped.
    pub(crate) fn collect() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// What was logged since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

pub(crate) async fn open_store(folder: &Path) -> Store {
    let store = Store::open(&StoreUrl::sqlite_file(folder.join("store.db")), StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A text message.
pub(crate) fn event(wamid: &str, phone: &str, text: &str) -> v1::Event {
    let sender = AliasSet { phone: Some(phone.to_owned()), ..AliasSet::default() };
    v1::Event {
        kind: v1::EventKind::Message.into(),
        phone_number_id: "1".to_owned(),
        key: wamid.to_owned(),
        contact: Some(sender.into()),
        json: format!(r#"{{"id":"{wamid}","type":"text","text":{{"body":"{text}"}}}}"#).into(),
        received_at_ms: 1_750_000_000_000,
        ..v1::Event::default()
    }
}
