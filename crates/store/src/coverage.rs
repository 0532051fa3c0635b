//! Which rule decided, for whoever counts: many decisions, a piece at a time.

use waypost_domain::{PartitionId, Timestamp};

use crate::database::on_reader;
use crate::{Result, Store};

/// A decision, without the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBy {
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

type Row = (i64, i64, Option<String>, String, Option<Vec<u8>>);

/// Along the index.
const BELOW: &str = "SELECT seq, received_at, rule_set, rule, CASE WHEN $4 THEN input END FROM inbox \
     WHERE partition = $1 AND seq < $2 AND rule IS NOT NULL ORDER BY seq DESC LIMIT $3";

impl Store {
    /// Up to `limit` decisions of the partition below `before`, the newest first.
    pub async fn decisions_below(
        &self,
        partition: PartitionId,
        before: i64,
        limit: u32,
        with_input: bool,
    ) -> Result<Vec<DecidedBy>> {
        let rows: Vec<Row> = on_reader!(self, |db| {
            let query = sqlx::query_as(BELOW).bind(i64::from(partition.0)).bind(before).bind(i64::from(limit));
            query.bind(with_input).fetch_all(db).await?
        });
        let decided = |(seq, received_at, rule_set, rule, input): Row| DecidedBy {
            seq,
            received_at: Timestamp::from_millis(received_at),
            rule_set: rule_set.unwrap_or_default(),
            rule,
            input: input.unwrap_or_default(),
        };
        Ok(rows.into_iter().map(decided).collect())
    }
}
