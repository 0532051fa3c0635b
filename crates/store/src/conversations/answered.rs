//! Answers to customers that others sent, as the statuses of their messages tell.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;
use waypost_domain::{Alias, AliasSet, ContactId, NumberName, Timestamp};

use crate::Result;
use crate::changes::RecordTx;
use crate::contacts::{alias_id, stored_names};
use crate::core::{Param, Sql, params};

/// A message to a customer that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub to: AliasSet,
    pub number: NumberName,
    /// When it was sent.
    pub at: Timestamp,
}

static OWNERS: Sql = Sql::each(
    "SELECT a.id, a.contact_id FROM json_each($1) w CROSS JOIN alias a ON a.id = unhex(w.value)",
    "SELECT id, contact_id FROM alias WHERE id = ANY($1::UUID[])",
);

/// Rows are locked in the order of their ids, as all transactions do.
static ANSWER: Sql = Sql::each(
    "UPDATE conversation SET last_outbound_at = t.value, active_at = max(active_at, t.value)
    FROM json_each($1) c
    JOIN json_each($2) n ON n.key = c.key
    JOIN json_each($3) t ON t.key = c.key
    WHERE conversation.contact_id = unhex(c.value) AND conversation.number = n.value
        AND conversation.state <> 'resolved' AND coalesce(conversation.last_outbound_at, t.value - 1) < t.value",
    "WITH open AS (
        SELECT v.id, w.at
        FROM unnest($1::UUID[], $2::TEXT[], $3::BIGINT[]) AS w(contact, number, at)
        JOIN conversation v ON v.contact_id = w.contact AND v.number = w.number
        WHERE v.state <> 'resolved' AND coalesce(v.last_outbound_at, w.at - 1) < w.at
        ORDER BY v.id
        FOR NO KEY UPDATE OF v)
    UPDATE conversation SET last_outbound_at = open.at, active_at = greatest(active_at, open.at)
    FROM open
    WHERE conversation.id = open.id",
);

impl RecordTx {
    /// The open conversations with these people were answered then, unless they were answered later: what
    /// `ConversationEvent::Answered` does, but for the binding, because what others send may be a machine's. Who is known under
    /// none of their names has none. Returns how many changed; a batch that has read one of them begins again.
    pub async fn record_answers(&mut self, answers: &[Answered]) -> Result<u64> {
        let wanted: Vec<(Vec<Alias>, &Answered)> =
            answers.iter().map(|answer| (stored_names(&answer.to), answer)).collect();
        let ids: Param<'_> = wanted.iter().flat_map(|(names, _)| names).map(alias_id).collect();
        let mut owners: HashMap<Uuid, ContactId> = HashMap::new();
        for row in &self.fenced.tx.query(&OWNERS, params![ids]).await? {
            let row = row.of("alias");
            owners.insert(row.get("id")?, row.get("contact_id")?);
        }
        let mut latest: BTreeMap<(ContactId, &NumberName), Timestamp> = BTreeMap::new();
        for (names, answer) in &wanted {
            let Some(contact) = names.iter().find_map(|name| owners.get(&alias_id(name))) else { continue };
            let at = latest.entry((*contact, &answer.number)).or_insert(answer.at);
            *at = answer.at.max(*at);
        }
        if latest.is_empty() {
            return Ok(0);
        }
        let contacts: Param<'_> = latest.keys().map(|(contact, _)| *contact).collect();
        let numbers: Param<'_> = latest.keys().map(|(_, number)| *number).collect();
        let at: Param<'_> = latest.values().copied().collect();
        self.fenced.tx.execute(&ANSWER, params![contacts, numbers, at]).await
    }
}
