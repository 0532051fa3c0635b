//! Runs two scripts of database steps against each other in every order that there is, one step at a time.
//!
//! A script asks for its turn before each step. The stepper gives the turns, depth first over all choices; a script
//! that repeats its transaction simply has more steps. Whether a step waits for the other's lock is the server's own
//! word (`pg_locks`), so nothing here guesses by time.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_postgres::Client;
use waypost_store::suite::COMPONENT;
use waypost_store::{Store, StoreError, StoreOptions};

use crate::database;
use crate::store_postgres::Database;

/// For one step to end, or to be seen waiting; a deadlock takes the server a moment to break.
const PATIENCE: Duration = Duration::from_secs(20);
/// More orders than that are a scenario with too many steps.
const ORDERS_MAX: usize = 2_000;
/// A script says two things for each step at most before it stands.
const EVENTS_MAX: usize = 16;

/// What a script does its steps with.
pub(super) struct Actor {
    pub(super) store: Store,
    index: usize,
    turns: mpsc::Receiver<()>,
    events: mpsc::Sender<(usize, Event)>,
}

enum Event {
    /// It asks for its turn.
    Arrived,
    /// It did what it was given the turn for.
    Did(String),
    Finished,
}

impl Actor {
    /// Waits for its turn and does `work`.
    pub(super) async fn step<T>(
        &mut self,
        what: &str,
        work: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.tell(Event::Arrived).await;
        self.turns.recv().await.expect("the stepper gives turns until the script ends");
        let outcome = work(&self.store).await;
        let word = match &outcome {
            Ok(_) => "ok",
            Err(StoreError::LeaseLost { .. }) => "lost",
            Err(StoreError::Retry { .. }) => "retry",
            Err(StoreError::MergeFirst(_)) => "merge",
            Err(other) => panic!("{} {what}: {other}", NAMES[self.index]),
        };
        self.note(&format!("{what} {word}")).await;
        outcome
    }

    /// Puts something into the run's trace.
    pub(super) async fn note(&self, what: &str) {
        self.tell(Event::Did(what.to_owned())).await;
    }

    async fn tell(&self, event: Event) {
        self.events.send((self.index, event)).await.expect("the stepper listens until the script ends");
    }
}

/// One order, run to its end.
#[derive(Debug)]
pub(super) struct Run<L, R> {
    /// What was done, in order: `left begin ok`.
    pub(super) trace: Vec<String>,
    pub(super) left: L,
    pub(super) right: R,
}

impl<L, R> Run<L, R> {
    /// Where in the order something happened.
    pub(super) fn position(&self, step: &str) -> Option<usize> {
        self.trace.iter().position(|done| done == step)
    }
}

const NAMES: [&str; 2] = ["left", "right"];

/// A database with a connection for each script and one to look on.
pub(super) struct Stepper {
    database: Database,
    pub(super) store: Store,
    stores: [Store; 2],
    pids: [i32; 2],
    looker: Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AtGate,
    /// It has its turn; perhaps it waits for a lock of the other.
    Running,
    Finished,
}

impl Stepper {
    pub(super) async fn start() -> Self {
        let database = Database::create();
        // A deadlock is an outcome like any other; nobody needs to wait a second for it.
        let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '10ms'", database.name());
        let careless = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name());
        for sql in [quick, careless] {
            database.handle.sql(&sql).expect("the server answers");
        }
        let looker = database::session(&database.url).await.expect("the server answers");
        let one = StoreOptions { max_connections: 1, inbox_component: Some(COMPONENT), ..StoreOptions::default() };
        let mut opened = Vec::new();
        let mut pids: Vec<i32> = Vec::new();
        for _ in 0..3 {
            let store = database.open(one.clone()).await;
            store.ping().await.expect("the store answers");
            let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                 AND pid <> pg_backend_pid() AND application_name = 'waypost' AND pid <> ALL ($1)";
            let row = looker.query_one(sql, &[&pids]).await.expect("it has a connection");
            pids.push(row.get(0));
            opened.push(store);
        }
        let [store, left, right] = opened.try_into().unwrap_or_else(|_| panic!("three were opened"));
        store.migrate().await.expect("the store answers");
        Self { database, store, stores: [left, right], pids: [pids[1], pids[2]], looker }
    }

    /// Another pair of eyes.
    pub(super) async fn connect(&self) -> Client {
        database::session(&self.database.url).await.expect("the server answers")
    }

    /// Runs two scripts in every order, each on tables as `set_up` leaves them, and hands each run to `check`. Gives
    /// how many orders there were. The first is all of the left script before the right one, the last the reverse.
    pub(super) async fn explore<L, R>(
        &mut self,
        set_up: impl AsyncFn(&Store),
        left: impl AsyncFn(Actor) -> L,
        right: impl AsyncFn(Actor) -> R,
        mut check: impl AsyncFnMut(&Store, Run<L, R>),
    ) -> usize {
        let mut choices: Vec<Choice> = Vec::new();
        for order in 1..=ORDERS_MAX {
            self.empty().await;
            set_up(&self.store).await;
            let (run, taken) = self.run(&left, &right, &choices).await;
            check(&self.store, run).await;
            choices = taken;
            // The next order: the last choice that has an alternative takes it.
            while choices.pop_if(|choice| choice.index == 1 || !choice.was_free).is_some() {}
            match choices.last_mut() {
                Some(last) => last.index = 1,
                None => return order,
            }
        }
        panic!("more than {ORDERS_MAX} orders");
    }

    /// One order: as `choices` say, then the left one first.
    async fn run<L, R>(
        &mut self,
        left: &impl AsyncFn(Actor) -> L,
        right: &impl AsyncFn(Actor) -> R,
        choices: &[Choice],
    ) -> (Run<L, R>, Vec<Choice>) {
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let (left_turn, left_turns) = mpsc::channel(1);
        let (right_turn, right_turns) = mpsc::channel(1);
        let actor = |index: usize, turns| {
            let store = self.stores[index].clone();
            Actor { store, index, turns, events: events_in.clone() }
        };
        let (left_actor, right_actor) = (actor(0, left_turns), actor(1, right_turns));
        let finished = async |index| events_in.send((index, Event::Finished)).await.expect("the conductor listens");
        let conductor = Conductor {
            looker: &self.looker,
            pids: self.pids,
            events,
            turns: [left_turn, right_turn],
            states: [State::Running; 2],
            trace: Vec::new(),
        };
        let ((left, ()), (right, ()), (trace, taken)) = tokio::join!(
            async { (left(left_actor).await, finished(0).await) },
            async { (right(right_actor).await, finished(1).await) },
            conductor.conduct(choices)
        );
        (Run { trace, left, right }, taken)
    }

    /// Every table but the schema's own, by deleting: quicker than truncating for a handful of rows.
    async fn empty(&mut self) {
        for table in [
            "member",
            "lease",
            "number",
            "contact",
            "alias",
            "conversation",
            "inbox",
            "held",
            "status",
            "send",
            "limit_use",
            "portfolio",
            "consent_entry",
            "contact_merge",
        ] {
            self.looker.execute(&format!("DELETE FROM {table}"), &[]).await.expect("the server answers");
        }
    }
}

/// Who got a turn, and whether the other could have had it.
#[derive(Debug, Clone, Copy)]
struct Choice {
    index: usize,
    was_free: bool,
}

/// Gives the turns of one run.
struct Conductor<'a> {
    looker: &'a Client,
    pids: [i32; 2],
    events: mpsc::Receiver<(usize, Event)>,
    turns: [mpsc::Sender<()>; 2],
    states: [State; 2],
    trace: Vec<String>,
}

impl Conductor<'_> {
    async fn conduct(mut self, choices: &[Choice]) -> (Vec<String>, Vec<Choice>) {
        let mut taken = Vec::new();
        loop {
            self.settle().await;
            let is_free = self.states.map(|state| state == State::AtGate);
            let index = match is_free {
                [false, false] => return (self.trace, taken),
                [true, true] => choices.get(taken.len()).map_or(0, |choice: &Choice| choice.index),
                [left, _] => usize::from(!left),
            };
            taken.push(Choice { index, was_free: is_free == [true, true] });
            self.states[index] = State::Running;
            self.turns[index].send(()).await.expect("it is at the gate");
        }
    }

    /// Returns when nothing moves by itself any more: each script asks for its turn, is at its end, or waits for a
    /// lock that only the other's next step can free.
    async fn settle(&mut self) {
        let begin = Instant::now();
        loop {
            self.listen();
            if !self.states.contains(&State::Running) {
                return;
            }
            let waiting = self.waiting().await;
            // Whoever was heard of meanwhile may have let the other one go on.
            let is_quiet = !self.listen();
            let stands = |index: usize| self.states[index] != State::Running || waiting[index];
            let is_deadlock = waiting == [true; 2];
            if is_quiet && stands(0) && stands(1) && !is_deadlock {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "a step does not end: {:?} after {:#?}", self.states, self.trace);
        }
    }

    /// Whether there was anything to hear.
    fn listen(&mut self) -> bool {
        let mut has_heard = false;
        while let Ok((index, event)) = self.events.try_recv() {
            has_heard = true;
            match event {
                Event::Arrived => self.states[index] = State::AtGate,
                Event::Finished => self.states[index] = State::Finished,
                Event::Did(what) => self.trace.push(format!("{} {what}", NAMES[index])),
            }
        }
        has_heard
    }

    /// Who waits for a lock. The server grants a lock in the same instant in which its holder lets it go.
    async fn waiting(&mut self) -> [bool; 2] {
        let sql = "SELECT pid FROM pg_locks WHERE NOT granted AND pid = ANY ($1)";
        let rows = self.looker.query(sql, &[&self.pids.as_slice()]).await.expect("the server answers");
        let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        self.pids.map(|pid| pids.contains(&pid))
    }
}
