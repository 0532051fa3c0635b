//! What people say of who is who: that two contacts are not one, or that one is, or is not, who it claims to be.

use std::sync::LazyLock;

use waypost_domain::{ContactId, LanguageMemory};

use super::merge::{Moved, halves, known_params, merging};
use super::{ClaimOn, ContactRecord};
use crate::admin::AuditedTx;
use crate::core::{Param, Sql, Statement, params};
use crate::{Merge, Result, StoreError};

/// A merge that was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitContact {
    /// Who is a contact of their own again.
    pub split: ContactRecord,
    pub before: ContactRecord,
    pub after: ContactRecord,
}

/// A contact that somebody vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedContact {
    /// The survivor, where it was merged with whom it claimed to be.
    pub id: ContactId,
    pub merged: Option<ContactId>,
}

static LAST_MERGED: Sql =
    Sql::both("SELECT loser_id FROM contact_merge WHERE winner_id = $1 ORDER BY at DESC, loser_id DESC LIMIT 1");

static MOVED: Sql = Sql::both("SELECT moved_json FROM contact_merge WHERE winner_id = $1 AND loser_id = $2");

/// `$1` is the survivor and `$2` the other in all of these; `$3`: what had been moved.
macro_rules! back {
    ($update:literal, $id:literal) => {
        Sql::each(
            concat!($update, " AND ", $id, " IN (SELECT unhex(value) FROM json_each($3))"),
            concat!($update, " AND ", $id, " = ANY($3::UUID[])"),
        )
    };
}

static ALIASES_BACK: Sql = back!("UPDATE alias SET contact_id = $2 WHERE contact_id = $1", "id");

static CONVERSATIONS_BACK: Sql =
    back!("UPDATE conversation SET contact_id = $2 WHERE contact_id = $1 AND state <> 'resolved'", "id");

static HELD_BACK: Sql =
    back!("UPDATE held SET contact_id = $2 WHERE contact_id = $1 AND released_by IS NULL", "decision_id");

static SURVIVOR: Sql = Sql::both(
    "UPDATE contact SET
        attributes = $2, profile_name = $3, username = $4, wa_id = $5,
        language = $6, language_source = $7, language_confidence = $8, language_sample = $9
    WHERE id = $1",
);

static APART: Sql = Sql::both(
    "UPDATE contact SET
        version = version + 1,
        is_apart = 1,
        has_bsuid = CASE WHEN EXISTS (SELECT 1 FROM alias a WHERE a.contact_id = contact.id AND a.kind = 'bsuid')
            THEN 1 ELSE 0 END
    WHERE id IN ($1, $2)",
);

static ALIVE: Sql = Sql::both("UPDATE contact SET merged_into = NULL WHERE id = $1");

/// Whom the other had taken in before goes with them.
static EARLIER_BACK: Sql = Sql::both(
    "UPDATE contact_merge SET winner_id = $2
    WHERE winner_id = $1 AND loser_id IN (SELECT id FROM contact WHERE merged_into = $2)",
);

static FORGET: Sql = Sql::both("DELETE FROM contact_merge WHERE winner_id = $1 AND loser_id = $2");

static CLAIMED: LazyLock<Sql> = LazyLock::new(|| {
    let claimed = "SELECT claimed_id FROM contact_claim WHERE claimant_id = $1 ORDER BY claimed_id";
    Sql::made_each(claimed.to_owned(), format!("{claimed} FOR UPDATE"))
});

static IS_ALIVE: Sql = Sql::both("SELECT id FROM contact WHERE id = $1 AND merged_into IS NULL");

static CONFIRM: Sql = Sql::both(
    "UPDATE contact SET identity_changed_at = NULL, is_apart = 0, version = version + 1 WHERE id = $1 AND merged_into IS NULL",
);

static DROP_CLAIM: Sql = Sql::both("DELETE FROM contact_claim WHERE claimant_id = $1 AND claimed_id = $2");

/// The numbers of cards, as far as they did not write from them.
static CARDS: LazyLock<Sql> = LazyLock::new(|| {
    let cards = "SELECT c.value FROM alias c
    WHERE c.contact_id = $1 AND c.kind = 'phone_claim' AND NOT EXISTS (
        SELECT 1 FROM alias p WHERE p.contact_id = $1 AND p.kind = 'phone' AND p.value = c.value)
    ORDER BY c.value";
    Sql::made_each(cards.to_owned(), format!("{cards} FOR UPDATE"))
});

static DROP_CARD: Sql = Sql::both("DELETE FROM alias WHERE contact_id = $1 AND kind = 'phone_claim' AND value = $2");

impl AuditedTx {
    /// Takes `merged` out of `contact` again, or whoever was merged into it last: aliases, unresolved conversations and
    /// held messages that came from there go back, unless somebody else has them by now. From then on a number alone does
    /// not make the two one again. `None` where no such merge is known; those from before merges were written down are not.
    pub async fn split_contact(
        &mut self,
        contact: ContactId,
        merged: Option<ContactId>,
    ) -> Result<Option<SplitContact>> {
        let merged = match merged {
            Some(merged) => merged,
            None => match self.tx.query(&LAST_MERGED, params![contact]).await?.first() {
                Some(row) => row.of("contact_merge").get("loser_id")?,
                None => return Ok(None),
            },
        };
        let mut halves = halves(&mut self.tx, &Merge { winner: contact, loser: merged }).await?;
        let rows = self.tx.query(&MOVED, params![contact, merged]).await?;
        let Some(row) = rows.first().map(|row| row.of("contact_merge")) else { return Ok(None) };
        let moved: Option<Moved> = row.parse("moved_json", |text| serde_json::from_str(text).ok())?;
        let moved = moved.ok_or(row.unreadable("moved_json"))?;
        let (Some((before, None)), Some((split, Some(_)))) = (halves.remove(&contact), halves.remove(&merged)) else {
            return Ok(None);
        };
        let after = without(&before, &split, &moved);
        let statement = |sql: &'static Sql| Statement::new(sql, params![contact, merged]);
        let back = |sql: &'static Sql, ids: Vec<uuid::Uuid>| {
            Statement::new(sql, params![contact, merged, ids.into_iter().collect::<Param<'_>>()])
        };
        let mut survivor = params![contact];
        survivor.extend(known_params(&after));
        self.tx
            .run(vec![
                back(&ALIASES_BACK, moved.aliases),
                back(&CONVERSATIONS_BACK, moved.conversations),
                back(&HELD_BACK, moved.held),
                Statement::new(&SURVIVOR, survivor),
                Statement::new(&ALIVE, params![merged]),
                statement(&APART),
                statement(&EARLIER_BACK),
                statement(&FORGET),
            ])
            .await?;
        Ok(Some(SplitContact { split, before, after }))
    }

    /// A person says that `contact` is who it claims to be: `claimed`, or the only one. Both become one contact; where it
    /// claims nobody, it is only not doubted any more. `None` where there is no such contact.
    pub async fn confirm_contact(
        &mut self,
        contact: ContactId,
        claimed: Option<ContactId>,
    ) -> Result<Option<ConfirmedContact>> {
        if self.tx.query(&IS_ALIVE, params![contact]).await?.is_empty() {
            return Ok(None);
        }
        let open = self.claimed_by(contact).await?;
        let claimed = match (claimed, open.as_slice()) {
            (None, []) => None,
            (None, [only]) => Some(*only),
            (None, _) => return Err(StoreError::Invalid("it claims to be several contacts; say which".into())),
            (Some(claimed), open) if open.contains(&claimed) => Some(claimed),
            (Some(_), _) => return Err(StoreError::Invalid("it does not claim to be that contact".into())),
        };
        self.tx.execute(&CONFIRM, params![contact]).await?;
        let Some(claimed) = claimed else { return Ok(Some(ConfirmedContact { id: contact, merged: None })) };
        let merge = Merge::of(contact, claimed);
        let statements = merging(&mut self.tx, &merge, self.now).await?;
        self.tx.execute(&DROP_CLAIM, params![contact, claimed]).await?;
        if statements.is_empty() {
            return Ok(Some(ConfirmedContact { id: contact, merged: None }));
        }
        self.tx.run(statements).await?;
        self.tx.execute(&CONFIRM, params![merge.winner]).await?;
        Ok(Some(ConfirmedContact { id: merge.winner, merged: Some(merge.loser) }))
    }

    /// A person says that what `contact` claims is not so: `on`, or its only claim, which is given back. From then on a
    /// number alone does not make the two contacts one. `None` where there is no such contact.
    pub async fn refuse_claim(&mut self, contact: ContactId, on: Option<ClaimOn>) -> Result<Option<ClaimOn>> {
        if self.tx.query(&IS_ALIVE, params![contact]).await?.is_empty() {
            return Ok(None);
        }
        let mut open: Vec<ClaimOn> = self.claimed_by(contact).await?.into_iter().map(ClaimOn::Contact).collect();
        for row in self.tx.query(&CARDS, params![contact]).await? {
            open.push(ClaimOn::Number(row.of("alias").get("value")?));
        }
        let on = match (on, open.as_slice()) {
            (None, [only]) => only.clone(),
            (None, [_, ..]) => return Err(StoreError::Invalid("it has several claims; say which".into())),
            (Some(on), open) if open.contains(&on) => on,
            (_, _) => return Err(StoreError::Invalid("it has no such claim".into())),
        };
        let statements = match &on {
            ClaimOn::Contact(claimed) => {
                [&DROP_CLAIM, &APART].map(|sql| Statement::new(sql, params![contact, *claimed])).into()
            }
            ClaimOn::Number(number) => vec![Statement::new(&DROP_CARD, params![contact, number])],
        };
        self.tx.run(statements).await?;
        Ok(Some(on))
    }

    async fn claimed_by(&mut self, contact: ContactId) -> Result<Vec<ContactId>> {
        let rows = self.tx.query(&CLAIMED, params![contact]).await?;
        rows.iter().map(|row| row.of("contact_claim").get("claimed_id")).collect()
    }
}

/// What is known of the survivor without what came from the other one, as far as it is still the same.
fn without(survivor: &ContactRecord, other: &ContactRecord, moved: &Moved) -> ContactRecord {
    let own = |own: &Option<String>, now: &Option<String>, others: &Option<String>| {
        now.clone().filter(|now| own.is_some() || Some(now) != others.as_ref())
    };
    let mut left = survivor.clone();
    left.attributes
        .retain(|name, value| moved.attributes.contains_key(name) || other.attributes.get(name) != Some(value));
    left.profile_name = own(&moved.profile_name, &survivor.profile_name, &other.profile_name);
    left.username = own(&moved.username, &survivor.username, &other.username);
    left.wa_id = own(&moved.wa_id, &survivor.wa_id, &other.wa_id);
    if moved.took_language && survivor.language == other.language {
        left.language = LanguageMemory::default();
    }
    left
}
