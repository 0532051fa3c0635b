//! A simulated process: it can be killed between any two of its steps, and frozen and thawed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use fastrand::Rng;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::broker::ConsumerId;
use crate::time::{now_ms, sleep};
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
    thawed: Notify,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    is_dead: bool,
    is_frozen: bool,
    /// After so many more steps.
    strike: Option<(u32, Stage, Strike)>,
    task: Option<AbortHandle>,
    subscriptions: BTreeMap<ConsumerId, Subscription>,
    /// By the queue that it came in on.
    in_hand: BTreeMap<String, InHand>,
}

/// Ids of what a process has begun to handle and perhaps published, as long as the store may not know that.
#[derive(Default)]
struct InHand {
    /// Of the batch at present, and what was published while that was handled.
    batch: BTreeSet<String>,
    /// Of the batches before, until something of the present one is published: its transaction has marked them.
    before: BTreeSet<String>,
    /// Whether it does: not as long as what is delivered was in somebody's hands before.
    marks: bool,
    /// The batch at present is acknowledged.
    is_settled: bool,
}

struct Subscription {
    queue: String,
    /// Given up while the process was frozen: nobody else can have noticed.
    is_in_limbo: bool,
}

impl Process {
    pub(crate) fn new(name: String, world: Arc<World>) -> Arc<Self> {
        Arc::new(Self { name, world, thawed: Notify::new(), inner: Mutex::default() })
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
        self.inner().is_frozen
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

    /// The process subscribes to `queue`, and something may come back.
    pub(crate) fn recovers(&self, queue: &str) {
        self.inner().in_hand.entry(queue.to_owned()).or_default().marks = false;
    }

    /// Deliveries off `queue`; fresh ones were in nobody's hands before.
    pub(crate) fn delivered(&self, queue: &str, are_fresh: bool) {
        let mut inner = self.inner();
        if let Some(in_hand) = inner.in_hand.get_mut(queue) {
            in_hand.marks |= are_fresh;
        }
    }

    /// A batch off `queue` is handled now.
    pub(crate) fn takes(&self, queue: &str, ids: impl Iterator<Item = String>) {
        let mut inner = self.inner();
        let in_hand = inner.in_hand.entry(queue.to_owned()).or_default();
        let before = std::mem::replace(&mut in_hand.batch, ids.collect());
        in_hand.before.extend(before);
        in_hand.is_settled = false;
    }

    /// The broker has taken an acknowledgement of what came in on `queue`.
    pub(crate) fn acknowledged(&self, queue: &str) {
        if let Some(in_hand) = self.inner().in_hand.get_mut(queue) {
            in_hand.is_settled = true;
        }
    }

    /// A message that came in on `queue` has reached the broker again.
    pub(crate) fn published(&self, queue: &str, id: &str) {
        if let Some(in_hand) = self.inner().in_hand.get_mut(queue) {
            if in_hand.marks {
                in_hand.before.clear();
            }
            in_hand.batch.insert(id.to_owned());
        }
    }

    /// The process gives `queue` up in good order, and two things may be published once more by whoever comes next: what
    /// it published before something fresh came, which is not marked, since an older decision may still have to come back
    /// (a second copy of it, further back in the queue); and a batch that is published in part and goes back as a whole.
    pub(crate) fn hands_over(&self, queue: &str) {
        let is_done = |in_hand: &InHand| in_hand.marks && in_hand.is_settled;
        if !self.inner().in_hand.get(queue).is_none_or(is_done) {
            self.interrupted("handed over unmarked", Some(queue));
        }
    }

    /// What came in on `queue`, or on any, may be published once more.
    pub(crate) fn interrupted(&self, what: &str, queue: Option<&str>) {
        let ids = {
            let inner = self.inner();
            let concerned = inner.in_hand.iter().filter(|(name, _)| queue.is_none_or(|queue| queue == *name));
            concerned.flat_map(|(_, in_hand)| in_hand.batch.union(&in_hand.before)).cloned().collect()
        };
        self.world.state().interrupted(what, ids);
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
        self.interrupted("connection lost", None);
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
        if std::mem::replace(&mut self.inner().is_frozen, true) {
            return;
        }
        self.log(format_args!("frozen for {for_ms} ms"));
        self.interrupted("frozen", None);
        let process = self.clone();
        tokio::spawn(async move {
            let thaw_ms = now_ms() + for_ms;
            process.world.turn(format!("{} misses heartbeats", process.name), 200..=900).await;
            if now_ms() < thaw_ms {
                process.break_connection();
            }
            let left = thaw_ms.saturating_sub(now_ms());
            process.world.turn(format!("{} thaws", process.name), left..=left).await;
            process.thaw();
        });
    }

    pub(crate) fn thaw(&self) {
        if std::mem::take(&mut self.inner().is_frozen) {
            self.log("thawed");
            self.end_subscriptions(|_, subscription| subscription.is_in_limbo);
            self.thawed.notify_waiters();
        }
    }

    /// Nothing strikes any more.
    pub(crate) fn heal(&self) {
        self.inner().strike = None;
        self.thaw();
    }

    /// Does not return while the process is frozen, and never when it is dead. `what` is about to be done.
    pub(crate) async fn alive(&self, what: &str) {
        while self.is_frozen() {
            self.thawed.notified().await;
            // Who thaws does not do everything at one instant.
            self.world.turn(format!("{} {what}", self.name), 0..=20).await;
        }
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// A stage of a step. Whoever comes back has an instant for itself.
    pub(crate) async fn step(self: &Arc<Self>, what: &str, stage: Stage, delay: RangeInclusive<u64>) -> Rng {
        let rng = self.world.turn(format!("{} {what}", self.name), delay).await;
        self.strike(stage);
        self.alive(what).await;
        rng
    }

    fn strike(self: &Arc<Self>, stage: Stage) {
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
    }

    /// Runs `work` as this process: not while it is frozen. What it missed meanwhile it makes up for at a millisecond
    /// with the ending of its own, `ending` after the one at which others act.
    pub(crate) async fn run(self: Arc<Self>, ending: u64, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        loop {
            let done = poll_fn(|context| {
                // A call to the store is finished first: this store has one connection for all.
                if self.is_frozen() && !self.world.store.is_busy() {
                    Poll::Ready(false)
                } else {
                    work.as_mut().poll(context).map(|()| true)
                }
            });
            if done.await {
                return;
            }
            self.alive("runs").await;
            sleep(ending).await;
        }
    }
}
