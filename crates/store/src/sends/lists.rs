//! Sends as people and tools look at them, and how one is taken back.

use std::sync::LazyLock;

use waypost_domain::send::{Author, SendId, SendState};
use waypost_domain::{ContactId, ConversationId, NumberName};

use super::row::{COLUMNS, SEND, SendRow, author_word, places};
use super::write::WAKE;
use crate::core::{Sql, Statement, params};
use crate::{AuditedTx, Result, Store};

/// Some of the sends: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendFilter {
    /// To one of these: a contact, and who became part of it. Anybody's where it is empty.
    pub contacts: Vec<ContactId>,
    pub conversation: Option<ConversationId>,
    pub number: Option<NumberName>,
    pub state: Option<SendState>,
    pub author: Option<Author>,
}

static ONE: LazyLock<Sql> = LazyLock::new(|| Sql::made(format!("SELECT {COLUMNS} FROM send s WHERE s.id = $1")));

/// What is not said is NULL; `{contacts}` finds those of some contacts by an index.
const LIST: &str = "SELECT {columns} FROM send s
    WHERE s.place < $1 AND {contacts}
        AND (CAST($3 AS {uuid}) IS NULL OR s.conversation_id = CAST($3 AS {uuid}))
        AND (CAST($4 AS TEXT) IS NULL OR s.number = CAST($4 AS TEXT))
        AND (CAST($5 AS TEXT) IS NULL OR s.state = CAST($5 AS TEXT))
        AND (CAST($6 AS TEXT) IS NULL OR s.author = CAST($6 AS TEXT))
    ORDER BY s.place DESC
    LIMIT $7";

fn list(sqlite_contacts: &str, postgres_contacts: &str) -> Sql {
    let made = |contacts: &str, uuid: &str| {
        LIST.replace("{columns}", COLUMNS).replace("{contacts}", contacts).replace("{uuid}", uuid)
    };
    Sql::made_each(made(sqlite_contacts, "BLOB"), made(postgres_contacts, "UUID"))
}

static OF_ALL: LazyLock<Sql> = LazyLock::new(|| list("CAST($2 AS TEXT) IS NULL", "$2::UUID[] IS NULL"));

static OF_CONTACTS: LazyLock<Sql> = LazyLock::new(|| {
    list("s.contact_id IN (SELECT unhex(value) FROM json_each($2))", "s.contact_id = ANY($2::UUID[])")
});

static CANCEL: Sql = Sql::both(
    "UPDATE send SET state = 'cancelled', rank = $2, since = $3, waits = 0
    WHERE id = $1 AND state = 'queued'",
);

static STATE: Sql = Sql::both("SELECT place, state FROM send WHERE id = $1");

impl Store {
    pub async fn send(&self, id: &SendId) -> Result<Option<SendRow>> {
        let rows = self.read(&ONE, params![id]).await?;
        rows.first().map(|row| SendRow::from_row(&row.of(SEND.name))).transpose()
    }

    /// The newest first, below the place `before` where one is given.
    pub async fn sends(&self, filter: &SendFilter, before: Option<i64>, limit: u32) -> Result<Vec<SendRow>> {
        let contacts = filter.contacts.iter().copied().collect();
        let (sql, contacts) = if filter.contacts.is_empty() { (&OF_ALL, None) } else { (&OF_CONTACTS, Some(contacts)) };
        let params = params![
            before.unwrap_or(i64::MAX),
            contacts.unwrap_or(crate::core::Param::Null),
            filter.conversation,
            filter.number.as_ref(),
            filter.state,
            filter.author.as_ref().map(author_word),
            limit,
        ];
        let rows = self.report(sql, params).await?;
        rows.iter().map(|row| SendRow::from_row(&row.of(SEND.name))).collect()
    }
}

impl AuditedTx {
    /// Takes a send back that is still queued. Returns the state that it is in now; `None` where there is none of this id.
    pub async fn cancel_send(&mut self, id: &SendId) -> Result<Option<SendState>> {
        let (now, rank) = (self.now, i64::from(SendState::Cancelled.rank()));
        let statements = vec![Statement::new(&CANCEL, params![id, rank, now]), Statement::new(&STATE, params![id])];
        let answers = self.tx.run(statements).await?;
        let Some(row) = answers.last().and_then(|answer| answer.rows.first()) else { return Ok(None) };
        let row = row.of(SEND.name);
        let (place, state): (i64, SendState) = (row.get("place")?, row.get("state")?);
        if state == SendState::Cancelled {
            self.tx.run(vec![Statement::new(&WAKE, params![places(&[place]), now])]).await?;
        }
        Ok(Some(state))
    }
}
