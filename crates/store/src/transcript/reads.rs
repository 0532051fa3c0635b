//! Who has read a transcript: once an hour for each reader and conversation it is written to the audit log.

use waypost_domain::ConversationId;

use crate::core::{Sql, Statement, params};
use crate::{AuditedTx, Result, Store};

/// How many hours reads are remembered: a clock may be behind another.
const REMEMBERED_HOURS: i64 = 24;

/// Somebody reads a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranscriptRead<'a> {
    /// As the audit log names them.
    pub reader: &'a str,
    pub conversation: ConversationId,
    /// Since the epoch.
    pub hour: i64,
}

static IS_KNOWN: Sql =
    Sql::both("SELECT hour FROM transcript_read WHERE hour = $1 AND conversation_id = $2 AND reader = $3");

static REMEMBER: Sql =
    Sql::both("INSERT INTO transcript_read (hour, conversation_id, reader) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");

static FORGET: Sql = Sql::both("DELETE FROM transcript_read WHERE hour < $1");

impl Store {
    /// Whether it is in the audit log already.
    pub async fn is_read_recorded(&self, read: TranscriptRead<'_>) -> Result<bool> {
        let TranscriptRead { reader, conversation, hour } = read;
        Ok(!self.read(&IS_KNOWN, params![hour, conversation, reader]).await?.is_empty())
    }
}

impl AuditedTx {
    /// Remembers it, and forgets old ones. Whether it was not known: then its record is to be written.
    pub async fn remember_read(&mut self, read: TranscriptRead<'_>) -> Result<bool> {
        let TranscriptRead { reader, conversation, hour } = read;
        let forget = Statement::new(&FORGET, params![hour - REMEMBERED_HOURS]);
        let remember = Statement::new(&REMEMBER, params![hour, conversation, reader]);
        let answers = self.tx.run(vec![forget, remember]).await?;
        Ok(answers.last().is_some_and(|answer| answer.affected > 0))
    }
}
