//! Messages that another queue got than their team's, written down once they are there. Must never change a decision.

use std::collections::BTreeSet;

use waypost_domain::{DecisionId, TeamName, Timestamp};

use crate::conversations::{Rebind, rebinding};
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
    /// Writes down where these messages went, over what was known of that before, and binds conversations firmly to the
    /// teams that got theirs; those that another team has by now, or a person holds, stay as they are. All of it or
    /// nothing. Returns how many conversations changed. A batch that has read one of them begins again.
    pub async fn divert(&self, diverted: &[DivertedMessage], moved: &BTreeSet<Rebind>) -> Result<u64> {
        let mut sorted: Vec<&DivertedMessage> = diverted.iter().collect();
        sorted.sort_unstable_by_key(|one| one.decision);
        let row = |one: &'_ DivertedMessage| {
            let Diversion { to, why, at } = one.diversion.clone();
            params![one.decision, at, to.map(|team| team.to_string()), why]
        };
        let written = (!sorted.is_empty()).then(|| Statement::rows(&DIVERT, sorted.into_iter().map(row).collect()));
        let bound = (!moved.is_empty()).then(|| rebinding(moved));
        let has_bound = bound.is_some();
        let statements: Vec<Statement<'_>> = bound.into_iter().chain(written).collect();
        if statements.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let answers = tx.run(statements).await?;
        tx.commit().await?;
        Ok(answers.first().filter(|_| has_bound).map_or(0, |answer| answer.affected))
    }
}
