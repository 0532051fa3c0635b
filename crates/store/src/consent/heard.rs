//! What customers said about consent, in one transaction behind a fence: whose contact it is, what they said before, and the
//! entries that follow, with what has to be sent and who has to know.
//!
//! Must never merge contacts: that takes conversations and sends along, and is for whoever decides about messages.

use std::sync::LazyLock;

use waypost_domain::consent::ConsentEntry;
use waypost_domain::{Alias, AliasSet, Category, ContactId, ContactRecord, NumberName, Timestamp};

use super::{ENTRY, appending, entry};
use crate::alerts;
use crate::contacts::{RECORD, observe, record, stored_names};
use crate::core::{Param, Sql, params};
use crate::lease::{Fence, Fenced};
use crate::sends::{BarScope, NewSend, family_both, storing};
use crate::{Observation, Result, Store};

/// An open unit of work. Dropping it rolls back.
pub struct ConsentTx {
    fenced: Fenced,
}

/// What a contact said, and all who became part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Of every brand, in any order.
    pub entries: Vec<ConsentEntry>,
    /// When the last of those merges happened.
    pub merged_at: Option<Timestamp>,
}

/// What the business offered last, of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it was judged as.
    pub category: Option<Category>,
    /// JSON of the verdict (`waypost_policy::Record`), which has what the customer read; `None` once that is forgotten.
    pub verdict: Option<Vec<u8>>,
}

static ENTRIES: LazyLock<Sql> = LazyLock::new(|| {
    family_both(&format!("SELECT {} FROM family f JOIN consent_entry e ON e.contact_id = f.id", ENTRY.list("e")))
});

static MERGED: LazyLock<Sql> =
    LazyLock::new(|| family_both("SELECT max(m.at) AS at FROM family f JOIN contact_merge m ON m.loser_id = f.id"));

/// Lines 1 and 3 are what the business began.
static LAST_OFFER: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT s.category, s.verdict
    FROM family f
    JOIN send s ON s.contact_id = f.id
    WHERE s.number = $2 AND s.line IN (1, 3) AND s.attempted_at >= $3 AND s.state <> 'failed'
    ORDER BY s.attempted_at DESC
    LIMIT 1",
    )
});

/// Whoever owns any of these, as contacts in the order of their ids, locked.
static OWNERS: LazyLock<Sql> = LazyLock::new(|| {
    let with = |contacts: &str, lock: &str| {
        format!("SELECT {RECORD} FROM contact c WHERE c.id IN ({contacts}) ORDER BY c.id{lock}")
    };
    let sqlite = "SELECT a.contact_id FROM json_each($1) w JOIN alias a ON a.id = unhex(w.value)";
    let postgres = "SELECT a.contact_id FROM alias a WHERE a.id = ANY($1::UUID[])";
    Sql::made_each(with(sqlite, ""), with(postgres, " FOR NO KEY UPDATE"))
});

impl Store {
    /// Begins a unit of work that keeps what customers said about consent.
    pub async fn begin_consent(&self, fence: &Fence) -> Result<ConsentTx> {
        let (fenced, _) = self.begin_fenced(fence, vec![]).await?;
        Ok(ConsentTx { fenced })
    }
}

impl ConsentTx {
    /// Whom the observations speak of, in their order, as [`InboxTx::contacts`](crate::InboxTx::contacts) says it; their rows stay
    /// as they are to the end. After an error nothing else may be done in this transaction.
    pub async fn contacts(&mut self, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
        let Fenced { tx, ids, .. } = &mut self.fenced;
        observe(tx, &**ids, observations).await
    }

    /// Everybody who has one of these names, with their rows locked: where who wrote is known under two that nobody has merged
    /// yet.
    pub async fn everybody(&mut self, names: &AliasSet) -> Result<Vec<ContactRecord>> {
        let names: Vec<Alias> = stored_names(names);
        let ids: Param<'_> = names.iter().map(crate::contacts::alias_id).collect();
        let rows = self.fenced.tx.query(&OWNERS, params![ids]).await?;
        rows.iter().map(|row| record(&row.of("contact"))).collect()
    }

    /// What a survivor of all merges said so far.
    pub async fn ledger(&mut self, contact: ContactId) -> Result<Ledger> {
        let wanted = || -> Param<'_> { [contact].into_iter().collect() };
        let rows = self.fenced.tx.query(&ENTRIES, params![wanted()]).await?;
        let entries = rows.iter().map(|row| entry(&row.of(ENTRY.name))).collect::<Result<Vec<_>>>()?;
        let rows = self.fenced.tx.query(&MERGED, params![wanted()]).await?;
        let merged_at = rows.first().map_or(Ok(None), |row| row.of("contact_merge").get("at"))?;
        Ok(Ledger { entries, merged_at })
    }

    /// The last message that the business began with them on this number, attempted since then.
    pub async fn last_offer(
        &mut self,
        contact: ContactId,
        number: &NumberName,
        since: Timestamp,
    ) -> Result<Option<Offer>> {
        let wanted: Param<'_> = [contact].into_iter().collect();
        let rows = self.fenced.tx.query(&LAST_OFFER, params![wanted, number, since]).await?;
        let offer = |row: &crate::core::Row| {
            let row = row.of("send");
            Ok(Offer { category: row.get("category")?, verdict: row.get("verdict")? })
        };
        rows.first().map(offer).transpose()
    }

    /// Adds entries to the ledger; the same once more is none. Their contacts must be survivors.
    pub async fn append_consent(&mut self, entries: &[ConsentEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.fenced.tx.run(appending(entries)?).await.map(drop)
    }

    /// Puts these in the queue; what has an id that was stored before stays as it is.
    pub async fn keep_sends(&mut self, sends: &[NewSend]) -> Result<()> {
        match storing(sends, None)? {
            Some(statement) => self.fenced.tx.run(vec![statement]).await.map(drop),
            None => Ok(()),
        }
    }

    /// As [`Store::raise_alert`], about one of our numbers.
    pub async fn raise_alert(&mut self, number: &NumberName, kind: &str, why: &str, now: Timestamp) -> Result<bool> {
        alerts::raise(&mut self.fenced.tx, BarScope::Number, number.as_str(), kind, why, now).await
    }

    /// Makes everything durable. An error may also mean that it is durable and nobody could tell us: do it again, and what is
    /// there already is passed over.
    pub async fn commit(self) -> Result<()> {
        self.fenced.tx.commit().await
    }
}
