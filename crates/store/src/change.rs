//! A change by the administration: one transaction that cannot be committed without saying what it did.

use uuid::Uuid;
use waypost_domain::Timestamp;

use crate::audit::{self, AuditEntry, AuditHead};
use crate::database::{Tx, on_tx};
use crate::{Result, Store};

/// How long a request's answer is remembered.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

/// An open change; all of them happen one after the other. Dropped without [`commit`](Self::commit), nothing happened.
pub struct Change {
    pub(crate) tx: Tx,
    pub(crate) now: Timestamp,
    head: AuditHead,
}

/// A request that was carried out before under the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// What was asked, as the caller of [`Change::remember`] gave it.
    pub fingerprint: Vec<u8>,
    pub response: Vec<u8>,
}

impl Store {
    pub async fn begin_change(&self) -> Result<Change> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let head = audit::lock_head(&mut tx).await?;
        Ok(Change { tx, now, head })
    }
}

impl Change {
    /// When it happens.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What was answered to the request `id`, if it was carried out within a day.
    pub async fn answered(&mut self, id: Uuid) -> Result<Option<AnsweredRequest>> {
        let sql = "SELECT fingerprint, response FROM request WHERE id = $1 AND at > $2";
        let since = self.now.as_millis() - REMEMBERED_MS;
        let found: Option<(Vec<u8>, Vec<u8>)> =
            on_tx!(&mut self.tx, |db| sqlx::query_as(sql).bind(id).bind(since).fetch_optional(&mut *db).await?);
        Ok(found.map(|(fingerprint, response)| AnsweredRequest { fingerprint, response }))
    }

    /// Remembers the answer to the request `id`, and forgets the old ones.
    pub async fn remember(&mut self, id: Uuid, answer: &AnsweredRequest) -> Result<()> {
        let forget = "DELETE FROM request WHERE at <= $1";
        let insert = "INSERT INTO request (id, at, fingerprint, response) VALUES ($1, $2, $3, $4)";
        let now = self.now.as_millis();
        on_tx!(&mut self.tx, |db| {
            sqlx::query(forget).bind(now - REMEMBERED_MS).execute(&mut *db).await.map(drop)?;
            let query = sqlx::query(insert).bind(id).bind(now).bind(&answer.fingerprint).bind(&answer.response);
            query.execute(&mut *db).await.map(drop)?;
        });
        Ok(())
    }

    /// Makes it durable, with what it did.
    pub async fn commit(mut self, entries: &[AuditEntry]) -> Result<()> {
        for entry in entries {
            audit::append(&mut self.tx, &mut self.head, self.now, entry).await?;
        }
        self.tx.commit().await
    }
}
