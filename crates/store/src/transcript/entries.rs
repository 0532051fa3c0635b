//! The transcript as it is read: what came in and what was sent, merged by their times, the newest first.

use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{ConversationId, DecisionId, Timestamp};

use super::{TRANSCRIPT, TranscriptRow};
use crate::core::{Sql, params};
use crate::sends::{SEND, SEND_COLUMNS};
use crate::{Result, SendRow, Store};

/// One entry of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub enum TranscriptEntry {
    Received(TranscriptRow),
    Sent(Box<SendRow>),
}

/// Where an entry stands: by its time; of one time, what came in before what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPlace {
    at: Timestamp,
    order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Received(Uuid),
    Sent(i64),
}

impl EntryPlace {
    /// As [`to_text`](Self::to_text) wrote it.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, order) = text.split_once(' ')?;
        let at = Timestamp::from_millis(at.parse().ok()?);
        let order = match order.strip_prefix('s') {
            Some(place) => Order::Sent(place.parse().ok()?),
            None => Order::Received(Uuid::try_parse(order).ok()?),
        };
        Some(Self { at, order })
    }

    /// For a page's token.
    pub fn to_text(self) -> String {
        let at = self.at.as_millis();
        match self.order {
            Order::Received(id) => format!("{at} {id}"),
            Order::Sent(place) => format!("{at} s{place}"),
        }
    }

    /// Below which place of a table its entries come before this one.
    const fn below(self) -> (Uuid, i64) {
        match self.order {
            Order::Received(id) => (id, i64::MIN),
            Order::Sent(place) => (Uuid::max(), place),
        }
    }
}

impl TranscriptEntry {
    /// Where it stands.
    pub fn place(&self) -> EntryPlace {
        match self {
            Self::Received(row) => EntryPlace { at: row.at, order: Order::Received(row.decision.as_uuid()) },
            Self::Sent(row) => EntryPlace { at: row.request.created_at, order: Order::Sent(row.place) },
        }
    }
}

static RECEIVED: LazyLock<Sql> = LazyLock::new(|| {
    TRANSCRIPT.select(
        "WHERE conversation_id = $1 AND (at, decision_id) < ($2, $3)
        ORDER BY at DESC, decision_id DESC
        LIMIT $4",
    )
});

/// What has no content any more is too old for a transcript.
static SENT: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "SELECT {SEND_COLUMNS} FROM send s
        WHERE s.conversation_id = $1 AND (s.created_at, s.place) < ($2, $3) AND length(s.request) > 0
        ORDER BY s.created_at DESC, s.place DESC
        LIMIT $4"
    ))
});

static RECEIVED_ONE: LazyLock<Sql> =
    LazyLock::new(|| TRANSCRIPT.select("WHERE conversation_id = $1 AND decision_id = $2"));

impl Store {
    /// What of a conversation this event was, if it is kept.
    pub async fn transcript_of(
        &self,
        conversation: ConversationId,
        decision: DecisionId,
    ) -> Result<Option<TranscriptRow>> {
        let rows = self.report(&RECEIVED_ONE, params![conversation, decision]).await?;
        rows.first().map(|row| TranscriptRow::from_row(&row.of(TRANSCRIPT.name))).transpose()
    }

    /// Up to `limit` entries of a conversation before `before`, the newest first.
    pub async fn transcript(
        &self,
        conversation: ConversationId,
        before: Option<EntryPlace>,
        limit: u32,
    ) -> Result<Vec<TranscriptEntry>> {
        let end = EntryPlace { at: Timestamp::from_millis(i64::MAX), order: Order::Received(Uuid::nil()) };
        let before = before.unwrap_or(end);
        let (received_below, sent_below) = before.below();
        let received = self.report(&RECEIVED, params![conversation, before.at, received_below, limit]).await?;
        let sent = self.report(&SENT, params![conversation, before.at, sent_below, limit]).await?;
        let mut entries = Vec::with_capacity(received.len() + sent.len());
        for row in &received {
            entries.push(TranscriptEntry::Received(TranscriptRow::from_row(&row.of(TRANSCRIPT.name))?));
        }
        for row in &sent {
            entries.push(TranscriptEntry::Sent(Box::new(SendRow::from_row(&row.of(SEND.name))?)));
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.place()));
        entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(entries)
    }
}
