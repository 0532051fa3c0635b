//! What was said in a conversation: what customers wrote, kept for whoever reads it later, beside what was sent to them. What is
//! kept here was masked before; this must never look into it.

mod entries;
mod forget;
mod reads;

use std::sync::LazyLock;

use waypost_domain::{ContactId, ConversationId, DecisionId, TeamName, Timestamp};

pub use entries::{EntryPlace, TranscriptEntry};
pub(crate) use forget::{FORGET_SENT, FORGET_TRANSCRIPT};
pub use reads::TranscriptRead;

use crate::Result;
use crate::core::{Columns, Param, Sql, Statement, Table, params};

/// What of a conversation an event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptKind {
    /// The customer wrote, and somebody was asked to answer.
    Message,
    /// A reaction, a deletion or news of the platform.
    Notice,
    /// Somebody answered outside of Waypost.
    Echo,
}

impl TranscriptKind {
    const ALL: [Self; 3] = [Self::Message, Self::Notice, Self::Echo];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Notice => "notice",
            Self::Echo => "echo",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One event of a conversation, as it is read later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptRow {
    /// When it came in.
    pub at: Timestamp,
    pub conversation: ConversationId,
    pub decision: DecisionId,
    /// Who wrote it, in a group; `None` where the conversation says so.
    pub writer: Option<ContactId>,
    pub kind: TranscriptKind,
    /// Who was to answer it.
    pub team: Option<TeamName>,
    /// Encoded, and masked.
    pub content: Vec<u8>,
}

static TRANSCRIPT: Table = Table {
    name: "transcript",
    columns: &[
        ("at", "BIGINT"),
        ("conversation_id", "UUID"),
        ("decision_id", "UUID"),
        ("writer_id", "UUID"),
        ("kind", "TEXT"),
        ("team", "TEXT"),
        ("content", "BYTEA"),
    ],
};

/// Given an event that is decided once more, because its decision was forgotten before this, then what is here stays.
static KEEP: LazyLock<Sql> = LazyLock::new(|| TRANSCRIPT.insert("ON CONFLICT DO NOTHING"));

/// What keeps `rows`; `None` for none.
pub(crate) fn keeping(rows: &[TranscriptRow]) -> Option<Statement<'_>> {
    let rows: Vec<_> = rows.iter().map(TranscriptRow::params).collect();
    (!rows.is_empty()).then(|| Statement::rows(&KEEP, rows))
}

impl TranscriptRow {
    /// In the order of [`TRANSCRIPT`].
    fn params(&self) -> Vec<Param<'_>> {
        params![
            self.at,
            self.conversation,
            self.decision,
            self.writer,
            self.kind.as_str(),
            self.team.as_ref(),
            &self.content,
        ]
    }

    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let kind = row.parse("kind", TranscriptKind::parse)?;
        Ok(Self {
            at: row.get("at")?,
            conversation: row.get("conversation_id")?,
            decision: row.get("decision_id")?,
            writer: row.get("writer_id")?,
            kind: kind.ok_or_else(|| row.unreadable("kind"))?,
            team: row.get("team")?,
            content: row.get("content")?,
        })
    }
}
