//! A contact as people look at it: what names them, what is only claimed, and who was merged into them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use waypost_domain::{Alias, AliasSet, ContactId, Timestamp};

use super::ContactRecord;
use super::observation::stored_names;
use super::person::{RECORD, record};
use super::rows;
use crate::core::{Row, Sql, params};
use crate::{Result, Store};

/// All that is known of who a contact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetails {
    pub contact: ContactRecord,
    /// With the time since when each is theirs; `None` of before that was kept.
    pub aliases: BTreeMap<Alias, Option<Timestamp>>,
    pub claims: Vec<Claim>,
    /// Who was merged into it, as far as that can be undone; the last one first.
    pub merged: Vec<MergedContact>,
    /// WhatsApp said that somebody else may use the number now, and nobody confirmed who it is.
    pub identity_changed_at: Option<Timestamp>,
}

/// What may be theirs too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub on: ClaimOn,
    /// `card`, `silent` or `identity_changed`.
    pub reason: String,
    pub since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOn {
    /// A number, until it writes.
    Number(String),
    /// The contact that had their number before, until a person confirms it.
    Contact(ContactId),
}

/// A contact that became part of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedContact {
    pub id: ContactId,
    pub at: Timestamp,
}

static BY_ID: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "SELECT {RECORD}, c.identity_changed_at FROM contact c WHERE c.id = $1 AND c.merged_into IS NULL"
    ))
});

static BY_ALIAS: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made(format!(
        "SELECT {RECORD}, c.identity_changed_at
    FROM alias a
    JOIN contact c ON c.id = a.contact_id
    WHERE a.id = $1"
    ))
});

static ALIASES: Sql = Sql::both("SELECT kind, value, since FROM alias WHERE contact_id = $1");

static CLAIMS: Sql =
    Sql::both("SELECT claimed_id, reason, at FROM contact_claim WHERE claimant_id = $1 ORDER BY at, claimed_id");

static MERGED: Sql =
    Sql::both("SELECT loser_id, at FROM contact_merge WHERE winner_id = $1 ORDER BY at DESC, loser_id DESC");

/// Who became part of somebody is found by the row that says of whom.
static SURVIVOR: Sql = Sql::both(
    "WITH RECURSIVE up (id, merged_into) AS (
        SELECT id, merged_into FROM contact WHERE id = $1
        UNION
        SELECT c.id, c.merged_into FROM contact c JOIN up ON c.id = up.merged_into)
    SELECT id FROM up WHERE merged_into IS NULL",
);

static PARTS: Sql = Sql::both(
    "WITH RECURSIVE part (id) AS (
        SELECT loser_id FROM contact_merge WHERE winner_id = $1
        UNION
        SELECT m.loser_id FROM contact_merge m JOIN part ON m.winner_id = part.id)
    SELECT id FROM part",
);

impl Store {
    /// Who this contact is by now: itself, or whom it became part of. `None`: there never was one of this id.
    pub async fn surviving_contact(&self, id: ContactId) -> Result<Option<ContactId>> {
        let rows = self.read(&SURVIVOR, params![id]).await?;
        rows.first().map(|row| row.of("contact").get("id")).transpose()
    }

    /// The contact and all who became part of it, as far as that was written down: what was recorded stays theirs.
    pub async fn parts_of_contact(&self, id: ContactId) -> Result<Vec<ContactId>> {
        let mut parts = vec![id];
        for row in self.read(&PARTS, params![id]).await? {
            parts.push(row.of("contact_merge").get("id")?);
        }
        Ok(parts)
    }

    pub async fn contact(&self, id: ContactId) -> Result<Option<ContactDetails>> {
        let rows = self.read(&BY_ID, params![id]).await?;
        match rows.first() {
            Some(row) => self.details(found(row)?).await.map(Some),
            None => Ok(None),
        }
    }

    /// The contact that these aliases point at today: the first that has an owner, in the order of their authority.
    pub async fn find_contact(&self, aliases: &AliasSet) -> Result<Option<ContactDetails>> {
        for alias in stored_names(aliases) {
            let rows = self.read(&BY_ALIAS, params![rows::alias_id(&alias)]).await?;
            if let Some(row) = rows.first() {
                return self.details(found(row)?).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn details(
        &self,
        (contact, identity_changed_at): (ContactRecord, Option<Timestamp>),
    ) -> Result<ContactDetails> {
        let (mut aliases, mut claims) = (BTreeMap::new(), Vec::new());
        for row in self.read(&ALIASES, params![contact.id]).await? {
            let row = row.of("alias");
            let (kind, value): (String, String) = (row.get("kind")?, row.get("value")?);
            let since = row.get("since")?;
            match Alias::from_parts(&kind, value).ok_or(row.unreadable("kind"))? {
                Alias::PhoneClaim(number) => {
                    claims.push(Claim { on: ClaimOn::Number(number), reason: "card".to_owned(), since });
                }
                alias => drop(aliases.insert(alias, since)),
            }
        }
        // They wrote from it meanwhile, and showed who they are.
        claims.retain(|claim| match &claim.on {
            ClaimOn::Number(number) => !aliases.contains_key(&Alias::Phone(number.clone())),
            ClaimOn::Contact(_) => true,
        });
        for row in self.read(&CLAIMS, params![contact.id]).await? {
            let row = row.of("contact_claim");
            let on = ClaimOn::Contact(row.get("claimed_id")?);
            claims.push(Claim { on, reason: row.get("reason")?, since: row.get("at")? });
        }
        let mut merged = Vec::new();
        for row in self.read(&MERGED, params![contact.id]).await? {
            let row = row.of("contact_merge");
            merged.push(MergedContact { id: row.get("loser_id")?, at: row.get("at")? });
        }
        Ok(ContactDetails { contact, aliases, claims, merged, identity_changed_at })
    }
}

fn found(row: &Row) -> Result<(ContactRecord, Option<Timestamp>)> {
    let row = row.of("contact");
    Ok((record(&row)?, row.get("identity_changed_at")?))
}
