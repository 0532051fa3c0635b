//! Statuses and other changes, under their unique keys: kept here for the components that act on them. [`RecordTx`]
//! may keep these and nothing else.

use std::sync::LazyLock;

use waypost_domain::{PhoneNumberId, StatusState, Timestamp, WabaId};

use crate::core::{Columns, Param, Sql, Statement, Table, Tx, params};
use crate::lease::{Fence, Fenced};
use crate::records::{clean, clean_option, key};
use crate::{Result, Store};

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeScope {
    Contact,
    /// The account, a number or a template.
    Account,
}

/// A change of a webhook, with its own JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    pub scope: ChangeScope,
    pub number: PhoneNumberId,
    pub waba: WabaId,
    pub field: String,
    /// Unique under account and number.
    pub key: String,
    pub json: Vec<u8>,
    pub received_at: Timestamp,
    /// `entry.time`, in seconds.
    pub entry_time: Option<i64>,
}

/// A status of a sent message. Unique by message, state and, in groups, participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    pub number: PhoneNumberId,
    pub wamid: String,
    pub state: StatusState,
    pub participant: Option<String>,
    pub at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub callback_data: Option<String>,
    pub error_codes: Vec<i64>,
    pub json: Vec<u8>,
}

/// An open unit of work behind its fence, in which statuses, changes and parked messages may be kept. Dropping it rolls back.
pub struct RecordTx {
    pub(crate) fenced: Fenced,
}

static CHANGE: Table = Table {
    name: "change",
    columns: &[
        ("scope", "TEXT"),
        ("waba_id", "TEXT"),
        ("number", "TEXT"),
        ("key", "TEXT"),
        ("field", "TEXT"),
        ("json", "BYTEA"),
        ("received_at", "BIGINT"),
        ("entry_time", "BIGINT"),
    ],
};

static STATUS: Table = Table {
    name: "status",
    columns: &[
        ("number", "TEXT"),
        ("wamid", "TEXT"),
        ("state", "TEXT"),
        ("participant", "TEXT"),
        ("at", "BIGINT"),
        ("received_at", "BIGINT"),
        ("callback_data", "TEXT"),
        ("error_codes", "TEXT"),
        ("json", "BYTEA"),
    ],
};

static KEEP_CHANGES: LazyLock<Sql> = LazyLock::new(|| CHANGE.insert("ON CONFLICT DO NOTHING"));
static RECORD_STATUSES: LazyLock<Sql> = LazyLock::new(|| STATUS.insert("ON CONFLICT DO NOTHING"));

/// The newest of these fields.
static OF_FIELDS: LazyLock<Sql> = LazyLock::new(|| {
    let select = |field: &str| {
        let list = CHANGE.list("");
        format!(
            "SELECT {list} FROM change WHERE scope = 'account' AND field {field}
            ORDER BY received_at DESC, waba_id, number, key LIMIT $2"
        )
    };
    Sql::made_each(select("IN (SELECT value FROM json_each($1))"), select("= ANY($1::TEXT[])"))
});

impl Store {
    /// Changes of accounts that are kept, of these fields: the newest `limit`, the oldest of them first.
    pub async fn account_changes(&self, fields: &[&str], limit: u32) -> Result<Vec<ChangeRow>> {
        let fields: Param<'_> = fields.iter().copied().collect();
        let rows = self.report(&OF_FIELDS, params![fields, limit]).await?;
        rows.iter().rev().map(|row| ChangeRow::from_row(&row.of(CHANGE.name))).collect()
    }

    /// Begins a unit of work that keeps statuses, changes or parked messages.
    pub async fn begin_record(&self, fence: &Fence) -> Result<RecordTx> {
        let (fenced, _) = self.begin_fenced(fence, vec![]).await?;
        Ok(RecordTx { fenced })
    }
}

impl RecordTx {
    /// Keeps changes; those that are kept already are passed over. Returns how many are new.
    pub async fn keep_changes(&mut self, changes: &[ChangeRow]) -> Result<u64> {
        keep(&mut self.fenced.tx, changes).await
    }

    /// Records statuses in whatever order they come; those that are recorded already are passed over. Returns how many
    /// are new.
    pub async fn record_statuses(&mut self, statuses: &[StatusRow]) -> Result<u64> {
        if statuses.is_empty() {
            return Ok(0);
        }
        // One order of keys for all, so that two batches cannot wait for each other.
        let mut rows: Vec<&StatusRow> = statuses.iter().collect();
        rows.sort_unstable_by_key(|row| (row.wamid.as_str(), row.state.as_str(), row.participant.as_deref()));
        let rows = rows.into_iter().map(StatusRow::params).collect();
        let answers = self.fenced.tx.run(vec![Statement::rows(&RECORD_STATUSES, rows)]).await?;
        Ok(answers.iter().map(|answer| answer.affected).sum())
    }

    /// Makes everything durable. An error may also mean that it is durable and nobody could tell us: do it again, and
    /// what is there already is passed over.
    pub async fn commit(self) -> Result<()> {
        self.fenced.tx.commit().await
    }
}

/// As [`RecordTx::keep_changes`], for the other views that may do this beside their own.
pub(crate) async fn keep(tx: &mut Tx, changes: &[ChangeRow]) -> Result<u64> {
    let Some(statement) = keeping(changes) else { return Ok(0) };
    let answers = tx.run(vec![statement]).await?;
    Ok(answers.iter().map(|answer| answer.affected).sum())
}

/// The statement that keeps them; `None` for nothing.
pub(crate) fn keeping(changes: &[ChangeRow]) -> Option<Statement<'_>> {
    if changes.is_empty() {
        return None;
    }
    // One order of keys for all, as above.
    let mut rows: Vec<&ChangeRow> = changes.iter().collect();
    rows.sort_unstable_by_key(|row| (row.waba.as_str(), row.number.as_str(), row.key.as_str()));
    Some(Statement::rows(&KEEP_CHANGES, rows.into_iter().map(ChangeRow::params).collect()))
}

impl ChangeRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        let scope = |word: &str| match word {
            "contact" => Some(ChangeScope::Contact),
            "account" => Some(ChangeScope::Account),
            _ => None,
        };
        Ok(Self {
            scope: row.parse("scope", scope)?.ok_or(row.unreadable("scope"))?,
            waba: row.get("waba_id")?,
            number: row.get("number")?,
            key: row.get("key")?,
            field: row.get("field")?,
            json: row.get("json")?,
            received_at: row.get("received_at")?,
            entry_time: row.get("entry_time")?,
        })
    }

    /// In the order of [`CHANGE`].
    fn params(&self) -> Vec<Param<'_>> {
        let scope = match self.scope {
            ChangeScope::Contact => "contact",
            ChangeScope::Account => "account",
        };
        params![
            scope,
            key(self.waba.as_str()),
            key(self.number.as_str()),
            key(&self.key),
            clean(&self.field),
            &self.json,
            self.received_at,
            self.entry_time,
        ]
    }
}

impl StatusRow {
    /// In the order of [`STATUS`].
    fn params(&self) -> Vec<Param<'_>> {
        params![
            key(self.number.as_str()),
            key(&self.wamid),
            key(self.state.as_str()),
            key(self.participant.as_deref().unwrap_or_default()),
            self.at,
            self.received_at,
            clean_option(self.callback_data.as_deref()),
            serde_json::json!(self.error_codes).to_string(),
            &self.json,
        ]
    }
}
