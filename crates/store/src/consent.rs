//! The consent ledger: entries are added and never changed. What they come to is for `waypost_domain::consent::fold` to say.

mod heard;

use std::sync::LazyLock;

use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::{Category, ContactId};

use crate::admin::AuditedTx;
use crate::changes::RecordTx;
use crate::core::{Columns, Param, Sql, Statement, Table, params};
use crate::records::{clean, clean_option, key};
use crate::sends::SendTx;
use crate::{Result, Store, StoreError};

pub use heard::{ConsentTx, Ledger, Offer};

pub(crate) static ENTRY: Table = Table {
    name: "consent_entry",
    columns: &[
        ("recorded_at", "BIGINT"),
        ("at", "BIGINT"),
        ("id", "UUID"),
        ("contact_id", "UUID"),
        ("brand", "TEXT"),
        ("category", "TEXT"),
        ("said", "TEXT"),
        ("basis", "TEXT"),
        ("how", "TEXT"),
        ("source", "TEXT"),
        ("recorded_by", "TEXT"),
        ("evidence", "TEXT"),
    ],
};

/// The same entry, told twice, is one.
static APPEND: LazyLock<Sql> = LazyLock::new(|| ENTRY.insert("ON CONFLICT (id) DO NOTHING"));

/// The contact's row first, as whoever decides about a send does: so either the send sees the entry, or it was attempted
/// before the entry was there.
static LOCK: Sql = Sql::each(
    "SELECT 1 FROM json_each($1)",
    "SELECT id FROM contact WHERE id = ANY($1::UUID[]) ORDER BY id FOR NO KEY UPDATE",
);

static OF_CONTACTS: LazyLock<Sql> = LazyLock::new(|| {
    let with = |contacts: &str| {
        format!(
            "SELECT {} FROM consent_entry e WHERE e.contact_id {contacts} ORDER BY e.recorded_at, e.id",
            ENTRY.list("e")
        )
    };
    Sql::made_each(with("IN (SELECT unhex(value) FROM json_each($1))"), with("= ANY($1::UUID[])"))
});

const fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "consent",
        Basis::ExistingCustomer => "existing_customer",
        Basis::Contract => "contract",
    }
}

fn basis(word: &str) -> Option<Basis> {
    [Basis::Consent, Basis::ExistingCustomer, Basis::Contract].into_iter().find(|basis| basis_word(*basis) == word)
}

pub(crate) fn entry(row: &Columns<'_>) -> Result<ConsentEntry> {
    let basis = row.parse("basis", basis)?;
    let said = row.parse("said", |word| Said::parse(word, basis))?;
    let evidence = row.parse("evidence", |text| serde_json::from_str::<Evidence>(text).ok())?;
    Ok(ConsentEntry {
        id: row.get("id")?,
        contact: row.get("contact_id")?,
        brand: row.get("brand")?,
        category: row.get::<Option<Category>>("category")?,
        said: said.ok_or(row.unreadable("said"))?,
        at: row.get("at")?,
        recorded_at: row.get("recorded_at")?,
        how: row.parse("how", How::parse)?.ok_or(row.unreadable("how"))?,
        source: row.get("source")?,
        recorded_by: row.get("recorded_by")?,
        evidence: evidence.unwrap_or_default(),
    })
}

fn appending(entries: &[ConsentEntry]) -> Result<Vec<Statement<'_>>> {
    let row = |entry: &ConsentEntry| {
        let evidence = serde_json::to_string(&entry.evidence)
            .map_err(|error| StoreError::Invalid(format!("the evidence of consent: {error}")))?;
        Ok(params![
            entry.recorded_at,
            entry.at,
            entry.id,
            entry.contact,
            key(&entry.brand).into_owned(),
            entry.category,
            entry.said.as_str(),
            entry.said.basis().map(basis_word),
            entry.how.as_str(),
            clean_option(entry.source.as_deref()).map(std::borrow::Cow::into_owned),
            clean(&entry.recorded_by).into_owned(),
            clean(&evidence).into_owned(),
        ])
    };
    let contacts: Param<'_> = entries.iter().map(|entry| entry.contact).collect();
    let rows = entries.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(vec![Statement::new(&LOCK, params![contacts]), Statement::rows(&APPEND, rows)])
}

impl AuditedTx {
    /// Adds entries to the ledger. Their contacts must be survivors.
    pub async fn append_consent(&mut self, entries: &[ConsentEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.tx.run(appending(entries)?).await.map(drop)
    }
}

impl RecordTx {
    /// The same for what Meta told.
    pub async fn append_consent(&mut self, entries: &[ConsentEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.fenced.tx.run(appending(entries)?).await.map(drop)
    }
}

impl SendTx {
    /// The same for what Meta answered.
    pub async fn append_consent(&mut self, entries: &[ConsentEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.fenced.tx.run(appending(entries)?).await.map(drop)
    }
}

impl Store {
    /// What these contacts said, in the order in which it was written down.
    pub async fn consent_entries(&self, contacts: &[ContactId]) -> Result<Vec<ConsentEntry>> {
        let contacts: Param<'_> = contacts.iter().copied().collect();
        let rows = self.read(&OF_CONTACTS, params![contacts]).await?;
        rows.iter().map(|row| entry(&row.of(ENTRY.name))).collect()
    }
}
