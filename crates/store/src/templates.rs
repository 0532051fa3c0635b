//! The registry of templates: what Meta said of each last.

mod lists;
mod told;

use std::sync::LazyLock;

use waypost_domain::{Template, Timestamp, WabaId};

use crate::core::{Columns, Param, Sql, Statement, Table, params};
use crate::records::key;
use crate::{Result, Store, StoreError};

pub use lists::TemplateListRow;
pub use told::TEMPLATE_STATUS;

/// A template of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRow {
    pub waba: WabaId,
    /// Meta's id of it; empty where nothing told.
    pub meta_id: String,
    pub template: Template,
    pub updated_at: Timestamp,
}

static TEMPLATE: Table = Table {
    name: "template",
    columns: &[
        ("waba_id", "TEXT"),
        ("name", "TEXT"),
        ("key", "TEXT"),
        ("meta_id", "TEXT"),
        ("json", "BYTEA"),
        ("updated_at", "BIGINT"),
    ],
};

static OF_ACCOUNT: LazyLock<Sql> = LazyLock::new(|| TEMPLATE.select("WHERE waba_id = $1 ORDER BY name, key"));

static ALL: LazyLock<Sql> = LazyLock::new(|| TEMPLATE.select("ORDER BY waba_id, name, key"));

/// Given a list that was asked for before a webhook came, then the webhook is newer.
static KEEP: LazyLock<Sql> = LazyLock::new(|| {
    TEMPLATE.insert(
        "ON CONFLICT (waba_id, name, key) DO UPDATE SET
        meta_id = CASE WHEN excluded.meta_id = '' THEN template.meta_id ELSE excluded.meta_id END,
        json = excluded.json, updated_at = excluded.updated_at
        WHERE template.updated_at <= excluded.updated_at",
    )
});

/// What a whole list did not name is gone.
static GONE: Sql = Sql::both("DELETE FROM template WHERE waba_id = $1 AND updated_at < $2");

static REVISION: Sql =
    Sql::both("SELECT CAST(coalesce(sum(updated_at), 0) + count(*) AS BIGINT) AS revision FROM template");

/// By which a language is the same however it is written.
fn language_key(language: &str) -> String {
    key(&language.replace('-', "_").to_ascii_lowercase()).into_owned()
}

fn read(row: &Columns<'_>) -> Result<TemplateRow> {
    let json: Vec<u8> = row.get("json")?;
    Ok(TemplateRow {
        waba: row.get("waba_id")?,
        meta_id: row.get("meta_id")?,
        template: serde_json::from_slice(&json).map_err(|_| row.unreadable("json"))?,
        updated_at: row.get("updated_at")?,
    })
}

fn params(row: &TemplateRow) -> Result<Vec<Param<'_>>> {
    let json =
        serde_json::to_vec(&row.template).map_err(|error| StoreError::Invalid(format!("a template: {error}")))?;
    let language = language_key(&row.template.language);
    Ok(params![key(row.waba.as_str()), key(&row.template.name), language, key(&row.meta_id), json, row.updated_at])
}

impl Store {
    /// Of an account; of all where none is named.
    pub async fn templates(&self, waba: Option<&WabaId>) -> Result<Vec<TemplateRow>> {
        let rows = match waba {
            Some(waba) => self.report(&OF_ACCOUNT, params![key(waba.as_str())]).await?,
            None => self.report(&ALL, vec![]).await?,
        };
        rows.iter().map(|row| read(&row.of(TEMPLATE.name))).collect()
    }

    /// Another number after every change, which only raises `updated_at` or takes a row away, so that a memory of templates knows when it is old.
    pub async fn templates_revision(&self) -> Result<i64> {
        let rows = self.read(&REVISION, vec![]).await?;
        rows.first().map_or(Ok(0), |row| row.of(TEMPLATE.name).get("revision"))
    }

    /// Keeps templates in the place of those of the same account, name and language, unless these are newer.
    pub async fn keep_templates(&self, templates: &[TemplateRow]) -> Result<()> {
        self.write_templates(templates, vec![]).await
    }

    /// The same for the whole list of an account that was asked for at `listed_at`: what it does not name, and was told before
    /// then, is gone.
    pub async fn replace_templates(
        &self,
        waba: &WabaId,
        templates: &[TemplateRow],
        listed_at: Timestamp,
    ) -> Result<()> {
        let gone = Statement::new(&GONE, lists::of(waba, listed_at));
        let listed = Statement::new(&lists::LISTED, lists::of(waba, listed_at));
        self.write_templates(templates, vec![gone, listed]).await
    }

    /// The same for a list of which something could not be read: nobody knows what is gone.
    pub async fn keep_listed_templates(
        &self,
        waba: &WabaId,
        templates: &[TemplateRow],
        listed_at: Timestamp,
    ) -> Result<()> {
        let listed = Statement::new(&lists::LISTED, lists::of(waba, listed_at));
        self.write_templates(templates, vec![listed]).await
    }

    async fn write_templates(&self, templates: &[TemplateRow], more: Vec<Statement<'_>>) -> Result<()> {
        let mut rows = templates.iter().map(params).collect::<Result<Vec<_>>>()?;
        // One order of keys for all, and each once.
        rows.sort_by_key(|row| format!("{:?}", &row[..3]));
        rows.dedup_by(|one, other| one[..3] == other[..3]);
        let mut statements = Vec::new();
        if !rows.is_empty() {
            statements.push(Statement::rows(&KEEP, rows));
        }
        statements.extend(more);
        self.begin().await?.commit_with(statements).await
    }
}
