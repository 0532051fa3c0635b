//! What became of the last messages of a campaign, by which it is judged whether it may go on.

use waypost_domain::send::SendState;
use waypost_domain::{CampaignName, Timestamp};

use super::{CAMPAIGN, CodeCount};
use crate::changes::RecordTx;
use crate::core::{Sql, Statement, params};
use crate::{Result, Store};

/// The end of a campaign's last messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignEnds {
    /// Messages that arrived or failed. What is on its way, and what was never given to Meta, is not among them.
    pub ended: u64,
    /// Of these: what failed, by code.
    pub failed: Vec<CodeCount>,
}

/// From the last one that has gone on, back to where it was judged before.
static LAST: Sql = Sql::both(
    "SELECT state, CASE state WHEN 'failed' THEN error_code END AS code, count(*) AS count
    FROM (
        SELECT s.state, s.error_code FROM send s
        JOIN campaign c ON c.id = $1
        WHERE s.campaign = $1 AND s.phase = 2 AND s.place > c.judged_from
        ORDER BY s.place DESC
        LIMIT $2) AS gone
    WHERE state IN ('failed', 'delivered', 'read', 'played')
    GROUP BY 1, 2
    ORDER BY 1, 2",
);

static RUNNING: Sql = Sql::both("SELECT id FROM campaign WHERE state = 'running' AND ended_at IS NULL ORDER BY id");

static JUDGED: Sql = Sql::both(
    "UPDATE campaign SET judged_from = (
        SELECT coalesce(max(place), 0) FROM send WHERE campaign = $1 AND phase = 2)
    WHERE id = $1",
);

impl Store {
    /// What became of the last `limit` messages of a campaign that have gone since it was paused for them.
    pub async fn campaign_ends(&self, campaign: &CampaignName, limit: u32) -> Result<CampaignEnds> {
        let mut ends = CampaignEnds::default();
        for row in self.read(&LAST, params![campaign, limit]).await? {
            let row = row.of("send");
            let count: u64 = row.get("count")?;
            ends.ended += count;
            if row.get::<SendState>("state")? == SendState::Failed {
                ends.failed.push(CodeCount { code: row.get("code")?, count });
            }
        }
        Ok(ends)
    }
}

impl RecordTx {
    /// The campaigns that run.
    pub async fn running_campaigns(&mut self) -> Result<Vec<CampaignName>> {
        let rows = self.fenced.tx.query(&RUNNING, params![]).await?;
        rows.iter().map(|row| row.of(CAMPAIGN.name).get("id")).collect()
    }

    /// Pauses a campaign that runs for what became of its messages. Resumed, it is judged by those that go from then
    /// on. Whether it did run.
    pub async fn pause_judged_campaign(&mut self, id: &CampaignName, note: &str, now: Timestamp) -> Result<bool> {
        let is_paused = self.pause_campaign(id, note, now).await?;
        if is_paused {
            self.fenced.tx.run(vec![Statement::new(&JUDGED, params![id])]).await?;
        }
        Ok(is_paused)
    }
}
