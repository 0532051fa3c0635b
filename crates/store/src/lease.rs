//! Who is there, and who may work on which partition. A lease that is taken always gets a new epoch; whatever is
//! written under an older epoch is refused by the fence ([`Fence`]).
//!
//! Instants are the database's clock, read before the statement that uses them: a statement that has to wait can only
//! make a lease shorter than asked, never longer.
//!
//! # Renewals wait for nobody
//!
//! A batch holds its lease's row from its fence to its commit, so that nobody takes the partition over in between. A
//! renewal that waited for that row would be late just when batches are slow, and the renewals of all the owner's other
//! partitions with it. So it passes over a row that is locked, and two others make up for it:
//!
//! - the fence of every batch extends the lease to the end of its owner's membership ([`Store::join`]), since it writes
//!   the row anyway;
//! - while its owner's membership lasts, a lease is taken by nobody, even where the row's own time is over.
//!
//! Given an owner that is frozen: it neither joins nor begins a batch, so membership and lease run out, and the lease is
//! lost as before. Given a row that is locked: either a batch of its owner holds it, or somebody is just taking it over.
//! The latter needs a lease that ran out before he looked. So a renewal, which looks at the clock only after it was
//! turned away from the row, counts it as kept if it has not run out by then; else it counts as lost, which is always
//! safe. That two owners write is still excluded by the row itself: fence and takeover both lock it, and the fence asks
//! for the epoch.

mod fence;
mod member;

use std::time::Duration;

use waypost_domain::{PartitionId, Timestamp};

use crate::core::{Columns, Database, Sql, Statement, params};
use crate::{Result, Store};

pub use fence::Fence;
pub(crate) use fence::Fenced;

/// A partition that is ours until `expires_at`, and as long as nobody else took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub component: String,
    pub partition: PartitionId,
    pub owner: String,
    pub epoch: i64,
    /// Everything up to here was decided and published.
    pub published_seq: i64,
    /// The highest sequence number given so far: the next event gets one above.
    pub last_seq: i64,
    pub expires_at: Timestamp,
    /// What the owners before us had in hand when they were last heard of.
    pub suspect: Option<Suspect>,
}

/// Where the sequence numbers of a partition are counted, beside its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// Each event is a row of the inbox, which has the number too: the highest of the partition's rows counts.
    OfInbox,
    /// Nowhere: nothing is numbered but by what the lease's row says was published.
    None,
}

/// An event that a partition's owner handles alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The message that carries it.
    pub message_id: String,
    /// Its place in the message; what stands before it was handled or parked.
    pub place: u32,
    /// How many processes in a row ended with it in hand, if the one that wrote this did.
    pub deaths: u32,
}

impl Lease {
    pub fn fence(&self, published_seq: i64, oldest_at: Option<Timestamp>) -> Fence {
        Fence {
            component: self.component.clone(),
            partition: self.partition,
            owner: self.owner.clone(),
            epoch: self.epoch,
            published_seq,
            published_at: None,
            oldest_at,
        }
    }
}

/// A lease that is still ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renewal {
    pub partition: PartitionId,
    pub epoch: i64,
    /// `false`: a batch of ours has its row locked, and `instance` is no member. Nobody can take it meanwhile; it is as
    /// long as it was.
    pub extended: bool,
}

/// A lease as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub partition: PartitionId,
    pub owner: Option<String>,
    pub epoch: i64,
    pub expires_at: Timestamp,
    pub published_seq: i64,
    /// When the oldest event was received that the owner had not finished at its last statement.
    pub oldest_at: Option<Timestamp>,
}

impl LeaseRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            partition: row.get("partition")?,
            owner: row.get("owner")?,
            epoch: row.get("epoch")?,
            expires_at: row.get("expires_at")?,
            published_seq: row.get("published_seq")?,
            oldest_at: row.get("oldest_at")?,
        })
    }
}

static LEASES: Sql = Sql::both(
    "SELECT partition, owner, epoch, expires_at, published_seq, oldest_at
    FROM lease
    WHERE component = $1
    ORDER BY partition",
);

static EXISTS: Sql = Sql::both("SELECT count(*) AS leases FROM lease WHERE component = $1 AND partition = $2");

static INSERT: Sql = Sql::both("INSERT INTO lease (component, partition) VALUES ($1, $2) ON CONFLICT DO NOTHING");

static TAKE: Sql = Sql::each(
    "UPDATE lease SET owner = $3, epoch = epoch + 1, expires_at = $4
    WHERE component = $1 AND partition = $2
        AND (owner IS NULL OR owner = $3 OR (expires_at < $5 AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.component = lease.component AND m.instance = lease.owner AND m.expires_at >= $5)))
    RETURNING epoch, published_seq, suspect, suspect_place, suspect_deaths",
    "UPDATE lease SET owner = $3, epoch = lease.epoch + 1, expires_at = $4
    FROM (
        SELECT component, partition FROM lease l
        WHERE component = $1 AND partition = $2
            AND (owner IS NULL OR owner = $3 OR (expires_at < $5 AND NOT EXISTS (
                SELECT 1 FROM member m
                WHERE m.component = l.component AND m.instance = l.owner AND m.expires_at >= $5)))
        FOR UPDATE OF l SKIP LOCKED) free
    WHERE lease.component = free.component AND lease.partition = free.partition
    RETURNING lease.epoch, lease.published_seq, lease.suspect, lease.suspect_place, lease.suspect_deaths",
);

static MAX_SEQ: Sql = Sql::both("SELECT max(seq) AS seq FROM inbox WHERE partition = $1");

static MARK_SUSPECT: Sql = Sql::both(
    "UPDATE lease SET suspect = $1, suspect_deaths = $2, suspect_place = $7
    WHERE component = $3 AND partition = $4 AND owner = $5 AND epoch = $6",
);

static RENEW: Sql = Sql::each(
    "UPDATE lease SET expires_at = $3 WHERE component = $1 AND owner = $2 RETURNING partition, epoch",
    "UPDATE lease SET expires_at = $3
    FROM (
        SELECT component, partition FROM lease
        WHERE component = $1 AND owner = $2
        FOR UPDATE SKIP LOCKED) free
    WHERE lease.component = free.component AND lease.partition = free.partition
    RETURNING lease.partition, lease.epoch",
);

static RENEW_MEMBER: Sql =
    Sql::both("UPDATE member SET expires_at = $3 WHERE component = $1 AND instance = $2 AND expires_at < $3");

/// PostgreSQL only. By the server's clock as it is now, after [`RENEW`]: see the module.
static STILL_OURS: Sql = Sql::each(
    "",
    "SELECT l.partition, l.epoch, EXISTS (
            SELECT 1 FROM member m
            WHERE m.component = $1 AND m.instance = $2 AND m.expires_at >= $3) AS extended
    FROM lease l
    WHERE l.component = $1 AND l.owner = $2
        AND l.expires_at >= (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT",
);

static RELEASE: Sql = Sql::both(
    "UPDATE lease SET owner = NULL, expires_at = 0
    WHERE component = $1 AND partition = $2 AND owner = $3 AND epoch = $4",
);

static RELEASE_ALL: Sql = Sql::both("UPDATE lease SET owner = NULL, expires_at = 0 WHERE owner IS NOT NULL");

static FORGET_ALL: Sql = Sql::both("DELETE FROM member");

impl Store {
    /// Every lease that was ever taken, by partition.
    pub async fn leases(&self, component: &str) -> Result<Vec<LeaseRow>> {
        let rows = self.read(&LEASES, params![component]).await?;
        rows.iter().map(|row| LeaseRow::from_row(&row.of("lease"))).collect()
    }

    /// Takes the partition if it is free, expired or ours already, under a new epoch. `None`: somebody has it.
    ///
    /// Never waits for a row that another transaction holds. So a frozen owner's open batch makes this `None` until
    /// the server ends that transaction (`idle_in_transaction_timeout`); ask again then.
    pub async fn acquire_lease(
        &self,
        component: &str,
        partition: PartitionId,
        instance: &str,
        ttl: Duration,
        sequence: Sequence,
    ) -> Result<Option<Lease>> {
        let now = self.now().await?.as_millis();
        let expires_at = now.saturating_add(millis(ttl));
        let mut tx = self.begin().await?;
        // Asked first, because an insert waits for whoever is updating the row that it conflicts with.
        let rows = tx.query(&EXISTS, params![component, partition]).await?;
        if rows.first().map_or(Ok(0), |row| row.of("lease").get::<i64>("leases"))? == 0 {
            tx.execute(&INSERT, params![component, partition]).await?;
        }
        let rows = tx.query(&TAKE, params![component, partition, instance, expires_at, now]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let row = row.of("lease");
        let (epoch, published_seq) = (row.get("epoch")?, row.get("published_seq")?);
        let suspect: Option<String> = row.get("suspect")?;
        let (place, deaths) = (row.get("suspect_place")?, row.get("suspect_deaths")?);
        let last_seq = match sequence {
            Sequence::OfInbox => {
                // A statement of its own, so that it sees what the former owner committed before we got the row.
                let rows = tx.query(&MAX_SEQ, params![partition]).await?;
                rows.first().map_or(Ok(None), |row| row.of("inbox").get::<Option<i64>>("seq"))?
            }
            Sequence::None => None,
        };
        tx.commit().await?;
        Ok(Some(Lease {
            component: component.to_owned(),
            partition,
            owner: instance.to_owned(),
            epoch,
            published_seq,
            last_seq: published_seq.max(last_seq.unwrap_or_default()),
            expires_at: Timestamp::from_millis(expires_at),
            suspect: suspect.map(|message_id| Suspect { message_id, place, deaths }),
        }))
    }

    /// Writes down what is handled alone from now on, for whoever owns the partition after us. Only the owner may.
    pub async fn mark_suspect(&self, lease: &Lease, suspect: Option<&Suspect>) -> Result<()> {
        let message_id = suspect.map(|suspect| suspect.message_id.as_str());
        let deaths = suspect.map_or(0, |suspect| suspect.deaths);
        let place = suspect.map_or(0, |suspect| suspect.place);
        let params = params![message_id, deaths, &lease.component, lease.partition, &lease.owner, lease.epoch, place];
        let done = self.write(&MARK_SUSPECT, params).await?;
        Fence::of(lease).hold(done.affected)
    }

    /// Extends every lease that `instance` still owns, and returns those. One that is missing was lost. Waits for no
    /// row: one that a batch holds is extended by that batch, and until then by its owner's membership.
    pub async fn renew_leases(&self, component: &str, instance: &str, ttl: Duration) -> Result<Vec<Renewal>> {
        let expires_at = self.now().await?.as_millis().saturating_add(millis(ttl));
        let params = || params![component, instance, expires_at];
        self.write(&RENEW_MEMBER, params()).await?;
        let mut renewals = Vec::new();
        for row in self.write(&RENEW, params()).await?.rows {
            let row = row.of("lease");
            renewals.push(Renewal { partition: row.get("partition")?, epoch: row.get("epoch")?, extended: true });
        }
        if matches!(self.database, Database::Postgres(_)) {
            for row in self.read(&STILL_OURS, params()).await? {
                let row = row.of("lease");
                let (partition, epoch) = (row.get("partition")?, row.get("epoch")?);
                if !renewals.iter().any(|one| (one.partition, one.epoch) == (partition, epoch)) {
                    renewals.push(Renewal { partition, epoch, extended: row.get("extended")? });
                }
            }
        }
        renewals.sort_unstable();
        Ok(renewals)
    }

    /// Gives the partition up. Whoever lost it already gives up nothing.
    pub async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let params = params![&lease.component, lease.partition, &lease.owner, lease.epoch];
        self.write(&RELEASE, params).await.map(drop)
    }

    /// Gives up what others held, of every component, for a process that knows that it is alone: they are dead, and need
    /// not be waited for. Whoever takes a lease next gets a new epoch, so one that lives nevertheless writes nothing more.
    pub async fn release_leases_of_the_dead(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.run(vec![Statement::new(&RELEASE_ALL, params![]), Statement::new(&FORGET_ALL, params![])]).await?;
        tx.commit().await
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
