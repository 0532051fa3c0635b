//! Replicas of the router: the real worker and handler, each life of a replica under a new name, started again
//! whenever it has ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use waypost_bus::{Delivery, Layout};
use waypost_domain::{PartitionCount, PartitionId, PhoneNumberId};
use waypost_live::{Numbers, Rules};
use waypost_proto::decode_event;
use waypost_router::{ROUTER, Router, RouterConfig};
use waypost_rules::RuleSet;
use waypost_sender::record::RecordHandler;
use waypost_sender::{ACCOUNT, STATUSES};
use waypost_store::{EventKey, Sequence};
use waypost_worker::{ClaimedBatch, HandleError, Handler, InHand, Parts, Worker, WorkerConfig, no_bundles};

use crate::bus::ProcessBus;
use crate::process::{Process, Stage};
use crate::time::sleep;
use crate::world::{Defect, World};

/// In the headers of a message on which the handler panics.
pub(crate) const POISON: &str = "POISON";
/// In the headers of a message that kills the process that handles it.
pub(crate) const DEADLY: &str = "DEADLY";

/// Times the workers of each are fewer endings than a millisecond can have beside those of [`crate::time::Slots`].
pub(crate) const REPLICAS_MAX: usize = 3;
const LEASES_EACH: usize = 3;
/// Short against the defaults, in the same proportions.
const LEASE_TTL: Duration = Duration::from_millis(1_200);
const LEASE_RENEW_EVERY: Duration = Duration::from_millis(400);
const IDLE_FLUSH: Duration = Duration::from_millis(200);
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_millis(200);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Who runs at present.
pub(crate) struct Fleet {
    world: Arc<World>,
    layout: Layout,
    rules: Vec<String>,
    batch_max: u16,
    running: Mutex<Vec<Option<Running>>>,
}

#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) process: Arc<Process>,
    /// As SIGTERM.
    pub(crate) shutdown: CancellationToken,
}

impl Fleet {
    pub(crate) fn new(world: Arc<World>, layout: Layout, rules: Vec<String>, batch_max: u16, size: usize) -> Arc<Self> {
        Arc::new(Self { world, layout, rules, batch_max, running: Mutex::new(vec![None; size]) })
    }

    pub(crate) fn running(&self, index: usize) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)[index].clone()
    }

    fn set_running(&self, index: usize, running: Option<Running>) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)[index] = running;
    }

    /// Runs one replica, life after life, until `stop`.
    pub(crate) async fn supervise(self: Arc<Self>, index: usize, stop: CancellationToken) {
        for life in 1.. {
            let mut rng = self.world.turn(format!("r{index}.{life} starts"), 1..=400).await;
            if stop.is_cancelled() {
                return;
            }
            let process = Process::new(format!("r{index}.{life}"), self.world.clone());
            let shutdown = stop.child_token();
            let workers = self.workers(&process, &mut rng);
            process.log("started");
            let task = tokio::spawn(process.clone().run(ending(index, 0), run_all(workers, index, shutdown.clone())));
            process.runs_as(task.abort_handle());
            self.set_running(index, Some(Running { process: process.clone(), shutdown }));
            let ended = task.await;
            self.set_running(index, None);
            process.log(if ended.is_ok() { "ended" } else { "is gone" });
        }
    }

    /// As a router and a sender start them; one for each of their lease names but the janitor's, and without anything to send.
    fn workers(&self, process: &Arc<Process>, rng: &mut Rng) -> [Worker; LEASES_EACH] {
        let text = &self.rules[rng.usize(0..self.rules.len())];
        let rules = RuleSet::parse(text).expect("the simulation's rules are valid");
        let router = Router {
            config: RouterConfig {
                publish_timeout: PUBLISH_TIMEOUT,
                full_queue_patience: PATIENCE,
                ..RouterConfig::default()
            },
            layout: self.layout,
            bus: Arc::new(ProcessBus(process.clone())),
            store: self.world.store.clone(),
            ids: self.world.ids.clone(),
            rules: Arc::new(Rules::fixed(rules)),
            asked_teams: Arc::default(),
        };
        let (layout, partitions) = (self.layout, self.layout.partitions);
        let one = PartitionCount::new(1).expect("one partition");
        let (handlers, store) = (router.handlers(), router.store.clone());
        let numbers = Arc::new(Numbers::new(store.clone()));
        let sending = self.world.sending.clone();
        let recorder = move |_| -> Box<dyn Handler> {
            Box::new(RecordHandler::new(store.clone(), numbers.clone(), sending.clone()))
        };
        let recorder = Arc::new(recorder);
        let suspects = Arc::default();
        let worker = |component, partitions, sequence, queue: QueueOf, handlers: HandlerOf| {
            let (process, queue_of) = (process.clone(), queue.clone());
            let config = WorkerConfig {
                lease_ttl: LEASE_TTL,
                lease_renew_every: LEASE_RENEW_EVERY,
                batch_max: self.batch_max,
                idle_flush_after: IDLE_FLUSH,
                publish_timeout: PUBLISH_TIMEOUT,
                drain_timeout: DRAIN_TIMEOUT,
                ..WorkerConfig::new(component, process.name.clone(), partitions)
            };
            let parts = Parts {
                bus: router.bus.clone(),
                store: router.store.clone(),
                handler: Arc::new(move |partition| {
                    let queue = queue_of(partition);
                    Box::new(SteppedHandler { process: process.clone(), queue, inner: handlers(partition) })
                }),
                queue,
                sequence,
                split: waypost_router::inbound::split,
                suspects: Arc::clone(&suspects),
            };
            Worker::new(config, parts)
        };
        [
            worker(
                ROUTER,
                partitions,
                Sequence::OfInbox,
                Arc::new(move |partition| layout.inbound_queue(partition)),
                handlers,
            ),
            worker(
                STATUSES,
                partitions,
                Sequence::None,
                Arc::new(move |partition| layout.statuses_queue(partition)),
                recorder.clone(),
            ),
            worker(ACCOUNT, one, Sequence::None, Arc::new(move |_| layout.account_queue()), recorder),
        ]
    }
}

type QueueOf = Arc<dyn Fn(PartitionId) -> String + Send + Sync>;
type HandlerOf = Arc<dyn Fn(PartitionId) -> Box<dyn Handler> + Send + Sync>;

/// Of the milliseconds of a worker's ticks, counted from the instant at which something else may happen.
fn ending(replica: usize, worker: usize) -> u64 {
    1 + u64::try_from(replica + worker * REPLICAS_MAX).unwrap_or(0)
}

async fn run_all(workers: [Worker; LEASES_EACH], replica: usize, shutdown: CancellationToken) {
    let begun = workers.into_iter().enumerate().map(|(place, worker)| {
        let shutdown = shutdown.clone();
        async move {
            sleep(ending(replica, place)).await;
            worker.run(shutdown).await;
        }
    });
    join_all(begun).await;
}

/// The router's handler, with a moment before it at which the process may be struck with a batch in hand.
struct SteppedHandler {
    process: Arc<Process>,
    queue: String,
    inner: Box<dyn Handler>,
}

#[async_trait]
impl Handler for SteppedHandler {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        let partitions: Vec<String> = work.iter().map(|batch| batch.claim.partition().to_string()).collect();
        let what = format!("handle {} {}", self.queue, partitions.join(" "));
        self.process.step(&what, Stage::Before, 0..=5).await;
        let holds = |mark: &str| {
            work.iter().flat_map(|batch| batch.events()).any(|event| event.carrier().headers.contains_key(mark))
        };
        if holds(DEADLY) {
            self.process.kill();
            std::future::pending::<()>().await;
        }
        if holds(POISON) {
            self.process.log("panics");
            std::panic::resume_unwind(Box::new(POISON));
        }
        let ids = work.iter().flat_map(|batch| batch.events()).map(|event| event.carrier().id.clone());
        self.process.takes(&self.queue, ids);
        let mut middle = InTheMiddle { process: self.process.clone(), queue: self.queue.clone(), is_over: false };
        let outcome = if self.process.world.defect == Defect::DropStoredDecision {
            self.handle_undecided(work).await
        } else {
            self.inner.handle(work).await
        };
        middle.is_over = true;
        let left = work.iter().filter_map(ClaimedBatch::problem);
        for error in outcome.as_ref().err().into_iter().chain(left) {
            self.process.log(format_args!("not handled: {error}"));
            self.process.interrupted("not handled", Some(&self.queue));
        }
        outcome
    }
}

/// Logs what is dropped before it has come to its end: a living process gave it up, because its lease had run out.
struct InTheMiddle {
    process: Arc<Process>,
    queue: String,
    is_over: bool,
}

impl Drop for InTheMiddle {
    fn drop(&mut self) {
        if !self.is_over && !self.process.is_dead() {
            self.process.log("given up in the middle");
            self.process.interrupted("given up in the middle", Some(&self.queue));
        }
    }
}

impl SteppedHandler {
    async fn handle_undecided(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        for batch in work {
            let rest = InHand::new(without_decided(&self.process.world, batch).await?, no_bundles, |_| 0);
            if !rest.is_empty() {
                let mut undecided = [ClaimedBatch::new(&mut *batch.claim, &rest, rest.len())];
                self.inner.handle(&mut undecided).await?;
                let [undecided] = undecided;
                undecided.into_outcome()?;
            }
        }
        Ok(())
    }
}

/// What no transaction has decided yet.
async fn without_decided(world: &World, batch: &ClaimedBatch<'_>) -> Result<Vec<Delivery>, HandleError> {
    let mut rest = Vec::new();
    for event in batch.events() {
        let decoded = decode_event(event.body().clone()).ok();
        let key = decoded.map(|event| EventKey { number: PhoneNumberId::new(event.phone_number_id), key: event.key });
        let is_decided = match key {
            Some(key) => world.store.decision(&key).await?.is_some(),
            None => false,
        };
        if !is_decided {
            let count = event.delivery_count();
            rest.push(Delivery::new(event.to_message(), count, count > 0, 0));
        }
    }
    Ok(rest)
}
