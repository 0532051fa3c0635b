//! What came of attempts, and of waiting for news: written by whoever holds the number's lease.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use waypost_domain::send::{Progress, SendState, Step, Told};
use waypost_domain::{NumberName, Timestamp};

use super::row::{COLUMNS, GIVEN_UP, SEND, SendRow, places};
use super::tx::SendTx;
use super::write::{WAKE, by_place};
use crate::core::{Param, Row, Sql, Statement, params};
use crate::records::key;
use crate::{Result, StoreError};

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAnswered {
    pub place: i64,
    pub attempt: u32,
    pub answer: SendAnswer,
}

/// The ways in which an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAnswer {
    /// Meta has it under this wamid; `held`: and keeps it back.
    Accepted { wamid: String, held: bool },
    /// Meta refuses it for good.
    Failed { code: Option<i64> },
    /// It has not gone, and is tried again then. `counts`: it was Meta that put it off.
    Later { due_at: Timestamp, code: Option<i64>, counts: bool },
    /// Nobody knows; it is settled then.
    Lost { settle_at: Timestamp },
    /// Nobody heard of it in time: it goes again, at the risk of going twice.
    Again { due_at: Timestamp },
    /// Nobody heard of it in time: it stays as it is, for a person to look at.
    GivenUp,
}

/// A send as it is changed: what [`WRITE`] writes.
pub(super) struct Changed {
    pub(super) row: SendRow,
    pub(super) before: SendState,
}

static LOCK: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made_each(
        format!("SELECT {COLUMNS} FROM send s WHERE s.place IN (SELECT value FROM json_each($1)) ORDER BY s.place"),
        format!("SELECT {COLUMNS} FROM send s WHERE s.place = ANY($1::BIGINT[]) ORDER BY s.place FOR NO KEY UPDATE"),
    )
});

/// Statuses that were faster than the answer.
static EARLY: Sql = Sql::each(
    "SELECT wamid, state, at, received_at, error_codes FROM status
    WHERE participant = '' AND wamid IN (SELECT value FROM json_each($1))",
    "SELECT wamid, state, at, received_at, error_codes FROM status
    WHERE participant = '' AND wamid = ANY($1::TEXT[])",
);

static WRITE: LazyLock<Sql> = LazyLock::new(|| {
    by_place(
        &[
            ("state", "TEXT"),
            ("rank", "BIGINT"),
            ("since", "BIGINT"),
            ("due_at", "BIGINT"),
            ("retries", "BIGINT"),
            ("maybe_duplicate", "BIGINT"),
            ("accepted_at", "BIGINT"),
            ("sent_at", "BIGINT"),
            ("delivered_at", "BIGINT"),
            ("read_at", "BIGINT"),
            ("played_at", "BIGINT"),
            ("failed_at", "BIGINT"),
            ("error_code", "BIGINT"),
            ("wamid", "TEXT"),
            ("price", "BYTEA"),
        ],
        "state = {state}, rank = {rank}, since = {since}, due_at = {due_at}, retries = {retries}, waits = 0,
        maybe_duplicate = {maybe_duplicate}, accepted_at = {accepted_at}, sent_at = {sent_at},
        delivered_at = {delivered_at}, read_at = {read_at}, played_at = {played_at}, failed_at = {failed_at},
        error_code = {error_code}, wamid = {wamid}, price = {price}",
        "TRUE",
    )
});

/// Places of the messaging limit that are free again: of the day that counts, not of one before.
static GIVE_BACK: LazyLock<Sql> = LazyLock::new(|| {
    let with = |of: &str| {
        format!(
            "UPDATE limit_use SET sends = sends - (
                SELECT count(*) FROM send s
                WHERE s.place {of} AND s.portfolio = limit_use.portfolio AND s.limit_contact = limit_use.contact_id
                    AND s.attempted_at >= limit_use.since)
            WHERE (portfolio, contact_id) IN (
                SELECT s.portfolio, s.limit_contact FROM send s WHERE s.place {of} AND s.portfolio IS NOT NULL)"
        )
    };
    Sql::made_each(with("IN (SELECT value FROM json_each($1))"), with("= ANY($1::BIGINT[])"))
});

static HAS_NO_PLACE: Sql = Sql::each(
    "UPDATE send SET portfolio = NULL, limit_contact = NULL WHERE place IN (SELECT value FROM json_each($1))",
    "UPDATE send SET portfolio = NULL, limit_contact = NULL WHERE place = ANY($1::BIGINT[])",
);

static UNUSED: LazyLock<Sql> = LazyLock::new(|| {
    let with = |of: &str| {
        format!(
            "DELETE FROM limit_use WHERE sends <= 0 AND (portfolio, contact_id) IN (
                SELECT s.portfolio, s.limit_contact FROM send s WHERE s.place {of} AND s.portfolio IS NOT NULL)"
        )
    };
    Sql::made_each(with("IN (SELECT value FROM json_each($1))"), with("= ANY($1::BIGINT[])"))
});

/// What a process that is gone had in hand: it may have gone.
static TAKE_OVER: Sql = Sql::each(
    "UPDATE send SET state = 'uncertain', rank = $3, since = $4, due_at = $5
    WHERE number IN (SELECT value FROM json_each($1)) AND phase = 1 AND state = 'attempting' AND epoch < $2
    RETURNING place",
    "UPDATE send SET state = 'uncertain', rank = $3, since = $4, due_at = $5
    WHERE number = ANY($1::TEXT[]) AND phase = 1 AND state = 'attempting' AND epoch < $2
    RETURNING place",
);

impl Changed {
    pub(super) fn of(row: SendRow) -> Self {
        Self { before: row.state(), row }
    }

    pub(super) fn tell(&mut self, told: &Told, now: Timestamp) {
        let before = self.row.progress.state;
        self.row.progress.tell(told);
        if self.row.progress.state != before {
            self.row.since = now;
        }
    }

    fn step(&mut self, step: Step, now: Timestamp) -> bool {
        let next = self.row.progress.state.step(step);
        if let Some(state) = next {
            self.row.progress.state = state;
            self.row.since = now;
        }
        next.is_some()
    }

    fn take(&mut self, answered: &SendAnswered, now: Timestamp) {
        // A status was faster, or somebody else has the send by now.
        let is_current = self.row.attempt == answered.attempt;
        match &answered.answer {
            SendAnswer::Accepted { wamid, held } => {
                self.row.wamid.get_or_insert_with(|| key(wamid).into_owned());
                let state = if *held { SendState::Held } else { SendState::Accepted };
                self.tell(&Told { state, at: now, error_code: None }, now);
                self.row.retries = 0;
            }
            SendAnswer::Failed { code } if is_current => {
                let is_open = matches!(self.row.state(), SendState::Attempting | SendState::Uncertain);
                if is_open {
                    self.tell(&Told { state: SendState::Failed, at: now, error_code: *code }, now);
                }
            }
            SendAnswer::Later { due_at, code, counts } if is_current => {
                if self.step(Step::Retry, now) {
                    self.row.due_at = *due_at;
                    self.row.retries = if *counts { self.row.retries.saturating_add(1) } else { self.row.retries };
                    self.row.progress.failed = code.map(|code| (now, Some(code)));
                }
            }
            SendAnswer::Lost { settle_at } if is_current => {
                if self.step(Step::LoseAnswer, now) {
                    self.row.due_at = *settle_at;
                }
            }
            SendAnswer::Again { due_at } if is_current => {
                if self.step(Step::SendAgain, now) {
                    self.row.due_at = *due_at;
                    self.row.maybe_duplicate = true;
                }
            }
            SendAnswer::GivenUp if is_current && self.row.state() == SendState::Uncertain => {
                self.row.due_at = Timestamp::from_millis(GIVEN_UP);
            }
            SendAnswer::Failed { .. }
            | SendAnswer::Later { .. }
            | SendAnswer::Lost { .. }
            | SendAnswer::Again { .. }
            | SendAnswer::GivenUp => {}
        }
    }

    /// Whether what it counted in the messaging limit is free again.
    fn frees_place(&self) -> bool {
        let state = self.row.state();
        state != self.before && matches!(state, SendState::Queued | SendState::Failed)
    }

    fn params(&self) -> Result<Vec<Param<'_>>> {
        let Progress { state, accepted_at, sent_at, delivered_at, read_at, played_at, failed } = self.row.progress;
        let price = self.row.price.as_ref().map(serde_json::to_vec).transpose();
        let price = price.map_err(|error| StoreError::Invalid(format!("a price: {error}")))?;
        Ok(params![
            self.row.place,
            state,
            i64::from(state.rank()),
            self.row.since,
            self.row.due_at,
            self.row.retries,
            self.row.maybe_duplicate,
            accepted_at,
            sent_at,
            delivered_at,
            read_at,
            played_at,
            failed.map(|(at, _)| at),
            failed.and_then(|(_, code)| code),
            self.row.wamid.as_deref(),
            price,
        ])
    }
}

/// The statements that write them, with what follows from it.
pub(super) fn writing(changed: &[Changed], now: Timestamp) -> Result<Vec<Statement<'_>>> {
    if changed.is_empty() {
        return Ok(vec![]);
    }
    let rows = changed.iter().map(Changed::params).collect::<Result<Vec<_>>>()?;
    let of = |wanted: fn(&Changed) -> bool| -> Vec<i64> {
        changed.iter().filter(|one| wanted(one)).map(|one| one.row.place).collect()
    };
    let mut statements = vec![Statement::rows(&WRITE, rows)];
    let moved = of(|one| one.row.state() != one.before);
    if !moved.is_empty() {
        statements.push(Statement::new(&WAKE, params![places(&moved), now]));
    }
    let free = of(Changed::frees_place);
    if !free.is_empty() {
        statements.push(Statement::new(&GIVE_BACK, params![places(&free)]));
        statements.push(Statement::new(&UNUSED, params![places(&free)]));
        statements.push(Statement::new(&HAS_NO_PLACE, params![places(&free)]));
    }
    Ok(statements)
}

/// The locked rows, and the statuses that came before the answers.
fn early(rows: &[Row]) -> Result<HashMap<String, Vec<Told>>> {
    let mut told: HashMap<String, Vec<Told>> = HashMap::new();
    for row in rows {
        let row = row.of("status");
        let state: String = row.get("state")?;
        let codes: Vec<i64> = row.parse("error_codes", |text| serde_json::from_str(text).ok())?.unwrap_or_default();
        let (at, received_at): (Option<Timestamp>, Timestamp) = (row.get("at")?, row.get("received_at")?);
        let Some(state) = SendState::parse(&state).filter(|state| state.rank() >= SendState::Sent.rank()) else {
            continue;
        };
        let error_code = codes.first().copied().filter(|_| state == SendState::Failed);
        told.entry(row.get("wamid")?).or_default().push(Told { state, at: at.unwrap_or(received_at), error_code });
    }
    Ok(told)
}

impl SendTx {
    /// Writes what came of attempts. An answer to an attempt that is not the last one changes nothing, but for the news that
    /// Meta has it.
    pub async fn answered(&mut self, answered: &[SendAnswered], now: Timestamp) -> Result<()> {
        if answered.is_empty() {
            return Ok(());
        }
        let by_place: BTreeMap<i64, &SendAnswered> = answered.iter().map(|one| (one.place, one)).collect();
        let wamids: Param<'_> = answered
            .iter()
            .filter_map(|one| match &one.answer {
                SendAnswer::Accepted { wamid, .. } => Some(key(wamid)),
                _ => None,
            })
            .collect();
        let found: Vec<i64> = by_place.keys().copied().collect();
        let reads = vec![Statement::new(&LOCK, params![places(&found)]), Statement::new(&EARLY, params![wamids])];
        let answers = self.fenced.tx.run(reads).await?;
        let [locked, statuses] = &answers[..] else { return Ok(()) };
        let early = early(&statuses.rows)?;
        let mut changed = Vec::with_capacity(locked.rows.len());
        for row in &locked.rows {
            let mut one = Changed::of(SendRow::from_row(&row.of(SEND.name))?);
            let Some(answered) = by_place.get(&one.row.place) else { continue };
            one.take(answered, now);
            for told in one.row.wamid.as_deref().and_then(|wamid| early.get(wamid)).into_iter().flatten() {
                one.tell(told, now);
            }
            changed.push(one);
        }
        self.fenced.tx.run(writing(&changed, now)?).await?;
        Ok(())
    }

    /// What others left in hand on these numbers may have gone; it is settled then, and whoever waits behind one is looked at again.
    /// Returns how many there were.
    pub async fn take_over(&mut self, numbers: &[NumberName], now: Timestamp, settle_at: Timestamp) -> Result<u64> {
        let numbers: Param<'_> = numbers.iter().collect();
        let rank = i64::from(SendState::Uncertain.rank());
        let params = params![numbers, self.fenced.fence.epoch, rank, now, settle_at];
        let tx = &mut self.fenced.tx;
        let rows = tx.query(&TAKE_OVER, params).await?;
        let lost = rows.iter().map(|row| row.of(SEND.name).get("place")).collect::<Result<Vec<i64>>>()?;
        if !lost.is_empty() {
            tx.execute(&WAKE, params![places(&lost), now]).await?;
        }
        Ok(lost.len() as u64)
    }
}
