//! The inbox: one row per distinct event, with the decision about it. Whether an event is new is decided here and
//! nowhere else.

use std::collections::{BTreeSet, HashMap};

use sqlx::{FromRow, QueryBuilder, Row};
use uuid::Uuid;
use waypost_domain::{
    ContactId, Conversation, ConversationId, ConversationState, DecisionId, PartitionId, PhoneNumberId, TeamName,
    Timestamp, team::Priority,
};

use crate::contact_rows;
use crate::database::{Database, Tx};
use crate::records::{self, clean, key, unreadable};
use crate::{Batch, Fence, Result, Store, StoreError};

/// What makes an event unique: Meta's id of the number it came to, and its wamid (or another key within the number).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    pub number: PhoneNumberId,
    pub key: String,
}

impl EventKey {
    pub fn decision_id(&self) -> DecisionId {
        DecisionId::of_event(&self.number, &self.key)
    }
}

/// A decision, with what explains and repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    pub rule_set: String,
    pub rule: String,
    pub phase: String,
    /// `None`: the unrouted queue.
    pub team: Option<TeamName>,
    pub priority: Priority,
    pub why: String,
    /// The encoded input. Empty once it was erased.
    pub input: Vec<u8>,
    /// What else was decided, encoded; empty where there is nothing.
    pub extras: Vec<u8>,
}

impl StoredDecision {
    /// `None`, not empty bytes, is what is stored for nothing.
    pub(crate) fn some_extras(&self) -> Option<&[u8]> {
        (!self.extras.is_empty()).then_some(self.extras.as_slice())
    }
}

/// An event to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    pub number: PhoneNumberId,
    pub key: String,
    /// Above every sequence number given in this partition before.
    pub seq: i64,
    /// The component's word for what this is.
    pub kind: &'static str,
    /// [`DecisionId::of_event`] of `number` and `key`.
    pub decision_id: DecisionId,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    pub received_at: Timestamp,
    /// `None`: nothing was routed.
    pub outcome: Option<StoredDecision>,
    /// The whole event, when it is kept until control of the thread comes to us.
    pub held_event: Option<Vec<u8>>,
}

/// An event that was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    pub event: EventKey,
    pub decision_id: DecisionId,
    /// Where its sequence number counts.
    pub partition: PartitionId,
    pub seq: i64,
    /// At or below its partition's published mark: a plain duplicate. Otherwise it was decided but perhaps never
    /// published: publish the stored decision.
    pub published: bool,
    pub kind: String,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    pub received_at: Timestamp,
    pub outcome: Option<StoredDecision>,
    /// Of a held message: the event that released it.
    pub released_by: Option<DecisionId>,
}

/// A held message that was released, with the decision it was given then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedMessage {
    pub known: KnownEvent,
    pub event: Vec<u8>,
}

/// The columns of [`KnownRecord`], from `inbox i`, `lease l` and `held h`.
macro_rules! known_columns {
    () => {
        "i.decision_id, i.number, i.key, i.partition, i.seq, coalesce(l.published_seq, 0) AS published_seq, i.kind, \
         i.contact_id, i.conversation_id, i.received_at, i.rule_set, i.rule, i.phase, i.team, i.priority, i.why, \
         i.input, i.extras, h.released_by"
    };
}
/// Joins the lease of component `$1` and the held message, if any.
macro_rules! known_joins {
    () => {
        " LEFT JOIN lease l ON l.component = $1 AND l.partition = i.partition \
         LEFT JOIN held h ON h.decision_id = i.decision_id "
    };
}
pub(crate) use {known_columns, known_joins};

#[derive(sqlx::FromRow)]
pub(crate) struct KnownRecord {
    decision_id: Uuid,
    number: String,
    key: String,
    partition: i64,
    seq: i64,
    published_seq: i64,
    kind: String,
    contact_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
    received_at: i64,
    rule_set: Option<String>,
    rule: Option<String>,
    phase: Option<String>,
    team: Option<String>,
    priority: Option<String>,
    why: Option<String>,
    input: Option<Vec<u8>>,
    extras: Option<Vec<u8>>,
    released_by: Option<Uuid>,
}

impl KnownRecord {
    pub(crate) fn into_known(self) -> Result<KnownEvent> {
        let outcome = match self.rule {
            None => None,
            Some(rule) => Some(StoredDecision {
                rule_set: self.rule_set.unwrap_or_default(),
                rule,
                phase: self.phase.unwrap_or_default(),
                team: records::team(self.team, "inbox", "team")?,
                priority: self.priority.as_deref().and_then(Priority::parse).ok_or(unreadable("inbox", "priority"))?,
                why: self.why.unwrap_or_default(),
                input: self.input.unwrap_or_default(),
                extras: self.extras.unwrap_or_default(),
            }),
        };
        Ok(KnownEvent {
            event: EventKey { number: PhoneNumberId::new(self.number), key: self.key },
            decision_id: DecisionId::from_uuid(self.decision_id),
            partition: records::partition(self.partition, "inbox")?,
            seq: self.seq,
            published: self.seq <= self.published_seq,
            kind: self.kind,
            contact: records::contact(self.contact_id),
            conversation: records::conversation(self.conversation_id),
            received_at: Timestamp::from_millis(self.received_at),
            outcome,
            released_by: records::decision(self.released_by),
        })
    }
}

const KNOWN_POSTGRES: &str = concat!(
    "SELECT ",
    known_columns!(),
    " FROM unnest($2::UUID[]) AS k(id) JOIN inbox i ON i.decision_id = k.id",
    known_joins!()
);
/// The fence (`$1` and `$3` to `$7`), and what is known, in one round trip. No row: the lease is lost; otherwise at least
/// one, which is empty where nothing is known. Both parts see what was committed when the statement began, before it
/// waited for the lease row. Only this partition's own former transactions hold that row for long; of one that was still
/// being committed nothing is seen here, and then the insert of the same keys fails with [`StoreError::Retry`].
const FENCED_KNOWN_POSTGRES: &str = concat!(
    "WITH fence AS (UPDATE lease SET published_seq = greatest(published_seq, $3), oldest_at = $4 \
     WHERE component = $1 AND partition = $5 AND owner = $6 AND epoch = $7 RETURNING partition) \
     SELECT known.* FROM fence LEFT JOIN (SELECT ",
    known_columns!(),
    " FROM unnest($2::UUID[]) AS k(id) JOIN inbox i ON i.decision_id = k.id",
    known_joins!(),
    ") AS known ON true"
);
const KNOWN_SQLITE: &str = concat!(
    "SELECT ",
    known_columns!(),
    " FROM json_each($2) k CROSS JOIN inbox i ON i.decision_id = unhex(k.value)",
    known_joins!()
);

impl Store {
    /// [`begin_batch`](Store::begin_batch), and which of these events were recorded before, in the order given.
    pub async fn begin_batch_of(&self, fence: &Fence, keys: &[EventKey]) -> Result<(Batch, Vec<Option<KnownEvent>>)> {
        let Database::Postgres(pool) = &self.database else {
            let mut batch = self.begin_batch(fence).await?;
            let known = batch.known(keys).await?;
            return Ok((batch, known));
        };
        let mut tx = pool.begin().await?;
        let ids: Vec<Uuid> = keys.iter().map(|key| key.decision_id().as_uuid()).collect();
        let rows = sqlx::query(FENCED_KNOWN_POSTGRES)
            .bind(&fence.component)
            .bind(&ids)
            .bind(fence.published_seq)
            .bind(fence.oldest_at.map(Timestamp::as_millis))
            .bind(i64::from(fence.partition.0))
            .bind(&fence.owner)
            .bind(fence.epoch)
            .fetch_all(&mut *tx)
            .await?;
        fence.hold(u64::from(!rows.is_empty()))?;
        let mut found = HashMap::new();
        for row in rows {
            if row.try_get::<Option<Uuid>, _>("decision_id")?.is_none() {
                continue;
            }
            let mut known = KnownRecord::from_row(&row)?.into_known()?;
            known.published |= known.partition == fence.partition && known.seq <= fence.published_seq;
            found.insert(known.decision_id.as_uuid(), known);
        }
        let known = ids.iter().map(|id| found.get(id).cloned()).collect();
        Ok((Batch::new(Tx::Postgres(tx), fence), known))
    }
}

impl Batch {
    /// Which of these events were recorded before, in the order given.
    pub async fn known(&mut self, keys: &[EventKey]) -> Result<Vec<Option<KnownEvent>>> {
        if keys.is_empty() {
            return Ok(vec![]);
        }
        let ids: Vec<Uuid> = keys.iter().map(|key| key.decision_id().as_uuid()).collect();
        let component = &self.fence.component;
        let rows: Vec<KnownRecord> = match &mut self.tx {
            Tx::Sqlite(tx) => {
                let ids = records::hex_array(ids.iter().copied());
                sqlx::query_as(KNOWN_SQLITE).bind(component).bind(ids).fetch_all(&mut **tx).await?
            }
            Tx::Postgres(tx) => sqlx::query_as(KNOWN_POSTGRES).bind(component).bind(&ids).fetch_all(&mut **tx).await?,
        };
        if rows.is_empty() {
            return Ok(vec![None; keys.len()]);
        }
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.decision_id, row.into_known()?);
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Records new events and the conversations they changed.
    ///
    /// [`StoreError::Retry`] when somebody recorded one of the events, or changed one of the conversations, since
    /// this batch read them; or a contact of a conversation that begins or ends.
    pub async fn record(&mut self, rows: &[InboxRow], conversations: &[Conversation]) -> Result<()> {
        self.lock_contacts_of_new(rows, conversations).await?;
        self.read.talks.clear();
        self.save_conversations(conversations).await?;
        if rows.is_empty() {
            return Ok(());
        }
        if rows.iter().any(|row| DecisionId::of_event(&row.number, &row.key) != row.decision_id) {
            return Err(StoreError::Invalid("decision_id is not derived from number and key".into()));
        }
        let mut sorted: Vec<&InboxRow> = rows.iter().collect();
        sorted.sort_unstable_by_key(|row| row.decision_id);
        let inserted = self.insert_inbox(&sorted).await?;
        if inserted != u64::try_from(rows.len()).unwrap_or(u64::MAX) {
            return Err(StoreError::retry("another partition recorded the same event"));
        }
        self.insert_held(&sorted).await
    }

    /// Conversations that begin or end and messages that are held: a merge that is under way would not see them.
    async fn lock_contacts_of_new(&mut self, rows: &[InboxRow], conversations: &[Conversation]) -> Result<()> {
        let is_update = |one: &&Conversation| {
            one.state != ConversationState::Resolved && self.read.conversations.contains_key(&one.id)
        };
        let begun = conversations.iter().filter(|one| !is_update(one)).map(|one| one.contact);
        let held = rows.iter().filter(|row| row.held_event.is_some()).filter_map(|row| row.contact);
        let ids: BTreeSet<ContactId> = begun.chain(held).collect();
        let read = ids.into_iter().filter_map(|id| Some((id, self.read.contacts.remove(&id)?))).collect();
        contact_rows::lock_read(&mut self.tx, &read).await
    }

    async fn insert_inbox(&mut self, rows: &[&InboxRow]) -> Result<u64> {
        let partition = i64::from(self.fence.partition.0);
        Ok(match &mut self.tx {
            Tx::Sqlite(tx) => {
                let mut query = QueryBuilder::new(
                    "INSERT INTO inbox (decision_id, contact_id, conversation_id, partition, seq, received_at, number, \
                     key, kind, rule_set, rule, phase, team, priority, why, input, extras) ",
                );
                query.push_values(rows, |mut values, row| {
                    let outcome = row.outcome.as_ref();
                    values
                        .push_bind(row.decision_id.as_uuid())
                        .push_bind(row.contact.map(ContactId::as_uuid))
                        .push_bind(row.conversation.map(ConversationId::as_uuid))
                        .push_bind(partition)
                        .push_bind(row.seq)
                        .push_bind(row.received_at.as_millis())
                        .push_bind(key(row.number.as_str()).into_owned())
                        .push_bind(clean(&row.key).into_owned())
                        .push_bind(row.kind)
                        .push_bind(outcome.map(|one| clean(&one.rule_set).into_owned()))
                        .push_bind(outcome.map(|one| clean(&one.rule).into_owned()))
                        .push_bind(outcome.map(|one| clean(&one.phase).into_owned()))
                        .push_bind(outcome.and_then(|one| one.team.as_ref()).map(|team| team.as_str().to_owned()))
                        .push_bind(outcome.map(|one| one.priority.as_str()))
                        .push_bind(outcome.map(|one| clean(&one.why).into_owned()))
                        .push_bind(outcome.map(|one| one.input.clone()))
                        .push_bind(outcome.and_then(StoredDecision::some_extras).map(<[u8]>::to_vec));
                });
                query.push(" ON CONFLICT DO NOTHING");
                query.build().persistent(false).execute(&mut **tx).await?.rows_affected()
            }
            Tx::Postgres(tx) => {
                // No ON CONFLICT: a conflict means that all is repeated, and to be ready for one takes each row a look
                // into the index and a log record more.
                let outcomes = || rows.iter().map(|row| row.outcome.as_ref());
                sqlx::query(
                    "INSERT INTO inbox (decision_id, contact_id, conversation_id, partition, seq, received_at, number, \
                     key, kind, rule_set, rule, phase, team, priority, why, input, extras) \
                     SELECT r.id, r.contact, r.conversation, $1, r.seq, r.received_at, r.number, r.key, r.kind, \
                     r.rule_set, r.rule, r.phase, r.team, r.priority, r.why, r.input, r.extras \
                     FROM unnest($2::UUID[], $3::UUID[], $4::UUID[], $5::BIGINT[], $6::BIGINT[], $7::TEXT[], \
                     $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[], $13::TEXT[], $14::TEXT[], \
                     $15::TEXT[], $16::BYTEA[], $17::BYTEA[]) AS r(id, contact, conversation, seq, received_at, number, \
                     key, kind, rule_set, rule, phase, team, priority, why, input, extras)",
                )
                .bind(partition)
                .bind(rows.iter().map(|row| row.decision_id.as_uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.contact.map(ContactId::as_uuid)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.conversation.map(ConversationId::as_uuid)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.received_at.as_millis()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| key(row.number.as_str())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| clean(&row.key)).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.kind).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| clean(&one.rule_set))).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| clean(&one.rule))).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| clean(&one.phase))).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one?.team.as_ref().map(TeamName::as_str)).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| one.priority.as_str())).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| clean(&one.why))).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.map(|one| one.input.as_slice())).collect::<Vec<_>>())
                .bind(outcomes().map(|one| one.and_then(StoredDecision::some_extras)).collect::<Vec<_>>())
                .execute(&mut **tx)
                .await?
                .rows_affected()
            }
        })
    }
}
