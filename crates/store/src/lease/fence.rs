//! The fence: the first statement of every transaction that a lease's owner begins. It proves ownership, marks what was
//! published, extends the lease, and keeps its row locked to the end, so that nobody takes the partition over in between.

use std::sync::Arc;

use waypost_domain::{IdSource, PartitionId, Timestamp};

use super::Lease;
use crate::core::{Answer, Param, Sql, Statement, Tx, params};
use crate::{Result, Store, StoreError};

/// Proof of ownership, and the published mark that is written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub component: String,
    pub partition: PartitionId,
    pub owner: String,
    pub epoch: i64,
    /// The end of the batch that was published before this one.
    pub published_seq: i64,
    /// When it was; `None` where its owner does not know.
    pub published_at: Option<Timestamp>,
    /// When the oldest event still unfinished was received; for `status`.
    pub oldest_at: Option<Timestamp>,
}

/// An open transaction behind its fence. What may be done in it is for the views on it to say.
pub(crate) struct Fenced {
    pub(crate) tx: Tx,
    pub(crate) fence: Fence,
    /// Of what is new in it.
    pub(crate) ids: Arc<dyn IdSource>,
}

/// The published mark never goes back: everything at or below it was published once, whoever says otherwise.
static FENCE: Sql = Sql::each(
    "UPDATE lease SET
        published_at = CASE WHEN $1 > published_seq THEN $7 ELSE published_at END,
        published_seq = max(published_seq, $1),
        oldest_at = $2,
        expires_at = max(expires_at, coalesce((
            SELECT m.expires_at FROM member m WHERE m.component = $3 AND m.instance = $5), 0))
    WHERE component = $3 AND partition = $4 AND owner = $5 AND epoch = $6",
    "UPDATE lease SET
        published_at = CASE WHEN $1 > published_seq THEN $7 ELSE published_at END,
        published_seq = greatest(published_seq, $1),
        oldest_at = $2,
        expires_at = greatest(expires_at, (
            SELECT m.expires_at FROM member m WHERE m.component = $3 AND m.instance = $5))
    WHERE component = $3 AND partition = $4 AND owner = $5 AND epoch = $6",
);

impl Fence {
    pub fn of(lease: &Lease) -> Self {
        lease.fence(lease.published_seq, None)
    }

    pub(crate) fn hold(&self, rows: u64) -> Result<()> {
        if rows == 1 {
            return Ok(());
        }
        Err(StoreError::LeaseLost { component: self.component.clone(), partition: self.partition.0 })
    }

    fn params(&self) -> Vec<Param<'_>> {
        params![
            self.published_seq,
            self.oldest_at,
            &self.component,
            self.partition,
            &self.owner,
            self.epoch,
            self.published_at,
        ]
    }
}

impl Store {
    /// Begins behind the fence, and sends `reads` with it: they see what was committed before the fence held, because
    /// it is a statement before them.
    pub(crate) async fn begin_fenced(&self, fence: &Fence, reads: Vec<Statement<'_>>) -> Result<(Fenced, Vec<Answer>)> {
        let mut tx = self.begin().await?;
        let mut statements = vec![Statement::new(&FENCE, fence.params())];
        statements.extend(reads);
        let mut answers = tx.run(statements).await?;
        let reads = answers.split_off(1);
        fence.hold(answers.first().map_or(0, |answer| answer.affected))?;
        Ok((Fenced { tx, fence: fence.clone(), ids: self.ids.clone() }, reads))
    }

    /// The fence alone: when idle, and at shutdown.
    pub async fn mark_published(&self, fence: &Fence) -> Result<()> {
        let done = self.write(&FENCE, fence.params()).await?;
        fence.hold(done.affected)
    }
}
