//! The versions, as they were pushed. What is in force of them is not known here.

use std::sync::LazyLock;

use waypost_domain::Timestamp;

use crate::admin::AuditedTx;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::records::clean;
use crate::{Result, Store};

/// A version, as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetRow {
    /// From 1, in the order of pushing.
    pub number: i64,
    /// The version that decisions name: a hash of what the text says.
    pub hash: String,
    /// TOML.
    pub text: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub reason: String,
    /// `None`: a draft, which cannot be activated.
    pub checked_at: Option<Timestamp>,
}

static RULE_SET: Table = Table {
    name: "rule_set",
    columns: &[
        ("number", "BIGINT"),
        ("hash", "TEXT"),
        ("text", "TEXT"),
        ("created_at", "BIGINT"),
        ("created_by", "TEXT"),
        ("reason", "TEXT"),
        ("checked_at", "BIGINT"),
    ],
};

impl RuleSetRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            hash: row.get("hash")?,
            text: row.get("text")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
            reason: row.get("reason")?,
            checked_at: row.get("checked_at")?,
        })
    }

    /// In the order of [`RULE_SET`].
    fn params(&self) -> Vec<Param<'_>> {
        params![self.number, &self.hash, &self.text, self.created_at, &self.created_by, &self.reason, self.checked_at,]
    }
}

static INSERT: LazyLock<Sql> = LazyLock::new(|| RULE_SET.insert(""));

static BY_NUMBER: LazyLock<Sql> = LazyLock::new(|| RULE_SET.select("WHERE number = $1"));

static BY_HASH: LazyLock<Sql> = LazyLock::new(|| RULE_SET.select("WHERE hash = $1"));

static BELOW: LazyLock<Sql> = LazyLock::new(|| {
    RULE_SET.select(
        "WHERE number < $1
        ORDER BY number DESC
        LIMIT $2",
    )
});

static LAST: Sql = Sql::both("SELECT coalesce(max(number), 0) AS number FROM rule_set");

static MARK_CHECKED: Sql = Sql::both("UPDATE rule_set SET checked_at = coalesce(checked_at, $1) WHERE number = $2");

impl Store {
    pub async fn rule_set(&self, number: i64) -> Result<Option<RuleSetRow>> {
        only(&self.read(&BY_NUMBER, params![number]).await?)
    }

    /// The version that a decision names.
    pub async fn rule_set_by_hash(&self, hash: &str) -> Result<Option<RuleSetRow>> {
        only(&self.read(&BY_HASH, params![hash]).await?)
    }

    /// Versions below `before`, the newest first.
    pub async fn rule_sets(&self, before: Option<i64>, limit: u32) -> Result<Vec<RuleSetRow>> {
        let rows = self.report(&BELOW, params![before.unwrap_or(i64::MAX), limit]).await?;
        rows.iter().map(|row| RuleSetRow::from_row(&row.of(RULE_SET.name))).collect()
    }
}

impl AuditedTx {
    /// As [`Store::rule_set`].
    pub async fn rule_set(&mut self, number: i64) -> Result<Option<RuleSetRow>> {
        only(&self.tx.query(&BY_NUMBER, params![number]).await?)
    }

    /// The version that says this already.
    pub async fn rule_set_by_hash(&mut self, hash: &str) -> Result<Option<RuleSetRow>> {
        only(&self.tx.query(&BY_HASH, params![hash]).await?)
    }

    /// Keeps a version as a draft and returns it. What says the same as one that is there already is that one.
    pub async fn push_rule_set(&mut self, hash: &str, text: &str, by: &str, reason: &str) -> Result<RuleSetRow> {
        let answers = self.tx.run(vec![Statement::new(&BY_HASH, params![hash]), Statement::new(&LAST, vec![])]).await?;
        let (known, last) = (answers.first(), answers.get(1).and_then(|answer| answer.rows.first()));
        if let Some(known) = known.map_or(Ok(None), |answer| only(&answer.rows))? {
            return Ok(known);
        }
        let last: i64 = last.map_or(Ok(0), |row| row.of(RULE_SET.name).get("number"))?;
        let row = RuleSetRow {
            number: last + 1,
            hash: hash.to_owned(),
            text: clean(text).into_owned(),
            created_at: self.now,
            created_by: clean(by).into_owned(),
            reason: clean(reason).into_owned(),
            checked_at: None,
        };
        self.tx.run(vec![Statement::rows(&INSERT, vec![row.params()])]).await?;
        Ok(row)
    }

    /// A draft was found to be without errors. Of one that is checked already, the first time stays.
    pub async fn mark_rule_set_checked(&mut self, number: i64) -> Result<()> {
        self.tx.execute(&MARK_CHECKED, params![self.now, number]).await.map(drop)
    }
}

fn only(rows: &[Row]) -> Result<Option<RuleSetRow>> {
    rows.first().map(|row| RuleSetRow::from_row(&row.of(RULE_SET.name))).transpose()
}
