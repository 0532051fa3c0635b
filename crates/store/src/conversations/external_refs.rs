//! What other systems call conversations and contacts.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;
use waypost_domain::{ContactId, ConversationId};

use crate::core::{Param, Row, Sql, params};
use crate::{AuditedTx, Result, Store};

/// Ids in other systems, by connector.
pub type ExternalRefs = BTreeMap<String, String>;

/// What is called something elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefsOf {
    Conversation(ConversationId),
    /// As it is known by now.
    Contact(ContactId),
}

static OF_CONVERSATIONS: Sql = Sql::each(
    "SELECT id, external_refs FROM conversation
    WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND external_refs IS NOT NULL",
    "SELECT id, external_refs FROM conversation WHERE id = ANY($1::UUID[]) AND external_refs IS NOT NULL",
);
static OF_CONTACTS: Sql = Sql::each(
    "SELECT id, external_refs FROM contact
    WHERE id IN (SELECT unhex(value) FROM json_each($1)) AND external_refs IS NOT NULL",
    "SELECT id, external_refs FROM contact WHERE id = ANY($1::UUID[]) AND external_refs IS NOT NULL",
);

static OF_CONVERSATION_LOCKED: Sql = Sql::each(
    "SELECT external_refs FROM conversation WHERE id = $1",
    "SELECT external_refs FROM conversation WHERE id = $1 FOR NO KEY UPDATE",
);
static OF_CONTACT_LOCKED: Sql = Sql::each(
    "SELECT external_refs FROM contact WHERE id = $1",
    "SELECT external_refs FROM contact WHERE id = $1 FOR NO KEY UPDATE",
);

static PUT_CONVERSATION: Sql = Sql::both("UPDATE conversation SET external_refs = $2 WHERE id = $1");
static PUT_CONTACT: Sql = Sql::both("UPDATE contact SET external_refs = $2 WHERE id = $1");

impl Store {
    /// By the ids of what they are of; of what has none nothing is returned.
    pub async fn external_refs(&self, of: &[RefsOf]) -> Result<HashMap<Uuid, ExternalRefs>> {
        let (mut conversations, mut contacts) = (Vec::new(), Vec::new());
        for one in of {
            match one {
                RefsOf::Conversation(id) => conversations.push(id.as_uuid()),
                RefsOf::Contact(id) => contacts.push(id.as_uuid()),
            }
        }
        let mut found = HashMap::new();
        for (sql, ids) in [(&OF_CONVERSATIONS, conversations), (&OF_CONTACTS, contacts)] {
            if ids.is_empty() {
                continue;
            }
            for row in self.read(sql, params![ids.into_iter().collect::<Param<'_>>()]).await? {
                found.insert(row.of("external_refs").get("id")?, read(Some(&row))?.unwrap_or_default());
            }
        }
        Ok(found)
    }
}

impl AuditedTx {
    /// Those of one, which nobody else changes until this ends. `None`: there is no such conversation or contact.
    pub async fn external_refs(&mut self, of: RefsOf) -> Result<Option<ExternalRefs>> {
        let rows = match of {
            RefsOf::Conversation(id) => self.tx.query(&OF_CONVERSATION_LOCKED, params![id]).await?,
            RefsOf::Contact(id) => self.tx.query(&OF_CONTACT_LOCKED, params![id]).await?,
        };
        read(rows.first())
    }

    /// Puts these in the place of those of before.
    pub async fn put_external_refs(&mut self, of: RefsOf, refs: &ExternalRefs) -> Result<()> {
        // Maps of texts are always written.
        let json = (!refs.is_empty()).then(|| serde_json::to_string(refs).unwrap_or_default());
        match of {
            RefsOf::Conversation(id) => self.tx.execute(&PUT_CONVERSATION, params![id, json]).await.map(drop),
            RefsOf::Contact(id) => self.tx.execute(&PUT_CONTACT, params![id, json]).await.map(drop),
        }
    }
}

fn read(row: Option<&Row>) -> Result<Option<ExternalRefs>> {
    let Some(row) = row else { return Ok(None) };
    let refs = row.of("external_refs").parse("external_refs", |text| serde_json::from_str(text).ok())?;
    Ok(Some(refs.unwrap_or_default()))
}
