//! SQLite: one thread that writes, with one connection, and some that only read. A transaction is a seat at the writing
//! thread; its statements are jobs for that thread.
//!
//! Whatever is under way holds a seat: the caller while it decides, the job while it is queued and while it runs, the
//! answer until it is taken. So [`Sqlite::is_busy`] is exact, which simulations with a clock of their own rely on.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::sql::Values;
use super::{Answer, Param, Row, Statement, StoreOptions};
use crate::error::unavailable;
use crate::{Result, StoreError};

/// More than there are statements in this crate, so that each is prepared once per connection.
const STATEMENTS_MAX: usize = 256;
/// A seat has one job at a time, and one more when it is given up in the middle of it.
const JOBS_MAX: usize = 8;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

#[derive(Clone)]
pub(crate) struct Sqlite {
    writer: Seats,
    /// In memory: the writer.
    readers: Seats,
    acquire_timeout: Duration,
}

/// Threads of one kind.
#[derive(Clone)]
struct Seats {
    free: Arc<Semaphore>,
    count: u32,
    idle: Arc<Mutex<Vec<SyncSender<Job>>>>,
    open: Arc<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>,
}

/// The right to give jobs to one thread.
struct Seat {
    permit: Option<OwnedSemaphorePermit>,
    thread: SyncSender<Job>,
    idle: Arc<Mutex<Vec<SyncSender<Job>>>>,
    /// Whether a transaction is open there.
    in_transaction: bool,
}

pub(crate) struct SqliteTx {
    /// `None` while a job has it; for good when the caller gave up in the middle.
    seat: Option<Seat>,
    has_failed: bool,
}

impl Sqlite {
    pub(super) async fn open_file(path: &Path, options: &StoreOptions) -> Result<Self> {
        let (writer, reader) = (path.to_owned(), path.to_owned());
        let patience = options.lock_timeout;
        let sqlite = Self {
            writer: Seats::new(1, move || open_writer(&writer, patience)),
            readers: Seats::new(options.max_connections.max(1), move || open_reader(&reader, patience)),
            acquire_timeout: options.acquire_timeout,
        };
        drop(sqlite.writer.take(sqlite.acquire_timeout).await?);
        Ok(sqlite)
    }

    pub(super) async fn open_memory(options: &StoreOptions) -> Result<Self> {
        let writer = Seats::new(1, || with_cache(Connection::open_in_memory()?));
        let sqlite = Self { readers: writer.clone(), writer, acquire_timeout: options.acquire_timeout };
        drop(sqlite.writer.take(sqlite.acquire_timeout).await?);
        Ok(sqlite)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.writer.is_busy() || self.readers.is_busy()
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) async fn read(&self, statement: Statement<'_>) -> Result<Answer> {
        let seat = self.readers.take(self.acquire_timeout).await?;
        one(call(seat, vec![statement.into_owned()], Frame::None).await?.1)
    }

    pub(super) async fn write(&self, statement: Statement<'_>) -> Result<Answer> {
        let seat = self.writer.take(self.acquire_timeout).await?;
        one(call(seat, vec![statement.into_owned()], Frame::None).await?.1)
    }

    pub(super) async fn begin(&self) -> Result<SqliteTx> {
        let seat = self.writer.take(self.acquire_timeout).await?;
        let (seat, outcome) = call(seat, vec![], Frame::Begin).await?;
        outcome?;
        Ok(SqliteTx { seat: Some(seat), has_failed: false })
    }

    /// Runs a text of several statements as it is, for tests.
    #[cfg(any(test, feature = "suite"))]
    pub(super) async fn script(&self, text: String) -> Result<()> {
        let seat = self.writer.take(self.acquire_timeout).await?;
        let (reply, answer) = oneshot::channel();
        seat.thread
            .clone()
            .send(Box::new(move |connection| {
                let outcome = connection.execute_batch(&text).map_err(StoreError::from);
                drop(reply.send((seat, outcome)));
            }))
            .map_err(|_| unavailable("the database's thread has ended"))?;
        answer.await.map_err(|_| unavailable("the database's thread has ended"))?.1
    }
}

impl SqliteTx {
    pub(super) async fn run(&mut self, statements: Vec<Statement<'_>>) -> Result<Vec<Answer>> {
        let statements = statements.into_iter().map(Statement::into_owned).collect();
        let seat = self.seat.take().ok_or_else(over)?;
        let (seat, outcome) = call(seat, statements, Frame::None).await?;
        self.seat = Some(seat);
        self.has_failed |= outcome.is_err();
        outcome
    }

    pub(super) async fn script(&mut self, text: &'static str) -> Result<()> {
        let seat = self.seat.take().ok_or_else(over)?;
        let (reply, answer) = oneshot::channel();
        let thread = seat.thread.clone();
        thread
            .send(Box::new(move |connection| {
                let outcome = connection.execute_batch(text).map_err(StoreError::from);
                drop(reply.send((seat, outcome)));
            }))
            .map_err(|_| unavailable("the database's thread has ended"))?;
        let (seat, outcome) = answer.await.map_err(|_| unavailable("the database's thread has ended"))?;
        self.seat = Some(seat);
        self.has_failed |= outcome.is_err();
        outcome
    }

    pub(super) async fn commit_with(mut self, statements: Vec<Statement<'_>>) -> Result<()> {
        if self.has_failed {
            return Err(over());
        }
        let statements = statements.into_iter().map(Statement::into_owned).collect();
        let seat = self.seat.take().ok_or_else(over)?;
        call(seat, statements, Frame::Commit).await?.1.map(drop)
    }
}

/// A transaction in which a statement failed is not committed by anybody.
pub(super) fn over() -> StoreError {
    StoreError::retry("the transaction failed before")
}

fn one(outcome: Result<Vec<Answer>>) -> Result<Answer> {
    outcome?.into_iter().next().ok_or_else(over)
}

impl Seats {
    fn new(count: u32, open: impl Fn() -> rusqlite::Result<Connection> + Send + Sync + 'static) -> Self {
        let free = Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(1)));
        Self { free, count, idle: Arc::default(), open: Arc::new(open) }
    }

    /// A seat that somebody waits for and was just given counts as taken.
    fn is_busy(&self) -> bool {
        !self.free.is_closed() && self.free.available_permits() < usize::try_from(self.count).unwrap_or(1)
    }

    async fn take(&self, patience: Duration) -> Result<Seat> {
        let permit = tokio::time::timeout(patience, self.free.clone().acquire_owned())
            .await
            .map_err(|_| unavailable("no connection became free in time"))?
            .map_err(|_| unavailable("the store is closed"))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let thread = match idle {
            Some(thread) => thread,
            None => start(self.open.clone()).await?,
        };
        Ok(Seat { permit: Some(permit), thread, idle: self.idle.clone(), in_transaction: false })
    }

    async fn close(&self) {
        let Ok(all) = self.free.acquire_many(self.count).await else { return };
        let threads = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let (ended, end) = oneshot::channel::<()>();
            // The answer never comes: the sender goes with the thread, behind its connection.
            if thread.send(Box::new(move |connection| park(connection, ended))).is_ok() {
                drop(thread);
                drop(end.await);
            }
        }
        self.free.close();
        drop(all);
    }
}

/// Closes the connection now, by putting an empty one in its place.
fn park(connection: &mut Connection, ended: oneshot::Sender<()>) {
    if let Ok(empty) = Connection::open_in_memory() {
        drop(std::mem::replace(connection, empty));
    }
    drop(ended);
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        if self.in_transaction {
            let seat = Self {
                permit: Some(permit),
                thread: self.thread.clone(),
                idle: self.idle.clone(),
                in_transaction: false,
            };
            // Where the thread is gone, so is the transaction.
            drop(self.thread.try_send(Box::new(move |connection| {
                roll_back(connection);
                drop(seat);
            })));
            return;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.thread.clone());
        drop(permit);
    }
}

/// What goes around the statements of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    None,
    Begin,
    Commit,
}

/// Has the seat's thread do it. The seat travels with the job and comes back with the answer.
async fn call(
    mut seat: Seat,
    statements: Vec<Statement<'static>>,
    frame: Frame,
) -> Result<(Seat, Result<Vec<Answer>>)> {
    let (reply, answer) = oneshot::channel();
    let thread = seat.thread.clone();
    let job: Job = Box::new(move |connection| {
        let outcome = perform(connection, statements, frame);
        match frame {
            Frame::None => {}
            Frame::Begin => seat.in_transaction = outcome.is_ok(),
            Frame::Commit => {
                if outcome.is_err() {
                    roll_back(connection);
                }
                seat.in_transaction = false;
            }
        }
        // Nobody waits any more: the seat rolls back what is open.
        drop(reply.send((seat, outcome)));
    });
    thread.send(job).map_err(|_| unavailable("the database's thread has ended"))?;
    answer.await.map_err(|_| unavailable("the database's thread has ended"))
}

fn perform(connection: &mut Connection, statements: Vec<Statement<'static>>, frame: Frame) -> Result<Vec<Answer>> {
    if frame == Frame::Begin {
        // IMMEDIATE: one that first reads and then writes could not be upgraded beside another process.
        connection.execute_batch("BEGIN IMMEDIATE")?;
    }
    let answers = statements.into_iter().map(|statement| run(connection, statement)).collect::<Result<_>>()?;
    if frame == Frame::Commit {
        connection.execute_batch("COMMIT")?;
    }
    Ok(answers)
}

fn roll_back(connection: &Connection) {
    // An error means that nothing is open: SQLite rolls back by itself where it must.
    drop(connection.execute_batch("ROLLBACK"));
}

/// A damaged text, which is none, stays bytes: whoever reads the column then says which one cannot be read.
fn stored(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Text(bytes) => {
            String::from_utf8(bytes.to_vec()).map_or_else(|error| Value::Blob(error.into_bytes()), Value::Text)
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Null => Value::Null,
    }
}

fn run(connection: &Connection, statement: Statement<'static>) -> Result<Answer> {
    let Statement { sql, values, expected } = statement;
    let mut prepared = connection.prepare_cached(&sql.sqlite)?;
    let names: Arc<[String]> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let mut answer = Answer { rows: vec![], affected: 0 };
    let sets = match values {
        Values::One(params) => vec![params],
        Values::Rows(rows) => rows,
    };
    for params in sets {
        for (index, param) in params.iter().enumerate() {
            // SQLite takes `$1` for a name. One that only the other dialect uses is not there.
            if let Some(place) = prepared.parameter_index(&format!("${}", index + 1))? {
                prepared.raw_bind_parameter(place, param)?;
            }
        }
        let reads = prepared.readonly();
        let mut count = 0;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            let values = (0..names.len()).map(|index| row.get_ref(index).map(stored)).collect::<Result<Vec<_>, _>>()?;
            answer.rows.push(Row::Sqlite { names: names.clone(), values });
            count += 1;
        }
        drop(rows);
        answer.affected += if reads { count } else { connection.changes() };
        prepared.clear_bindings();
    }
    match expected {
        Some(expected) if expected.rows != answer.affected => Err(StoreError::retry(expected.reason)),
        Some(_) | None => Ok(answer),
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Text(text) => text.as_ref().into(),
            Self::Bytes(bytes) => bytes.as_ref().into(),
            Self::Uuid(id) => ToSqlOutput::Borrowed(id.as_bytes().as_slice().into()),
            Self::Array(_) => ToSqlOutput::Owned(Value::Text(self.to_json().to_string())),
        })
    }
}

async fn start(open: Arc<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>) -> Result<SyncSender<Job>> {
    let (jobs, queue): (SyncSender<Job>, Receiver<Job>) = sync_channel(JOBS_MAX);
    let (opened, is_open) = oneshot::channel();
    let work = move || match open() {
        Ok(mut connection) => {
            drop(opened.send(Ok(())));
            while let Ok(job) = queue.recv() {
                job(&mut connection);
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    };
    std::thread::Builder::new()
        .name("waypost-sqlite".to_owned())
        .spawn(work)
        .map_err(|_| unavailable("no thread could be started"))?;
    is_open.await.map_err(|_| unavailable("the database's thread has ended"))??;
    Ok(jobs)
}

/// A new file is for its owner alone, whatever the umask; SQLite gives those beside it the same rights. What stands in the
/// way is told by whoever opens the file.
fn make_private(path: &Path) {
    drop(File::options().write(true).create_new(true).mode(0o600).open(path));
}

fn open_writer(path: &PathBuf, patience: Duration) -> rusqlite::Result<Connection> {
    make_private(path);
    let connection = with_cache(Connection::open(path)?)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn open_reader(path: &PathBuf, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = with_cache(Connection::open_with_flags(path, flags)?)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn with_cache(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
