//! The registry of what the components of a process need, and whether they have it.
//!
//! A check runs when somebody asks, all of them at once, and none longer than [`CHECK_TIMEOUT`]: a store that hangs makes
//! the answer "not ready", never a request that hangs too. Must never hold more than one round of checks under way,
//! however many ask: each may take a connection out of a pool that messages need.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared, join_all};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long one check may take; longer counts as not ready. The whole answer is within a second.
pub const CHECK_TIMEOUT: Duration = Duration::from_millis(800);

/// Whether a component has what it needs. The words are for an operator, and for anybody who can reach the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// All is there.
    Ready,
    /// The process cannot do its work now: something is gone, or a person has to do something first, e.g. activate rules.
    NotReady(String),
}

impl State {
    /// Ready unless there is a problem.
    pub fn of_problem(problem: Option<String>) -> Self {
        problem.map_or(Self::Ready, Self::NotReady)
    }

    const fn is_ready(&self) -> bool {
        match self {
            Self::Ready => true,
            Self::NotReady(_) => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::NotReady(problem) => write!(f, "not ready: {problem}"),
        }
    }
}

/// A state that is set, not asked for; a clone is the same one.
#[derive(Clone)]
pub struct Switch(Arc<Mutex<State>>);

impl Switch {
    /// From now on.
    pub fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn get(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Check = Arc<dyn Fn() -> BoxFuture<'static, State> + Send + Sync>;

/// The health of a process: every need of every component that runs in it.
pub struct Health {
    /// By component and need, e.g. `router rules`.
    checks: Mutex<BTreeMap<String, Check>>,
    /// The round of checks that is under way, for as long as somebody waits for it.
    round: Mutex<Option<WeakShared<BoxFuture<'static, Arc<Report>>>>>,
    /// What was last seen, so that changes are logged once.
    last: Arc<Mutex<BTreeMap<String, State>>>,
    shutdown: CancellationToken,
}

impl Health {
    /// Of a process that ends when `shutdown` is cancelled: from then on it is not ready, whatever the checks say.
    pub fn new(shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self { checks: Mutex::default(), round: Mutex::default(), last: Arc::default(), shutdown })
    }

    /// Registers a need of a component, e.g. `router` and `rules`; or of all, e.g. `store` and nothing. The same names
    /// again replace the check.
    pub fn register(
        &self,
        component: &str,
        need: &str,
        check: impl Fn() -> BoxFuture<'static, State> + Send + Sync + 'static,
    ) {
        let name = if need.is_empty() { component.to_owned() } else { format!("{component} {need}") };
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(check));
    }

    /// The same for a state that its component sets when it changes.
    pub fn register_switch(&self, component: &str, need: &str, state: State) -> Switch {
        let switch = Switch(Arc::new(Mutex::new(state)));
        let shown = switch.clone();
        self.register_state(component, need, move || shown.get());
        switch
    }

    /// The same for a state that is known without waiting.
    pub fn register_state(&self, component: &str, need: &str, state: impl Fn() -> State + Send + Sync + 'static) {
        self.register(component, need, move || futures_util::future::ready(state()).boxed());
    }

    /// Asks every component. Whoever asks while others wait gets their answer.
    pub async fn report(&self) -> Arc<Report> {
        if self.shutdown.is_cancelled() {
            let state = State::NotReady("shutting down".to_owned());
            return Arc::new(Report { states: BTreeMap::from([("process".to_owned(), state)]) });
        }
        let round = {
            let mut running = self.round.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_ref().and_then(WeakShared::upgrade) {
                Some(round) => round,
                None => {
                    let round = self.begin_round().shared();
                    *running = round.downgrade();
                    round
                }
            }
        };
        round.await
    }

    fn begin_round(&self) -> BoxFuture<'static, Arc<Report>> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = self.last.clone();
        async move {
            let states = join_all(checks.into_iter().map(|(name, check)| async move {
                let state = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
                let no_answer = |_| State::NotReady(format!("no answer within {} ms", CHECK_TIMEOUT.as_millis()));
                (name, state.unwrap_or_else(no_answer))
            }));
            let states: BTreeMap<String, State> = states.await.into_iter().collect();
            log_changes(&mut last.lock().unwrap_or_else(PoisonError::into_inner), &states);
            Arc::new(Report { states })
        }
        .boxed()
    }
}

fn log_changes(last: &mut BTreeMap<String, State>, states: &BTreeMap<String, State>) {
    for (name, state) in states {
        let before = last.insert(name.clone(), state.clone());
        match (before.as_ref().is_none_or(State::is_ready), state) {
            (true, State::NotReady(problem)) => warn!(need = name, problem, "not ready"),
            (false, State::Ready) => info!(need = name, "ready"),
            (true, State::Ready) | (false, State::NotReady(_)) => {}
        }
    }
}

/// What the components said, one round.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    states: BTreeMap<String, State>,
}

impl Report {
    /// Whether a load balancer should send anything here.
    pub fn is_ready(&self) -> bool {
        self.states.values().all(State::is_ready)
    }

    /// The state of each need, by its name.
    pub fn states(&self) -> &BTreeMap<String, State> {
        &self.states
    }
}

/// `ready` or `not ready`, then a line for each need.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", if self.is_ready() { "ready" } else { "not ready" })?;
        for (name, state) in &self.states {
            writeln!(f, "{name}: {state}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_an_answer_within_a_second() {
        let health = Health::new(CancellationToken::new());
        health.register_state("bus", "", || State::Ready);
        health.register("store", "", || futures_util::future::pending().boxed());
        let started = tokio::time::Instant::now();
        let report = health.report().await;
        assert!(started.elapsed() <= Duration::from_secs(1), "{:?}", started.elapsed());
        assert!(!report.is_ready());
        assert_eq!(report.to_string(), "not ready\nbus: ready\nstore: not ready: no answer within 800 ms\n");
    }

    #[tokio::test]
    async fn every_need_is_named() {
        let shutdown = CancellationToken::new();
        let health = Health::new(shutdown.clone());
        assert!(health.report().await.is_ready(), "nothing is needed");
        let rules = health.register_switch("router", "rules", State::NotReady("not read yet".to_owned()));
        assert!(!health.report().await.is_ready());
        rules.set(State::NotReady("none are active".to_owned()));
        assert_eq!(health.report().await.to_string(), "not ready\nrouter rules: not ready: none are active\n");
        rules.set(State::Ready);
        health.register_state("router", "leases", || State::Ready);
        let report = health.report().await;
        assert_eq!(report.to_string(), "ready\nrouter leases: ready\nrouter rules: ready\n");
        health.register_state("router", "leases", || State::of_problem(Some("not renewed".to_owned())));
        assert!(!health.report().await.is_ready(), "the second one counts");
        shutdown.cancel();
        assert_eq!(health.report().await.to_string(), "not ready\nprocess: not ready: shutting down\n");
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_make_one_round() {
        let health = Health::new(CancellationToken::new());
        let rounds = Arc::new(AtomicU32::new(0));
        let counted = rounds.clone();
        health.register("store", "", move || {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).map(|()| State::Ready).boxed()
        });
        let reports = join_all((0..50).map(|_| health.report())).await;
        assert!(reports.iter().all(|report| report.is_ready()));
        assert_eq!(rounds.load(Ordering::Relaxed), 1);
        assert!(health.report().await.is_ready());
        assert_eq!(rounds.load(Ordering::Relaxed), 2, "who asks later gets a new answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_nobody_waits_for_is_given_up() {
        let health = Health::new(CancellationToken::new());
        let sleep = Duration::from_millis(500);
        health.register("store", "", move || tokio::time::sleep(sleep).map(|()| State::Ready).boxed());
        assert!(tokio::time::timeout(Duration::from_millis(10), health.report()).await.is_err());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(health.report().await.is_ready(), "not the answer of a check that had no time");
    }
}
