//! Conversations as people and tools look at them.

use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{ContactId, Conversation, ConversationId, ConversationState, TeamName};

use super::{COLUMNS, from_row};
use crate::core::{Param, Row, Sql, params};
use crate::{Result, Store};

/// Some of the conversations: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConversationFilter {
    /// With one of these: a contact, and who became part of it. Anybody's where it is empty.
    pub contacts: Vec<ContactId>,
    /// That one of these teams has; `None` for any, or nobody.
    pub teams: Option<Vec<TeamName>>,
    pub state: Option<ConversationState>,
}

static ONE: LazyLock<Sql> = LazyLock::new(|| {
    let columns = &*COLUMNS;
    Sql::made_each(
        format!("SELECT {columns}, '' AS written_by FROM conversation v WHERE v.id = $1"),
        format!("SELECT {columns}, v.xmin::TEXT AS written_by FROM conversation v WHERE v.id = $1"),
    )
});

/// Ids begin with the time at which they were made. What is not said is NULL.
const LIST: &str = "SELECT {columns}, {written_by} AS written_by FROM conversation v
    WHERE v.id < $1 AND {contacts} AND ({teams}) AND (CAST($4 AS TEXT) IS NULL OR v.state = CAST($4 AS TEXT))
    ORDER BY v.id DESC
    LIMIT $5";

fn list(sqlite_contacts: &str, postgres_contacts: &str) -> Sql {
    let made = |contacts: &str, teams: &str, written_by: &str| {
        let text = LIST.replace("{columns}", &COLUMNS).replace("{contacts}", contacts);
        text.replace("{teams}", teams).replace("{written_by}", written_by)
    };
    let sqlite_teams = "CAST($3 AS TEXT) IS NULL OR v.team IN (SELECT value FROM json_each($3))";
    let postgres_teams = "$3::TEXT[] IS NULL OR v.team = ANY($3::TEXT[])";
    Sql::made_each(made(sqlite_contacts, sqlite_teams, "''"), made(postgres_contacts, postgres_teams, "v.xmin::TEXT"))
}

static OF_ALL: LazyLock<Sql> = LazyLock::new(|| list("CAST($2 AS TEXT) IS NULL", "$2::UUID[] IS NULL"));

static OF_CONTACTS: LazyLock<Sql> = LazyLock::new(|| {
    list("v.contact_id IN (SELECT unhex(value) FROM json_each($2))", "v.contact_id = ANY($2::UUID[])")
});

impl Store {
    /// The conversation of this id.
    pub async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        let rows = self.read(&ONE, params![id]).await?;
        Ok(conversations(&rows)?.pop())
    }

    /// Those that began last first, before the conversation `before` where one is given.
    pub async fn conversations(
        &self,
        filter: &ConversationFilter,
        before: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<Conversation>> {
        let sql = if filter.contacts.is_empty() { &OF_ALL } else { &OF_CONTACTS };
        let contacts: Option<Param<'_>> =
            (!filter.contacts.is_empty()).then(|| filter.contacts.iter().copied().collect());
        let teams: Option<Param<'_>> = filter.teams.as_ref().map(|teams| teams.iter().collect());
        let before = before.map_or(Uuid::max(), ConversationId::as_uuid);
        let state = filter.state.map(ConversationState::as_str);
        let (contacts, teams) = (contacts.unwrap_or(Param::Null), teams.unwrap_or(Param::Null));
        conversations(&self.report(sql, params![before, contacts, teams, state, limit]).await?)
    }
}

fn conversations(rows: &[Row]) -> Result<Vec<Conversation>> {
    let read = |row: &Row| Ok(from_row(row)?.map(|(conversation, _)| conversation));
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}
