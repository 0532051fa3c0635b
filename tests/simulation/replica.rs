//! Replicas of the router: the real worker and handler, each life of a replica under a new name, started again
//! whenever it has ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use tokio_util::sync::CancellationToken;
use waypost_bus::{Delivery, Layout};
use waypost_domain::PhoneNumberId;
use waypost_live::Rules;
use waypost_proto::decode_event;
use waypost_router::{ROUTER, Router, RouterConfig};
use waypost_rules::RuleSet;
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
            // An ending of its own for the ticks of each replica.
            sleep(2 + u64::try_from(index).unwrap_or(0)).await;
            if stop.is_cancelled() {
                return;
            }
            let process = Process::new(format!("r{index}.{life}"), self.world.clone());
            let shutdown = stop.child_token();
            let worker = self.worker(&process, &mut rng);
            process.log("started");
            let task = tokio::spawn(process.clone().run(worker.run(shutdown.clone())));
            process.runs_as(task.abort_handle());
            self.set_running(index, Some(Running { process: process.clone(), shutdown }));
            let ended = task.await;
            self.set_running(index, None);
            process.log(if ended.is_ok() { "ended" } else { "is gone" });
        }
    }

    fn worker(&self, process: &Arc<Process>, rng: &mut Rng) -> Worker {
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
        };
        let (layout, handlers, process) = (self.layout, router.handlers(), process.clone());
        let config = WorkerConfig {
            lease_ttl: LEASE_TTL,
            lease_renew_every: LEASE_RENEW_EVERY,
            batch_max: self.batch_max,
            idle_flush_after: IDLE_FLUSH,
            publish_timeout: PUBLISH_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            ..WorkerConfig::new(ROUTER, process.name.clone(), self.layout.partitions)
        };
        let parts = Parts {
            bus: router.bus.clone(),
            store: router.store.clone(),
            handler: Arc::new(move |partition| {
                Box::new(SteppedHandler { process: process.clone(), inner: handlers(partition) })
            }),
            queue: Arc::new(move |partition| layout.inbound_queue(partition)),
            sequence: Sequence::OfInbox,
            split: waypost_router::inbound::split,
            suspects: Arc::default(),
        };
        Worker::new(config, parts)
    }
}

/// The router's handler, with a moment before it at which the process may be struck with a batch in hand.
struct SteppedHandler {
    process: Arc<Process>,
    inner: Box<dyn Handler>,
}

#[async_trait]
impl Handler for SteppedHandler {
    async fn handle(&mut self, work: &mut [ClaimedBatch<'_>]) -> Result<(), HandleError> {
        let partitions: Vec<String> = work.iter().map(|batch| batch.claim.partition().to_string()).collect();
        self.process.step(&format!("handle {}", partitions.join(" ")), Stage::Before, 0..=5).await;
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
        let mut middle = InTheMiddle { process: self.process.clone(), is_over: false };
        let outcome = if self.process.world.defect == Defect::DropStoredDecision {
            self.handle_undecided(work).await
        } else {
            self.inner.handle(work).await
        };
        middle.is_over = true;
        let left = work.iter().filter_map(ClaimedBatch::problem);
        for error in outcome.as_ref().err().into_iter().chain(left) {
            self.process.log(format_args!("not handled: {error}"));
        }
        outcome
    }
}

/// Logs what is dropped before it has come to its end: a living process gave it up, because its lease had run out.
struct InTheMiddle {
    process: Arc<Process>,
    is_over: bool,
}

impl Drop for InTheMiddle {
    fn drop(&mut self) {
        if !self.is_over && !self.process.is_dead() {
            self.process.log("given up in the middle");
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
