//! The data of the rules for sending, by version. Kept as text: what it says is for `waypost_policy` to read.

use std::sync::LazyLock;

use waypost_domain::Timestamp;

use crate::admin::AuditedTx;
use crate::core::{Columns, Sql, Table, params};
use crate::records::clean;
use crate::{Result, Store};

/// One version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDataRow {
    pub version: u32,
    pub created_at: Timestamp,
    pub created_by: String,
    /// Why.
    pub note: String,
    /// TOML.
    pub text: String,
}

static POLICY: Table = Table {
    name: "policy_data",
    columns: &[
        ("version", "BIGINT"),
        ("created_at", "BIGINT"),
        ("created_by", "TEXT"),
        ("note", "TEXT"),
        ("text", "TEXT"),
    ],
};

static NEWEST: LazyLock<Sql> = LazyLock::new(|| POLICY.select("ORDER BY version DESC LIMIT $1"));

static PUSH: LazyLock<Sql> = LazyLock::new(|| POLICY.insert(""));

fn read(row: &Columns<'_>) -> Result<PolicyDataRow> {
    Ok(PolicyDataRow {
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        note: row.get("note")?,
        text: row.get("text")?,
    })
}

impl Store {
    /// The newest versions, the one in force first; none while nobody changed what the program came with.
    pub async fn policy_data(&self, limit: u32) -> Result<Vec<PolicyDataRow>> {
        let rows = self.read(&NEWEST, params![limit]).await?;
        rows.iter().map(|row| read(&row.of(POLICY.name))).collect()
    }
}

impl AuditedTx {
    /// The version in force, as this transaction sees it.
    pub async fn policy_data(&mut self) -> Result<Option<PolicyDataRow>> {
        let rows = self.tx.query(&NEWEST, params![1_u32]).await?;
        rows.first().map(|row| read(&row.of(POLICY.name))).transpose()
    }

    /// Puts another version in force.
    pub async fn push_policy_data(&mut self, row: &PolicyDataRow) -> Result<()> {
        let params = params![row.version, row.created_at, clean(&row.created_by), clean(&row.note), clean(&row.text),];
        self.tx.run(vec![crate::core::Statement::rows(&PUSH, vec![params])]).await.map(drop)
    }
}
