//! Whose a conversation is, for whoever may see only what is a team's.

use waypost_domain::{ContactId, ConversationId, NumberName, TeamName};

use crate::core::{Columns, Param, Sql, params};
use crate::{Result, Store};

/// A conversation, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedConversation {
    pub id: ConversationId,
    pub contact: ContactId,
    pub number: NumberName,
    /// `None`: nobody takes it.
    pub team: Option<TeamName>,
}

static BY_ID: Sql = Sql::both("SELECT id AS conversation_id, contact_id, number, team FROM conversation WHERE id = $1");

/// The newest of those that are not over: the contacts may be parts of one.
static UNRESOLVED: Sql = Sql::each(
    "SELECT id AS conversation_id, contact_id, number, team FROM conversation
    WHERE contact_id IN (SELECT unhex(value) FROM json_each($1)) AND number = $2 AND state <> 'resolved'
    ORDER BY opened_at DESC, id DESC LIMIT 1",
    "SELECT id AS conversation_id, contact_id, number, team FROM conversation
    WHERE contact_id = ANY($1::UUID[]) AND number = $2 AND state <> 'resolved'
    ORDER BY opened_at DESC, id DESC LIMIT 1",
);

fn read(row: &Columns<'_>) -> Result<OwnedConversation> {
    Ok(OwnedConversation {
        id: row.get("conversation_id")?,
        contact: row.get("contact_id")?,
        number: row.get("number")?,
        team: row.get("team")?,
    })
}

impl Store {
    /// The conversation of this id.
    pub async fn owned_conversation(&self, id: ConversationId) -> Result<Option<OwnedConversation>> {
        let rows = self.read(&BY_ID, params![id]).await?;
        rows.first().map(|row| read(&row.of("conversation"))).transpose()
    }

    /// The one that is not over, of a contact (and who became part of it) on a number.
    pub async fn unresolved_conversation(
        &self,
        contacts: &[ContactId],
        number: &NumberName,
    ) -> Result<Option<OwnedConversation>> {
        let contacts: Param<'_> = contacts.iter().copied().collect();
        let rows = self.read(&UNRESOLVED, params![contacts, number]).await?;
        rows.first().map(|row| read(&row.of("conversation"))).transpose()
    }
}
