//! Which rule decided, for whoever counts: many decisions, a piece at a time.

use waypost_domain::{DecisionId, PartitionId, Timestamp};

use crate::core::{Columns, Sql, params};
use crate::{Result, Store};

/// A decision, without the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBy {
    pub decision_id: DecisionId,
    /// Its place in the partition.
    pub seq: i64,
    pub received_at: Timestamp,
    /// The version that decided.
    pub rule_set: String,
    /// The rule's id, or the phase's name where no rule decided.
    pub rule: String,
    /// Empty where it was erased, or not asked for.
    pub input: Vec<u8>,
}

impl DecidedBy {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            decision_id: row.get("decision_id")?,
            seq: row.get("seq")?,
            received_at: row.get("received_at")?,
            rule_set: row.get::<Option<String>>("rule_set")?.unwrap_or_default(),
            rule: row.get("rule")?,
            input: row.get::<Option<Vec<u8>>>("input")?.unwrap_or_default(),
        })
    }
}

/// Along the index.
static BELOW: Sql = Sql::both(
    "SELECT decision_id, seq, received_at, rule_set, rule, CASE WHEN $4 <> 0 THEN input END AS input
    FROM inbox
    WHERE partition = $1 AND seq < $2 AND rule IS NOT NULL
    ORDER BY seq DESC
    LIMIT $3",
);

impl Store {
    /// Up to `limit` decisions of the partition below `before`, the newest first.
    pub async fn decisions_below(
        &self,
        partition: PartitionId,
        before: i64,
        limit: u32,
        with_input: bool,
    ) -> Result<Vec<DecidedBy>> {
        let rows = self.report(&BELOW, params![partition, before, limit, with_input]).await?;
        rows.iter().map(|row| DecidedBy::from_row(&row.of("inbox"))).collect()
    }
}
