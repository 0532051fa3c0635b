//! When the templates of each account were listed, and since when that may be old.

use std::sync::LazyLock;

use waypost_domain::{Timestamp, WabaId};

use crate::changes::RecordTx;
use crate::core::{Param, Sql, Table, params};
use crate::records::key;
use crate::{Result, Store};

/// How old what is known of an account's templates is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateListRow {
    pub waba: WabaId,
    /// Somebody heard of something since that the list does not have.
    pub wanted_at: Option<Timestamp>,
    /// When the list was last asked for, with whatever outcome.
    pub tried_at: Option<Timestamp>,
    /// When the list was asked for that is known.
    pub listed_at: Option<Timestamp>,
}

static LIST: Table = Table {
    name: "template_list",
    columns: &[("waba_id", "TEXT"), ("wanted_at", "BIGINT"), ("tried_at", "BIGINT"), ("listed_at", "BIGINT")],
};

static ALL: LazyLock<Sql> = LazyLock::new(|| LIST.select("ORDER BY waba_id"));

static LISTED_AT: Sql = Sql::both("SELECT listed_at FROM template_list WHERE waba_id = $1");

static WANT: Sql = Sql::both(
    "INSERT INTO template_list (waba_id, wanted_at) VALUES ($1, $2)
    ON CONFLICT (waba_id) DO UPDATE SET wanted_at = excluded.wanted_at",
);

static TRY: Sql = Sql::both(
    "INSERT INTO template_list (waba_id, tried_at) VALUES ($1, $2)
    ON CONFLICT (waba_id) DO UPDATE SET tried_at = excluded.tried_at",
);

/// With the list itself.
pub(super) static LISTED: Sql = Sql::both(
    "INSERT INTO template_list (waba_id, listed_at) VALUES ($1, $2)
    ON CONFLICT (waba_id) DO UPDATE SET listed_at = excluded.listed_at
    WHERE template_list.listed_at IS NULL OR template_list.listed_at < excluded.listed_at",
);

pub(super) fn of(waba: &WabaId, at: Timestamp) -> Vec<Param<'_>> {
    params![key(waba.as_str()), at]
}

impl Store {
    /// Of all accounts of which anything was written down.
    pub async fn template_lists(&self) -> Result<Vec<TemplateListRow>> {
        let rows = self.read(&ALL, vec![]).await?;
        let read = |row: &crate::core::Row| {
            let row = row.of(LIST.name);
            Ok(TemplateListRow {
                waba: row.get("waba_id")?,
                wanted_at: row.get("wanted_at")?,
                tried_at: row.get("tried_at")?,
                listed_at: row.get("listed_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What is known of the account's templates may be old.
    pub async fn want_templates(&self, waba: &WabaId, now: Timestamp) -> Result<()> {
        self.write(&WANT, of(waba, now)).await.map(drop)
    }

    /// The list is asked for now.
    pub async fn try_templates(&self, waba: &WabaId, now: Timestamp) -> Result<()> {
        self.write(&TRY, of(waba, now)).await.map(drop)
    }
}

impl RecordTx {
    /// As [`Store::want_templates`].
    pub async fn want_templates(&mut self, waba: &WabaId, now: Timestamp) -> Result<()> {
        self.fenced.tx.execute(&WANT, of(waba, now)).await.map(drop)
    }

    /// When the list was asked for that is known.
    pub async fn templates_listed_at(&mut self, waba: &WabaId) -> Result<Option<Timestamp>> {
        let rows = self.fenced.tx.query(&LISTED_AT, params![key(waba.as_str())]).await?;
        rows.first().map_or(Ok(None), |row| row.of(LIST.name).get("listed_at"))
    }
}
