//! Replays: each is a job that has some of the parked messages in hand, and gives back those that it cannot replay. A process
//! works on it step by step under a claim that runs out; then any other goes on. What it left stands behind everything that was
//! not tried yet, so that the next replay gets beyond it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use uuid::Uuid;
use waypost_domain::Timestamp;

use super::{PARKED, ParkedFilter, ParkedMessage, Parking, filtered};
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
    /// How many were replayed or left.
    pub fn done(&self) -> u64 {
        self.replayed + self.left_because.values().sum::<u64>()
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
static CHOOSE: LazyLock<Sql> = LazyLock::new(|| {
    filtered(
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

static OPEN: Sql = Sql::both("SELECT id FROM parked_job WHERE ended_at IS NULL ORDER BY begun_at, id");

static CLAIM: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "UPDATE parked_job SET claimed_by = $2, claimed_until = $3
    WHERE id = $1 AND ended_at IS NULL AND (claimed_by = $2 OR claimed_until <= $4)
    RETURNING {}",
        JOB.list("")
    ))
});

static IN_HAND: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "SELECT {}, length(body) AS body_bytes FROM parked WHERE job = $1 ORDER BY parked_at, place, id LIMIT $2",
        PARKED.list("")
    ))
});

static GONE: Sql = Sql::each(
    "DELETE FROM parked WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "DELETE FROM parked WHERE id = ANY($1::UUID[])",
);

static LEAVE: Sql = Sql::each(
    "UPDATE parked SET job = NULL, tried_at = $3 WHERE job = $2 AND id IN (SELECT unhex(value) FROM json_each($1))",
    "UPDATE parked SET job = NULL, tried_at = $3 WHERE job = $2 AND id = ANY($1::UUID[])",
);

/// Whoever has lost the claim does not count: whoever has it does.
static ADVANCE: Sql =
    Sql::both("UPDATE parked_job SET replayed = replayed + $3, left_because = $4 WHERE id = $1 AND claimed_by = $2");

static END: Sql =
    Sql::both("UPDATE parked_job SET ended_at = $3 WHERE id = $1 AND claimed_by = $2 AND ended_at IS NULL");

static STOP: Sql = Sql::both("UPDATE parked_job SET ended_at = $2, stopped = 1 WHERE id = $1 AND ended_at IS NULL");

static LET_GO: Sql = Sql::both("UPDATE parked SET job = NULL WHERE job = $1");

impl ReplayJob {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let left_because = row.parse("left_because", |text| serde_json::from_str(text).ok())?;
        Ok(Self {
            begun_at: row.get("begun_at")?,
            ended_at: row.get("ended_at")?,
            total: row.get("total")?,
            replayed: row.get("replayed")?,
            stopped: row.get("stopped")?,
            id: row.get("id")?,
            parking: row.parse("parking", Parking::parse)?.ok_or(row.unreadable("parking"))?,
            begun_by: row.get("begun_by")?,
            left_because: left_because.unwrap_or_default(),
        })
    }

    fn of(rows: &[Row]) -> Result<Option<Self>> {
        rows.first().map(|row| Self::from_row(&row.of(JOB.name))).transpose()
    }
}

impl AuditedTx {
    /// Begins a replay of the first `limit` that fit and that no other has in hand: those that were never tried first.
    /// `None`: there is nothing to replay.
    pub async fn begin_replay(&mut self, filter: &ParkedFilter, limit: u32, by: &str) -> Result<Option<ReplayJob>> {
        let id = self.ids.next_id();
        let mut params = filter.params();
        params.extend(params![id, limit]);
        let total = self.tx.execute(&CHOOSE, params).await?;
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

    /// Ends a replay before it is through; what it has in hand stays parked. Returns it as it was; `None`: there is none.
    pub async fn stop_replay(&mut self, job: Uuid) -> Result<Option<ReplayJob>> {
        let found = ReplayJob::of(&self.tx.query(&BY_ID, params![job]).await?)?;
        if found.as_ref().is_some_and(|job| job.ended_at.is_none()) {
            let stop = Statement::new(&STOP, params![job, self.now]);
            self.tx.run(vec![stop, Statement::new(&LET_GO, params![job])]).await?;
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

    /// Those that are not through, the oldest first.
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

    /// What a replay has in hand, each with what [`ReplayStep`] calls it.
    pub async fn replay_messages(&self, job: Uuid, limit: u32) -> Result<Vec<(Uuid, ParkedMessage)>> {
        let rows = self.read(&IN_HAND, params![job, limit]).await?;
        let read = rows.iter().map(|row| {
            let row = row.of(PARKED.name);
            Ok((row.get("id")?, ParkedMessage::from_row(&row)?))
        });
        read.collect()
    }

    /// Writes down what became of some messages of a replay, as whoever has it claimed; `job` is what the claim gave.
    pub async fn advance_replay(&self, job: &ReplayJob, worker: &str, step: &ReplayStep) -> Result<()> {
        let mut left_because = job.left_because.clone();
        for (_, reason) in &step.left {
            *left_because.entry(reason.clone()).or_default() += 1;
        }
        let left_because: serde_json::Value = left_because.into_iter().collect();
        let replayed = i64::try_from(step.replayed.len()).unwrap_or(i64::MAX);
        let gone: Param<'_> = step.replayed.iter().copied().collect();
        let left: Param<'_> = step.left.iter().map(|(id, _)| *id).collect();
        let now = self.now().await?;
        let statements = vec![
            Statement::new(&GONE, params![gone]),
            Statement::new(&LEAVE, params![left, job.id, now]),
            Statement::new(&ADVANCE, params![job.id, worker, replayed, left_because.to_string()]),
        ];
        self.begin().await?.commit_with(statements).await
    }

    /// Nothing is left in its hands.
    pub async fn end_replay(&self, job: Uuid, worker: &str) -> Result<()> {
        let now = self.now().await?;
        self.write(&END, params![job, worker, now]).await.map(drop)
    }
}
