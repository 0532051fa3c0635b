//! What was said and must not be kept, because its time is over. Of what was sent, what became of it stays, and what it said goes.

use std::sync::LazyLock;

use crate::core::Sql;
use crate::sends::GIVEN_UP;

pub(crate) static FORGET_TRANSCRIPT: Sql = Sql::both(
    "DELETE FROM transcript
    WHERE (conversation_id, at, decision_id) IN (
        SELECT conversation_id, at, decision_id FROM transcript WHERE at < $1 ORDER BY at LIMIT $2)",
);

/// Only of sends that have ended, or of which nothing is waited for any more: what waits or is under way still needs it. The
/// verdict has what the customer read.
pub(crate) static FORGET_SENT: LazyLock<Sql> = LazyLock::new(|| {
    let old = format!(
        "SELECT place FROM send
        WHERE length(request) > 0 AND created_at < $1
            AND (phase = 2 OR (state = 'uncertain' AND due_at = {GIVEN_UP}))
        ORDER BY created_at
        LIMIT $2"
    );
    Sql::made_each(
        format!("UPDATE send SET request = x'', verdict = NULL WHERE place IN ({old})"),
        format!(
            "WITH old AS MATERIALIZED ({old} FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE send SET request = '', verdict = NULL WHERE place IN (SELECT place FROM old)"
        ),
    )
});
