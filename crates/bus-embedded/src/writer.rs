//! The thread that owns the file. It takes what waits, commits it together, and only then answers and hands out.
//!
//! When the disk is full it goes on with all that needs no space and tries again; when the file fails otherwise it ends
//! every subscription, refuses everything and tries to open the file anew.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use tracing::{error, info, warn};
use waypost_bus::{BusError, Health, Outcome};
use waypost_domain::Timestamp;

use crate::attempt::{Answer, AttemptError, Done, attempt, is_full};
use crate::chores;
use crate::error::OpenError;
use crate::mailbox::{Command, Mailbox, Taken, Work, answer};
use crate::state::{QueueState, State};
use crate::{care, metrics, rows, schema};

/// How often the file is cared for, and tried again after a failure.
const MAINTENANCE: Duration = Duration::from_secs(1);

const DISK_FULL: &str = "the disk, or the allowance of the bus file, is full";

/// What every handle sees of the writer.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mailbox: Arc<Mailbox>,
    health: Mutex<Health>,
}

impl Shared {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        Self { mailbox: Arc::new(mailbox), health: Mutex::new(Health::Up) }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

pub(crate) struct Writer {
    path: PathBuf,
    file_bytes_max: Option<u64>,
    connection: Connection,
    state: State,
    shared: Arc<Shared>,
    condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Working,
    /// What needs space fails.
    Full,
    /// Nothing goes until the file could be opened anew.
    Down,
}

impl Writer {
    pub(crate) fn open(path: PathBuf, file_bytes_max: Option<u64>, shared: Arc<Shared>) -> Result<Self, OpenError> {
        let (connection, state) = open(&path, file_bytes_max)?;
        Ok(Self { path, file_bytes_max, connection, state, shared, condition: Condition::Working })
    }

    /// Until the mailbox is closed and empty, or aborted.
    pub(crate) fn run(&mut self) {
        let mut maintenance_at = Instant::now() + MAINTENANCE;
        loop {
            match self.shared.mailbox.take(maintenance_at) {
                Taken::Commands(commands) => self.work_off(commands),
                Taken::Nothing => {}
                Taken::Finished => break self.finish(),
                Taken::Aborted => break,
            }
            if Instant::now() >= maintenance_at {
                self.maintain();
                maintenance_at = Instant::now() + MAINTENANCE;
            }
        }
    }

    fn work_off(&mut self, commands: Vec<Command>) {
        let mut group = Vec::new();
        for command in commands {
            match command {
                // Whoever gave up waiting does not want it stored any more.
                Command::Work(Work::Publish { reply, .. }) if reply.is_closed() => {}
                Command::Work(work) => group.push(work),
                Command::Chore(chore) => {
                    self.commit(std::mem::take(&mut group));
                    if self.condition == Condition::Down {
                        continue;
                    }
                    if let Err(error) = chores::run(&self.connection, &mut self.state, chore) {
                        self.chore_failed(error);
                    }
                }
            }
        }
        self.commit(group);
    }

    fn commit(&mut self, group: Vec<Work>) {
        if group.is_empty() {
            return;
        }
        if self.condition == Condition::Down {
            return self.refuse(group, Outcome::Unavailable, "the bus file cannot be written");
        }
        match self.attempt(&group) {
            Ok(done) => tell(group, done),
            Err(AttemptError::Full(error)) => {
                self.disk_full(&error);
                let (publishing, rest): (Vec<_>, Vec<_>) =
                    group.into_iter().partition(|work| matches!(work, Work::Publish { .. }));
                self.refuse(publishing, Outcome::Nacked, DISK_FULL);
                self.commit_without_publications(rest);
            }
            Err(AttemptError::Failed(error)) => {
                self.fail(&error);
                self.refuse(group, Outcome::Nacked, "the bus file cannot be written");
            }
            Err(AttemptError::InDoubt(error)) => {
                self.fail(&error);
                self.refuse(group, Outcome::Unknown, "the bus file cannot be written");
            }
        }
    }

    /// Acknowledging makes space, so it is tried by itself on a full disk.
    fn commit_without_publications(&mut self, group: Vec<Work>) {
        if group.is_empty() {
            return;
        }
        match self.attempt(&group) {
            Ok(done) => tell(group, done),
            Err(AttemptError::Full(_)) => self.refuse(group, Outcome::Nacked, DISK_FULL),
            Err(AttemptError::Failed(error) | AttemptError::InDoubt(error)) => {
                self.fail(&error);
                self.refuse(group, Outcome::Nacked, "the bus file cannot be written");
            }
        }
    }

    fn attempt(&mut self, group: &[Work]) -> Result<Done, AttemptError> {
        let started = Instant::now();
        let done = attempt(&self.connection, &mut self.state, group, now())?;
        ::metrics::histogram!(metrics::COMMIT_SECONDS).record(started.elapsed());
        ::metrics::histogram!(metrics::COMMIT_SIZE).record(group.len() as f64);
        if done.parked > 0 {
            warn!(messages = done.parked, "moved to the dead letters: delivered too often");
            ::metrics::counter!(metrics::DELIVERED_TOO_OFTEN).increment(done.parked);
        }
        Ok(done)
    }

    /// Nothing of `group` was stored, or nobody knows. Consumers whose acknowledgement or leave is in it are gone.
    fn refuse(&mut self, group: Vec<Work>, outcome: Outcome, reason: &'static str) {
        let label = if reason == DISK_FULL { "disk-full" } else { "failed" };
        for work in group {
            match work {
                Work::Publish { batch, reply } => {
                    ::metrics::counter!(metrics::REFUSED, "reason" => label).increment(batch.len() as u64);
                    answer(reply, vec![outcome; batch.len()]);
                }
                Work::Subscribe { reply, .. } => answer(reply, Err(BusError::Unavailable(reason.to_owned()))),
                Work::Acknowledge { queue, consumer, reply, .. } => {
                    self.dismiss(&queue, consumer, reason);
                    answer(reply, false);
                }
                Work::Leave { queue, consumer, reply } => {
                    self.dismiss(&queue, consumer, reason);
                    reply.into_iter().for_each(|reply| answer(reply, ()));
                }
                Work::HandOut { .. } => {}
            }
        }
    }

    fn dismiss(&mut self, queue: &str, consumer: u64, reason: &str) {
        if let Some(subscriber) = self.state.queues.get_mut(queue).and_then(|queue| queue.leave(consumer)) {
            subscriber.inbox.end(reason);
        }
    }

    fn chore_failed(&mut self, error: rusqlite::Error) {
        if is_full(&error) { self.disk_full(&error) } else { self.fail(&error) }
    }

    fn disk_full(&mut self, error: &rusqlite::Error) {
        if self.condition != Condition::Full {
            error!(%error, "the bus file cannot grow: publishing is refused until there is space");
            self.condition = Condition::Full;
            self.shared.set_health(Health::Blocked(DISK_FULL.to_owned()));
        }
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        error!(%error, "the bus file cannot be written: trying to open it anew");
        self.condition = Condition::Down;
        self.shared.set_health(Health::Down(format!("the bus file cannot be written: {error}")));
        self.state.end_all("the bus file cannot be written");
    }

    fn maintain(&mut self) {
        match self.condition {
            Condition::Working => {
                let cared = care::give_space_back(&self.connection, &self.shared.mailbox)
                    .and_then(|()| care::cut_log(&self.connection, &self.path));
                if let Err(error) = cared {
                    warn!(%error, "cannot tidy the bus file; it grows until that goes again");
                }
            }
            Condition::Full => {
                if schema::probe(&self.connection).is_ok() {
                    info!("there is space for the bus file again");
                    self.works_again();
                } else {
                    roll_back(&self.connection);
                }
            }
            Condition::Down => match open(&self.path, self.file_bytes_max) {
                Ok((connection, state)) => {
                    info!("the bus file can be written again");
                    (self.connection, self.state) = (connection, state);
                    self.works_again();
                }
                Err(error) => warn!(%error, "the bus file still cannot be opened"),
            },
        }
    }

    fn works_again(&mut self) {
        self.condition = Condition::Working;
        self.shared.set_health(Health::Up);
        let queues = self.state.queues.keys().map(|queue| Work::HandOut { queue: Arc::clone(queue) }).collect();
        self.commit(queues);
    }

    fn finish(&mut self) {
        self.state.end_all("the bus was closed");
        // Leaves one file behind, without a log to recover from. If it fails, the next start recovers.
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            warn!(%error, "cannot check the log into the bus file; the next start will");
        }
    }
}

impl Drop for Writer {
    /// Also when the thread panics: nobody must wait for an answer that never comes.
    fn drop(&mut self) {
        self.shared.set_health(Health::Down("closed".to_owned()));
        self.shared.mailbox.abort();
        self.state.end_all("the bus stopped");
    }
}

/// Opens the file, proves that it can be written, and reads what is to be known of the queues.
fn open(path: &std::path::Path, file_bytes_max: Option<u64>) -> Result<(Connection, State), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let connection = schema::open_writer(path, file_bytes_max)?;
    match schema::probe(&connection) {
        Ok(()) => {}
        // Acknowledging will make space.
        Err(error) if is_full(&error) => roll_back(&connection),
        Err(error) => return Err(sqlite(error)),
    }
    let mut state = State::default();
    for (definition, progress) in rows::queues(&connection).map_err(sqlite)? {
        let returned = rows::seqs_through(&connection, definition.id, progress.delivered_through).map_err(sqlite)?;
        state.add(QueueState::new(definition, progress, returned.into_iter().collect::<BTreeSet<u64>>()));
    }
    Ok((connection, state))
}

fn tell(group: Vec<Work>, done: Done) {
    for (inbox, assigned) in done.handed_out {
        inbox.put(assigned);
    }
    for pair in group.into_iter().zip(done.answers) {
        match pair {
            (Work::Publish { reply, .. }, Answer::Published(outcomes)) => {
                count_refused(&outcomes);
                answer(reply, outcomes);
            }
            (Work::Subscribe { reply, .. }, Answer::Subscribed(result)) => answer(reply, result),
            (Work::Acknowledge { reply, .. }, Answer::Acknowledged(held)) => answer(reply, held),
            (Work::Leave { reply, .. }, Answer::Left) => reply.into_iter().for_each(|reply| answer(reply, ())),
            (Work::HandOut { .. }, Answer::HandedOut) => {}
            // Cannot be: the answers were made from the same group, in order. The caller is left in doubt.
            (_, _) => error!("an answer does not belong to its call"),
        }
    }
}

fn count_refused(outcomes: &[Outcome]) {
    for (outcome, reason) in [(Outcome::Returned, "returned"), (Outcome::Nacked, "queue-full")] {
        let count = outcomes.iter().filter(|o| **o == outcome).count();
        if count > 0 {
            ::metrics::counter!(metrics::REFUSED, "reason" => reason).increment(count as u64);
        }
    }
}

/// After a batch of statements stopped in the middle.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        warn!(%error, "cannot roll back");
    }
}

fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

#[cfg(test)]
mod tests;
