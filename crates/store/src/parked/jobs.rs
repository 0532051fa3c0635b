//! Replays: each is a job that has some of the parked messages in hand, and gives back those that it cannot replay. A process
//! works on it step by step under a claim that runs out; then any other goes on. What it left stands behind everything that was
//! not tried yet, so that the next replay gets beyond it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use uuid::Uuid;
use waypost_domain::Timestamp;

use super::{Filtered, PARKED, ParkedFilter, ParkedMessage, Parking, WHOLE};
use crate::admin::AuditedTx;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::lease::millis;
use crate::records::clean;
use crate::{Result, Store};

/// A replay of parked messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayJob {
    pub id: Uuid,
    pub parking: Parking,
    pub begun_at: Timestamp,
    /// As the audit log names whoever began it.
    pub begun_by: String,
    /// How many messages it was begun with.
    pub total: u64,
    /// Those that are back on the bus.
    pub replayed: u64,
    /// Those that are parked still, by the code of the reason.
    pub left_because: BTreeMap<String, u64>,
    /// `None`: it goes on.
    pub ended_at: Option<Timestamp>,
    /// Somebody ended it before it was through.
    pub stopped: bool,
}

impl ReplayJob {
    /// How many are neither replayed nor left.
    pub fn unfinished(&self) -> u64 {
        self.total.saturating_sub(self.replayed).saturating_sub(self.left_because.values().sum())
    }
}

/// What became of some messages of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayStep {
    /// Back on the bus: they are parked no more.
    pub replayed: Vec<Uuid>,
    /// Left, with the code of the reason.
    pub left: Vec<(Uuid, String)>,
}

static JOB: Table = Table {
    name: "parked_job",
    columns: &[
        ("begun_at", "BIGINT"),
        ("ended_at", "BIGINT"),
        ("total", "BIGINT"),
        ("replayed", "BIGINT"),
        ("stopped", "BIGINT"),
        ("id", "UUID"),
        ("parking", "TEXT"),
        ("begun_by", "TEXT"),
        ("left_because", "TEXT"),
    ],
};

/// Ended jobs are remembered for so long.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

static FORGET: Sql = Sql::both("DELETE FROM parked_job WHERE ended_at < $1");

static INSERT: LazyLock<Sql> = LazyLock::new(|| JOB.insert(""));

/// What was tried before comes last.
static CHOOSE: LazyLock<Filtered> = LazyLock::new(|| {
    Filtered::new(
        "UPDATE parked SET job = $5
    WHERE id IN (
        SELECT id FROM parked WHERE {fits} AND job IS NULL
        ORDER BY coalesce(tried_at, 0), parked_at, place, id
        LIMIT $6)",
    )
});

static CHOSEN: Sql = Sql::both("SELECT message_id FROM parked WHERE job = $1 ORDER BY parked_at, place, id LIMIT $2");

static BY_ID: LazyLock<Sql> = LazyLock::new(|| JOB.select("WHERE id = $1"));

static LATEST: LazyLock<Sql> = LazyLock::new(|| JOB.select("ORDER BY begun_at DESC, id DESC LIMIT $1"));

/// Also what was stopped in the middle of a step and has not let go.
static OPEN: Sql = Sql::both(
    "SELECT id FROM parked_job
    WHERE ended_at IS NULL OR (stopped = 1 AND EXISTS (SELECT 1 FROM parked WHERE parked.job = parked_job.id))
    ORDER BY begun_at, id",
);

static CLAIM: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "UPDATE parked_job SET claimed_by = $2, claimed_until = $3
    WHERE id = $1 AND ended_at IS NULL AND (claimed_by = $2 OR claimed_until <= $4)
    RETURNING {}",
        JOB.list("")
    ))
});

static IN_HAND: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!("SELECT {} FROM parked WHERE job = $1 ORDER BY parked_at, place, id LIMIT $2", *WHOLE))
});

static GONE: Sql = Sql::each(
    "DELETE FROM parked WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "DELETE FROM parked WHERE id = ANY($1::UUID[])",
);

static LEAVE: Sql = Sql::each(
    "UPDATE parked SET job = NULL, tried_at = $3 WHERE job = $2 AND id IN (SELECT unhex(value) FROM json_each($1))",
    "UPDATE parked SET job = NULL, tried_at = $3 WHERE job = $2 AND id = ANY($1::UUID[])",
);

/// One step of a replay is written down at a time.
static LOCKED: Sql = Sql::each(
    "SELECT left_because FROM parked_job WHERE id = $1",
    "SELECT left_because FROM parked_job WHERE id = $1 FOR UPDATE",
);

static ADVANCE: Sql = Sql::both("UPDATE parked_job SET replayed = replayed + $2, left_because = $3 WHERE id = $1");

static RELEASE: Sql = Sql::both("UPDATE parked_job SET claimed_until = 0 WHERE id = $1 AND claimed_by = $2");

static END: Sql =
    Sql::both("UPDATE parked_job SET ended_at = $3 WHERE id = $1 AND claimed_by = $2 AND ended_at IS NULL");

static STOP: Sql = Sql::both("UPDATE parked_job SET ended_at = $2, stopped = 1 WHERE id = $1 AND ended_at IS NULL");

/// Where nobody can be publishing what it has in hand: no claim lasts, or it is this worker's.
static LET_GO: Sql = Sql::both(
    "UPDATE parked SET job = NULL
    WHERE job = $1 AND EXISTS (
        SELECT 1 FROM parked_job
        WHERE id = $1 AND ended_at IS NOT NULL AND (claimed_by = $2 OR claimed_until <= $3))",
);

impl ReplayJob {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let left_because = tally(row)?;
        Ok(Self {
            begun_at: row.get("begun_at")?,
            ended_at: row.get("ended_at")?,
            total: row.get("total")?,
            replayed: row.get("replayed")?,
            stopped: row.get("stopped")?,
            id: row.get("id")?,
            parking: row.parse("parking", Parking::parse)?.ok_or(row.unreadable("parking"))?,
            begun_by: row.get("begun_by")?,
            left_because,
        })
    }

    fn of(rows: &[Row]) -> Result<Option<Self>> {
        rows.first().map(|row| Self::from_row(&row.of(JOB.name))).transpose()
    }
}

fn tally(row: &Columns<'_>) -> Result<BTreeMap<String, u64>> {
    let tally: Option<BTreeMap<String, u64>> = row.parse("left_because", |text| serde_json::from_str(text).ok())?;
    Ok(tally.unwrap_or_default())
}

impl AuditedTx {
    /// Begins a replay of the first `limit` that fit and that no other has in hand: those that were never tried first.
    /// `None`: there is nothing to replay.
    pub async fn begin_replay(&mut self, filter: &ParkedFilter, limit: u32, by: &str) -> Result<Option<ReplayJob>> {
        let id = self.ids.next_id();
        let mut params = filter.params();
        params.extend(params![id, limit]);
        let total = self.tx.execute(CHOOSE.of(filter), params).await?;
        if total == 0 {
            return Ok(None);
        }
        let job = ReplayJob {
            id,
            parking: filter.parking,
            begun_at: self.now,
            begun_by: by.to_owned(),
            total,
            replayed: 0,
            left_because: BTreeMap::new(),
            ended_at: None,
            stopped: false,
        };
        let count = i64::try_from(total).unwrap_or(i64::MAX);
        let row = params![job.begun_at, Param::Null, count, 0_i64, false, id, job.parking.as_str(), clean(by), "{}"];
        let forget = Statement::new(&FORGET, params![self.now.as_millis() - REMEMBERED_MS]);
        self.tx.run(vec![forget, Statement::rows(&INSERT, vec![row])]).await?;
        Ok(Some(job))
    }

    /// The first of the messages that a replay has in hand, by their ids.
    pub async fn replay_ids(&mut self, job: Uuid, limit: u32) -> Result<Vec<String>> {
        let rows = self.tx.query(&CHOSEN, params![job, limit]).await?;
        rows.iter().map(|row| row.of(PARKED.name).get("message_id")).collect()
    }

    /// Ends a replay before it is through; what it has in hand stays parked, and is free unless somebody is in the middle of a
    /// step: then it is when [`Store::let_go`] is called. Returns the replay as it was; `None`: there is none.
    pub async fn stop_replay(&mut self, job: Uuid) -> Result<Option<ReplayJob>> {
        let found = ReplayJob::of(&self.tx.query(&BY_ID, params![job]).await?)?;
        if found.as_ref().is_some_and(|job| job.ended_at.is_none()) {
            let stop = Statement::new(&STOP, params![job, self.now]);
            self.tx.run(vec![stop, Statement::new(&LET_GO, params![job, "", self.now])]).await?;
        }
        Ok(found)
    }
}

impl Store {
    /// A replay by its id.
    pub async fn replay_job(&self, id: Uuid) -> Result<Option<ReplayJob>> {
        ReplayJob::of(&self.read(&BY_ID, params![id]).await?)
    }

    /// The latest replays, the newest first.
    pub async fn replay_jobs(&self, limit: u32) -> Result<Vec<ReplayJob>> {
        let rows = self.report(&LATEST, params![limit]).await?;
        rows.iter().map(|row| ReplayJob::from_row(&row.of(JOB.name))).collect()
    }

    /// Those that are not through or have not let go, the oldest first.
    pub async fn open_replays(&self) -> Result<Vec<Uuid>> {
        let rows = self.read(&OPEN, vec![]).await?;
        rows.iter().map(|row| row.of(JOB.name).get("id")).collect()
    }

    /// Whether `worker` may work on it for so long; `None`: it has ended, or somebody else works on it.
    pub async fn claim_replay(&self, id: Uuid, worker: &str, for_at_most: Duration) -> Result<Option<ReplayJob>> {
        let now = self.now().await?;
        let until = now.plus_millis(millis(for_at_most));
        ReplayJob::of(&self.write(&CLAIM, params![id, worker, until, now]).await?.rows)
    }

    /// Others need not wait until the claim runs out.
    pub async fn release_replay(&self, id: Uuid, worker: &str) -> Result<()> {
        self.write(&RELEASE, params![id, worker]).await.map(drop)
    }

    /// Frees what a replay that has ended still has in hand, unless somebody else is in the middle of a step.
    pub async fn let_go(&self, id: Uuid, worker: &str) -> Result<()> {
        let now = self.now().await?;
        self.write(&LET_GO, params![id, worker, now]).await.map(drop)
    }

    /// What a replay has in hand, each with what [`ReplayStep`] calls it. A row that cannot be read does not hide the others.
    pub async fn replay_messages(&self, job: Uuid, limit: u32) -> Result<Vec<(Uuid, Result<ParkedMessage>)>> {
        let rows = self.read(&IN_HAND, params![job, limit]).await?;
        let read = rows.iter().map(|row| {
            let row = row.of(PARKED.name);
            Ok((row.get("id")?, ParkedMessage::from_row(&row)))
        });
        read.collect()
    }

    /// Writes down what became of some messages of a replay. Whoever published them does so, even where the claim has run out:
    /// each message counts when it ceases to be in hand, and so once.
    pub async fn advance_replay(&self, job: Uuid, step: &ReplayStep) -> Result<()> {
        let now = self.now().await?;
        let mut by_reason: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
        for (id, reason) in &step.left {
            by_reason.entry(reason).or_default().push(*id);
        }
        let mut tx = self.begin().await?;
        let locked = tx.query(&LOCKED, params![job]).await?;
        let mut left_because = locked.first().map(|row| tally(&row.of(JOB.name))).transpose()?.unwrap_or_default();
        let gone: Param<'_> = step.replayed.iter().copied().collect();
        let replayed = i64::try_from(tx.execute(&GONE, params![gone]).await?).unwrap_or(i64::MAX);
        for (reason, ids) in by_reason {
            let left: Param<'_> = ids.into_iter().collect();
            let count = tx.execute(&LEAVE, params![left, job, now]).await?;
            if count > 0 {
                *left_because.entry(reason.to_owned()).or_default() += count;
            }
        }
        let left_because: serde_json::Value = left_because.into_iter().collect();
        let advance = Statement::new(&ADVANCE, params![job, replayed, left_because.to_string()]);
        tx.commit_with(vec![advance]).await
    }

    /// Nothing is left in its hands.
    pub async fn end_replay(&self, job: Uuid, worker: &str) -> Result<()> {
        let now = self.now().await?;
        self.write(&END, params![job, worker, now]).await.map(drop)
    }
}
