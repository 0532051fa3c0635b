//! Opening either database, and the few lines that let one body of code serve both. Nothing outside this crate may
//! see a pool or a connection.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Postgres, Sqlite, Transaction};
use waypost_domain::Timestamp;

use crate::{Result, StoreError};

/// Where the store is: `sqlite:///path/file.db` or `postgres://user:password@host:port/database`.
#[derive(Clone)]
pub struct StoreUrl(Target);

#[derive(Clone)]
enum Target {
    Sqlite(PathBuf),
    SqliteMemory,
    Postgres(Box<PgConnectOptions>),
}

impl StoreUrl {
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains('?') {
                return Err(StoreError::Invalid("store url: expected sqlite:///path/to/file.db".into()));
            }
            return Ok(Self::sqlite_file(path));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|_| StoreError::Invalid("store url: malformed postgres:// url".into()))?;
            return Ok(Self(Target::Postgres(Box::new(options))));
        }
        Err(StoreError::Invalid("store url: expected sqlite:///path/to/file.db or postgres://host/database".into()))
    }

    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Target::Sqlite(path.into()))
    }

    /// A store that is gone when it is closed, for tests. One connection serves everything, so a reading method waits
    /// for an open [`Batch`](crate::Batch) too.
    pub const fn sqlite_memory() -> Self {
        Self(Target::SqliteMemory)
    }

    /// Whether several processes may share the store.
    pub const fn is_shared(&self) -> bool {
        matches!(self.0, Target::Postgres(_))
    }
}

/// Never shows a password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::SqliteMemory => f.write_str("sqlite in memory"),
            Target::Postgres(options) => {
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                write!(f, "postgres://{}:{}/{database}", options.get_host(), options.get_port())
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the time. Leases and retention go by it where the database has no clock of its own.
pub type Clock = fn() -> Timestamp;

#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// PostgreSQL: connections of this process. SQLite: readers beside the one writer.
    pub max_connections: u32,
    /// How long a call may wait for a free connection. On SQLite this includes waiting for the one writer.
    pub acquire_timeout: Duration,
    /// PostgreSQL: how long a statement may wait for a row that another transaction holds.
    pub lock_timeout: Duration,
    /// PostgreSQL: when the server ends a transaction whose client fell silent. Bounds how long a frozen process can
    /// keep its lease row, and so its partition, from the others.
    pub idle_in_transaction_timeout: Duration,
    /// SQLite's clock; PostgreSQL's is the server's.
    pub clock: Clock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(10),
            clock: || Timestamp::from_system_time(std::time::SystemTime::now()),
        }
    }
}

/// An open store. Cheap to clone: clones share the connections.
///
/// On SQLite there is one writer: a task that holds a [`Batch`](crate::Batch) must not call a writing method here
/// before it has committed or dropped the batch, or it waits for itself until `acquire_timeout`.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
}

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool, clock: Clock },
    Postgres(PgPool),
}

/// A transaction on either database. Dropped without a commit, it rolls back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Expands `$body` once for each database, with `$db` as the executor to write with.
macro_rules! on_writer {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.database {
            $crate::database::Database::Sqlite { writer: $db, .. } => $body,
            $crate::database::Database::Postgres($db) => $body,
        }
    };
}

/// The same for a statement that only reads.
macro_rules! on_reader {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.database {
            $crate::database::Database::Sqlite { readers: $db, .. } => $body,
            $crate::database::Database::Postgres($db) => $body,
        }
    };
}

/// The same inside a transaction; `$db` is a connection, to be passed as `&mut *$db`.
macro_rules! on_tx {
    ($tx:expr, |$db:ident| $body:expr) => {
        match $tx {
            $crate::database::Tx::Sqlite(tx) => {
                let $db = &mut **tx;
                $body
            }
            $crate::database::Tx::Postgres(tx) => {
                let $db = &mut **tx;
                $body
            }
        }
    };
}

pub(crate) use {on_reader, on_tx, on_writer};

impl Store {
    /// Opens the store; creates the SQLite file, but not its schema: see [`Store::migrate`].
    pub async fn open(url: &StoreUrl, options: StoreOptions) -> Result<Self> {
        let database = match &url.0 {
            Target::Sqlite(path) => open_sqlite(path, &options).await?,
            Target::SqliteMemory => open_sqlite_memory(&options).await?,
            Target::Postgres(connect) => open_postgres(connect, &options).await?,
        };
        Ok(Self { database })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        on_reader!(self, |db| sqlx::query("SELECT 1").execute(db).await.map(drop)?);
        Ok(())
    }

    /// The clock that leases and retention go by: PostgreSQL's, so that replicas agree; on SQLite the process's own.
    pub async fn now(&self) -> Result<Timestamp> {
        Ok(match &self.database {
            Database::Sqlite { clock, .. } => clock(),
            Database::Postgres(pool) => {
                let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT";
                Timestamp::from_millis(sqlx::query_scalar(sql).fetch_one(pool).await?)
            }
        })
    }

    /// Whether a call is under way, or was dropped and is still being cleaned up.
    pub fn is_busy(&self) -> bool {
        match &self.database {
            Database::Sqlite { writer, readers, .. } => in_use(writer) || in_use(readers),
            Database::Postgres(pool) => in_use(pool),
        }
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(match &self.database {
            // IMMEDIATE: a transaction that first reads and then writes could not be upgraded beside another process.
            Database::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Database::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

async fn open_sqlite(path: &PathBuf, options: &StoreOptions) -> Result<Database> {
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.lock_timeout)
        .disable_statement_logging();
    let writer = sqlite_writer(options).connect_with(connect.clone().create_if_missing(true)).await?;
    let readers = PoolOptions::<Sqlite>::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .connect_lazy_with(connect.pragma("query_only", "ON"));
    Ok(Database::Sqlite { writer, readers, clock: options.clock })
}

async fn open_sqlite_memory(options: &StoreOptions) -> Result<Database> {
    let connect = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
    let writer = sqlite_writer(options).connect_with(connect).await?;
    Ok(Database::Sqlite { readers: writer.clone(), writer, clock: options.clock })
}

/// One connection, kept for good.
fn sqlite_writer(options: &StoreOptions) -> PoolOptions<Sqlite> {
    PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn in_use<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> bool {
    usize::try_from(pool.size()).unwrap_or(usize::MAX) > pool.num_idle()
}

async fn open_postgres(connect: &PgConnectOptions, options: &StoreOptions) -> Result<Database> {
    let connect = connect.clone().application_name("waypost").disable_statement_logging();
    // Every statement on the hot path is a look-up by key. The planner must not think otherwise while it sees empty
    // tables at first start, because the plan is kept for as long as the connection lives. JIT would compile each
    // statement that runs into the price of a switched-off plan.
    let settings = format!(
        "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET default_transaction_isolation = \
         'read committed'; SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; SET \
         enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off",
        options.lock_timeout.as_millis(),
        options.idle_in_transaction_timeout.as_millis()
    );
    let pool = PoolOptions::<Postgres>::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        // A ping before each use would be a round trip per batch; a connection that rested may have died meanwhile.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > Duration::from_secs(1) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move {
                sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
                Ok(())
            })
        })
        .connect_with(connect)
        .await?;
    check_postgres(&pool).await?;
    Ok(Database::Postgres(pool))
}

/// Whatever a customer writes must be storable, and the statements must be known.
async fn check_postgres(pool: &PgPool) -> Result<()> {
    const VERSION_MIN: i32 = 150_000;
    let sql = "SELECT current_setting('server_encoding'), current_setting('server_version_num')::INT";
    let (encoding, version): (String, i32) = sqlx::query_as(sql).fetch_one(pool).await?;
    if encoding != "UTF8" {
        return Err(StoreError::Invalid(format!("the database's encoding is {encoding}; it must be UTF8")));
    }
    if version < VERSION_MIN {
        return Err(StoreError::Invalid(format!(
            "the server's version is {version}; PostgreSQL 15 or later is needed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_apart_and_never_show_a_password() {
        assert_eq!(StoreUrl::parse("sqlite:///a/b.db").unwrap().to_string(), "sqlite:///a/b.db");
        let shared = StoreUrl::parse("postgres://me:secret@db:6432/waypost").unwrap();
        assert_eq!(format!("{shared} {shared:?}"), "postgres://db:6432/waypost postgres://db:6432/waypost");
        assert!(shared.is_shared());
        for bad in ["", "mysql://x", "sqlite://", "sqlite::memory:", "/a/b.db", "postgres://:secret@:x/y"] {
            let error = StoreUrl::parse(bad).unwrap_err().to_string();
            assert!(error.contains("store url") && !error.contains("secret"), "{bad:?}: {error}");
        }
    }
}
