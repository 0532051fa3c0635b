//! Merging two contacts that turned out to be one person: a transaction of its own, before the batch is begun again.
//!
//! Aliases and whatever is still open go to the survivor; history stays where it was written, and `merged_into` says
//! whose it is now. What was moved is written down, so that it can be moved back (`split`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waypost_domain::{ContactId, Timestamp};

use super::person::{RECORD, language_params, record};
use super::{ContactRecord, attributes_text};
use crate::core::{Param, Sql, Statement, Tx, params};
use crate::records::unreadable;
use crate::{Merge, Result, Store};

static HALVES: LazyLock<Sql> = LazyLock::new(|| {
    let halves = format!("SELECT {RECORD}, c.merged_into FROM contact c WHERE c.id IN ($1, $2) ORDER BY c.id");
    let locked = format!("{halves} FOR NO KEY UPDATE");
    Sql::made_each(halves, locked)
});

/// `$1` is the winner and `$2` the loser in all of these.
static ALIASES: Sql = Sql::both("UPDATE alias SET contact_id = $1 WHERE contact_id = $2");

static LOSER: Sql = Sql::both("UPDATE contact SET merged_into = $1, version = version + 1 WHERE id = $2");

static WINNER: Sql = Sql::both(
    "UPDATE contact SET
        version = version + 1,
        has_bsuid = CASE WHEN EXISTS (SELECT 1 FROM contact g WHERE g.id = $2 AND g.has_bsuid <> 0)
            THEN 1 ELSE has_bsuid END,
        attributes = $3, profile_name = $4, username = $5, wa_id = $6,
        language = $7, language_source = $8, language_confidence = $9, language_sample = $10
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

static CLAIMS: Sql = Sql::both("DELETE FROM contact_claim WHERE claimed_id IN ($1, $2) AND claimant_id IN ($1, $2)");

/// What others claim of the loser, and it of others, as far as the survivor has no such claim itself.
static CLAIMED: Sql = Sql::both(
    "UPDATE contact_claim SET claimed_id = $1 WHERE claimed_id = $2 AND NOT EXISTS (
        SELECT 1 FROM contact_claim k WHERE k.claimed_id = $1 AND k.claimant_id = contact_claim.claimant_id)",
);

static CLAIMING: Sql = Sql::both(
    "UPDATE contact_claim SET claimant_id = $1 WHERE claimant_id = $2 AND NOT EXISTS (
        SELECT 1 FROM contact_claim k WHERE k.claimant_id = $1 AND k.claimed_id = contact_claim.claimed_id)",
);

/// Claims that the survivor has, too. `$1` is the loser.
static DOUBLE_CLAIMS: Sql = Sql::both("DELETE FROM contact_claim WHERE claimed_id = $1 OR claimant_id = $1");

/// Of whom the loser had been the survivor before.
static EARLIER: Sql = Sql::both("UPDATE contact_merge SET winner_id = $1 WHERE winner_id = $2");

static WRITE_DOWN: Sql =
    Sql::both("INSERT INTO contact_merge (winner_id, loser_id, at, moved_json) VALUES ($1, $2, $3, $4)");

static ALIASES_OF: Sql = Sql::both("SELECT id FROM alias WHERE contact_id = $1");

static CONVERSATIONS_OF: Sql = Sql::both("SELECT id FROM conversation WHERE contact_id = $1 AND state <> 'resolved'");

static HELD_OF: Sql = Sql::both("SELECT decision_id AS id FROM held WHERE contact_id = $1 AND released_by IS NULL");

/// What went from one contact to another, and what the other one was before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) aliases: Vec<Uuid>,
    pub(super) conversations: Vec<Uuid>,
    pub(super) held: Vec<Uuid>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) profile_name: Option<String>,
    pub(super) username: Option<String>,
    pub(super) wa_id: Option<String>,
    /// Whether the survivor's language came from the other one.
    pub(super) took_language: bool,
}

impl Store {
    /// Merges each pair. One that somebody else merged meanwhile is passed over.
    pub async fn merge(&self, merges: &[Merge]) -> Result<()> {
        for merge in merges {
            let now = self.now().await?;
            let mut tx = self.begin().await?;
            let statements = merging(&mut tx, merge, now).await?;
            if !statements.is_empty() {
                tx.commit_with(statements).await?;
            }
        }
        Ok(())
    }
}

/// What has to be done to merge two contacts, whose rows are locked from here on; nothing where one of them is no more.
pub(super) async fn merging(tx: &mut Tx, merge: &Merge, now: Timestamp) -> Result<Vec<Statement<'static>>> {
    let (winner, loser) = (merge.winner, merge.loser);
    let mut halves = halves(tx, merge).await?;
    let (Some((kept, None)), Some((merged, None))) = (halves.remove(&winner), halves.remove(&loser)) else {
        return Ok(vec![]);
    };
    let mut survivor = kept.clone();
    survivor.attributes = merged.attributes;
    survivor.attributes.extend(kept.attributes.clone());
    survivor.profile_name = kept.profile_name.clone().or(merged.profile_name);
    survivor.username = kept.username.clone().or(merged.username);
    survivor.wa_id = kept.wa_id.clone().or(merged.wa_id);
    survivor.language.outrank(merged.language);
    let moved = Moved {
        aliases: ids(tx, &ALIASES_OF, loser).await?,
        conversations: ids(tx, &CONVERSATIONS_OF, loser).await?,
        held: ids(tx, &HELD_OF, loser).await?,
        took_language: survivor.language != kept.language,
        attributes: kept.attributes,
        profile_name: kept.profile_name,
        username: kept.username,
        wa_id: kept.wa_id,
    };
    let moved = serde_json::to_string(&moved).map_err(|_| unreadable("contact_merge", "moved_json"))?;
    let statement = |sql: &'static Sql| Statement::new(sql, params![winner, loser]);
    let mut written = params![winner, loser];
    written.extend(known_params(&survivor));
    Ok(vec![
        statement(&ALIASES),
        statement(&LOSER),
        Statement::new(&WINNER, written),
        statement(&RESOLVE),
        statement(&CONVERSATIONS),
        statement(&HELD),
        statement(&CLAIMS),
        statement(&CLAIMED),
        statement(&CLAIMING),
        Statement::new(&DOUBLE_CLAIMS, params![loser]),
        statement(&EARLIER),
        Statement::new(&WRITE_DOWN, params![winner, loser, now, moved]),
    ])
}

/// Both contacts, locked, and into whom each was merged.
pub(super) async fn halves(
    tx: &mut Tx,
    merge: &Merge,
) -> Result<BTreeMap<ContactId, (ContactRecord, Option<ContactId>)>> {
    let mut halves = BTreeMap::new();
    for row in tx.query(&HALVES, params![merge.winner, merge.loser]).await? {
        let row = row.of("contact");
        let record = record(&row)?;
        halves.insert(record.id, (record, row.get("merged_into")?));
    }
    Ok(halves)
}

/// Attributes, names and language, in the order in which statements take them.
pub(super) fn known_params(record: &ContactRecord) -> Vec<Param<'static>> {
    let mut known = params![attributes_text(&record.attributes)];
    known.extend(params![record.profile_name.clone(), record.username.clone(), record.wa_id.clone()]);
    known.extend(language_params(&record.language).map(Param::into_owned));
    known
}

async fn ids(tx: &mut Tx, of: &'static Sql, contact: ContactId) -> Result<Vec<Uuid>> {
    let rows = tx.query(of, params![contact]).await?;
    rows.iter().map(|row| row.of("contact_merge").get("id")).collect()
}
