//! How a campaign begins by itself and ends: what is left of one that was cancelled or is of no use any more is ended in steps, and
//! it is over when every row has an end.

use std::sync::LazyLock;

use waypost_domain::send::SendState;
use waypost_domain::{CampaignName, Timestamp};

use super::RecipientState;
use crate::Result;
use crate::changes::RecordTx;
use crate::core::{Row, Sql, Statement, params};
use crate::sends::{GIVEN_UP, WAKE, places};

/// How long something may still be heard of a message that Meta has: it keeps one that cannot be delivered for 30 days
/// (<https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages>, "message time to live").
const HEARD_OF_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Sends that are looked at in one question, and questions in one call.
const LOOKED_AT: i64 = 500;
const LOOKS_MAX: usize = 20;

static BEGIN: Sql =
    Sql::both("UPDATE campaign SET state = 'running' WHERE id = $1 AND state = 'scheduled' AND start_at <= $2");

static END_PLANNED: Sql = Sql::both(
    "UPDATE campaign_recipient SET state = $2, template_values = NULL
    WHERE campaign = $1 AND place IN (
        SELECT place FROM campaign_recipient WHERE campaign = $1 AND state = 'planned' ORDER BY place LIMIT $3)",
);

static CANCEL_QUEUED: Sql = Sql::each(
    "UPDATE send SET state = 'cancelled', rank = $2, since = $3, waits = 0 WHERE place IN (
        SELECT place FROM send WHERE campaign = $1 AND phase = 0 LIMIT $4)
    RETURNING place",
    "UPDATE send SET state = 'cancelled', rank = $2, since = $3, waits = 0 WHERE place IN (
        SELECT place FROM send WHERE campaign = $1 AND phase = 0
        ORDER BY place
        LIMIT $4
        FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING place",
);

/// An end has whatever no step of ours leads on from, and whatever may have gone and was given up, for a person to look at.
static LOOK: LazyLock<Sql> = LazyLock::new(|| {
    let ends = SendState::ALL.into_iter().filter(|state| state.is_final());
    let ends: Vec<String> = ends.map(|state| format!("'{}'", state.as_str())).collect();
    Sql::made(format!(
        "SELECT count(*) AS looked_at, max(place) AS last,
            min(CASE WHEN state IN ({}) OR (phase > 0 AND since < $2)
                OR (state = 'uncertain' AND due_at = {GIVEN_UP}) THEN NULL ELSE place END) AS open
        FROM (
            SELECT s.place, s.state, s.phase, s.since, s.due_at FROM send s
            JOIN campaign c ON c.id = $1
            WHERE s.campaign = $1 AND s.place > c.settled
            ORDER BY s.place
            LIMIT $3) AS found",
        ends.join(", ")
    ))
});

static SETTLED: Sql = Sql::both("UPDATE campaign SET settled = $2 WHERE id = $1 AND settled < $2");

static COMPLETE: Sql = Sql::both(
    "UPDATE campaign SET ended_at = $2, state = CASE state WHEN 'cancelled' THEN state ELSE 'completed' END
    WHERE id = $1 AND ended_at IS NULL AND state IN ('running', 'paused', 'cancelled') AND NOT EXISTS (
        SELECT 1 FROM campaign_recipient WHERE campaign = $1 AND state = 'planned')",
);

impl RecordTx {
    /// A campaign whose time has come runs. Whether it does now and did not before.
    pub async fn begin_campaign(&mut self, id: &CampaignName, now: Timestamp) -> Result<bool> {
        Ok(self.fenced.tx.execute(&BEGIN, params![id, now]).await? > 0)
    }

    /// Ends at most so many rows that no send was made of. Returns how many.
    pub async fn end_planned(&mut self, id: &CampaignName, state: RecipientState, limit: u32) -> Result<u64> {
        self.fenced.tx.execute(&END_PLANNED, params![id, state.as_str(), limit]).await
    }

    /// Takes back at most so many sends that are still queued. Returns how many.
    pub async fn cancel_campaign_sends(&mut self, id: &CampaignName, now: Timestamp, limit: u32) -> Result<u64> {
        let rank = i64::from(SendState::Cancelled.rank());
        let tx = &mut self.fenced.tx;
        let rows = tx.query(&CANCEL_QUEUED, params![id, rank, now, limit]).await?;
        let ended = rows.iter().map(|row: &Row| row.of("send").get("place")).collect::<Result<Vec<i64>>>()?;
        if !ended.is_empty() {
            tx.run(vec![Statement::new(&WAKE, params![places(&ended), now])]).await?;
        }
        Ok(ended.len() as u64)
    }

    /// Ends a campaign of which every row has an end. Whether it has.
    pub async fn settle_campaign(&mut self, id: &CampaignName, now: Timestamp) -> Result<bool> {
        let tx = &mut self.fenced.tx;
        for _ in 0..LOOKS_MAX {
            let rows = tx.query(&LOOK, params![id, now.plus_millis(-HEARD_OF_MS), LOOKED_AT]).await?;
            let Some(row) = rows.first() else { return Ok(false) };
            let row = row.of("send");
            let (looked_at, last, open): (i64, Option<i64>, Option<i64>) =
                (row.get("looked_at")?, row.get("last")?, row.get("open")?);
            if let Some(settled) = open.map(|open| open - 1).or(last) {
                tx.execute(&SETTLED, params![id, settled]).await?;
            }
            if open.is_some() {
                return Ok(false);
            }
            if looked_at < LOOKED_AT {
                return Ok(tx.execute(&COMPLETE, params![id, now]).await? > 0);
            }
        }
        Ok(false)
    }
}
