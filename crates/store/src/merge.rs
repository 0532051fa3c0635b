//! Merging two contacts that turned out to be one person: a transaction of its own, before the batch is begun again.
//!
//! Aliases and whatever is still open go to the survivor; history stays where it was written, and `merged_into` says
//! whose it is now.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::contacts::attributes_text;
use crate::database::{Tx, on_tx};
use crate::records::unreadable;
use crate::{Merge, Result, Store};

impl Store {
    /// Carries the merges out. One that somebody else carried out meanwhile is passed over.
    pub async fn merge(&self, merges: &[Merge]) -> Result<()> {
        for merge in merges {
            let mut tx = self.begin().await?;
            if merge_two(&mut tx, merge).await? {
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct Half {
    id: Uuid,
    merged_into: Option<Uuid>,
    attributes: String,
}

async fn merge_two(tx: &mut Tx, merge: &Merge) -> Result<bool> {
    let (winner, loser) = (merge.winner.as_uuid(), merge.loser.as_uuid());
    let lock = match tx {
        Tx::Sqlite(_) => "SELECT id, merged_into, attributes FROM contact WHERE id IN ($1, $2) ORDER BY id",
        Tx::Postgres(_) => {
            "SELECT id, merged_into, attributes FROM contact WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE"
        }
    };
    let halves: Vec<Half> = on_tx!(tx, |db| sqlx::query_as(lock).bind(winner).bind(loser).fetch_all(&mut *db).await?);
    let find = |id| halves.iter().find(|half| half.id == id && half.merged_into.is_none());
    let (Some(kept), Some(gone)) = (find(winner), find(loser)) else { return Ok(false) };
    let parse = |text: &str| {
        serde_json::from_str::<BTreeMap<String, String>>(text).map_err(|_| unreadable("contact", "attributes"))
    };
    let mut attributes = parse(&gone.attributes)?;
    attributes.extend(parse(&kept.attributes)?);
    let attributes = attributes_text(&attributes);
    on_tx!(tx, |db| {
        let sql = "UPDATE alias SET contact_id = $1 WHERE contact_id = $2";
        sqlx::query(sql).bind(winner).bind(loser).execute(&mut *db).await.map(drop)?;
        let sql = "UPDATE contact SET merged_into = $1, version = version + 1 WHERE id = $2";
        sqlx::query(sql).bind(winner).bind(loser).execute(&mut *db).await.map(drop)?;
        let sql = "UPDATE contact SET version = version + 1, attributes = $3, \
             has_bsuid = CASE WHEN EXISTS (SELECT 1 FROM contact g WHERE g.id = $2 AND g.has_bsuid <> 0) THEN 1 \
             ELSE has_bsuid END, \
             profile_name = coalesce(profile_name, (SELECT g.profile_name FROM contact g WHERE g.id = $2)), \
             username = coalesce(username, (SELECT g.username FROM contact g WHERE g.id = $2)), \
             language = coalesce(language, (SELECT g.language FROM contact g WHERE g.id = $2)) WHERE id = $1";
        sqlx::query(sql).bind(winner).bind(loser).bind(attributes).execute(&mut *db).await.map(drop)?;
        // The survivor's own open conversation goes on; the other one ends, unless it is the only one.
        let sql = "UPDATE conversation SET state = 'resolved' WHERE contact_id = $2 AND state <> 'resolved' \
             AND EXISTS (SELECT 1 FROM conversation k WHERE k.contact_id = $1 AND k.number = conversation.number \
             AND k.state <> 'resolved')";
        sqlx::query(sql).bind(winner).bind(loser).execute(&mut *db).await.map(drop)?;
        let sql = "UPDATE conversation SET contact_id = $1 WHERE contact_id = $2 AND state <> 'resolved'";
        sqlx::query(sql).bind(winner).bind(loser).execute(&mut *db).await.map(drop)?;
        let sql = "UPDATE held SET contact_id = $1 WHERE contact_id = $2 AND released_by IS NULL";
        sqlx::query(sql).bind(winner).bind(loser).execute(&mut *db).await.map(drop)?;
    });
    Ok(true)
}
