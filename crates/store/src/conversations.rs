//! Conversations in a batch: the unresolved one of each contact on each number, and what became of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use waypost_domain::{Binding, ContactId, Conversation, ConversationId, ConversationState, NumberName, TeamName};

use crate::Result;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::inbox::{InboxTx, ReadUnlocked};

mod answered;
mod external_refs;
mod listed;
mod owned;

pub use answered::Answered;
pub use external_refs::{ExternalRefs, RefsOf};
pub use listed::ConversationFilter;
pub use owned::OwnedConversation;

pub(crate) static CONVERSATION: Table = Table {
    name: "conversation",
    columns: &[
        ("id", "UUID"),
        ("contact_id", "UUID"),
        ("number", "TEXT"),
        ("state", "TEXT"),
        ("team", "TEXT"),
        ("priority", "TEXT"),
        ("binding", "TEXT"),
        ("seq", "BIGINT"),
        ("opened_at", "BIGINT"),
        ("active_at", "BIGINT"),
        ("last_inbound_at", "BIGINT"),
        ("last_outbound_at", "BIGINT"),
        ("window_ends_at", "BIGINT"),
        ("resolved_at", "BIGINT"),
        ("previous_id", "UUID"),
        ("last_call_at", "BIGINT"),
    ],
};

/// What [`from_row`] reads of `conversation v`. `id` goes by another name, for joins with other tables that have one.
pub(crate) static COLUMNS: LazyLock<String> =
    LazyLock::new(|| CONVERSATION.list("v").replacen("v.id", "v.id AS conversation_id", 1));

static UNRESOLVED: LazyLock<Sql> = LazyLock::new(|| {
    let columns = &*COLUMNS;
    Sql::made_each(
        format!(
            "SELECT {columns}, '' AS written_by
    FROM json_each($1) c
    JOIN json_each($2) n ON n.key = c.key
    CROSS JOIN conversation v ON v.contact_id = unhex(c.value) AND v.number = n.value AND v.state <> 'resolved'"
        ),
        format!(
            "SELECT {columns}, v.xmin::TEXT AS written_by
    FROM unnest($1::UUID[], $2::TEXT[]) AS w(contact, number)
    JOIN conversation v ON v.contact_id = w.contact AND v.number = w.number AND v.state <> 'resolved'"
        ),
    )
});

/// The janitor may have resolved a conversation since it was read, and one that ended so never opens again, while one that
/// a person ended may: such a row is not written, and the row count says so.
static SAVE: LazyLock<Sql> = LazyLock::new(|| {
    CONVERSATION.insert_checked(
        "ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, team = excluded.team, priority = excluded.priority, binding = excluded.binding,
        seq = excluded.seq, active_at = excluded.active_at,
        last_inbound_at = excluded.last_inbound_at, last_outbound_at = excluded.last_outbound_at,
        window_ends_at = excluded.window_ends_at, resolved_at = excluded.resolved_at,
        last_call_at = excluded.last_call_at
    WHERE conversation.state <> 'resolved' OR excluded.state = 'resolved' OR conversation.resolved_at IS NOT NULL",
    )
});

/// PostgreSQL only: most are there already, and to update a row takes less than to insert it, find it there and lock
/// it. It must still be the row that was read.
static UPDATE: Sql = Sql::each(
    "",
    "WITH done AS (
        UPDATE conversation SET
            state = r.state, team = r.team, priority = r.priority, binding = r.binding, seq = r.seq,
            active_at = r.active_at, last_inbound_at = r.last_inbound_at, last_outbound_at = r.last_outbound_at,
            window_ends_at = r.window_ends_at, resolved_at = r.resolved_at, last_call_at = r.last_call_at
        FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], $7::BIGINT[],
            $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::TEXT[]) AS r(id, state, team,
            priority, binding, seq, active_at, last_inbound_at, last_outbound_at, window_ends_at, resolved_at,
            last_call_at, written_by)
        WHERE conversation.id = r.id AND conversation.xmin = r.written_by::XID
            AND (conversation.state <> 'resolved' OR r.state = 'resolved' OR conversation.resolved_at IS NOT NULL)
        RETURNING 1)
    SELECT 1 / (count(*) = $14)::INT FROM done",
);

/// The resolved one of each pair that was active last.
static LAST_RESOLVED: LazyLock<Sql> = LazyLock::new(|| {
    let columns = &*COLUMNS;
    Sql::made_each(
        format!(
            "SELECT {columns}, '' AS written_by
    FROM json_each($1) c
    JOIN json_each($2) n ON n.key = c.key
    CROSS JOIN conversation v ON v.id = (
        SELECT one.id FROM conversation one
        WHERE one.contact_id = unhex(c.value) AND one.number = n.value AND one.state = 'resolved'
        ORDER BY one.active_at DESC
        LIMIT 1)"
        ),
        format!(
            "SELECT {columns}, v.written_in::TEXT AS written_by
    FROM unnest($1::UUID[], $2::TEXT[]) AS w(contact, number)
    CROSS JOIN LATERAL (
        SELECT one.*, one.xmin AS written_in FROM conversation one
        WHERE one.contact_id = w.contact AND one.number = w.number AND one.state = 'resolved'
        ORDER BY one.active_at DESC
        LIMIT 1) v"
        ),
    )
});

/// Of a conversation that went on meanwhile, or that a person holds, nothing is changed. Rows are locked in the order of
/// their ids, as all transactions do.
static REBIND: Sql = Sql::each(
    "UPDATE conversation SET team = t.value, binding = 'firm'
    FROM json_each($1) c
    JOIN json_each($2) f ON f.key = c.key
    JOIN json_each($3) t ON t.key = c.key
    WHERE conversation.id = unhex(c.value) AND conversation.team = f.value
        AND conversation.state <> 'resolved' AND coalesce(conversation.binding, 'firm') <> 'held'",
    "WITH open AS (
        SELECT v.id, r.to_team
        FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[]) AS r(id, from_team, to_team)
        JOIN conversation v ON v.id = r.id AND v.team = r.from_team
        WHERE v.state <> 'resolved' AND coalesce(v.binding, 'firm') <> 'held'
        ORDER BY v.id
        FOR NO KEY UPDATE OF v)
    UPDATE conversation SET team = open.to_team, binding = 'firm'
    FROM open
    WHERE conversation.id = open.id",
);

/// A conversation whose message went to another team than it was decided for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rebind {
    pub conversation: ConversationId,
    pub from: TeamName,
    pub to: TeamName,
}

/// Binds conversations firmly to the teams that got their messages.
pub(crate) fn rebinding(moved: &BTreeSet<Rebind>) -> Statement<'_> {
    let ids: Param<'_> = moved.iter().map(|one| one.conversation).collect();
    let from: Param<'_> = moved.iter().map(|one| &one.from).collect();
    let to: Param<'_> = moved.iter().map(|one| &one.to).collect();
    Statement::new(&REBIND, params![ids, from, to])
}

/// Conversations by whom they are with, and on which of our numbers.
type Conversations = HashMap<(ContactId, NumberName), Conversation>;

impl InboxTx {
    /// The unresolved conversation of each pair, where there is one.
    pub async fn conversations(&mut self, pairs: &[(ContactId, NumberName)]) -> Result<Conversations> {
        self.read_or_ask(&UNRESOLVED, pairs, |one| one.state != ConversationState::Resolved).await
    }

    /// The conversation before, of pairs that have no unresolved one: the resolved one that was active last. The janitor
    /// forgets it after a while.
    pub async fn last_resolved(&mut self, pairs: &[(ContactId, NumberName)]) -> Result<Conversations> {
        self.read_or_ask(&LAST_RESOLVED, pairs, |one| one.state == ConversationState::Resolved).await
    }

    /// From what was read together with the contacts; of whom nothing was (groups are no contacts), it is asked.
    async fn read_or_ask(
        &mut self,
        sql: &'static Sql,
        pairs: &[(ContactId, NumberName)],
        wanted: impl Fn(&Conversation) -> bool,
    ) -> Result<Conversations> {
        let (mut found, mut unread) = (Conversations::new(), Vec::new());
        for pair in pairs {
            let Some(latest) = self.read.latest.get(&pair.0) else {
                unread.push(pair);
                continue;
            };
            let one = latest.iter().find(|one| one.number == pair.1 && wanted(one));
            found.extend(one.map(|one| (pair.clone(), one.clone())));
        }
        if !unread.is_empty() {
            found.extend(self.ask(sql, &unread).await?);
        }
        Ok(found)
    }

    async fn ask(&mut self, sql: &'static Sql, pairs: &[&(ContactId, NumberName)]) -> Result<Conversations> {
        let contacts: Param<'_> = pairs.iter().map(|(contact, _)| *contact).collect();
        let numbers: Param<'_> = pairs.iter().map(|(_, number)| number).collect();
        let rows = self.fenced.tx.query(sql, params![contacts, numbers]).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let Some((conversation, written_by)) = from_row(row)? else { continue };
            if self.fenced.tx.is_shared() {
                self.read.of_state(conversation.state).entry(conversation.id).or_insert(written_by);
            }
            found.insert((conversation.contact, conversation.number.clone()), conversation);
        }
        Ok(found)
    }
}

/// With the transaction that wrote it. `None` where a join found none.
pub(crate) fn from_row(row: &Row) -> Result<Option<(Conversation, String)>> {
    let row = row.of(CONVERSATION.name);
    let Some(id) = row.get("conversation_id")? else { return Ok(None) };
    let conversation = Conversation {
        id,
        contact: row.get("contact_id")?,
        number: row.get("number")?,
        state: row.get("state")?,
        team: row.get("team")?,
        priority: row.get("priority")?,
        binding: row.get("binding")?,
        seq: row.get("seq")?,
        opened_at: row.get("opened_at")?,
        active_at: row.get("active_at")?,
        last_inbound_at: row.get("last_inbound_at")?,
        last_outbound_at: row.get("last_outbound_at")?,
        window_ends_at: row.get("window_ends_at")?,
        resolved_at: row.get("resolved_at")?,
        previous: row.get("previous_id")?,
        last_call_at: row.get("last_call_at")?,
    };
    Ok(Some((conversation, written_by(&row)?)))
}

fn written_by(row: &Columns<'_>) -> Result<String> {
    row.get("written_by")
}

/// Adds what saves `conversations`. `read` says of which the row was read; those must not have changed.
pub(crate) fn save<'a>(
    statements: &mut Vec<Statement<'a>>,
    read: &mut ReadUnlocked,
    is_shared: bool,
    conversations: &'a [Conversation],
) {
    // What ended makes room for what began: at most one is unresolved per contact and number.
    for ended in [true, false] {
        let mut rows: Vec<&Conversation> =
            conversations.iter().filter(|one| (one.state == ConversationState::Resolved) == ended).collect();
        rows.sort_unstable_by_key(|row| row.id);
        let (mut updated, mut saved) = (Vec::new(), Vec::new());
        for row in rows {
            let written_by = read.conversations.remove(&row.id).or_else(|| read.resolved.remove(&row.id));
            match written_by.filter(|_| is_shared) {
                Some(written_by) => updated.push(update_params(row, written_by)),
                None => saved.push(row_params(row)),
            }
        }
        for (sql, rows, reason) in [
            (&UPDATE, updated, "a conversation changed since it was read"),
            (&*SAVE, saved, "a conversation was resolved meanwhile"),
        ] {
            let count = rows.len() as u64;
            if count > 0 {
                statements.push(Statement::rows(sql, rows).expecting(count, reason));
            }
        }
    }
}

fn row_params(row: &Conversation) -> Vec<Param<'_>> {
    params![
        row.id,
        row.contact,
        &row.number,
        row.state.as_str(),
        row.team.as_ref(),
        row.priority.as_str(),
        row.binding.map(Binding::as_str),
        row.seq,
        row.opened_at,
        row.active_at,
        row.last_inbound_at,
        row.last_outbound_at,
        row.window_ends_at,
        row.resolved_at,
        row.previous,
        row.last_call_at,
    ]
}

fn update_params(row: &Conversation, written_by: String) -> Vec<Param<'_>> {
    params![
        row.id,
        row.state.as_str(),
        row.team.as_ref(),
        row.priority.as_str(),
        row.binding.map(Binding::as_str),
        row.seq,
        row.active_at,
        row.last_inbound_at,
        row.last_outbound_at,
        row.window_ends_at,
        row.resolved_at,
        row.last_call_at,
        written_by,
    ]
}
