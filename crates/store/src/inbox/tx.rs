//! What the router's batch may do in one transaction: ask which events are known, who their senders are and which
//! conversations they have, and record decisions. Up to [`InboxTx::ROWS_MAX`] events happen between
//! [`Store::begin_batch`] and [`InboxTx::commit`].
//!
//! On PostgreSQL such a batch is two round trips where nothing about a contact changes: the fence with everything that
//! is read ([`Store::begin_batch_with`]), and everything that is written with the commit ([`InboxTx::finish`]). Asked
//! for besides, once for all of a batch: what is kept for those who begin a conversation, and the conversations of groups, the open
//! ones and then the last ones;
//! and one by one, what waited for a thread that becomes ours.
//!
//! Every batch takes its locks in one order, so that two batches cannot block each other for ever: its lease row, the
//! contacts that need one by id, new aliases, then conversations and inbox rows by id. What remains (two transactions
//! that insert the same key) ends in [`StoreError::Retry`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{Alias, ContactId, Conversation, ConversationId, ConversationState};

use super::{EventKey, KNOWN_COLUMNS, KNOWN_JOINS, KnownEvent};
use crate::contacts::{self, People};
use crate::core::{Answer, Param, Sql, Statement, params};
use crate::lease::{Fence, Fenced};
use crate::{Observation, Result, Store, StoreError};

/// An open unit of work. Dropping it rolls back.
pub struct InboxTx {
    pub(crate) fenced: Fenced,
    pub(crate) read: ReadUnlocked,
    /// Who owns these aliases, as read with the fence.
    pub(crate) prefetched: Option<(BTreeSet<Alias>, Answer)>,
}

/// What this transaction has read on PostgreSQL and not locked, to be compared when it writes.
#[derive(Default)]
pub(crate) struct ReadUnlocked {
    /// With their versions.
    pub(crate) contacts: BTreeMap<ContactId, i64>,
    /// With the transaction that wrote the row, which is another after every change:
    /// <https://www.postgresql.org/docs/15/ddl-system-columns.html>.
    pub(crate) conversations: HashMap<ConversationId, String>,
    /// The same of those that are over.
    pub(crate) resolved: HashMap<ConversationId, String>,
    /// Of contacts that were read together with them, a conversation on each number: the unresolved one, or else the one
    /// that was active last.
    pub(crate) latest: HashMap<ContactId, Vec<Conversation>>,
}

impl ReadUnlocked {
    /// Who wrote the conversations of this state.
    pub(crate) const fn of_state(&mut self, state: ConversationState) -> &mut HashMap<ConversationId, String> {
        match state {
            ConversationState::Open | ConversationState::Pending | ConversationState::Snoozed => {
                &mut self.conversations
            }
            ConversationState::Resolved => &mut self.resolved,
        }
    }

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
        for (id, written_by) in more.resolved {
            self.resolved.entry(id).or_insert(written_by);
        }
        self.latest.extend(more.latest);
        Ok(())
    }
}

/// The recorded events of ids: component, ids.
pub(crate) static KNOWN: LazyLock<Sql> = LazyLock::new(|| {
    let columns = &*KNOWN_COLUMNS;
    Sql::made_each(
        format!(
            "SELECT {columns}
    FROM json_each($2) k
    CROSS JOIN inbox i ON i.decision_id = unhex(k.value)
    {KNOWN_JOINS}"
        ),
        format!(
            "SELECT {columns}
    FROM unnest($2::UUID[]) AS k(id)
    JOIN inbox i ON i.decision_id = k.id
    {KNOWN_JOINS}"
        ),
    )
});

impl Store {
    /// Begins a unit of work. Its first statement proves ownership, marks what was published, and keeps the lease row
    /// locked until the end, so that nobody takes the partition over in between.
    pub async fn begin_batch(&self, fence: &Fence) -> Result<InboxTx> {
        let (fenced, _) = self.begin_fenced(fence, vec![]).await?;
        Ok(InboxTx { fenced, read: ReadUnlocked::default(), prefetched: None })
    }

    /// [`begin_batch`](Store::begin_batch), and which of these events were recorded before, in the order given.
    pub async fn begin_batch_of(&self, fence: &Fence, keys: &[EventKey]) -> Result<(InboxTx, Vec<Option<KnownEvent>>)> {
        self.begin_batch_with(fence, keys, &[]).await
    }

    /// The same, and reads ahead whom `observations` name, for [`InboxTx::contacts`] of these or some of them.
    pub async fn begin_batch_with(
        &self,
        fence: &Fence,
        keys: &[EventKey],
        observations: &[Observation],
    ) -> Result<(InboxTx, Vec<Option<KnownEvent>>)> {
        let ids = ids(keys);
        let mut reads = vec![Statement::new(&KNOWN, params![&fence.component, array(&ids)])];
        let wanted = self.to_read_ahead(observations);
        reads.extend(wanted.as_ref().map(contacts::read_owners));
        let (fenced, mut answers) = self.begin_fenced(fence, reads).await?;
        let prefetched = wanted.and_then(|wanted| Some((wanted, answers.pop()?)));
        let known = of_answers(&answers, &ids)?;
        Ok((InboxTx { fenced, read: ReadUnlocked::default(), prefetched }, known))
    }

    /// Whose owners are read with a batch's first statement: nobody's on SQLite, which has no round trips and one writer.
    /// There the names would be made for nothing.
    pub(crate) fn to_read_ahead(&self, observations: &[Observation]) -> Option<BTreeSet<Alias>> {
        let wanted = self.is_shared().then(|| People::aliases(observations))?;
        (!wanted.is_empty()).then_some(wanted)
    }
}

impl InboxTx {
    /// How many events one batch may carry.
    pub const ROWS_MAX: usize = 128;

    /// Which of these events were recorded before, in the order given.
    pub async fn known(&mut self, keys: &[EventKey]) -> Result<Vec<Option<KnownEvent>>> {
        let ids = ids(keys);
        let Fenced { tx, fence, .. } = &mut self.fenced;
        let answers = tx.run(vec![Statement::new(&KNOWN, params![&fence.component, array(&ids)])]).await?;
        of_answers(&answers, &ids)
    }

    /// Makes everything durable. An error may also mean that it is durable and nobody could tell us: begin again, and
    /// [`known`](InboxTx::known) says which.
    pub async fn commit(self) -> Result<()> {
        self.fenced.tx.commit().await
    }
}

fn ids(keys: &[EventKey]) -> Vec<Uuid> {
    keys.iter().map(|key| key.decision_id().as_uuid()).collect()
}

fn array(ids: &[Uuid]) -> Param<'static> {
    ids.iter().copied().collect()
}

fn of_answers(answers: &[Answer], ids: &[Uuid]) -> Result<Vec<Option<KnownEvent>>> {
    let mut found = HashMap::new();
    for row in answers.iter().flat_map(|answer| &answer.rows) {
        let known = KnownEvent::from_row(row)?;
        found.insert(known.decision_id.as_uuid(), known);
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}
