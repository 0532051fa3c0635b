//! How far a campaign has come, counted when somebody asks: from its rows, and from its sends as they stand.

use waypost_domain::CampaignName;
use waypost_domain::send::SendState;

use super::{RECIPIENT, RecipientState};
use crate::core::{Sql, params};
use crate::{Result, Store};

/// Counts of recipients. Every row stands in one of `rejected`, `planned`, `queued`, `attempting`, `uncertain`, `accepted`,
/// `failed` (less those that failed after they were accepted), `refused`, `expired` and `cancelled`; whoever was `delivered` or
/// `read` was accepted too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignFigures {
    pub rejected: u64,
    /// Not in the queue yet.
    pub planned: u64,
    pub queued: u64,
    pub attempting: u64,
    /// May have gone.
    pub uncertain: u64,
    /// Meta took it, whatever became of it.
    pub accepted: u64,
    pub delivered: u64,
    pub read: u64,
    pub failed: Vec<CodeCount>,
    /// Of those that failed: Meta had taken them before.
    pub failed_after_acceptance: u64,
    pub refused: Vec<RuleCount>,
    pub expired: u64,
    pub cancelled: u64,
}

/// How many failed with this code of Meta's; `None` where it told none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeCount {
    pub code: Option<i64>,
    pub count: u64,
}

/// How many were refused by this rule of policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    pub rule: String,
    pub count: u64,
}

static OF_ROWS: Sql =
    Sql::both("SELECT state, count(*) AS count FROM campaign_recipient WHERE campaign = $1 GROUP BY state");

/// Meta names what it takes, in its answer or, faster, in a status.
static OF_SENDS: Sql = Sql::both(
    "SELECT state, CASE state WHEN 'failed' THEN error_code END AS code, CASE state WHEN 'refused' THEN rule END AS rule,
        count(*) AS count, count(wamid) AS accepted,
        count(CASE WHEN delivered_at IS NOT NULL OR state IN ('delivered', 'read', 'played') THEN 1 END) AS delivered,
        count(CASE WHEN read_at IS NOT NULL OR state IN ('read', 'played') THEN 1 END) AS was_read
    FROM send
    WHERE campaign = $1
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3",
);

impl Store {
    /// Counts what became of everybody. It takes time with the number of recipients: about a second for a million.
    pub async fn campaign_figures(&self, campaign: &CampaignName) -> Result<CampaignFigures> {
        let mut figures = CampaignFigures::default();
        // Rows first: what is put in the queue between the two questions counts as both, not as neither.
        for row in self.report(&OF_ROWS, params![campaign]).await? {
            let row = row.of(RECIPIENT);
            let count: u64 = row.get("count")?;
            match row.parse("state", RecipientState::parse)?.ok_or(row.unreadable("state"))? {
                RecipientState::Planned => figures.planned += count,
                RecipientState::Queued => {}
                RecipientState::Rejected => figures.rejected += count,
                RecipientState::Expired => figures.expired += count,
                RecipientState::Cancelled => figures.cancelled += count,
            }
        }
        for row in self.report(&OF_SENDS, params![campaign]).await? {
            let row = row.of("send");
            let (count, accepted): (u64, u64) = (row.get("count")?, row.get("accepted")?);
            figures.accepted += accepted;
            figures.delivered += row.get::<u64>("delivered")?;
            figures.read += row.get::<u64>("was_read")?;
            match row.get::<SendState>("state")? {
                SendState::Queued => figures.queued += count,
                SendState::Attempting => figures.attempting += count,
                SendState::Uncertain => figures.uncertain += count,
                SendState::Expired => figures.expired += count,
                SendState::Cancelled => figures.cancelled += count,
                SendState::Failed => {
                    figures.failed.push(CodeCount { code: row.get("code")?, count });
                    figures.failed_after_acceptance += accepted;
                }
                SendState::Refused => {
                    let rule: Option<String> = row.get("rule")?;
                    figures.refused.push(RuleCount { rule: rule.unwrap_or_default(), count });
                }
                SendState::Held | SendState::Accepted | SendState::Sent => {}
                SendState::Delivered | SendState::Read | SendState::Played => {}
            }
        }
        Ok(figures)
    }
}
