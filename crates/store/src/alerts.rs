//! What a person must know: kept until somebody says that they do, and again when it happens anew.

use std::fmt;
use std::sync::LazyLock;

use waypost_domain::Timestamp;

use crate::admin::AuditedTx;
use crate::changes::RecordTx;
use crate::core::{Columns, Param, Sql, Table, Tx, params};
use crate::records::{clean, key};
use crate::sends::BarScope;
use crate::{Result, Store};

/// Something that a person must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub scope: BarScope,
    /// Which account, number or template; as of a [`SendBar`](crate::SendBar).
    pub name: String,
    /// A word, without anything about a customer.
    pub kind: String,
    /// When it was told first since somebody acknowledged it.
    pub since: Timestamp,
    /// When it was told last.
    pub told_at: Timestamp,
    /// For people, without anything about a customer.
    pub why: String,
    /// When and by whom.
    pub acknowledged: Option<(Timestamp, String)>,
}

/// What it is about and what it is: `number/support-es/code_190`.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scope.as_str(), self.name, self.kind)
    }
}

static ALERT: Table = Table {
    name: "alert",
    columns: &[
        ("scope", "TEXT"),
        ("name", "TEXT"),
        ("kind", "TEXT"),
        ("since", "BIGINT"),
        ("told_at", "BIGINT"),
        ("why", "TEXT"),
        ("acknowledged_at", "BIGINT"),
        ("acknowledged_by", "TEXT"),
    ],
};

static OPEN: LazyLock<Sql> =
    LazyLock::new(|| ALERT.select("WHERE acknowledged_at IS NULL ORDER BY since, scope, name, kind"));

static ONE: LazyLock<Sql> = LazyLock::new(|| ALERT.select("WHERE scope = $1 AND name = $2 AND kind = $3"));

static ALL: LazyLock<Sql> = LazyLock::new(|| ALERT.select("ORDER BY told_at DESC, scope, name, kind LIMIT $1"));

/// What was told before, or is told again as it was, changes nothing: it was acknowledged for good.
static RAISE: Sql = Sql::both(
    "INSERT INTO alert (scope, name, kind, since, told_at, why) VALUES ($1, $2, $3, $4, $4, $5)
    ON CONFLICT (scope, name, kind) DO UPDATE SET
        since = CASE WHEN alert.acknowledged_at IS NULL THEN alert.since ELSE excluded.since END,
        told_at = excluded.told_at, why = excluded.why, acknowledged_at = NULL, acknowledged_by = NULL
    WHERE alert.told_at < excluded.told_at",
);

static ACKNOWLEDGE: Sql = Sql::both(
    "UPDATE alert SET acknowledged_at = $5, acknowledged_by = $6
    WHERE scope = $1 AND name = $2 AND kind = $3 AND told_at <= $4 AND acknowledged_at IS NULL",
);

fn read(row: &Columns<'_>) -> Result<Alert> {
    let by: Option<String> = row.get("acknowledged_by")?;
    let at: Option<Timestamp> = row.get("acknowledged_at")?;
    Ok(Alert {
        scope: row.parse("scope", BarScope::parse)?.ok_or(row.unreadable("scope"))?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        since: row.get("since")?,
        told_at: row.get("told_at")?,
        why: row.get("why")?,
        acknowledged: at.map(|at| (at, by.unwrap_or_default())),
    })
}

fn raising<'a>(scope: BarScope, name: &'a str, kind: &'a str, why: &'a str, told_at: Timestamp) -> Vec<Param<'a>> {
    params![scope.as_str(), key(name), key(kind), told_at, clean(why)]
}

impl Store {
    /// Those that nobody acknowledged, the oldest first.
    pub async fn open_alerts(&self) -> Result<Vec<Alert>> {
        let rows = self.report(&OPEN, vec![]).await?;
        rows.iter().map(|row| read(&row.of(ALERT.name))).collect()
    }

    /// Also those that are acknowledged, the newest first.
    pub async fn alerts(&self, limit: u32) -> Result<Vec<Alert>> {
        let rows = self.report(&ALL, params![limit]).await?;
        rows.iter().map(|row| read(&row.of(ALERT.name))).collect()
    }

    /// A person must know it. Whether it is news: not what was told before.
    pub async fn raise_alert(
        &self,
        scope: BarScope,
        name: &str,
        kind: &str,
        why: &str,
        told_at: Timestamp,
    ) -> Result<bool> {
        Ok(self.write(&RAISE, raising(scope, name, kind, why, told_at)).await?.affected > 0)
    }
}

/// As [`Store::raise_alert`], within a transaction.
pub(crate) async fn raise(
    tx: &mut Tx,
    scope: BarScope,
    name: &str,
    kind: &str,
    why: &str,
    told_at: Timestamp,
) -> Result<bool> {
    Ok(tx.execute(&RAISE, raising(scope, name, kind, why, told_at)).await? > 0)
}

impl RecordTx {
    /// As [`Store::raise_alert`].
    pub async fn raise_alert(
        &mut self,
        scope: BarScope,
        name: &str,
        kind: &str,
        why: &str,
        told_at: Timestamp,
    ) -> Result<bool> {
        raise(&mut self.fenced.tx, scope, name, kind, why, told_at).await
    }
}

impl AuditedTx {
    /// An alert, acknowledged or not.
    pub async fn alert(&mut self, scope: BarScope, name: &str, kind: &str) -> Result<Option<Alert>> {
        let rows = self.tx.query(&ONE, params![scope.as_str(), key(name), key(kind)]).await?;
        rows.first().map(|row| read(&row.of(ALERT.name))).transpose()
    }

    /// Somebody knows it, as it was when it had been told at `seen`. Whether that was so: not if it was told again since.
    pub async fn acknowledge_alert(
        &mut self,
        scope: BarScope,
        name: &str,
        kind: &str,
        seen: Timestamp,
        by: &str,
    ) -> Result<bool> {
        let params = params![scope.as_str(), key(name), key(kind), seen, self.now, clean(by)];
        Ok(self.tx.execute(&ACKNOWLEDGE, params).await? > 0)
    }
}
