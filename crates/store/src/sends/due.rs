//! What is to be looked at now: read without a lock, so whoever acts on it reads it again under one.

use std::sync::LazyLock;

use waypost_domain::send::SendState;
use waypost_domain::{ContactId, NumberName, Timestamp};

use super::row::{COLUMNS, SEND, SendRow, places};
use super::write::WAKE;
use crate::core::{Columns, Param, Row, Sql, Statement, params};
use crate::{Result, Store};

/// A queued send whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSend {
    pub place: i64,
    pub number: NumberName,
    pub contact: ContactId,
    pub is_urgent: bool,
    pub due_at: Timestamp,
}

/// For each number so many, the earliest first, and of campaigns what is left: however much of one was put off to the same time,
/// nobody's answer waits behind it. Of campaigns only while they run, so that what is queued of one that is paused is not even
/// looked at. What a campaign sends is never urgent. SQLite, which has no round trips and no limit that goes by the
/// row, is asked for one number after the other: $1 its name, $2 how many.
static DUE: Sql = Sql::each(
    "SELECT place, number, contact_id, urgent, due_at FROM (
        SELECT * FROM (
            SELECT place, number, contact_id, urgent, due_at, 0 AS of_campaign FROM send
            WHERE number = $1 AND phase = 0 AND campaign IS NULL AND urgent = $3 AND due_at <= $4
            ORDER BY due_at, place
            LIMIT $2)
        UNION ALL
        SELECT * FROM (
            SELECT s.place, s.number, s.contact_id, s.urgent, s.due_at, 1 AS of_campaign
            FROM campaign c
            JOIN send s ON s.place IN (
                SELECT one.place FROM send one
                WHERE one.campaign = c.id AND one.phase = 0 AND one.due_at <= $4
                ORDER BY one.due_at, one.place
                LIMIT $2)
            WHERE $3 = 0 AND c.number = $1 AND c.state = 'running' AND c.ended_at IS NULL
            ORDER BY s.due_at, s.place
            LIMIT $2))
    ORDER BY of_campaign, due_at, place
    LIMIT $2",
    "SELECT s.place, w.number, s.contact_id, s.urgent, s.due_at
    FROM unnest($1::TEXT[], $2::BIGINT[]) AS w(number, wanted)
    CROSS JOIN LATERAL (
        SELECT d.place, d.contact_id, d.urgent, d.due_at, d.of_campaign FROM (
            (SELECT one.place, one.contact_id, one.urgent, one.due_at, 0 AS of_campaign FROM send one
            WHERE one.number = w.number AND one.phase = 0 AND one.campaign IS NULL AND one.urgent = $3
                AND one.due_at <= $4
            ORDER BY one.due_at, one.place
            LIMIT w.wanted)
            UNION ALL
            (SELECT o.place, o.contact_id, o.urgent, o.due_at, 1 AS of_campaign
            FROM campaign c
            CROSS JOIN LATERAL (
                SELECT one.place, one.contact_id, one.urgent, one.due_at FROM send one
                WHERE one.campaign = c.id AND one.phase = 0 AND one.due_at <= $4
                ORDER BY one.due_at, one.place
                LIMIT w.wanted) o
            WHERE $3::BIGINT = 0 AND c.number = w.number AND c.state = 'running' AND c.ended_at IS NULL)) d
        ORDER BY d.of_campaign, d.due_at, d.place
        LIMIT w.wanted) s
    ORDER BY w.number, s.of_campaign, s.due_at, s.place",
);

/// When the next one is due on any of these numbers.
static NEXT: Sql = Sql::each(
    "SELECT min(due_at) AS due_at FROM (
        SELECT (SELECT min(s.due_at) FROM send s
            WHERE s.number = n.value AND s.phase = 0 AND s.campaign IS NULL AND s.urgent = u.urgent) AS due_at
        FROM json_each($1) n CROSS JOIN (SELECT 0 AS urgent UNION ALL SELECT 1) u
        UNION ALL
        SELECT (SELECT min(s.due_at) FROM send s WHERE s.campaign = c.id AND s.phase = 0) AS due_at
        FROM campaign c
        WHERE c.number IN (SELECT value FROM json_each($1)) AND c.state = 'running' AND c.ended_at IS NULL)",
    "SELECT min(d.due_at) AS due_at FROM (
        SELECT s.due_at
        FROM unnest($1::TEXT[]) AS n(number) CROSS JOIN (VALUES (0::BIGINT), (1::BIGINT)) AS u(urgent)
        CROSS JOIN LATERAL (
            SELECT one.due_at FROM send one
            WHERE one.number = n.number AND one.phase = 0 AND one.campaign IS NULL AND one.urgent = u.urgent
            ORDER BY one.due_at LIMIT 1) s
        UNION ALL
        SELECT o.due_at
        FROM campaign c
        CROSS JOIN LATERAL (
            SELECT one.due_at FROM send one
            WHERE one.campaign = c.id AND one.phase = 0
            ORDER BY one.due_at LIMIT 1) o
        WHERE c.number = ANY($1::TEXT[]) AND c.state = 'running' AND c.ended_at IS NULL) d",
);

static UNSETTLED: LazyLock<Sql> = LazyLock::new(|| {
    let with = |numbers: &str| {
        format!(
            "SELECT {COLUMNS} FROM send s
            WHERE s.number IN ({numbers}) AND s.phase = 1 AND s.state = 'uncertain'
                AND s.due_at <= $2
            ORDER BY s.due_at LIMIT $3"
        )
    };
    Sql::made_each(with("SELECT value FROM json_each($1)"), with("SELECT unnest($1::TEXT[])"))
});

static EXPIRE: Sql = Sql::each(
    "UPDATE send SET state = 'expired', rank = $3, since = $2, waits = 0 WHERE place IN (
        SELECT place FROM send
        WHERE number IN (SELECT value FROM json_each($1)) AND phase = 0 AND ends_at <= $2
        LIMIT $4)
    RETURNING place",
    "UPDATE send SET state = 'expired', rank = $3, since = $2, waits = 0 WHERE place IN (
        SELECT place FROM send
        WHERE number = ANY($1::TEXT[]) AND phase = 0 AND ends_at <= $2
        ORDER BY place
        LIMIT $4
        FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING place",
);

/// $2: until when they were put off. A send that ends before that was put off until its end.
static PULL_UNTIL: LazyLock<[Sql; 2]> = LazyLock::new(|| {
    let until = "due_at <= $2 AND (due_at = $2 OR due_at = ends_at)";
    pulling(until, until)
});

/// $2: the rules by which they were put off.
static PULL_BY: LazyLock<[Sql; 2]> =
    LazyLock::new(|| pulling("rule IN (SELECT value FROM json_each($2))", "rule = ANY($2::TEXT[])"));

/// Apart for what is of no campaign and for what is of one: each has an index of its own.
fn pulling(of_sqlite: &str, of_postgres: &str) -> [Sql; 2] {
    let with = |of: &str, which: &str, rest: &str| {
        format!(
            "UPDATE send SET due_at = $3 WHERE place IN (
        SELECT place FROM send
        WHERE {of} AND phase = 0 AND waits = 0 AND due_at > $3 AND {which}
        LIMIT $4{rest})"
        )
    };
    let both = |of: &dyn Fn(&str) -> String| {
        let sqlite = of("IN (SELECT value FROM json_each($1))");
        let postgres = of("= ANY($1::TEXT[])");
        Sql::made_each(with(&sqlite, of_sqlite, ""), with(&postgres, of_postgres, " FOR NO KEY UPDATE SKIP LOCKED"))
    };
    [
        both(&|numbers| format!("number {numbers} AND campaign IS NULL AND urgent IN (0, 1)")),
        both(&|numbers| format!("campaign IN (SELECT id FROM campaign WHERE number {numbers} AND ended_at IS NULL)")),
    ]
}

/// Which sends that were put off.
#[derive(Debug, Clone, Copy)]
pub enum PutOff<'a> {
    /// Until then.
    Until(Timestamp),
    /// By one of these rules of policy.
    By(&'a [&'static str]),
}

static QUEUED: Sql = Sql::both(
    "SELECT number, urgent, count(*) AS sends, min(due_at) AS due_at FROM send WHERE phase = 0 GROUP BY number, urgent
    ORDER BY number, urgent",
);

/// What waits to be sent from a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedSends {
    pub number: NumberName,
    pub is_urgent: bool,
    pub sends: u64,
    /// When the first of them is due.
    pub due_at: Timestamp,
}

fn due(row: &Columns<'_>) -> Result<DueSend> {
    Ok(DueSend {
        place: row.get("place")?,
        number: row.get("number")?,
        contact: row.get("contact_id")?,
        is_urgent: row.get("urgent")?,
        due_at: row.get("due_at")?,
    })
}

impl Store {
    /// Of each number at most so many that are due at `now`: the urgent ones or the others.
    pub async fn due_sends(&self, wanted: &[(NumberName, u32)], urgent: bool, now: Timestamp) -> Result<Vec<DueSend>> {
        let mut found = Vec::new();
        if self.is_shared() {
            let numbers: Param<'_> = wanted.iter().map(|(number, _)| number).collect();
            let counts: Param<'_> = wanted.iter().map(|(_, count)| *count).collect();
            found = self.read(&DUE, params![numbers, counts, urgent, now]).await?;
        } else {
            for (number, count) in wanted {
                found.extend(self.read(&DUE, params![number, *count, urgent, now]).await?);
            }
        }
        found.iter().map(|row| due(&row.of(SEND.name))).collect()
    }

    /// When the next send of these numbers is due; `None` while none is queued.
    pub async fn next_due_send(&self, numbers: &[NumberName]) -> Result<Option<Timestamp>> {
        let rows = self.read(&NEXT, params![numbers.iter().collect::<Param<'_>>()]).await?;
        rows.first().map_or(Ok(None), |row| row.of(SEND.name).get("due_at"))
    }

    /// Makes at most so many sends due now that were put off, because what they waited for is there. How many.
    pub async fn pull_sends_forward(
        &self,
        numbers: &[NumberName],
        put_off: PutOff<'_>,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64> {
        let mut pulled = 0;
        let sqls = match put_off {
            PutOff::Until(_) => &*PULL_UNTIL,
            PutOff::By(_) => &*PULL_BY,
        };
        for sql in sqls {
            let left = limit.saturating_sub(u32::try_from(pulled).unwrap_or(limit));
            let which = match put_off {
                PutOff::Until(until) => until.into(),
                PutOff::By(rules) => rules.iter().copied().collect::<Param<'_>>(),
            };
            let params = params![numbers.iter().collect::<Param<'_>>(), which, now, left];
            pulled += self.write(sql, params).await?.affected;
        }
        Ok(pulled)
    }

    /// What waits to be sent, by number and priority. It reads everything that is queued.
    pub async fn queued_sends(&self) -> Result<Vec<QueuedSends>> {
        let read = |row: &Row| {
            let row = row.of(SEND.name);
            Ok(QueuedSends {
                number: row.get("number")?,
                is_urgent: row.get("urgent")?,
                sends: row.get("sends")?,
                due_at: row.get("due_at")?,
            })
        };
        self.read(&QUEUED, vec![]).await?.iter().map(read).collect()
    }

    /// Sends of these numbers that may have gone, and of which nothing was heard in time.
    pub async fn unsettled_sends(&self, numbers: &[NumberName], now: Timestamp, limit: u32) -> Result<Vec<SendRow>> {
        let rows = self.read(&UNSETTLED, params![numbers.iter().collect::<Param<'_>>(), now, limit]).await?;
        rows.iter().map(|row| SendRow::from_row(&row.of(SEND.name))).collect()
    }

    /// Ends at most so many sends of these numbers that are of no use any more; whoever waits behind one is looked at again.
    /// Returns how many.
    pub async fn expire_sends(&self, numbers: &[NumberName], now: Timestamp, limit: u32) -> Result<u64> {
        let rank = i64::from(SendState::Expired.rank());
        let params = params![numbers.iter().collect::<Param<'_>>(), now, rank, limit];
        let mut tx = self.begin().await?;
        let rows = tx.query(&EXPIRE, params).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ended = rows.iter().map(|row| row.of(SEND.name).get("place")).collect::<Result<Vec<i64>>>()?;
        tx.commit_with(vec![Statement::new(&WAKE, params![places(&ended), now])]).await?;
        Ok(ended.len() as u64)
    }
}
