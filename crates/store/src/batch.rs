//! The unit of work: one transaction, fenced by a lease. Reading, deciding and recording of up to
//! [`Batch::ROWS_MAX`] events happen between [`Store::begin_batch`] and [`Batch::commit`].
//!
//! Every batch takes its locks in one order, so that two batches cannot block each other for ever: its lease row, the
//! contacts that need one by id, new aliases, then conversations and inbox rows by id. What remains (two transactions
//! that insert the same key) ends in [`StoreError::Retry`].

use std::collections::{BTreeMap, HashMap};

use waypost_domain::{ContactId, Conversation, ConversationId, PartitionId, Timestamp};

use crate::database::{Tx, on_tx, on_writer};
use crate::{Lease, Result, Store, StoreError};

/// Proof of ownership, and the published mark that is written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub component: String,
    pub partition: PartitionId,
    pub owner: String,
    pub epoch: i64,
    /// The end of the batch that was published before this one.
    pub published_seq: i64,
    /// When the oldest event still unfinished was received; for `status`.
    pub oldest_at: Option<Timestamp>,
}

/// An open unit of work. Dropping it rolls back.
pub struct Batch {
    pub(crate) tx: Tx,
    pub(crate) fence: Fence,
    pub(crate) read: Read,
}

/// What this batch has read on PostgreSQL and not locked, to be compared when it writes.
#[derive(Default)]
pub(crate) struct Read {
    /// With their versions.
    pub(crate) contacts: BTreeMap<ContactId, i64>,
    /// With the transaction that wrote the row, which is another after every change:
    /// <https://www.postgresql.org/docs/15/ddl-system-columns.html>.
    pub(crate) conversations: HashMap<ConversationId, String>,
    /// The unresolved conversations of contacts that were read together with them.
    pub(crate) talks: HashMap<ContactId, Vec<Conversation>>,
}

impl Read {
    /// What was read before must not have changed.
    pub(crate) fn add(&mut self, more: Self) -> Result<()> {
        for (id, version) in more.contacts {
            if *self.contacts.entry(id).or_insert(version) != version {
                return Err(StoreError::retry("a contact changed since it was read"));
            }
        }
        for (id, written_by) in more.conversations {
            self.conversations.entry(id).or_insert(written_by);
        }
        self.talks.extend(more.talks);
        Ok(())
    }
}

/// The published mark never goes back: everything at or below it was published once, whoever says otherwise.
const FENCE: &str = "UPDATE lease SET published_seq = CASE WHEN published_seq > $1 THEN published_seq ELSE $1 END, \
     oldest_at = $2 WHERE component = $3 AND partition = $4 AND owner = $5 AND epoch = $6";

macro_rules! fence {
    ($fence:expr, $db:expr) => {
        sqlx::query(FENCE)
            .bind($fence.published_seq)
            .bind($fence.oldest_at.map(Timestamp::as_millis))
            .bind(&$fence.component)
            .bind(i64::from($fence.partition.0))
            .bind(&$fence.owner)
            .bind($fence.epoch)
            .execute($db)
            .await?
            .rows_affected()
    };
}

impl Store {
    /// Begins a unit of work. Its first statement proves ownership, marks what was published, and keeps the lease row
    /// locked until the end, so that nobody takes the partition over in between.
    pub async fn begin_batch(&self, fence: &Fence) -> Result<Batch> {
        let mut tx = self.begin().await?;
        let rows = on_tx!(&mut tx, |db| fence!(fence, &mut *db));
        fence.hold(rows)?;
        Ok(Batch::new(tx, fence))
    }

    /// The same statement alone: when idle, and at shutdown.
    pub async fn mark_published(&self, fence: &Fence) -> Result<()> {
        let rows = on_writer!(self, |db| fence!(fence, db));
        fence.hold(rows)
    }
}

impl Batch {
    pub(crate) fn new(tx: Tx, fence: &Fence) -> Self {
        Self { tx, fence: fence.clone(), read: Read::default() }
    }

    /// How many events one batch may carry.
    pub const ROWS_MAX: usize = 128;

    /// Makes everything durable. An error may also mean that it is durable and nobody could tell us: begin again, and
    /// [`known`](Batch::known) says which.
    pub async fn commit(self) -> Result<()> {
        self.tx.commit().await
    }
}

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
}
