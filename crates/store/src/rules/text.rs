//! What rules say that decided and were never pushed: those of a rules file.

use std::sync::LazyLock;

use waypost_domain::Timestamp;

use crate::core::{Columns, Sql, Statement, Table, params};
use crate::records::clean;
use crate::{Result, Store};

static RULE_TEXT: Table =
    Table { name: "rule_text", columns: &[("hash", "TEXT"), ("first_at", "BIGINT"), ("text", "TEXT")] };

static BY_HASH: LazyLock<Sql> = LazyLock::new(|| RULE_TEXT.select("WHERE hash = $1"));

static KEEP: LazyLock<Sql> = LazyLock::new(|| RULE_TEXT.insert("ON CONFLICT DO NOTHING"));

static LATEST: LazyLock<Sql> = LazyLock::new(|| RULE_TEXT.select("ORDER BY first_at DESC, hash LIMIT $1"));

/// Rules that were never pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTextRow {
    /// As decisions name them.
    pub hash: String,
    /// When they first decided.
    pub first_at: Timestamp,
    /// TOML.
    pub text: String,
}

impl RuleTextRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self { hash: row.get("hash")?, first_at: row.get("first_at")?, text: row.get("text")? })
    }
}

impl Store {
    /// Keeps what rules say, for whoever asks later why they decided so; not of a version, whose text is there.
    pub async fn keep_rule_text(&self, hash: &str, text: &str) -> Result<()> {
        if self.rule_set_by_hash(hash).await?.is_some() || self.rule_text(hash).await?.is_some() {
            return Ok(());
        }
        let (now, text) = (self.now().await?, clean(text));
        let row = params![hash, now, &*text];
        self.begin().await?.commit_with(vec![Statement::rows(&KEEP, vec![row])]).await
    }

    /// What rules that were never pushed say; by the hash that decisions name.
    pub async fn rule_text(&self, hash: &str) -> Result<Option<RuleTextRow>> {
        let rows = self.read(&BY_HASH, params![hash]).await?;
        rows.first().map(|row| RuleTextRow::from_row(&row.of(RULE_TEXT.name))).transpose()
    }

    /// Those that decided first last, the latest first.
    pub async fn rule_texts(&self, limit: u32) -> Result<Vec<RuleTextRow>> {
        let rows = self.report(&LATEST, params![limit]).await?;
        rows.iter().map(|row| RuleTextRow::from_row(&row.of(RULE_TEXT.name))).collect()
    }
}
