//! Messages that are kept whole: those written while another app held the thread, until they are given a decision; and
//! notices, until they are shown.

use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{ContactId, DecisionId, NumberName, PhoneNumberId};

use super::{InboxRow, InboxTx, KNOWN_COLUMNS, KnownEvent, StoredDecision};
use crate::Result;
use crate::core::{Param, Sql, Statement, Table, params};
use crate::records::{clean, key};

/// What a message is kept for: its row's kind says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldKind {
    /// For control of its thread.
    Standby,
    /// To be shown with the next message.
    Notice,
}

impl HeldKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Notice => "notice",
        }
    }
}

/// A message that waits: for control of its thread, or to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    /// Whom it waits for, and on which of our numbers.
    pub pair: (ContactId, NumberName),
    pub number: PhoneNumberId,
    pub key: String,
    /// The whole event, as it was kept.
    pub event: Vec<u8>,
}

/// A notice that waits no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeShown {
    pub notice: DecisionId,
    /// The message that it was shown with; whoever repeats that message shows it again.
    pub shown_with: DecisionId,
}

/// A decision for a held message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRelease {
    pub number: PhoneNumberId,
    pub key: String,
    /// The event that gave us control; whoever repeats that event repeats this release.
    pub released_by: DecisionId,
    pub decision: StoredDecision,
}

/// A held message that was released, with the decision it was given then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedMessage {
    pub known: KnownEvent,
    pub event: Vec<u8>,
}

static HELD: Table = Table {
    name: "held",
    columns: &[
        ("decision_id", "UUID"),
        ("contact_id", "UUID"),
        ("number", "TEXT"),
        ("key", "TEXT"),
        ("event", "BYTEA"),
        ("received_at", "BIGINT"),
    ],
};

static INSERT: LazyLock<Sql> = LazyLock::new(|| HELD.insert(""));

static WAITING: LazyLock<Sql> = LazyLock::new(|| {
    let of = |pairs: &str, contact: &str, number: &str| {
        format!(
            "SELECT h.contact_id, n.name AS number_name, h.number, h.key, h.event
    FROM {pairs}
    CROSS JOIN number n
    CROSS JOIN held h
    CROSS JOIN inbox i
    WHERE n.name = {number} AND h.contact_id = {contact} AND h.number = n.phone_number_id AND h.released_by IS NULL
        AND i.decision_id = h.decision_id AND CASE i.kind WHEN 'notice' THEN i.kind ELSE 'standby' END = $3
    ORDER BY h.received_at, i.seq"
        )
    };
    Sql::made_each(
        of("json_each($1) c JOIN json_each($2) w ON w.key = c.key", "unhex(c.value)", "w.value"),
        of("unnest($1::UUID[], $2::TEXT[]) AS w(contact, number)", "w.contact", "w.number"),
    )
});

static RELEASED: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "SELECT {}, h.event
    FROM held h
    JOIN inbox i ON i.decision_id = h.decision_id
    LEFT JOIN lease l ON l.component = $1 AND l.partition = i.partition
    WHERE h.released_by = $2
    ORDER BY h.received_at, i.seq",
        &*KNOWN_COLUMNS
    ))
});

static RELEASE_HELD: Sql = Sql::each(
    "UPDATE held SET released_by = $2 WHERE decision_id = $1 AND released_by IS NULL",
    "WITH done AS (
        UPDATE held SET released_by = $2 WHERE decision_id = $1 AND released_by IS NULL
        RETURNING 1)
    SELECT 1 / (count(*) = $3)::INT FROM done",
);

static RELEASE_INBOX: Sql = Sql::both(
    "UPDATE inbox SET rule_set = $2, rule = $3, phase = $4, team = $5, priority = $6, why = $7, input = $8, extras = $9
    WHERE decision_id = $1",
);

impl InboxTx {
    /// What waits of these contacts, or groups, each on that number, oldest first.
    pub async fn held(&mut self, pairs: &[(ContactId, NumberName)], kind: HeldKind) -> Result<Vec<HeldMessage>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let contacts: Param<'_> = pairs.iter().map(|(contact, _)| *contact).collect();
        let numbers: Param<'_> = pairs.iter().map(|(_, number)| number).collect();
        let rows = self.fenced.tx.query(&WAITING, params![contacts, numbers, kind.as_str()]).await?;
        let held = rows.iter().map(|row| {
            let row = row.of("held");
            let pair = (row.get("contact_id")?, row.get("number_name")?);
            Ok(HeldMessage { pair, number: row.get("number")?, key: row.get("key")?, event: row.get("event")? })
        });
        held.collect()
    }

    /// What this event released, in the order it was released.
    pub async fn released_by(&mut self, releaser: DecisionId) -> Result<Vec<ReleasedMessage>> {
        let component = &self.fenced.fence.component;
        let rows = self.fenced.tx.query(&RELEASED, params![component, releaser]).await?;
        let released = rows
            .iter()
            .map(|row| Ok(ReleasedMessage { known: KnownEvent::from_row(row)?, event: row.of("held").get("event")? }));
        released.collect()
    }
}

/// In the order of their ids, as all transactions do.
pub(super) fn release<'a>(statements: &mut Vec<Statement<'a>>, releases: &'a [HeldRelease]) {
    let of_event = |release: &'a HeldRelease| DecisionId::of_event(&release.number, &release.key).as_uuid();
    let mut sorted: Vec<(Uuid, &HeldRelease)> = releases.iter().map(|release| (of_event(release), release)).collect();
    sorted.sort_unstable_by_key(|(id, _)| *id);
    for (id, release) in sorted {
        let held = Statement::new(&RELEASE_HELD, params![id, release.released_by]);
        statements.push(held.expecting(1, "a held message was released meanwhile"));
        let mut params = params![id];
        params.extend(release.decision.params());
        statements.push(Statement::new(&RELEASE_INBOX, params));
    }
}

/// In the order of their ids, as all transactions do.
pub(super) fn show<'a>(statements: &mut Vec<Statement<'a>>, shown: &[NoticeShown]) {
    let mut sorted = shown.to_vec();
    sorted.sort_unstable_by_key(|shown| shown.notice);
    for NoticeShown { notice, shown_with } in sorted {
        let held = Statement::new(&RELEASE_HELD, params![notice, shown_with]);
        statements.push(held.expecting(1, "a notice was shown meanwhile"));
    }
}

/// `rows` in the order of their ids.
pub(super) fn insert_held<'a>(rows: &[&'a InboxRow]) -> Option<Statement<'a>> {
    let mut held = Vec::new();
    for row in rows {
        let Some(event) = &row.held_event else { continue };
        let (number, key) = (key(row.number.as_str()), clean(&row.key));
        held.push(params![row.decision_id, row.held_for.or(row.contact), number, key, event, row.received_at]);
    }
    (!held.is_empty()).then(|| Statement::rows(&INSERT, held))
}
