//! Tokens of the administration. Of a secret only its hash is here; what the roles mean is the administration's.

use uuid::Uuid;
use waypost_domain::Timestamp;

use crate::database::{on_reader, on_tx};
use crate::records::timestamp;
use crate::{Change, Result, Store};

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

type Row = (Uuid, Vec<u8>, String, String, String, i64, Option<i64>, Option<i64>);

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, hash, title, roles, teams, created_at, expires_at, revoked_at FROM token ", $rest)
    };
}

impl Store {
    pub async fn token_by_hash(&self, hash: &[u8]) -> Result<Option<TokenRow>> {
        let sql = select!("WHERE hash = $1");
        let found: Option<Row> = on_reader!(self, |db| sqlx::query_as(sql).bind(hash).fetch_optional(db).await?);
        Ok(found.map(row))
    }

    pub async fn token(&self, id: Uuid) -> Result<Option<TokenRow>> {
        let sql = select!("WHERE id = $1");
        let found: Option<Row> = on_reader!(self, |db| sqlx::query_as(sql).bind(id).fetch_optional(db).await?);
        Ok(found.map(row))
    }

    /// Up to `limit` tokens by id, above `after`.
    pub async fn tokens_after(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<TokenRow>> {
        let sql = select!("WHERE id > $1 ORDER BY id LIMIT $2");
        let after = after.unwrap_or(Uuid::nil());
        let rows: Vec<Row> =
            on_reader!(self, |db| sqlx::query_as(sql).bind(after).bind(i64::from(limit)).fetch_all(db).await?);
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Change {
    pub async fn token(&mut self, id: Uuid) -> Result<Option<TokenRow>> {
        let sql = select!("WHERE id = $1");
        let found: Option<Row> =
            on_tx!(&mut self.tx, |db| sqlx::query_as(sql).bind(id).fetch_optional(&mut *db).await?);
        Ok(found.map(row))
    }

    pub async fn insert_token(&mut self, token: &TokenRow) -> Result<()> {
        let sql = "INSERT INTO token (id, hash, title, roles, teams, created_at, expires_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        on_tx!(&mut self.tx, |db| {
            let query = sqlx::query(sql)
                .bind(token.id)
                .bind(&token.hash)
                .bind(&token.title)
                .bind(&token.roles)
                .bind(&token.teams)
                .bind(token.created_at.as_millis())
                .bind(token.expires_at.map(Timestamp::as_millis))
                .bind(token.revoked_at.map(Timestamp::as_millis));
            query.execute(&mut *db).await.map(drop)?;
        });
        Ok(())
    }

    /// From now on it is worthless.
    pub async fn revoke_token(&mut self, id: Uuid) -> Result<()> {
        let sql = "UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        let now = self.now.as_millis();
        on_tx!(&mut self.tx, |db| sqlx::query(sql).bind(id).bind(now).execute(&mut *db).await.map(drop)?);
        Ok(())
    }
}

fn row((id, hash, title, roles, teams, created_at, expires_at, revoked_at): Row) -> TokenRow {
    TokenRow {
        id,
        hash,
        title,
        roles,
        teams,
        created_at: Timestamp::from_millis(created_at),
        expires_at: timestamp(expires_at),
        revoked_at: timestamp(revoked_at),
    }
}
