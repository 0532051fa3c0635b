//! A simulated process: it can be killed between any two of its steps, and frozen and thawed.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::broker::ConsumerId;
use crate::time::{sleep, sleep_until};
use crate::world::{Defect, World};

/// Where in a step something strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the broker hears of it.
    Before,
    /// The broker has done it, and the process does not know yet.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    Kill,
    /// For so many milliseconds.
    Freeze(u64),
}

pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) world: Arc<World>,
    frozen: watch::Sender<bool>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    is_dead: bool,
    /// After so many more steps.
    strike: Option<(u32, Stage, Strike)>,
    task: Option<AbortHandle>,
    subscriptions: BTreeMap<ConsumerId, Subscription>,
}

struct Subscription {
    queue: String,
    /// Given up while the process was frozen: nobody else can have noticed.
    is_in_limbo: bool,
}

impl Process {
    pub(crate) fn new(name: String, world: Arc<World>) -> Arc<Self> {
        Arc::new(Self { name, world, frozen: watch::Sender::new(false), inner: Mutex::default() })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, what: impl std::fmt::Display) {
        self.world.log(&self.name, what);
    }

    pub(crate) fn runs_as(&self, task: AbortHandle) {
        self.inner().task = Some(task);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.inner().is_dead
    }

    pub(crate) fn is_frozen(&self) -> bool {
        *self.frozen.borrow()
    }

    pub(crate) fn strike_after(&self, steps: u32, stage: Stage, strike: Strike) {
        self.inner().strike = Some((steps, stage, strike));
    }

    /// As SIGKILL: whatever it was doing is over, and its connections close.
    pub(crate) fn kill(&self) {
        let task = {
            let mut inner = self.inner();
            inner.is_dead = true;
            inner.task.take()
        };
        self.log("killed");
        self.break_connection();
        if let Some(task) = task {
            task.abort();
        }
    }

    pub(crate) fn subscribed(&self, queue: &str, consumer: ConsumerId) {
        let subscription = Subscription { queue: queue.to_owned(), is_in_limbo: false };
        self.inner().subscriptions.insert(consumer, subscription);
    }

    /// Ends a subscription as the loss of its channel does.
    pub(crate) fn unsubscribe(&self, consumer: ConsumerId) {
        if self.is_frozen() {
            if let Some(subscription) = self.inner().subscriptions.get_mut(&consumer) {
                subscription.is_in_limbo = true;
            }
        } else {
            self.end_subscriptions(|other, _| other == consumer);
        }
    }

    /// The broker takes back what this process holds.
    pub(crate) fn break_connection(&self) {
        self.log("connection lost");
        self.end_subscriptions(|_, _| true);
    }

    fn end_subscriptions(&self, which: impl Fn(ConsumerId, &Subscription) -> bool) {
        let mut ended = BTreeMap::new();
        {
            let mut inner = self.inner();
            let all = std::mem::take(&mut inner.subscriptions);
            for (consumer, subscription) in all {
                let to = if which(consumer, &subscription) { &mut ended } else { &mut inner.subscriptions };
                to.insert(consumer, subscription);
            }
        }
        let mut state = self.world.state();
        let returns = state.returns;
        for (consumer, subscription) in ended {
            let Some(queue) = state.queue(&subscription.queue) else { continue };
            match self.world.defect {
                Defect::CancelWithUnacknowledged => queue.unsubscribe_overtaken(consumer),
                Defect::None | Defect::AcknowledgeBeforeCommit | Defect::DropStoredDecision => {
                    queue.unsubscribe(consumer, returns);
                }
            }
        }
    }

    /// As SIGSTOP, and SIGCONT after so many milliseconds. The broker misses the heartbeats meanwhile.
    pub(crate) fn freeze(self: &Arc<Self>, for_ms: u64) {
        if self.frozen.send_replace(true) {
            return;
        }
        self.log(format_args!("frozen for {for_ms} ms"));
        let (process, heartbeat) = (self.clone(), self.world.slot(200, 900));
        let thaw = self.world.slot(for_ms, for_ms);
        tokio::spawn(async move {
            sleep_until(heartbeat.min(thaw)).await;
            if heartbeat < thaw {
                process.break_connection();
            }
            sleep_until(thaw).await;
            process.thaw();
        });
    }

    pub(crate) fn thaw(&self) {
        if self.frozen.send_replace(false) {
            self.log("thawed");
            self.end_subscriptions(|_, subscription| subscription.is_in_limbo);
        }
    }

    /// Nothing strikes any more.
    pub(crate) fn heal(&self) {
        self.inner().strike = None;
        self.thaw();
    }

    /// Does not return while the process is frozen, and never when it is dead.
    pub(crate) async fn alive(&self) {
        let mut frozen = self.frozen.subscribe();
        while *frozen.borrow_and_update() {
            // The sender is ours: it does not go away.
            frozen.changed().await.ok();
            // Who thaws does not do everything at one instant.
            sleep_until(self.world.slot(0, 20)).await;
        }
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Called at each stage of each step.
    pub(crate) async fn step(self: &Arc<Self>, stage: Stage) {
        // While a task works on the store, its next step is under way: whoever arrives at the same instant waits.
        while self.world.store.is_busy() {
            sleep(1).await;
        }
        let strike = {
            let mut inner = self.inner();
            match &mut inner.strike {
                Some((0, at, strike)) if *at == stage => {
                    let strike = *strike;
                    inner.strike = None;
                    Some(strike)
                }
                Some((steps, ..)) => {
                    *steps = steps.saturating_sub(1);
                    None
                }
                None => None,
            }
        };
        match strike {
            Some(Strike::Kill) => self.kill(),
            Some(Strike::Freeze(for_ms)) => self.freeze(for_ms),
            None => {}
        }
        self.alive().await;
    }

    /// Runs `work` as this process: not while it is frozen.
    pub(crate) async fn run(self: Arc<Self>, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        loop {
            let done =
                poll_fn(
                    |context| {
                        if self.is_frozen() { Poll::Ready(false) } else { work.as_mut().poll(context).map(|()| true) }
                    },
                );
            if done.await {
                return;
            }
            self.alive().await;
        }
    }
}
