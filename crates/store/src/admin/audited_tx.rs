//! A change by the administration: one transaction that cannot be committed without saying what it did.

use std::sync::Arc;

use uuid::Uuid;
use waypost_domain::{IdSource, Timestamp};

use super::audit::{self, AuditEntry, AuditHead};
use crate::core::{Sql, Statement, Tx, params};
use crate::{Result, Store};

/// How long a request's answer is remembered.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

/// An open change; all of them happen one after the other. Dropped without [`commit`](Self::commit), nothing happened.
pub struct AuditedTx {
    pub(crate) tx: Tx,
    pub(crate) now: Timestamp,
    /// Of what is new in it.
    pub(crate) ids: Arc<dyn IdSource>,
    head: AuditHead,
}

/// A request that was carried out before under the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// What was asked, as the caller of [`AuditedTx::remember`] gave it.
    pub fingerprint: Vec<u8>,
    pub response: Vec<u8>,
}

static ANSWERED: Sql = Sql::both("SELECT fingerprint, response FROM request WHERE id = $1 AND at > $2");

static FORGET: Sql = Sql::both("DELETE FROM request WHERE at <= $1");

static REMEMBER: Sql = Sql::both("INSERT INTO request (id, at, fingerprint, response) VALUES ($1, $2, $3, $4)");

impl Store {
    pub async fn begin_change(&self) -> Result<AuditedTx> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let head = audit::lock_head(&mut tx).await?;
        Ok(AuditedTx { tx, now, ids: self.ids.clone(), head })
    }
}

impl AuditedTx {
    /// When it happens.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What was answered to the request `id`, if it was carried out within a day.
    pub async fn answered(&mut self, id: Uuid) -> Result<Option<AnsweredRequest>> {
        let since = self.now.as_millis() - REMEMBERED_MS;
        let rows = self.tx.query(&ANSWERED, params![id, since]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let row = row.of("request");
        Ok(Some(AnsweredRequest { fingerprint: row.get("fingerprint")?, response: row.get("response")? }))
    }

    /// Remembers the answer to the request `id`, and forgets the old ones.
    pub async fn remember(&mut self, id: Uuid, answer: &AnsweredRequest) -> Result<()> {
        let forget = Statement::new(&FORGET, params![self.now.as_millis() - REMEMBERED_MS]);
        let answer = params![id, self.now, &answer.fingerprint, &answer.response];
        self.tx.run(vec![forget, Statement::new(&REMEMBER, answer)]).await.map(drop)
    }

    /// Makes it durable, with what it did.
    pub async fn commit(self, entries: &[AuditEntry]) -> Result<()> {
        let records = audit::chained(&self.head, self.now, entries);
        self.tx.commit_with(audit::appending(&records)).await
    }
}
