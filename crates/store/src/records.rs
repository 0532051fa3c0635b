//! Turning values into what a column takes, and back.

use std::borrow::Cow;

use uuid::Uuid;
use waypost_domain::{ContactId, ConversationId, DecisionId, PartitionId, TeamName, Timestamp};

use crate::{Result, StoreError};

/// Text that came from outside. PostgreSQL stores no NUL, and both databases must store the same.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

pub(crate) fn clean_option(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// A stored text that no longer parses: somebody edited the database, or a defect wrote it.
pub(crate) fn unreadable(column: &'static str) -> StoreError {
    StoreError::Invalid(format!("stored {column} cannot be read"))
}

pub(crate) fn partition(stored: i64) -> Result<PartitionId> {
    u16::try_from(stored).map(PartitionId).map_err(|_| unreadable("partition"))
}

pub(crate) fn team(stored: Option<String>) -> Result<Option<TeamName>> {
    stored.map(TeamName::new).transpose().map_err(|_| unreadable("team"))
}

pub(crate) fn timestamp(stored: Option<i64>) -> Option<Timestamp> {
    stored.map(Timestamp::from_millis)
}

pub(crate) fn contact(stored: Option<Uuid>) -> Option<ContactId> {
    stored.map(ContactId::from_uuid)
}

pub(crate) fn conversation(stored: Option<Uuid>) -> Option<ConversationId> {
    stored.map(ConversationId::from_uuid)
}

pub(crate) fn decision(stored: Option<Uuid>) -> Option<DecisionId> {
    stored.map(DecisionId::from_uuid)
}

/// Ids as the argument of SQLite's `json_each`: `["0192…", …]`, to be read with `unhex(value)`.
pub(crate) fn hex_array(ids: impl Iterator<Item = Uuid>) -> String {
    let ids: Vec<String> = ids.map(|id| id.simple().to_string()).collect();
    serde_json::Value::from(ids).to_string()
}
