//! PostgreSQL: a pool for the batches, whose planner expects look-ups by key, and a small one for reports.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::pg_connection::{Connector, Frame};
use super::pg_pool::{Pool, Pooled};
use super::sqlite::over;
use super::tls::Tls;
use super::url::Server;
use super::{Answer, Sql, Statement, StoreOptions};
use crate::{Result, StoreError};

/// Reports wait for each other rather than take the server's attention from the batches.
const REPORTS_MAX: u32 = 2;
/// A migration may rewrite a large table, and waits for another process that migrates.
const MIGRATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone)]
pub(crate) struct Postgres {
    batches: Pool,
    reports: Pool,
    /// For what takes as long as it takes: migrations.
    plain: Arc<Connector>,
}

pub(crate) struct PgTx {
    connection: Pooled,
    /// Nothing was sent yet: the BEGIN goes with the first statement.
    has_begun: bool,
    has_failed: bool,
}

static SERVER: Sql = Sql::both(
    "SELECT current_setting('server_encoding') AS encoding,
        current_setting('server_version_num')::BIGINT AS version",
);

impl Postgres {
    pub(super) async fn open(server: &Server, options: &StoreOptions) -> Result<Self> {
        let tls = Tls::of(&server.tls)?;
        let connector = |name: &str, settings: String, statement_timeout: Duration| {
            let mut config = server.config.clone();
            config
                .application_name(name)
                .connect_timeout(options.connect_timeout)
                // A peer that is gone without a word is noticed by the kernel, with and without something on its way.
                .tcp_user_timeout(options.acquire_timeout)
                .keepalives(true)
                .keepalives_idle(Duration::from_secs(10))
                .keepalives_interval(Duration::from_secs(3))
                .keepalives_retries(3);
            let (tls, connect_timeout) = (tls.clone(), options.acquire_timeout);
            Arc::new(Connector { config, tls, connect_timeout, settings, statement_timeout })
        };
        let batches = connector("waypost", batch_settings(options), options.statement_timeout);
        let reports = connector("waypost-reports", report_settings(options), options.report_timeout);
        let plain = connector("waypost-migrate", String::new(), MIGRATION_MAX);
        let postgres = Self {
            batches: Pool::new(options.max_connections, batches.clone(), options.acquire_timeout),
            reports: Pool::new(REPORTS_MAX, reports, options.acquire_timeout),
            plain,
        };
        let mut first = postgres.batches.take().await?;
        let probe = connector("waypost-probe", String::new(), options.statement_timeout);
        refuse_pooler(&mut first, &probe).await?;
        check_server(&mut first).await?;
        Ok(postgres)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.batches.is_busy() || self.reports.is_busy()
    }

    pub(super) async fn close(&self) {
        self.reports.close().await;
        self.batches.close().await;
    }

    pub(super) async fn call(&self, statement: Statement<'_>) -> Result<Answer> {
        call(&self.batches, statement).await
    }

    pub(super) async fn report(&self, statement: Statement<'_>) -> Result<Answer> {
        call(&self.reports, statement).await
    }

    /// Sends nothing yet.
    pub(super) async fn begin(&self) -> Result<PgTx> {
        let connection = self.batches.take().await?;
        Ok(PgTx { connection, has_begun: false, has_failed: false })
    }

    #[cfg(any(test, feature = "suite"))]
    pub(super) async fn script(&self, text: &str) -> Result<()> {
        self.plain.connect().await?.script(text).await
    }

    /// The same over a connection outside of the pools, which ends with the transaction.
    pub(super) async fn begin_alone(&self) -> Result<PgTx> {
        let connection = Pooled::alone(self.plain.connect().await?)?;
        Ok(PgTx { connection, has_begun: false, has_failed: false })
    }
}

async fn call(pool: &Pool, statement: Statement<'_>) -> Result<Answer> {
    let answers = pool.take().await?.fly(vec![statement], Frame::default()).await?;
    answers.into_iter().next().ok_or_else(over)
}

impl PgTx {
    pub(super) async fn run(&mut self, statements: Vec<Statement<'_>>) -> Result<Vec<Answer>> {
        if self.has_failed {
            return Err(over());
        }
        // Until it is answered well it has failed: also when this is dropped in the middle.
        self.has_failed = true;
        let frame = Frame { begins: !self.has_begun, commits: false };
        self.has_begun = true;
        let answers = self.connection.fly(statements, frame).await?;
        self.has_failed = false;
        Ok(answers)
    }

    /// A text of several statements, as it is.
    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        if self.has_failed {
            return Err(over());
        }
        if !self.has_begun {
            self.run(vec![]).await?;
        }
        self.has_failed = true;
        self.connection.script(text).await?;
        self.has_failed = false;
        Ok(())
    }

    pub(super) async fn commit_with(mut self, statements: Vec<Statement<'_>>) -> Result<()> {
        if self.has_failed {
            return Err(over());
        }
        if !self.has_begun && statements.is_empty() {
            return Ok(());
        }
        let frame = Frame { begins: !self.has_begun, commits: true };
        self.connection.fly(statements, frame).await.map(drop)
    }
}

fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}

fn batch_settings(options: &StoreOptions) -> String {
    // Every statement on the hot path is a look-up by key. The planner must not think otherwise while it sees empty
    // tables at first start, because the plan is kept for as long as the connection lives. JIT would compile each
    // statement that runs into the price of a switched-off plan.
    format!(
        "{}; SET statement_timeout = {}; SET plan_cache_mode = force_generic_plan; SET jit = off;
        SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off",
        common_settings(options),
        millis(options.statement_timeout)
    )
}

fn report_settings(options: &StoreOptions) -> String {
    format!("{}; SET statement_timeout = {}", common_settings(options), millis(options.report_timeout))
}

/// The last one: a server that works on a statement for somebody who is gone notices within a few seconds.
fn common_settings(options: &StoreOptions) -> String {
    format!(
        "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
        SET default_transaction_isolation = 'read committed'; SET client_connection_check_interval = 5000",
        millis(options.lock_timeout),
        millis(options.idle_in_transaction_timeout)
    )
}

/// Whatever a customer writes must be storable, and the statements must be known.
async fn check_server(connection: &mut Pooled) -> Result<()> {
    const VERSION_MIN: i64 = 150_000;
    let answers = connection.fly(vec![Statement::new(&SERVER, vec![])], Frame::default()).await?;
    let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else { return Err(over()) };
    let row = row.of("pg_settings");
    let encoding: String = row.get("encoding")?;
    let version: i64 = row.get("version")?;
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

/// Our sessions have settings and prepared statements, and advisory locks while they migrate: a pooler that lends its
/// connections by the transaction or the statement would give them to others. Given such a pooler, a mark that one of
/// our sessions sets is seen by another of them, to which it lends the connection that it got back last; or the first
/// does not see it any more, while the other holds that connection.
async fn refuse_pooler(first: &mut Pooled, probe: &Connector) -> Result<()> {
    let Some(first) = first.link() else { return Err(over()) };
    let mark = Uuid::now_v7().to_string();
    let marked = "SELECT current_setting('waypost.session', true)";
    first.ask(&format!("SELECT set_config('waypost.session', '{mark}', false)")).await?;
    let mut other = probe.connect().await?;
    other.script("BEGIN").await?;
    let seen = other.ask(marked).await?;
    let kept = first.ask(marked).await?;
    other.script("ROLLBACK").await?;
    other.close().await;
    if seen.as_ref() != Some(&mark) && kept.as_ref() == Some(&mark) {
        return Ok(());
    }
    Err(StoreError::Invalid(
        "the store url leads to a connection pooler that does not keep a session for each connection (PgBouncer: \
         pool_mode = transaction or statement): give this program a pool with pool_mode = session, or the server's own \
         address"
            .to_owned(),
    ))
}
