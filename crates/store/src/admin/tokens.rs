//! Tokens of the administration. Of a secret only its hash is here; what the roles mean is the administration's.

use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::Timestamp;

use super::AuditedTx;
use crate::core::{Columns, Param, Row, Sql, Statement, Table, params};
use crate::{Result, Store};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// UUIDv7: ids sort by the time of creation.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    pub title: String,
    /// Words, with spaces between.
    pub roles: String,
    /// Names, with spaces between.
    pub teams: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

static TOKEN: Table = Table {
    name: "token",
    columns: &[
        ("id", "UUID"),
        ("hash", "BYTEA"),
        ("title", "TEXT"),
        ("roles", "TEXT"),
        ("teams", "TEXT"),
        ("created_at", "BIGINT"),
        ("expires_at", "BIGINT"),
        ("revoked_at", "BIGINT"),
    ],
};

impl TokenRow {
    fn from_row(row: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            hash: row.get("hash")?,
            title: row.get("title")?,
            roles: row.get("roles")?,
            teams: row.get("teams")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
        })
    }

    /// In the order of [`TOKEN`].
    fn params(&self) -> Vec<Param<'_>> {
        params![
            self.id,
            &self.hash,
            &self.title,
            &self.roles,
            &self.teams,
            self.created_at,
            self.expires_at,
            self.revoked_at,
        ]
    }
}

static INSERT: LazyLock<Sql> = LazyLock::new(|| TOKEN.insert(""));

static BY_ID: LazyLock<Sql> = LazyLock::new(|| TOKEN.select("WHERE id = $1"));

static BY_HASH: LazyLock<Sql> = LazyLock::new(|| TOKEN.select("WHERE hash = $1"));

static AFTER: LazyLock<Sql> = LazyLock::new(|| {
    TOKEN.select(
        "WHERE id > $1
        ORDER BY id
        LIMIT $2",
    )
});

static TITLES: Sql = Sql::each(
    "SELECT t.id, t.title FROM json_each($1) w CROSS JOIN token t ON t.id = unhex(w.value)",
    "SELECT id, title FROM token WHERE id = ANY($1::UUID[])",
);

static REVOKE: Sql = Sql::both("UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");

impl Store {
    pub async fn token_by_hash(&self, hash: &[u8]) -> Result<Option<TokenRow>> {
        only(&self.read(&BY_HASH, params![hash]).await?)
    }

    pub async fn token(&self, id: Uuid) -> Result<Option<TokenRow>> {
        only(&self.read(&BY_ID, params![id]).await?)
    }

    /// The titles of these tokens, revoked ones too.
    pub async fn token_titles(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let array: Param<'_> = ids.iter().copied().collect();
        let rows = self.read(&TITLES, params![array]).await?;
        rows.iter().map(|row| row.of(TOKEN.name)).map(|row| Ok((row.get("id")?, row.get("title")?))).collect()
    }

    /// Up to `limit` tokens by id, above `after`.
    pub async fn tokens_after(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<TokenRow>> {
        let rows = self.report(&AFTER, params![after.unwrap_or(Uuid::nil()), limit]).await?;
        rows.iter().map(|row| TokenRow::from_row(&row.of(TOKEN.name))).collect()
    }
}

impl AuditedTx {
    pub async fn token(&mut self, id: Uuid) -> Result<Option<TokenRow>> {
        only(&self.tx.query(&BY_ID, params![id]).await?)
    }

    pub async fn insert_token(&mut self, token: &TokenRow) -> Result<()> {
        self.tx.run(vec![Statement::rows(&INSERT, vec![token.params()])]).await.map(drop)
    }

    /// From now on it is worthless.
    pub async fn revoke_token(&mut self, id: Uuid) -> Result<()> {
        self.tx.execute(&REVOKE, params![id, self.now]).await.map(drop)
    }
}

fn only(rows: &[Row]) -> Result<Option<TokenRow>> {
    rows.first().map(|row| TokenRow::from_row(&row.of(TOKEN.name))).transpose()
}
