//! Merging two contacts that turned out to be one person: a transaction of its own, before the batch is begun again.
//!
//! Aliases and whatever is still open go to the survivor; history stays where it was written, and `merged_into` says
//! whose it is now.

use std::collections::BTreeMap;

use waypost_domain::ContactId;

use super::attributes_text;
use crate::core::{Sql, Statement, Tx, params};
use crate::{Merge, Result, Store};

static HALVES: Sql = Sql::each(
    "SELECT id, merged_into, attributes FROM contact WHERE id IN ($1, $2) ORDER BY id",
    "SELECT id, merged_into, attributes FROM contact WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE",
);

/// `$1` is the winner and `$2` the loser in all of these.
static ALIASES: Sql = Sql::both("UPDATE alias SET contact_id = $1 WHERE contact_id = $2");

static LOSER: Sql = Sql::both("UPDATE contact SET merged_into = $1, version = version + 1 WHERE id = $2");

static WINNER: Sql = Sql::both(
    "UPDATE contact SET
        version = version + 1,
        attributes = $3,
        has_bsuid = CASE WHEN EXISTS (SELECT 1 FROM contact g WHERE g.id = $2 AND g.has_bsuid <> 0)
            THEN 1 ELSE has_bsuid END,
        profile_name = coalesce(profile_name, (SELECT g.profile_name FROM contact g WHERE g.id = $2)),
        username = coalesce(username, (SELECT g.username FROM contact g WHERE g.id = $2)),
        language = coalesce(language, (SELECT g.language FROM contact g WHERE g.id = $2))
    WHERE id = $1",
);

/// The survivor's own open conversation goes on; the other one ends, unless it is the only one.
static RESOLVE: Sql = Sql::both(
    "UPDATE conversation SET state = 'resolved'
    WHERE contact_id = $2 AND state <> 'resolved' AND EXISTS (
        SELECT 1 FROM conversation k
        WHERE k.contact_id = $1 AND k.number = conversation.number AND k.state <> 'resolved')",
);

static CONVERSATIONS: Sql =
    Sql::both("UPDATE conversation SET contact_id = $1 WHERE contact_id = $2 AND state <> 'resolved'");

static HELD: Sql = Sql::both("UPDATE held SET contact_id = $1 WHERE contact_id = $2 AND released_by IS NULL");

impl Store {
    /// Merges each pair. One that somebody else merged meanwhile is passed over.
    pub async fn merge(&self, merges: &[Merge]) -> Result<()> {
        for merge in merges {
            let tx = self.begin().await?;
            merge_two(tx, merge).await?;
        }
        Ok(())
    }
}

async fn merge_two(mut tx: Tx, merge: &Merge) -> Result<()> {
    let (winner, loser) = (merge.winner, merge.loser);
    let rows = tx.query(&HALVES, params![winner, loser]).await?;
    let mut halves = BTreeMap::new();
    for row in &rows {
        let row = row.of("contact");
        if row.get::<Option<ContactId>>("merged_into")?.is_none() {
            let attributes: Option<BTreeMap<String, String>> =
                row.parse("attributes", |text| serde_json::from_str(text).ok())?;
            halves.insert(row.get::<ContactId>("id")?, attributes.unwrap_or_default());
        }
    }
    let (Some(kept), Some(mut merged)) = (halves.remove(&winner), halves.remove(&loser)) else { return Ok(()) };
    merged.extend(kept);
    let statement = |sql: &'static Sql| Statement::new(sql, params![winner, loser]);
    let statements = vec![
        statement(&ALIASES),
        statement(&LOSER),
        Statement::new(&WINNER, params![winner, loser, attributes_text(&merged)]),
        statement(&RESOLVE),
        statement(&CONVERSATIONS),
        statement(&HELD),
    ];
    tx.commit_with(statements).await
}
