//! A worker on the embedded bus and a SQLite store, with a handler that does what each event asks for.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests, each of which uses a part")]

pub(crate) mod hanging;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusRecorder;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Bus, DeadLetterReason, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::{PartitionCount, PartitionId};
use waypost_store::{Sequence, Store, StoreOptions, StoreUrl};
use waypost_worker::{Bundle, ClaimedBatch, Event, HandleError, Handler, Parts, Worker, WorkerConfig};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const COMPONENT: &str = "router";

/// What happened, in order, for the tests to wait for and to look at: event, partition, size of its batch.
#[derive(Clone)]
pub(crate) struct Log(pub(crate) watch::Sender<Vec<(String, PartitionId, usize)>>);

impl Log {
    fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.borrow().iter().map(|(id, _, _)| id.clone()).collect()
    }

    pub(crate) async fn until(&self, done: impl Fn(&[(String, PartitionId, usize)]) -> bool) {
        let mut seen = self.0.subscribe();
        tokio::time::timeout(PATIENCE, seen.wait_for(|log| done(log))).await.expect("in time").unwrap();
    }
}

/// The events of a message of the kind `bundle`: `id:kind` each, with commas between them.
pub(crate) fn split(message: &Message) -> Option<Bundle> {
    let text = std::str::from_utf8(&message.body).unwrap();
    let events = || text.split(',').map(|event| event.to_owned().into()).collect();
    (message.kind == "bundle").then(|| Bundle { kind: "event", events: events() })
}

/// What an event is called, and what it does to whoever handles it.
fn read(event: &Event<'_>) -> (String, String) {
    let carrier = event.carrier();
    if carrier.kind != "bundle" {
        return (carrier.id.clone(), carrier.kind.clone());
    }
    let text = std::str::from_utf8(event.body()).unwrap();
    let (id, kind) = text.split_once(':').unwrap();
    (id.to_owned(), kind.to_owned())
}

/// Logs every event with the size of its batch; misbehaves as the event asks.
struct Recorder {
    store: Store,
    log: Log,
    failures: Arc<Mutex<BTreeMap<String, u32>>>,
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            let events: Vec<(String, String)> = batch.events().map(|event| read(&event)).collect();
            let mut handled = Vec::new();
            for (index, (id, kind)) in events.iter().enumerate() {
                match kind.as_str() {
                    "panic" => panic!("as asked"),
                    "die" => {
                        let attempt = (format!("{id}?"), batch.claim.partition(), events.len());
                        self.log.0.send_modify(|log| log.push(attempt));
                        std::future::pending().await
                    }
                    "refuse" => {
                        self.log.0.send_modify(|log| log.push((id.clone(), batch.claim.partition(), 1)));
                        return Err(HandleError::retry("as asked"));
                    }
                    "stop" => return Err(HandleError::stop("as asked")),
                    "unreadable" => return Err(HandleError::park(DeadLetterReason::UnreadableRow, "as asked")),
                    "undecodable" => {
                        batch.park(index, DeadLetterReason::UndecodableEvent, "as asked");
                        continue;
                    }
                    "leave" => {
                        let mut failures = self.failures.lock().unwrap();
                        if failures.insert(id.clone(), 1).is_none() {
                            batch.leave(HandleError::retry("as asked"));
                        }
                    }
                    "retry" => {
                        let mut failures = self.failures.lock().unwrap();
                        let failed = failures.entry(id.clone()).or_default();
                        *failed += 1;
                        if *failed <= 2 {
                            return Err(HandleError::retry("as asked"));
                        }
                    }
                    _ => {}
                }
                batch.claim.next_seq();
                handled.push(id.clone());
            }
            self.store.begin_batch(&batch.claim.fence(None)).await?.commit().await?;
            let partition = batch.claim.partition();
            self.log.0.send_modify(|log| log.extend(handled.into_iter().map(|id| (id, partition, events.len()))));
        }
        Ok(())
    }
}

pub(crate) struct Rig {
    pub(crate) bus: Arc<EmbeddedBus>,
    pub(crate) store: Store,
    pub(crate) layout: Layout,
    pub(crate) log: Log,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new(partitions: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(PartitionCount::new(partitions).unwrap());
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        bus.declare(&Topology::new(layout, &BTreeSet::new(), false)).await.unwrap();
        let store = open_store(folder.path()).await;
        Self { bus, store, layout, log: Log::new(), _folder: folder }
    }

    /// Starts a replica; cancel the token to stop it, then await the task.
    pub(crate) fn start(&self, instance: &str) -> (CancellationToken, JoinHandle<()>) {
        self.start_on(self.bus.clone(), instance)
    }

    pub(crate) fn start_on(&self, bus: Arc<dyn Bus>, instance: &str) -> (CancellationToken, JoinHandle<()>) {
        let config = WorkerConfig {
            lease_ttl: Duration::from_millis(1_000),
            lease_renew_every: Duration::from_millis(50),
            idle_flush_after: Duration::from_millis(50),
            park_after_panics: 3,
            park_after_deaths: 3,
            ..WorkerConfig::new(COMPONENT, instance, self.layout.partitions)
        };
        self.start_with(bus, config)
    }

    pub(crate) fn start_with(&self, bus: Arc<dyn Bus>, config: WorkerConfig) -> (CancellationToken, JoinHandle<()>) {
        let (store, log, layout) = (self.store.clone(), self.log.clone(), self.layout);
        let failures: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let handler = move |_| -> Box<dyn Handler> {
            Box::new(Recorder { store: store.clone(), log: log.clone(), failures: failures.clone() })
        };
        let parts = Parts {
            bus,
            store: self.store.clone(),
            handler: Arc::new(handler),
            queue: Arc::new(move |partition| layout.inbound_queue(partition)),
            sequence: Sequence::OfInbox,
            split,
            suspects: Arc::default(),
        };
        let stop = CancellationToken::new();
        (stop.clone(), tokio::spawn(Worker::new(config, parts).run(stop)))
    }

    /// Messages as (id, kind). Of a bundle, `id=events`.
    pub(crate) async fn publish(&self, partition: u16, messages: &[(&str, &str)]) {
        let publication = |(id, kind): &(&str, &str)| {
            let (id, body) = id.split_once('=').unwrap_or((id, ""));
            let body = body.to_owned().into();
            Publication {
                address: self.layout.inbound(PartitionId(partition)),
                message: Message { id: id.to_owned(), kind: (*kind).to_owned(), body, ..Message::default() },
            }
        };
        let outcomes = self.bus.publish(messages.iter().map(publication).collect(), PATIENCE).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    }

    pub(crate) async fn left(&self, queue: &str) -> u64 {
        let depth = self.bus.depth(queue).await.unwrap().unwrap();
        depth.ready + depth.unacknowledged.unwrap_or(0)
    }

    pub(crate) async fn letters(&self) -> Vec<Message> {
        let letters = self.bus.peek(DEAD_LETTERS_QUEUE, None, 100).await.unwrap();
        letters.into_iter().map(|(_, letter)| letter).collect()
    }

    /// As a process that crashes with all of the queue in hand, so often.
    pub(crate) async fn crash(&self, queue: &str, times: u32) {
        for _ in 0..times {
            self.bus.consume(queue, 128).await.unwrap().next_batch(128).await.unwrap();
        }
    }
}

pub(crate) async fn open_store(folder: &Path) -> Store {
    let store = Store::open(&StoreUrl::sqlite_file(folder.join("store.db")), StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Long enough for whoever holds the first of the leases to have done several times whatever it does at each renewal.
pub(crate) async fn some_renewals_later(store: &Store, component: &str) {
    let renewed = async || store.leases(component).await.unwrap()[0].expires_at.as_millis();
    let first = renewed().await;
    eventually(async || renewed().await > first + 200).await;
}

/// The samples of one metric, without its name, sorted.
pub(crate) fn counted(recorder: &PrometheusRecorder, name: &str) -> Vec<String> {
    let page = recorder.handle().render();
    let mut samples: Vec<String> = page.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect();
    samples.sort();
    samples
}
