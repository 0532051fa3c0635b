//! What a customer tapped on: a message of ours, by its wamid.

use std::collections::HashMap;

use waypost_domain::ConversationId;

use super::row::SEND;
use crate::core::{Param, Row, Sql, params};
use crate::records::key;
use crate::{Result, Store};

/// A message of ours that was tapped on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TappedSend {
    /// Which template it was.
    pub template: Option<String>,
    /// In which conversation it went.
    pub conversation: Option<ConversationId>,
}

static BY_WAMID: Sql = Sql::each(
    "SELECT wamid, template, conversation_id FROM send WHERE wamid IN (SELECT value FROM json_each($1))",
    "SELECT wamid, template, conversation_id FROM send WHERE wamid = ANY($1::TEXT[])",
);

impl Store {
    /// What these wamids are of ours; those that are nobody's are left out.
    pub async fn tapped_sends(&self, wamids: &[&str]) -> Result<HashMap<String, TappedSend>> {
        if wamids.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted: Param<'_> = wamids.iter().map(|wamid| key(wamid)).collect();
        let tapped = |row: &Row| {
            let row = row.of(SEND.name);
            let send = TappedSend { template: row.get("template")?, conversation: row.get("conversation_id")? };
            Ok((row.get("wamid")?, send))
        };
        self.read(&BY_WAMID, params![wanted]).await?.iter().map(tapped).collect()
    }
}
