//! What a batch records: new events, the conversations they changed, decisions for held messages, changes. All of it goes
//! out at once, and with [`InboxTx::finish`] the commit behind it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use waypost_domain::{ContactId, Conversation, ConversationState, DecisionId};

use super::held::{insert_held, release, show};
use super::{HeldRelease, INBOX, InboxRow, InboxTx, NoticeShown};
use crate::contacts::lock_read;
use crate::conversations::save;
use crate::core::{Sql, Statement};
use crate::{ChangeRow, Result, StoreError, TranscriptRow, WantedFile, changes, media, transcript};

/// Everything that a batch writes.
#[derive(Debug, Default)]
pub struct InboxWrites<'a> {
    /// New events.
    pub rows: &'a [InboxRow],
    /// The conversations that they changed.
    pub conversations: &'a [Conversation],
    pub releases: &'a [HeldRelease],
    /// Notices that wait no more.
    pub shown: &'a [NoticeShown],
    pub changes: &'a [ChangeRow],
    /// What of it is read with its conversation later.
    pub transcript: &'a [TranscriptRow],
    /// Of which files a copy is to be kept.
    pub files: &'a [WantedFile],
}

/// No ON CONFLICT: a conflict means that all is repeated, and to be ready for one takes each row a look into the index
/// and a log record more.
static RECORD: LazyLock<Sql> = LazyLock::new(|| INBOX.insert(""));

impl InboxTx {
    /// Records new events and the conversations they changed.
    ///
    /// [`StoreError::Retry`] when somebody recorded one of the events, or changed one of the conversations, since
    /// this batch read them; or a contact of a conversation that begins or ends.
    pub async fn record(&mut self, rows: &[InboxRow], conversations: &[Conversation]) -> Result<()> {
        self.write(&InboxWrites { rows, conversations, ..InboxWrites::default() }).await
    }

    /// Gives held messages their decisions. [`StoreError::Retry`] when one was released meanwhile.
    pub async fn release(&mut self, releases: &[HeldRelease]) -> Result<()> {
        self.write(&InboxWrites { releases, ..InboxWrites::default() }).await
    }

    /// Keeps notices that were shown from being shown again. [`StoreError::Retry`] when one was shown meanwhile.
    pub async fn show(&mut self, shown: &[NoticeShown]) -> Result<()> {
        self.write(&InboxWrites { shown, ..InboxWrites::default() }).await
    }

    /// Keeps changes; those that are kept already are passed over. Returns how many are new.
    pub async fn keep_changes(&mut self, changes: &[ChangeRow]) -> Result<u64> {
        changes::keep(&mut self.fenced.tx, changes).await
    }

    /// Writes all of it and makes everything durable: with what [`record`](Self::record), [`release`](Self::release) and
    /// [`commit`](Self::commit) say.
    pub async fn finish(mut self, writes: &InboxWrites<'_>) -> Result<()> {
        let statements = self.statements(writes)?;
        self.fenced.tx.commit_with(statements).await
    }

    async fn write(&mut self, writes: &InboxWrites<'_>) -> Result<()> {
        let statements = self.statements(writes)?;
        if statements.is_empty() {
            return Ok(());
        }
        self.fenced.tx.run(statements).await.map(drop)
    }

    fn statements<'a>(&mut self, writes: &InboxWrites<'a>) -> Result<Vec<Statement<'a>>> {
        let InboxWrites { rows, conversations, releases, shown, changes, transcript: said, files } = writes;
        if rows.iter().any(|row| DecisionId::of_event(&row.number, &row.key) != row.decision_id) {
            return Err(StoreError::Invalid("decision_id is not derived from number and key".into()));
        }
        let mut statements = self.lock_contacts_of_new(rows, conversations);
        if !(rows.is_empty() && conversations.is_empty()) {
            self.read.latest.clear();
        }
        save(&mut statements, &mut self.read, self.fenced.tx.is_shared(), conversations);
        let mut rows: Vec<&InboxRow> = rows.iter().collect();
        rows.sort_unstable_by_key(|row| row.decision_id);
        if !rows.is_empty() {
            let partition = self.fenced.fence.partition;
            statements.push(Statement::rows(&RECORD, rows.iter().map(|row| row.params(partition)).collect()));
        }
        statements.extend(insert_held(&rows));
        release(&mut statements, releases);
        show(&mut statements, shown);
        statements.extend(changes::keeping(changes));
        statements.extend(transcript::keeping(said));
        statements.extend(media::wanting(files));
        Ok(statements)
    }

    /// Conversations that begin or end and messages that are held: a merge that is under way would not see them.
    fn lock_contacts_of_new<'a>(&mut self, rows: &[InboxRow], conversations: &[Conversation]) -> Vec<Statement<'a>> {
        let is_update = |one: &&Conversation| {
            one.state != ConversationState::Resolved && self.read.conversations.contains_key(&one.id)
        };
        let begun = conversations.iter().filter(|one| !is_update(one)).map(|one| one.contact);
        let held = rows.iter().filter(|row| row.held_event.is_some()).filter_map(|row| row.contact);
        let ids: BTreeSet<ContactId> = begun.chain(held).collect();
        let read: Vec<(ContactId, i64)> =
            ids.into_iter().filter_map(|id| Some((id, self.read.contacts.remove(&id)?))).collect();
        lock_read(&read).into_iter().collect()
    }
}
