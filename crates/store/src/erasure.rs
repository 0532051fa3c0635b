//! Forgetting a person (Regulation (EU) 2016/679, article 17): everything that the store holds of a contact, and of all who became
//! part of it, goes; what figures need, and what keeps a webhook from being taken twice, stays, with nothing in it that leads to
//! anybody.
//!
//! What an index leads to goes in one transaction, in which no worker has a batch open: it locks every lease first, as each of
//! their transactions does, so none of them writes behind it what it had read of the person. What no index leads to is looked for
//! in pages, before that and after ([`loose`]).

mod loose;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use waypost_domain::send::SendState;
use waypost_domain::{Alias, ContactId, Timestamp};

use crate::admin::AuditedTx;
use crate::core::{Param, Row, Sql, Statement, Table, params};
use crate::sends::GIVEN_UP;
use crate::{Result, Store, StoreError, suppression};

pub use loose::LooseErased;

/// By what a person is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedPerson {
    /// The survivor of all merges.
    pub contact: ContactId,
    /// With all who became part of it.
    pub ids: BTreeSet<ContactId>,
    pub aliases: Vec<Alias>,
    /// When they were erased, where they were.
    pub erased_at: Option<Timestamp>,
}

/// How much of a person was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Numbers and ids that named them; a keyed hash of each is kept.
    pub aliases: u64,
    pub conversations: u64,
    /// Entries of transcripts, and what waited to be shown.
    pub transcript: u64,
    /// Copies of files that they sent.
    pub files: u64,
    /// Sends that were still queued, which are cancelled.
    pub cancelled: u64,
    /// Sends whose content was forgotten, those included.
    pub sends: u64,
    /// What WhatsApp told of those sends.
    pub statuses: u64,
    /// Rows of campaigns whose values were forgotten.
    pub campaign_rows: u64,
    /// Entries of the consent ledger that are gone, or, where proof is kept, have lost what leads to anybody.
    pub consent_entries: u64,
}

/// In `text`, `{ids}` stands for the contacts, which are bound as $1, `{talks}` for their conversations, `{empty}` for no bytes,
/// `{locked}` for what locks the rows where others may write.
fn of_ids(text: &str) -> Sql {
    let text = text.replace("{talks}", "(SELECT id FROM conversation WHERE contact_id {ids})");
    Sql::made_each(
        text.replace("{ids}", "IN (SELECT unhex(value) FROM json_each($1))")
            .replace("{empty}", "x''")
            .replace("{locked}", ""),
        text.replace("{ids}", "= ANY($1::UUID[])").replace("{empty}", "''::BYTEA").replace("{locked}", " FOR UPDATE"),
    )
}

/// Whoever has a batch open holds its lease's row.
static LOCK_LEASES: Sql = Sql::each("SELECT 1", "SELECT 1 FROM lease ORDER BY component, partition FOR UPDATE");

static LOCK_CONTACTS: LazyLock<Sql> =
    LazyLock::new(|| of_ids("SELECT id FROM contact WHERE id {ids} ORDER BY id{locked}"));

static FAMILY: Sql = Sql::both(
    "WITH RECURSIVE family (id) AS (
        SELECT id FROM contact WHERE id = $1
        UNION
        SELECT c.id FROM contact c JOIN family f ON c.merged_into = f.id)
    SELECT id FROM family",
);

static ALIASES: LazyLock<Sql> = LazyLock::new(|| of_ids("SELECT kind, value FROM alias WHERE contact_id {ids}"));

static WAS_ERASED: Sql = Sql::both(
    "SELECT contact_id, root_id, at FROM erased
    WHERE root_id = (SELECT root_id FROM erased WHERE contact_id = $1)",
);

static ERASED: LazyLock<Sql> = LazyLock::new(|| {
    static TABLE: Table =
        Table { name: "erased", columns: &[("at", "BIGINT"), ("contact_id", "UUID"), ("root_id", "UUID")] };
    TABLE.insert("ON CONFLICT DO NOTHING")
});

/// What waits is taken back. Nothing waits behind it but what is theirs, too.
static CANCEL: LazyLock<Sql> = LazyLock::new(|| {
    let rank = SendState::Cancelled.rank();
    of_ids(&format!(
        "UPDATE send SET state = 'cancelled', rank = {rank}, since = $2, waits = 0
        WHERE contact_id {{ids}} AND state = 'queued'"
    ))
});

/// What may be under way is left to what WhatsApp tells of it, and never goes again. Its wamid has the number in it.
static FORGET_SENDS: LazyLock<Sql> = LazyLock::new(|| {
    let rank = SendState::Uncertain.rank();
    of_ids(&format!(
        "UPDATE send SET request = {{empty}}, verdict = NULL, wamid = 'erased:' || place,
            due_at = CASE phase WHEN 1 THEN {GIVEN_UP} ELSE due_at END,
            rank = CASE state WHEN 'attempting' THEN {rank} ELSE rank END,
            state = CASE state WHEN 'attempting' THEN 'uncertain' ELSE state END
        WHERE contact_id {{ids}}"
    ))
});

static FORGET_STATUSES: LazyLock<Sql> = LazyLock::new(|| {
    of_ids(
        "DELETE FROM status WHERE wamid IN (
            SELECT wamid FROM send WHERE contact_id {ids} AND wamid IS NOT NULL)",
    )
});

/// By way of the campaigns that may have a row of theirs with something in it. One whose turn had not come is never sent to.
static FORGET_RECIPIENT: LazyLock<Sql> = LazyLock::new(|| {
    of_ids(
        "UPDATE campaign_recipient SET contact_id = NULL, template_values = NULL, field = 'contact', problem = 'was erased',
            state = CASE state WHEN 'planned' THEN 'rejected' ELSE state END
        WHERE contact_id {ids} AND campaign IN (
            SELECT campaign FROM send WHERE contact_id {ids} AND campaign IS NOT NULL
            UNION
            SELECT id FROM campaign WHERE ended_at IS NULL)",
    )
});

static FORGET_PROOF: LazyLock<Sql> = LazyLock::new(|| of_ids("DELETE FROM consent_entry WHERE contact_id {ids}"));

/// Whom it was, nobody can tell any more.
static LEAVE_PROOF: LazyLock<Sql> =
    LazyLock::new(|| of_ids("UPDATE consent_entry SET source = NULL, evidence = $2 WHERE contact_id {ids}"));

/// A statement, and what its rows count as.
type Counted = (LazyLock<Sql>, fn(&mut Erased, u64));

/// The rest, in this order.
static REST: [Counted; 9] = [
    (
        LazyLock::new(|| {
            of_ids(
                "DELETE FROM media_part WHERE decision_id IN (
                    SELECT decision_id FROM media_copy WHERE conversation_id IN {talks})",
            )
        }),
        |_, _| {},
    ),
    (LazyLock::new(|| of_ids("DELETE FROM media_copy WHERE conversation_id IN {talks}")), |erased, rows| {
        erased.files += rows
    }),
    (LazyLock::new(|| of_ids("DELETE FROM transcript WHERE conversation_id IN {talks}")), |erased, rows| {
        erased.transcript += rows
    }),
    (LazyLock::new(|| of_ids("DELETE FROM held WHERE contact_id {ids} AND released_by IS NULL")), |erased, rows| {
        erased.transcript += rows
    }),
    (LazyLock::new(|| of_ids("DELETE FROM conversation WHERE contact_id {ids}")), |erased, rows| {
        erased.conversations += rows
    }),
    (LazyLock::new(|| of_ids("DELETE FROM contact_claim WHERE claimed_id {ids} OR claimant_id {ids}")), |_, _| {}),
    (LazyLock::new(|| of_ids("DELETE FROM contact_merge WHERE winner_id {ids} OR loser_id {ids}")), |_, _| {}),
    (LazyLock::new(|| of_ids("DELETE FROM alias WHERE contact_id {ids}")), |erased, rows| erased.aliases += rows),
    (LazyLock::new(|| of_ids("DELETE FROM contact WHERE id {ids}")), |_, _| {}),
];

impl Store {
    /// Everybody whom this contact is, and what names them; `None`: there never was one of this id.
    pub async fn person_to_erase(&self, contact: ContactId) -> Result<Option<ErasedPerson>> {
        let Some(contact) = self.surviving_contact(contact).await? else { return self.erased_person(contact).await };
        let rows = self.read(&FAMILY, params![contact]).await?;
        let ids = rows.iter().map(|row| row.of("contact").get("id")).collect::<Result<BTreeSet<ContactId>>>()?;
        let rows = self.read(&ALIASES, params![bound(&ids)]).await?;
        let aliases = rows.iter().map(alias).collect::<Result<Vec<_>>>()?;
        Ok(Some(ErasedPerson { contact, ids, aliases, erased_at: None }))
    }

    async fn erased_person(&self, contact: ContactId) -> Result<Option<ErasedPerson>> {
        let rows = self.read(&WAS_ERASED, params![contact]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let ids = rows.iter().map(|row| row.of("erased").get("contact_id")).collect::<Result<BTreeSet<_>>>()?;
        let first = first.of("erased");
        Ok(Some(ErasedPerson {
            contact: first.get("root_id")?,
            ids,
            aliases: vec![],
            erased_at: Some(first.get("at")?),
        }))
    }
}

impl AuditedTx {
    /// Erases a person as they were found. `key`: the deployment's key of pseudonyms. `keeps_proof`: entries of the consent ledger
    /// stay, without what leads to anybody. [`StoreError::Retry`] where they became somebody else since.
    pub async fn erase_person(&mut self, person: &ErasedPerson, key: &[u8], keeps_proof: bool) -> Result<Erased> {
        let ids = || bound(&person.ids);
        let at = self.now;
        self.tx.run(vec![Statement::new(&LOCK_LEASES, vec![]), Statement::new(&LOCK_CONTACTS, params![ids()])]).await?;
        let family = self.tx.query(&FAMILY, params![person.contact]).await?;
        let family = family.iter().map(|row| row.of("contact").get("id")).collect::<Result<BTreeSet<ContactId>>>()?;
        if family != person.ids {
            return Err(StoreError::retry("the contact became part of another, or another part of it"));
        }
        // One that came since goes with the others.
        let rows = self.tx.query(&ALIASES, params![ids()]).await?;
        let aliases = rows.iter().map(alias).collect::<Result<Vec<_>>>()?;
        let proof = match keeps_proof {
            true => Statement::new(&LEAVE_PROOF, params![ids(), "{}"]),
            false => Statement::new(&FORGET_PROOF, params![ids()]),
        };
        let erased = person.ids.iter().map(|id| params![at, *id, person.contact]).collect();
        let mut statements = vec![
            suppression::suppressing(key, &aliases, at),
            Statement::rows(&ERASED, erased),
            Statement::new(&FORGET_STATUSES, params![ids()]),
            Statement::new(&CANCEL, params![ids(), at]),
            Statement::new(&FORGET_SENDS, params![ids()]),
            Statement::new(&FORGET_RECIPIENT, params![ids()]),
            proof,
        ];
        let first = statements.len();
        statements.extend(REST.iter().map(|(sql, _)| Statement::new(sql, params![ids()])));
        let answers = self.tx.run(statements).await?;
        let counts: Vec<u64> = answers.iter().map(|answer| answer.affected).collect();
        let (counts, rest) = counts.split_at(first);
        let [_, _, statuses, cancelled, sends, campaign_rows, consent_entries] = counts else {
            return Ok(Erased::default());
        };
        let mut erased = Erased {
            cancelled: *cancelled,
            sends: *sends,
            statuses: *statuses,
            campaign_rows: *campaign_rows,
            consent_entries: *consent_entries,
            ..Erased::default()
        };
        for ((_, count), rows) in REST.iter().zip(rest) {
            count(&mut erased, *rows);
        }
        Ok(erased)
    }
}

fn bound(ids: &BTreeSet<ContactId>) -> Param<'static> {
    ids.iter().copied().collect()
}

fn alias(row: &Row) -> Result<Alias> {
    let row = row.of("alias");
    let (kind, value): (String, String) = (row.get("kind")?, row.get("value")?);
    Alias::from_parts(&kind, value).ok_or_else(|| row.unreadable("kind"))
}
