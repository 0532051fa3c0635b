//! Messages that another queue got than their team's, written down once they are there. Must never change a decision.

use waypost_domain::{DecisionId, TeamName, Timestamp};

use crate::core::{Sql, Statement, params};
use crate::{Result, Store};

/// Where a message went, as its team's queue did not take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// `None`: the unrouted queue.
    pub to: Option<TeamName>,
    /// What was wrong with the queue of the team that was decided.
    pub why: String,
    pub at: Timestamp,
}

/// A diversion to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivertedMessage {
    pub decision: DecisionId,
    pub diversion: Diversion,
}

static DIVERT: Sql = Sql::each(
    "UPDATE inbox SET diverted_at = $2, diverted_to = $3, diverted_why = $4 WHERE decision_id = $1",
    "UPDATE inbox SET diverted_at = w.at, diverted_to = w.to_team, diverted_why = w.why
    FROM unnest($1::UUID[], $2::BIGINT[], $3::TEXT[], $4::TEXT[]) AS w(id, at, to_team, why)
    WHERE inbox.decision_id = w.id",
);

impl Store {
    /// Writes down where these messages went, over what was known of that before; all of them or none.
    pub async fn record_diversions(&self, diverted: &[DivertedMessage]) -> Result<()> {
        if diverted.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<&DivertedMessage> = diverted.iter().collect();
        sorted.sort_unstable_by_key(|one| one.decision);
        let row = |one: &'_ DivertedMessage| {
            let Diversion { to, why, at } = one.diversion.clone();
            params![one.decision, at, to.map(|team| team.to_string()), why]
        };
        let rows = sorted.into_iter().map(row).collect();
        let mut tx = self.begin().await?;
        tx.run(vec![Statement::rows(&DIVERT, rows)]).await?;
        tx.commit().await
    }
}
