//! Opening either database, and the calls that need no transaction.

use std::sync::Arc;
use std::time::Duration;

use waypost_domain::{IdSource, Timestamp};

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::url::Target;
use super::{Answer, Param, Pending, Row, Sql, Statement, StoreUrl, Tx, params};
use crate::{Result, TimeOrderedIds};

/// Reads the time. Leases and retention go by it where the database has no clock of its own.
pub type Clock = fn() -> Timestamp;

#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// PostgreSQL: connections of this process; beside them, at most two for reports. SQLite: readers beside the one
    /// writer.
    pub max_connections: u32,
    /// How long a call may wait for a free connection. On SQLite this includes waiting for the one writer, on
    /// PostgreSQL connecting.
    pub acquire_timeout: Duration,
    /// PostgreSQL: how long a connection may take to be made.
    pub connect_timeout: Duration,
    /// PostgreSQL: how long a statement may wait for a row that another transaction holds.
    pub lock_timeout: Duration,
    /// PostgreSQL: when the server ends a statement. Where the server does not answer at all, the connection is given
    /// up a moment later.
    pub statement_timeout: Duration,
    /// PostgreSQL: the same for lists and counts, which may have to read much.
    pub report_timeout: Duration,
    /// PostgreSQL: when the server ends a transaction whose client fell silent. Bounds how long a frozen process can
    /// keep its lease row, and so its partition, from the others.
    pub idle_in_transaction_timeout: Duration,
    /// SQLite's clock; PostgreSQL's is the server's.
    pub clock: Clock,
    /// Where the ids of new contacts come from.
    pub ids: Arc<dyn IdSource>,
    /// The component whose leases number the inbox ([`Sequence::OfInbox`](crate::Sequence)). Reports tell by its marks
    /// what was published, and the janitor deletes no inbox row above them. `None`: nothing shows as published, and the
    /// janitor keeps the inbox.
    pub inbox_component: Option<&'static str>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(15),
            report_timeout: Duration::from_secs(60),
            idle_in_transaction_timeout: Duration::from_secs(10),
            clock: || Timestamp::from_system_time(std::time::SystemTime::now()),
            ids: Arc::new(TimeOrderedIds),
            inbox_component: None,
        }
    }
}

/// An open store. Cheap to clone: clones share the connections.
///
/// On SQLite there is one writer: a task that holds a transaction must not call a writing method here before it has
/// committed or dropped it, or it waits for itself until `acquire_timeout`.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) inbox_component: Option<&'static str>,
}

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite { sqlite: Sqlite, clock: Clock },
    Postgres(Postgres),
}

static PING: Sql = Sql::both("SELECT 1");
static NOW: Sql = Sql::both("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT AS now");

impl Store {
    /// Opens the store; creates the SQLite file, but not its schema: see [`Store::migrate`].
    pub async fn open(url: &StoreUrl, options: StoreOptions) -> Result<Self> {
        let clock = options.clock;
        let database = match &url.0 {
            Target::Sqlite(path) => Database::Sqlite { sqlite: Sqlite::open_file(path, &options).await?, clock },
            Target::SqliteMemory => Database::Sqlite { sqlite: Sqlite::open_memory(&options).await?, clock },
            Target::Postgres(server) => Database::Postgres(Postgres::open(server, &options).await?),
        };
        Ok(Self { database, ids: options.ids, inbox_component: options.inbox_component })
    }

    /// Whether others may write beside us, and rows have to be locked.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read(&PING, vec![]).await.map(drop)
    }

    /// The clock that leases and retention go by: PostgreSQL's, so that replicas agree; on SQLite the process's own.
    pub async fn now(&self) -> Result<Timestamp> {
        match &self.database {
            Database::Sqlite { clock, .. } => Ok(clock()),
            Database::Postgres(_) => self.read_value(&NOW, params![], "now").await,
        }
    }

    /// Whether a call is under way, a transaction open, or something was dropped and is still being cleaned up.
    pub fn is_busy(&self) -> bool {
        match &self.database {
            Database::Sqlite { sqlite, .. } => sqlite.is_busy(),
            Database::Postgres(postgres) => postgres.is_busy(),
        }
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { sqlite, .. } => sqlite.close().await,
            Database::Postgres(postgres) => postgres.close().await,
        }
    }

    /// A look-up by key. On PostgreSQL from the connections of the batches, whose planner expects nothing else.
    pub(crate) async fn read(&self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<Vec<Row>> {
        Ok(self.call(Way::Read, Statement::new(sql, params)).await?.rows)
    }

    /// A list or a count, for people: on PostgreSQL over connections of their own, with the planner's defaults.
    pub(crate) async fn report(&self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<Vec<Row>> {
        Ok(self.call(Way::Report, Statement::new(sql, params)).await?.rows)
    }

    /// One statement that commits by itself.
    pub(crate) async fn write(&self, sql: &'static Sql, params: Vec<Param<'_>>) -> Result<Answer> {
        self.call(Way::Write, Statement::new(sql, params)).await
    }

    /// The only value of the only row, which has the column `column`.
    pub(crate) async fn read_value<T: super::FromField>(
        &self,
        sql: &'static Sql,
        params: Vec<Param<'_>>,
        column: &'static str,
    ) -> Result<T> {
        let rows = self.read(sql, params).await?;
        rows.first().map_or_else(
            || Err(crate::StoreError::Unreadable { table: "a look-up", column }),
            |row| row.of("a look-up").get(column),
        )
    }

    pub(crate) fn begin(&self) -> Pending<'_, Tx> {
        match &self.database {
            Database::Sqlite { sqlite, .. } => Box::pin(async { Ok(Tx::Sqlite(sqlite.begin().await?)) }),
            Database::Postgres(postgres) => Box::pin(async { Ok(Tx::Postgres(Box::new(postgres.begin().await?))) }),
        }
    }

    /// A transaction that may take as long as a migration does; on PostgreSQL over a connection of its own.
    pub(crate) fn begin_migration(&self) -> Pending<'_, Tx> {
        match &self.database {
            Database::Sqlite { .. } => self.begin(),
            Database::Postgres(postgres) => {
                Box::pin(async { Ok(Tx::Postgres(Box::new(postgres.begin_alone().await?))) })
            }
        }
    }

    /// A text of several statements, as it is: for tests that damage what is stored.
    #[cfg(any(test, feature = "suite"))]
    pub async fn script(&self, text: &str) -> Result<()> {
        match &self.database {
            Database::Sqlite { sqlite, .. } => sqlite.script(text.to_owned()).await,
            Database::Postgres(postgres) => postgres.script(text).await,
        }
    }

    fn call<'a>(&'a self, way: Way, statement: Statement<'a>) -> Pending<'a, Answer> {
        match (&self.database, way) {
            (Database::Sqlite { sqlite, .. }, Way::Read | Way::Report) => Box::pin(sqlite.read(statement)),
            (Database::Sqlite { sqlite, .. }, Way::Write) => Box::pin(sqlite.write(statement)),
            (Database::Postgres(postgres), Way::Read | Way::Write) => Box::pin(postgres.call(statement)),
            (Database::Postgres(postgres), Way::Report) => Box::pin(postgres.report(statement)),
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    Read,
    Report,
    Write,
}
