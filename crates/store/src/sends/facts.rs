//! What has to be known of a contact and a number before somebody is written to: read at once, in the transaction that
//! decides, with the contact's row locked; or without a lock, for whoever only asks.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use waypost_domain::consent::{ConsentEntry, Folded, Folding, fold};
use waypost_domain::send::SendState;
use waypost_domain::{Alias, Category, ContactId, ContactRecord, ConversationId, NumberName, Timestamp};

use super::row::STOP_CONFIRMATION;
use crate::consent;
use crate::contacts::{RECORD, record};
use crate::core::{Answer, Columns, Param, Row, Sql, Statement, Tx, params};
use crate::{Result, Store, StoreError, suppression};

/// What is known of a contact, on one of our numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct SendFacts {
    /// The survivor of all merges.
    pub contact: ContactRecord,
    pub aliases: Vec<Alias>,
    /// The conversation that is open.
    pub conversation: Option<ConversationId>,
    /// The latest end of a customer service window.
    pub window_ends_at: Option<Timestamp>,
    /// When the customer wrote last.
    pub last_inbound_at: Option<Timestamp>,
    /// Messages wait because another app holds the thread.
    pub other_app_holds_thread: bool,
    /// Of the contact and of all who became part of it, of every brand.
    pub consent: Vec<ConsentEntry>,
    /// When the last of those merges happened.
    pub merged_at: Option<Timestamp>,
    /// What was attempted lately, on any number, in any order.
    pub recent: Vec<RecentSend>,
    /// When the customer was last told that a stop was understood.
    pub stop_confirmed_at: Option<Timestamp>,
    /// They are counted in the messaging limit.
    pub has_place: bool,
    /// When somebody who was named as they are was erased.
    pub suppressed_at: Option<Timestamp>,
}

/// A send of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentSend {
    pub attempted_at: Timestamp,
    pub state: SendState,
    pub category: Option<Category>,
    pub is_automatic: bool,
    /// When it failed, and with which code.
    pub failed: Option<(Timestamp, Option<i64>)>,
    /// JSON of its verdict, of the last few seconds only: what went.
    pub verdict: Option<Vec<u8>>,
}

/// How far back is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach<'a> {
    /// What was attempted since.
    pub recent_since: Timestamp,
    /// What exactly went since.
    pub verdicts_since: Timestamp,
    /// Whose messaging limit, and since when a place counts.
    pub portfolio: &'a str,
    pub places_since: Timestamp,
}

/// A contact with all who became part of it: root, id.
fn family(sqlite: &str, postgres: &str) -> Sql {
    let with = |first: &str, rest: &str| {
        format!(
            "WITH RECURSIVE family (root, id) AS (
        {first}
        UNION ALL
        SELECT f.root, c.id FROM family f JOIN contact c ON c.merged_into = f.id)
    {rest}"
        )
    };
    Sql::made_each(
        with("SELECT unhex(w.value), unhex(w.value) FROM json_each($1) w", sqlite),
        with("SELECT w.id, w.id FROM unnest($1::UUID[]) AS w(id)", postgres),
    )
}

/// The same statement below it for both databases; $1: the roots.
pub(crate) fn family_both(rest: &str) -> Sql {
    family(rest, rest)
}

static CONTACTS: LazyLock<(Sql, Sql)> = LazyLock::new(|| {
    let with = |wanted: &str, lock: &str| {
        format!("SELECT {RECORD}, c.merged_into FROM contact c WHERE c.id {wanted} ORDER BY c.id{lock}")
    };
    let sqlite = with("IN (SELECT unhex(value) FROM json_each($1))", "");
    let postgres = "= ANY($1::UUID[])";
    (Sql::made_each(sqlite.clone(), with(postgres, "")), Sql::made_each(sqlite, with(postgres, " FOR NO KEY UPDATE")))
});

static ALIASES: Sql = Sql::each(
    "SELECT contact_id, kind, value FROM alias WHERE contact_id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT contact_id, kind, value FROM alias WHERE contact_id = ANY($1::UUID[])",
);

static CONVERSATIONS: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT f.root, v.number, v.id AS conversation_id, v.state, v.window_ends_at, v.last_inbound_at
    FROM family f
    JOIN conversation v ON v.contact_id = f.id",
    )
});

static HELD: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT DISTINCT f.root, n.name AS number
    FROM family f
    JOIN held h ON h.contact_id = f.id AND h.released_by IS NULL
    JOIN number n ON n.phone_number_id = h.number
    JOIN inbox i ON i.decision_id = h.decision_id AND i.kind <> 'notice'",
    )
});

static CONSENT: LazyLock<Sql> = LazyLock::new(|| {
    family_both(&format!(
        "SELECT f.root, {} FROM family f JOIN consent_entry e ON e.contact_id = f.id",
        consent::ENTRY.list("e")
    ))
});

static MERGED: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT f.root, max(m.at) AS at FROM family f JOIN contact_merge m ON m.loser_id = f.id GROUP BY f.root",
    )
});

static RECENT: LazyLock<Sql> = LazyLock::new(|| {
    family_both(&format!(
        "SELECT f.root, s.attempted_at, s.state, s.category, s.automatic, s.failed_at, s.error_code, s.cause,
        CASE WHEN s.attempted_at >= $3 THEN s.verdict END AS verdict
    FROM family f
    JOIN send s ON s.contact_id = f.id
    WHERE s.attempted_at >= $2 OR (s.cause = '{STOP_CONFIRMATION}' AND s.attempted_at IS NOT NULL)"
    ))
});

static PLACES: LazyLock<Sql> = LazyLock::new(|| {
    family_both(
        "SELECT DISTINCT f.root
    FROM family f
    JOIN limit_use u ON u.contact_id = f.id AND u.portfolio = $2 AND u.since > $3",
    )
});

static SURVIVORS: Sql = Sql::each(
    "WITH RECURSIVE up (start, id, merged_into) AS (
        SELECT c.id, c.id, c.merged_into FROM json_each($1) w JOIN contact c ON c.id = unhex(w.value)
        UNION
        SELECT up.start, c.id, c.merged_into FROM up JOIN contact c ON c.id = up.merged_into)
    SELECT start, id FROM up WHERE merged_into IS NULL",
    "WITH RECURSIVE up (start, id, merged_into) AS (
        SELECT c.id, c.id, c.merged_into FROM unnest($1::UUID[]) AS w(id) JOIN contact c ON c.id = w.id
        UNION
        SELECT up.start, c.id, c.merged_into FROM up JOIN contact c ON c.id = up.merged_into)
    SELECT start, id FROM up WHERE merged_into IS NULL",
);

/// Who each of these is by now; who there never was is left out.
pub(crate) fn asking_survivors(contacts: &BTreeSet<ContactId>) -> Statement<'static> {
    Statement::new(&SURVIVORS, params![contacts.iter().copied().collect::<Param<'_>>()])
}

pub(crate) fn survivors(answer: &Answer) -> Result<HashMap<ContactId, ContactId>> {
    let pair = |row: &Row| {
        let row = row.of("contact");
        Ok((row.get("start")?, row.get("id")?))
    };
    answer.rows.iter().map(pair).collect()
}

/// How many statements [`asking`] makes.
pub(super) const STATEMENTS: usize = 9;

/// What is asked of these survivors. With `locked` their rows stay as they are to the transaction's end.
pub(super) fn asking<'a>(survivors: &BTreeSet<ContactId>, reach: Reach<'a>, locked: bool) -> Vec<Statement<'a>> {
    let wanted = || survivors.iter().copied().collect::<Param<'a>>();
    let contacts = if locked { &CONTACTS.1 } else { &CONTACTS.0 };
    vec![
        Statement::new(contacts, params![wanted()]),
        Statement::new(&ALIASES, params![wanted()]),
        Statement::new(&CONVERSATIONS, params![wanted()]),
        Statement::new(&HELD, params![wanted()]),
        Statement::new(&CONSENT, params![wanted()]),
        Statement::new(&MERGED, params![wanted()]),
        Statement::new(&RECENT, params![wanted(), reach.recent_since, reach.verdicts_since]),
        Statement::new(&PLACES, params![wanted(), reach.portfolio, reach.places_since]),
        suppression::asking_for_key(),
    ]
}

/// What the answers to [`asking`] say.
pub(super) struct Known {
    contacts: HashMap<ContactId, SendFacts>,
    conversations: HashMap<(ContactId, NumberName), OnNumber>,
    /// By which those are known who were erased; `None` where nobody was.
    suppression_key: Option<Vec<u8>>,
}

/// Of a contact and a number.
#[derive(Debug, Clone, Default)]
struct OnNumber {
    conversation: Option<ConversationId>,
    window_ends_at: Option<Timestamp>,
    last_inbound_at: Option<Timestamp>,
    other_app_holds_thread: bool,
}

impl Known {
    /// `None` where one of them became part of somebody else meanwhile.
    pub(super) fn read(answers: &[Answer]) -> Result<Option<Self>> {
        let [contacts, aliases, conversations, held, consent, merged, recent, places, key] = answers else {
            return Ok(None);
        };
        let suppression_key = suppression::key(&key.rows)?;
        let mut known = Self { contacts: HashMap::new(), conversations: HashMap::new(), suppression_key };
        for row in &contacts.rows {
            let row = row.of("contact");
            if row.get::<Option<ContactId>>("merged_into")?.is_some() {
                return Ok(None);
            }
            let contact = record(&row)?;
            known.contacts.insert(contact.id, SendFacts::of(contact));
        }
        for row in &aliases.rows {
            let row = row.of("alias");
            let (kind, value): (String, String) = (row.get("kind")?, row.get("value")?);
            let alias = Alias::from_parts(&kind, value).ok_or(row.unreadable("kind"))?;
            known.of(row.get("contact_id")?, |facts| facts.aliases.push(alias));
        }
        for row in &conversations.rows {
            known.conversation(&row.of("conversation"))?;
        }
        for row in &held.rows {
            let row = row.of("held");
            known.conversations.entry((row.get("root")?, row.get("number")?)).or_default().other_app_holds_thread =
                true;
        }
        for row in &consent.rows {
            let row = row.of("consent_entry");
            let entry = consent::entry(&row)?;
            known.of(row.get("root")?, |facts| facts.consent.push(entry));
        }
        for row in &merged.rows {
            let row = row.of("contact_merge");
            let at = row.get("at")?;
            known.of(row.get("root")?, |facts| facts.merged_at = at);
        }
        for row in &recent.rows {
            known.recent(&row.of("send"))?;
        }
        for row in &places.rows {
            known.of(row.of("limit_use").get("root")?, |facts| facts.has_place = true);
        }
        Ok(Some(known))
    }

    /// Finds who among them was erased before, where anybody ever was.
    pub(super) async fn find_suppressed(&mut self, tx: &mut Tx) -> Result<()> {
        let Some(key) = self.suppression_key.take() else { return Ok(()) };
        let aliases: Vec<Alias> = self.contacts.values().flat_map(|facts| facts.aliases.clone()).collect();
        let lookup = suppression::Lookup::new(&key, &aliases);
        let answers = tx.run(vec![lookup.asking()]).await?;
        let rows = answers.first().map(|answer| answer.rows.as_slice()).unwrap_or_default();
        let found = lookup.read(rows)?;
        for facts in self.contacts.values_mut() {
            facts.suppressed_at = facts.aliases.iter().filter_map(|alias| found.get(alias)).max().copied();
        }
        Ok(())
    }

    fn of(&mut self, contact: ContactId, change: impl FnOnce(&mut SendFacts)) {
        if let Some(facts) = self.contacts.get_mut(&contact) {
            change(facts);
        }
    }

    fn conversation(&mut self, row: &Columns<'_>) -> Result<()> {
        let on = self.conversations.entry((row.get("root")?, row.get("number")?)).or_default();
        let state: String = row.get("state")?;
        if state != "resolved" {
            on.conversation = Some(row.get("conversation_id")?);
        }
        on.window_ends_at = on.window_ends_at.max(row.get("window_ends_at")?);
        on.last_inbound_at = on.last_inbound_at.max(row.get("last_inbound_at")?);
        Ok(())
    }

    fn recent(&mut self, row: &Columns<'_>) -> Result<()> {
        let failed_at: Option<Timestamp> = row.get("failed_at")?;
        let code: Option<i64> = row.get("error_code")?;
        let recent = RecentSend {
            attempted_at: row.get("attempted_at")?,
            state: row.get("state")?,
            category: row.get("category")?,
            is_automatic: row.get("automatic")?,
            failed: failed_at.map(|at| (at, code)),
            verdict: row.get("verdict")?,
        };
        let cause: String = row.get("cause")?;
        let has_gone = recent.state.may_have_left() && recent.state != SendState::Failed;
        self.of(row.get("root")?, |facts| {
            if cause == STOP_CONFIRMATION && has_gone {
                facts.stop_confirmed_at = facts.stop_confirmed_at.max(Some(recent.attempted_at));
            }
            facts.recent.push(recent);
        });
        Ok(())
    }

    /// `None`: there is no such contact.
    pub(super) fn facts(&self, contact: ContactId, number: &NumberName) -> Option<SendFacts> {
        let facts = self.contacts.get(&contact)?.clone();
        let on = self.conversations.get(&(contact, number.clone())).cloned().unwrap_or_default();
        Some(SendFacts {
            conversation: on.conversation,
            window_ends_at: on.window_ends_at,
            last_inbound_at: on.last_inbound_at,
            other_app_holds_thread: on.other_app_holds_thread,
            ..facts
        })
    }
}

impl SendFacts {
    /// Of somebody of whom nothing is stored.
    pub const fn of(contact: ContactRecord) -> Self {
        Self {
            contact,
            aliases: Vec::new(),
            conversation: None,
            window_ends_at: None,
            last_inbound_at: None,
            other_app_holds_thread: false,
            consent: Vec::new(),
            merged_at: None,
            recent: Vec::new(),
            stop_confirmed_at: None,
            has_place: false,
            suppressed_at: None,
        }
    }

    /// What their consent to a brand comes to. An erasure counts as a stop.
    pub fn consents(&self, brand: &str, now: Timestamp) -> Folded {
        let folding =
            Folding { now, merged_at: self.merged_at, reconfirm_ms: None, confirmed_at: self.stop_confirmed_at };
        let erasure = self.suppressed_at.map(|at| ConsentEntry::erasure(self.contact.id, brand, at));
        fold(self.consent.iter().chain(&erasure), brand, &folding)
    }
}

impl Store {
    /// What is known of the contact that this one is by now, without a lock: for whoever asks what would happen.
    pub async fn send_facts(
        &self,
        contact: ContactId,
        number: &NumberName,
        reach: Reach<'_>,
    ) -> Result<Option<SendFacts>> {
        let Some(survivor) = self.surviving_contact(contact).await? else { return Ok(None) };
        let mut tx = self.begin().await?;
        let answers = tx.run(asking(&[survivor].into(), reach, false)).await?;
        let Some(mut known) = Known::read(&answers)? else { return Ok(None) };
        known.find_suppressed(&mut tx).await?;
        Ok(known.facts(survivor, number))
    }

    /// What is known of these contacts beside their conversations, without a lock. [`StoreError::Retry`] where one became part of
    /// another.
    pub async fn consent_facts(&self, contacts: &[ContactId], reach: Reach<'_>) -> Result<Vec<SendFacts>> {
        let mut tx = self.begin().await?;
        let answers = tx.run(asking(&contacts.iter().copied().collect(), reach, false)).await?;
        let known = Known::read(&answers)?;
        let mut known = known.ok_or_else(|| StoreError::retry("a contact became part of another since it was read"))?;
        known.find_suppressed(&mut tx).await?;
        Ok(contacts.iter().filter_map(|contact| known.contacts.get(contact).cloned()).collect())
    }
}
