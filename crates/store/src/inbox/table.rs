//! The columns of `inbox`, each named once, and the ways to and from the types.

use std::sync::LazyLock;

use waypost_domain::PartitionId;

use crate::core::{Columns, Param, Row, Table, params};
use crate::records::{clean, key};
use crate::{Diversion, EventKey, InboxRow, KnownEvent, Result, StoredDecision};

/// The last eight are the decision: see [`StoredDecision::params`]. What is written later is not among them: see [`DIVERTED`].
pub(crate) static INBOX: Table = Table {
    name: "inbox",
    columns: &[
        ("decision_id", "UUID"),
        ("number", "TEXT"),
        ("key", "TEXT"),
        ("partition", "BIGINT"),
        ("seq", "BIGINT"),
        ("kind", "TEXT"),
        ("contact_id", "UUID"),
        ("conversation_id", "UUID"),
        ("received_at", "BIGINT"),
        ("recorded_at", "BIGINT"),
        ("before_published_at", "BIGINT"),
        ("rule_set", "TEXT"),
        ("rule", "TEXT"),
        ("phase", "TEXT"),
        ("team", "TEXT"),
        ("priority", "TEXT"),
        ("why", "TEXT"),
        ("input", "BYTEA"),
        ("extras", "BYTEA"),
    ],
};

const DECISION_COLUMNS: usize = 8;

/// Of a message that another queue got than its team's.
const DIVERTED: &str = "i.diverted_at, i.diverted_to, i.diverted_why";

/// What [`KnownEvent::from_row`] reads, from `inbox i`, `lease l` and `held h`.
pub(crate) static KNOWN_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let inbox = INBOX.list("i");
    format!("{inbox}, {DIVERTED}, coalesce(l.published_seq, 0) AS published_seq, h.released_by")
});

/// Joins the lease of component `$1` and the held message, if any.
pub(crate) const KNOWN_JOINS: &str = "LEFT JOIN lease l ON l.component = $1 AND l.partition = i.partition
    LEFT JOIN held h ON h.decision_id = i.decision_id";

impl StoredDecision {
    /// In the order of the columns. `None`, not empty bytes, is what is stored for no extras.
    pub(super) fn params(&self) -> Vec<Param<'_>> {
        let extras = (!self.extras.is_empty()).then_some(self.extras.as_slice());
        params![
            clean(&self.rule_set),
            clean(&self.rule),
            clean(&self.phase),
            self.team.as_ref(),
            self.priority.as_str(),
            clean(&self.why),
            &self.input,
            extras,
        ]
    }

    fn from_row(row: &Columns<'_>) -> Result<Option<Self>> {
        let Some(rule) = row.get("rule")? else { return Ok(None) };
        Ok(Some(Self {
            rule_set: row.get::<Option<_>>("rule_set")?.unwrap_or_default(),
            rule,
            phase: row.get::<Option<_>>("phase")?.unwrap_or_default(),
            team: row.get("team")?,
            priority: row.get("priority")?,
            why: row.get::<Option<_>>("why")?.unwrap_or_default(),
            input: row.get::<Option<_>>("input")?.unwrap_or_default(),
            extras: row.get::<Option<_>>("extras")?.unwrap_or_default(),
        }))
    }
}

impl InboxRow {
    pub(super) fn params(&self, partition: PartitionId) -> Vec<Param<'_>> {
        let mut params = params![
            self.decision_id,
            key(self.number.as_str()),
            clean(&self.key),
            partition,
            self.seq,
            self.kind,
            self.contact,
            self.conversation,
            self.received_at,
            self.recorded_at,
            self.before_published_at,
        ];
        match &self.outcome {
            Some(decision) => params.extend(decision.params()),
            None => params.extend((0..DECISION_COLUMNS).map(|_| Param::Null)),
        }
        params
    }
}

impl KnownEvent {
    /// Of a row with [`KNOWN_COLUMNS`].
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        let row = row.of(INBOX.name);
        let (decision_id, number, key) = (row.get("decision_id")?, row.get("number")?, row.get("key")?);
        let (partition, seq) = (row.get("partition")?, row.get("seq")?);
        Ok(Self {
            event: EventKey { number, key },
            decision_id,
            partition,
            seq,
            kind: row.get("kind")?,
            contact: row.get("contact_id")?,
            conversation: row.get("conversation_id")?,
            received_at: row.get("received_at")?,
            recorded_at: row.get("recorded_at")?,
            outcome: StoredDecision::from_row(&row)?,
            published: seq <= row.get::<i64>("published_seq")?,
            released_by: row.get("released_by")?,
            diversion: Diversion::from_row(&row)?,
        })
    }
}

impl Diversion {
    fn from_row(row: &Columns<'_>) -> Result<Option<Self>> {
        let Some(at) = row.get("diverted_at")? else { return Ok(None) };
        let why = row.get::<Option<_>>("diverted_why")?.unwrap_or_default();
        Ok(Some(Self { to: row.get("diverted_to")?, why, at }))
    }
}
