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
}

const OPEN_POSTGRES: &str = "SELECT v.id, v.contact_id, v.number, v.state, v.team, v.priority, v.opened_at, v.active_at, \
     v.last_inbound_at, v.last_outbound_at, v.window_ends_at FROM unnest($1::UUID[], $2::TEXT[]) AS w(contact, number) \
     JOIN conversation v ON v.contact_id = w.contact AND v.number = w.number AND v.state <> 'resolved'";
const OPEN_SQLITE: &str = "SELECT v.id, v.contact_id, v.number, v.state, v.team, v.priority, v.opened_at, v.active_at, \
     v.last_inbound_at, v.last_outbound_at, v.window_ends_at FROM json_each($1) w CROSS JOIN conversation v \
     ON v.contact_id = unhex(w.value ->> 0) AND v.number = w.value ->> 1 AND v.state <> 'resolved'";
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

/// Most are there already, and to update a row takes less than to insert it, find it there and lock it.
const UPDATE_POSTGRES: &str = "UPDATE conversation SET state = r.state, team = r.team, priority = r.priority, \
     active_at = r.active_at, last_inbound_at = r.last_inbound_at, last_outbound_at = r.last_outbound_at, \
     window_ends_at = r.window_ends_at FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], \
     $6::BIGINT[], $7::BIGINT[], $8::BIGINT[]) AS r(id, state, team, priority, active_at, last_inbound_at, \
     last_outbound_at, window_ends_at) WHERE conversation.id = r.id \
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
        for row in rows {
            let conversation = row.into_conversation()?;
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
            let updated: HashSet<Uuid> = update(tx, &rows).await?.into_iter().collect();
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

async fn update(tx: &mut PgConnection, rows: &[&Conversation]) -> Result<Vec<Uuid>> {
    let query = sqlx::query_scalar(UPDATE_POSTGRES)
        .bind(rows.iter().map(|row| row.id.as_uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.team.as_ref().map(TeamName::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.priority.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.active_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.last_inbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.last_outbound_at.map(Timestamp::as_millis)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.window_ends_at.map(Timestamp::as_millis)).collect::<Vec<_>>());
    Ok(query.fetch_all(tx).await?)
}

impl ConversationRow {
    fn into_conversation(self) -> Result<Conversation> {
        Ok(Conversation {
            id: ConversationId::from_uuid(self.id),
            contact: ContactId::from_uuid(self.contact_id),
            number: NumberName::new(self.number).map_err(|_| unreadable("number"))?,
            state: ConversationState::parse(&self.state).ok_or(unreadable("state"))?,
            team: records::team(self.team)?,
            priority: Priority::parse(&self.priority).ok_or(unreadable("priority"))?,
            opened_at: Timestamp::from_millis(self.opened_at),
            active_at: Timestamp::from_millis(self.active_at),
            last_inbound_at: records::timestamp(self.last_inbound_at),
            last_outbound_at: records::timestamp(self.last_outbound_at),
            window_ends_at: records::timestamp(self.window_ends_at),
        })
    }
}
