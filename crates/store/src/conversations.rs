//! Conversations in a batch: the unresolved one of each contact on each number, and what became of it.

use std::collections::{HashMap, HashSet};

use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;
use waypost_domain::team::{Priority, TeamName};
use waypost_domain::{ContactId, Conversation, ConversationId, ConversationState, NumberName, Timestamp};

use crate::database::Tx;
use crate::records::{self, clean, unreadable};
use crate::{Batch, Result, StoreError};

#[derive(sqlx::FromRow)]
struct ConversationRow {
    id: Uuid,
    contact_id: Uuid,
    number: String,
    state: String,
    team: Option<String>,
    priority: String,
    opened_at: i64,
    active_at: i64,
    last_inbound_at: Option<i64>,
    last_outbound_at: Option<i64>,
    window_ends_at: Option<i64>,
    written_by: String,
}

/// An unresolved conversation, joined to its contact; all `None` where there is none.
#[derive(sqlx::FromRow)]
pub(crate) struct JoinedConversation {
    talk_id: Option<Uuid>,
    number: Option<String>,
    state: Option<String>,
    team: Option<String>,
    priority: Option<String>,
    opened_at: Option<i64>,
    active_at: Option<i64>,
    last_inbound_at: Option<i64>,
    last_outbound_at: Option<i64>,
    window_ends_at: Option<i64>,
    written_by: Option<String>,
}

/// The columns of [`JoinedConversation`], from `conversation v`.
macro_rules! joined_columns {
    () => {
        "v.id AS talk_id, v.number, v.state, v.team, v.priority, v.opened_at, v.active_at, v.last_inbound_at, \
         v.last_outbound_at, v.window_ends_at, v.xmin::TEXT AS written_by"
    };
}
pub(crate) use joined_columns;

const OPEN_POSTGRES: &str = "SELECT v.id, v.contact_id, v.number, v.state, v.team, v.priority, v.opened_at, v.active_at, \
     v.last_inbound_at, v.last_outbound_at, v.window_ends_at, v.xmin::TEXT AS written_by \
     FROM unnest($1::UUID[], $2::TEXT[]) AS w(contact, number) JOIN conversation v ON v.contact_id = w.contact AND v.number = w.number AND v.state <> 'resolved'";
const OPEN_SQLITE: &str = "SELECT v.id, v.contact_id, v.number, v.state, v.team, v.priority, v.opened_at, v.active_at, \
     v.last_inbound_at, v.last_outbound_at, v.window_ends_at, '' AS written_by FROM json_each($1) w \
     CROSS JOIN conversation v ON v.contact_id = unhex(w.value ->> 0) AND v.number = w.value ->> 1 AND v.state <> 'resolved'";
/// The janitor may have resolved a conversation since it was read, and a resolved one never opens again: such a row is
/// not written, and the row count tells.
macro_rules! unless_resolved {
    () => {
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, team = excluded.team, priority = excluded.priority, \
         active_at = excluded.active_at, last_inbound_at = excluded.last_inbound_at, \
         last_outbound_at = excluded.last_outbound_at, window_ends_at = excluded.window_ends_at \
         WHERE conversation.state <> 'resolved' OR excluded.state = 'resolved'"
    };
}
const SAVE_POSTGRES: &str = concat!(
    "INSERT INTO conversation (id, contact_id, number, state, team, priority, opened_at, active_at, last_inbound_at, \
     last_outbound_at, window_ends_at) SELECT * FROM unnest($1::UUID[], $2::UUID[], $3::TEXT[], $4::TEXT[], \
     $5::TEXT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[])",
    unless_resolved!()
);

/// Most are there already, and to update a row takes less than to insert it, find it there and lock it. Where this batch
/// has read the row, it must still be the same.
const UPDATE_POSTGRES: &str = "UPDATE conversation SET state = r.state, team = r.team, priority = r.priority, \
     active_at = r.active_at, last_inbound_at = r.last_inbound_at, last_outbound_at = r.last_outbound_at, \
     window_ends_at = r.window_ends_at FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], \
     $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::TEXT[]) AS r(id, state, team, priority, active_at, last_inbound_at, \
     last_outbound_at, window_ends_at, written_by) WHERE conversation.id = r.id \
     AND (r.written_by IS NULL OR conversation.xmin = r.written_by::XID) \
     AND (conversation.state <> 'resolved' OR r.state = 'resolved') RETURNING conversation.id";

impl Batch {
    /// The unresolved conversation of each pair, where there is one.
    pub async fn conversations(
        &mut self,
        pairs: &[(ContactId, NumberName)],
    ) -> Result<HashMap<(ContactId, NumberName), Conversation>> {
        if pairs.is_empty() {
            return Ok(HashMap::new());
        }
        if pairs.iter().all(|(contact, _)| self.read.talks.contains_key(contact)) {
            let open = |pair: &(ContactId, NumberName)| {
                let talk = self.read.talks.get(&pair.0)?.iter().find(|talk| talk.number == pair.1)?;
                Some((pair.clone(), talk.clone()))
            };
            return Ok(pairs.iter().filter_map(open).collect());
        }
        let rows: Vec<ConversationRow> = match &mut self.tx {
            Tx::Sqlite(tx) => {
                let pairs: Vec<[String; 2]> = pairs
                    .iter()
                    .map(|(contact, number)| [contact.as_uuid().simple().to_string(), number.as_str().to_owned()])
                    .collect();
                sqlx::query_as(OPEN_SQLITE).bind(serde_json::json!(pairs).to_string()).fetch_all(&mut **tx).await?
            }
            Tx::Postgres(tx) => {
                sqlx::query_as(OPEN_POSTGRES)
                    .bind(pairs.iter().map(|(contact, _)| contact.as_uuid()).collect::<Vec<_>>())
                    .bind(pairs.iter().map(|(_, number)| number.as_str()).collect::<Vec<_>>())
                    .fetch_all(&mut **tx)
                    .await?
            }
        };
        let mut found = HashMap::with_capacity(rows.len());
        for mut row in rows {
            let written_by = std::mem::take(&mut row.written_by);
            let conversation = row.into_conversation()?;
            if matches!(self.tx, Tx::Postgres(_)) {
                self.read.conversations.entry(conversation.id).or_insert(written_by);
            }
            found.insert((conversation.contact, conversation.number.clone()), conversation);
        }
        Ok(found)
    }

    pub(crate) async fn save_conversations(&mut self, conversations: &[Conversation]) -> Result<()> {
        // What ended makes room for what began: at most one is unresolved per contact and number.
        let (ended, open): (Vec<_>, Vec<_>) =
            conversations.iter().partition(|conversation| conversation.state == ConversationState::Resolved);
        self.save(ended).await?;
        self.save(open).await
    }

    async fn save(&mut self, mut rows: Vec<&Conversation>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_unstable_by_key(|row| row.id);
        if let Tx::Postgres(tx) = &mut self.tx {
            let read: Vec<Option<String>> = rows.iter().map(|row| self.read.conversations.remove(&row.id)).collect();
            let updated: HashSet<Uuid> = update(tx, &rows, &read).await?.into_iter().collect();
            if rows.iter().zip(&read).any(|(row, read)| read.is_some() && !updated.contains(&row.id.as_uuid())) {
                return Err(StoreError::retry("a conversation changed since it was read"));
            }
            rows.retain(|row| !updated.contains(&row.id.as_uuid()));
            if rows.is_empty() {
                return Ok(());
            }
        }
        let saved = match &mut self.tx {
            Tx::Sqlite(tx) => {
                let mut query = QueryBuilder::new(
                    "INSERT INTO conversation (id, contact_id, number, state, team, priority, opened_at, active_at, \
                     last_inbound_at, last_outbound_at, window_ends_at) ",
                );
                query.push_values(&rows, |mut values, row| {
                    values
                        .push_bind(row.id.as_uuid())
                        .push_bind(row.contact.as_uuid())
                        .push_bind(row.number.as_str())
                        .push_bind(row.state.as_str())
                        .push_bind(row.team.as_ref().map(TeamName::as_str))
                        .push_bind(row.priority.as_str())
                        .push_bind(row.opened_at.as_millis())
                        .push_bind(row.active_at.as_millis())
                        .push_bind(row.last_inbound_at.map(Timestamp::as_millis))
                        .push_bind(row.last_outbound_at.map(Timestamp::as_millis))
                        .push_bind(row.window_ends_at.map(Timestamp::as_millis));
                });
                query.push(unless_resolved!());
                query.build().persistent(false).execute(&mut **tx).await?.rows_affected()
            }
            Tx::Postgres(tx) => sqlx::query(SAVE_POSTGRES)
                .bind(rows.iter().map(|row| row.id.as_uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.contact.as_uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| clean(row.number.as_str())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.team.as_ref().map(TeamName::as_str)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.priority.as_str()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.opened_at.as_millis()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.active_at.as_millis()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.last_inbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.last_outbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.window_ends_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        };
        if saved == rows.len() as u64 {
            Ok(())
        } else {
            Err(StoreError::retry("a conversation was resolved meanwhile"))
        }
    }
}

async fn update(tx: &mut PgConnection, rows: &[&Conversation], read: &[Option<String>]) -> Result<Vec<Uuid>> {
    let query = sqlx::query_scalar(UPDATE_POSTGRES)
        .bind(rows.iter().map(|row| row.id.as_uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.team.as_ref().map(TeamName::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.priority.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.active_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.last_inbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.last_outbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.window_ends_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(read);
    Ok(query.fetch_all(tx).await?)
}

impl JoinedConversation {
    /// With the transaction that wrote it.
    pub(crate) fn into_conversation(self, contact: Uuid) -> Result<Option<(Conversation, String)>> {
        let Some(id) = self.talk_id else { return Ok(None) };
        let row = ConversationRow {
            id,
            contact_id: contact,
            number: self.number.unwrap_or_default(),
            state: self.state.unwrap_or_default(),
            team: self.team,
            priority: self.priority.unwrap_or_default(),
            opened_at: self.opened_at.unwrap_or_default(),
            active_at: self.active_at.unwrap_or_default(),
            last_inbound_at: self.last_inbound_at,
            last_outbound_at: self.last_outbound_at,
            window_ends_at: self.window_ends_at,
            written_by: String::new(),
        };
        Ok(Some((row.into_conversation()?, self.written_by.unwrap_or_default())))
    }
}

impl ConversationRow {
    fn into_conversation(self) -> Result<Conversation> {
        Ok(Conversation {
            id: ConversationId::from_uuid(self.id),
            contact: ContactId::from_uuid(self.contact_id),
            number: NumberName::new(self.number).map_err(|_| unreadable("conversation", "number"))?,
            state: ConversationState::parse(&self.state).ok_or(unreadable("conversation", "state"))?,
            team: records::team(self.team, "conversation", "team")?,
            priority: Priority::parse(&self.priority).ok_or(unreadable("conversation", "priority"))?,
            opened_at: Timestamp::from_millis(self.opened_at),
            active_at: Timestamp::from_millis(self.active_at),
            last_inbound_at: records::timestamp(self.last_inbound_at),
            last_outbound_at: records::timestamp(self.last_outbound_at),
            window_ends_at: records::timestamp(self.window_ends_at),
        })
    }
}
