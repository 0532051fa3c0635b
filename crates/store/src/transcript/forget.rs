//! What was said and must not be kept: because its time is over, or because whoever it is about is to be forgotten. Of what was
//! sent, what became of it stays, and what it said goes.

use waypost_domain::ContactId;

use crate::core::{Param, Sql, Statement, params};
use crate::{AuditedTx, Result};

pub(crate) static FORGET_TRANSCRIPT: Sql = Sql::both(
    "DELETE FROM transcript
    WHERE (conversation_id, at, decision_id) IN (
        SELECT conversation_id, at, decision_id FROM transcript WHERE at < $1 ORDER BY at LIMIT $2)",
);

/// Only of sends that have ended: what waits or is under way still needs it. The verdict has what the customer read.
pub(crate) static FORGET_SENT: Sql = Sql::each(
    "UPDATE send SET request = x'', verdict = NULL
    WHERE place IN (
        SELECT place FROM send WHERE length(request) > 0 AND created_at < $1 AND phase = 2 ORDER BY created_at LIMIT $2)",
    "WITH old AS MATERIALIZED (
        SELECT place FROM send
        WHERE length(request) > 0 AND created_at < $1 AND phase = 2
        ORDER BY created_at
        LIMIT $2
        FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE send SET request = '', verdict = NULL WHERE place IN (SELECT place FROM old)",
);

static ERASE_TRANSCRIPT: Sql = Sql::each(
    "DELETE FROM transcript
    WHERE conversation_id IN (
            SELECT c.id FROM conversation c WHERE c.contact_id IN (SELECT unhex(value) FROM json_each($1)))
        OR writer_id IN (SELECT unhex(value) FROM json_each($1))",
    "DELETE FROM transcript
    WHERE conversation_id IN (SELECT c.id FROM conversation c WHERE c.contact_id = ANY($1::UUID[]))
        OR writer_id = ANY($1::UUID[])",
);

/// Nobody is written to who is to be forgotten.
static CANCEL_SENDS: Sql = Sql::each(
    "UPDATE send SET state = 'cancelled', rank = $2, since = $3, waits = 0
    WHERE contact_id IN (SELECT unhex(value) FROM json_each($1)) AND state = 'queued'",
    "UPDATE send SET state = 'cancelled', rank = $2, since = $3, waits = 0
    WHERE contact_id = ANY($1::UUID[]) AND state = 'queued'",
);

static ERASE_SENDS: Sql = Sql::each(
    "UPDATE send SET request = x'', verdict = NULL
    WHERE contact_id IN (SELECT unhex(value) FROM json_each($1)) AND phase = 2",
    "UPDATE send SET request = '', verdict = NULL WHERE contact_id = ANY($1::UUID[]) AND phase = 2",
);

static LEFT_SENDS: Sql = Sql::each(
    "SELECT count(*) AS sends FROM send
    WHERE contact_id IN (SELECT unhex(value) FROM json_each($1)) AND phase <> 2",
    "SELECT count(*) AS sends FROM send WHERE contact_id = ANY($1::UUID[]) AND phase <> 2",
);

static ERASE_REFS: Sql = Sql::each(
    "UPDATE contact SET external_refs = NULL WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "UPDATE contact SET external_refs = NULL WHERE id = ANY($1::UUID[])",
);

static ERASE_CONVERSATION_REFS: Sql = Sql::each(
    "UPDATE conversation SET external_refs = NULL
    WHERE contact_id IN (SELECT unhex(value) FROM json_each($1)) AND external_refs IS NOT NULL",
    "UPDATE conversation SET external_refs = NULL WHERE contact_id = ANY($1::UUID[]) AND external_refs IS NOT NULL",
);

impl AuditedTx {
    /// Erases what was said with a contact, given as all that became part of it, and takes back what waits to be sent to it.
    /// Returns how many sends are with Meta at this moment: theirs goes when this is repeated after they have ended.
    pub async fn erase_content(&mut self, contacts: &[ContactId]) -> Result<u64> {
        let ids: Param<'_> = contacts.iter().copied().collect();
        let rank = i64::from(waypost_domain::send::SendState::Cancelled.rank());
        let statements = vec![
            Statement::new(&ERASE_REFS, params![ids.clone()]),
            Statement::new(&ERASE_CONVERSATION_REFS, params![ids.clone()]),
            Statement::new(&ERASE_TRANSCRIPT, params![ids.clone()]),
            Statement::new(&CANCEL_SENDS, params![ids.clone(), rank, self.now]),
            Statement::new(&ERASE_SENDS, params![ids.clone()]),
            Statement::new(&LEFT_SENDS, params![ids]),
        ];
        let answers = self.tx.run(statements).await?;
        let row = answers.last().and_then(|answer| answer.rows.first());
        row.map_or(Ok(0), |row| row.of("send").get("sends"))
    }
}
