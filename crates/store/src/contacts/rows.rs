//! Contacts and aliases in the database. What they mean is for `people` and `waypost_domain::contact` to say.
//!
//! Who points an alias away from a contact holds that contact's row and raises its version. So an alias that was read
//! before the row was locked is still right if the version is still the one that was read with it; and an alias that
//! somebody attached meanwhile collides with ours when it is inserted.
//!
//! Worked cases, with alias `p` of contact A (version 3), read without a lock by batch one:
//!
//! - Given batch two that moves `p` to B and commits before one writes: A's version is 4 then. When one begins a
//!   conversation with A, its lock finds 4 instead of 3 and one repeats; else the conversation would be A's, though
//!   who wrote is B.
//! - Given batch two that gives A one more alias: the version stays 3, since what one read of `p` is still true, and one
//!   goes on.
//! - Given batch two that creates a contact for alias `q`, which one has found to belong to nobody: one's insert of `q`
//!   waits for two. Given that two commits, one's insert writes nothing, is counted, and one repeats; else, two having
//!   rolled back, one's contact is the only one and stays.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::contact::Doubt;
use waypost_domain::{Alias, ContactId, Timestamp};

use crate::Result;
use crate::StoreError;
use crate::contacts::person::{DOUBTS, Person, RECORD, language_params};
use crate::conversations::{self, COLUMNS};
use crate::core::{Param, Row, Sql, Statement, Table, Tx, params};
use crate::inbox::ReadUnlocked;
use crate::records::unreadable;

/// Who owns which of the wanted aliases, and what is known of the owners.
#[derive(Default)]
pub(crate) struct Owned {
    pub(super) aliases: Vec<(Alias, ContactId)>,
    pub(super) contacts: Vec<StoredContact>,
}

pub(super) struct StoredContact {
    pub(super) person: Person,
    pub(super) version: i64,
}

/// What [`write`] writes.
pub(super) struct Changes<'a> {
    /// In the order of their ids.
    pub(super) new: Vec<&'a Person>,
    pub(super) changed: Vec<&'a Person>,
    /// In the order of the aliases, which all transactions share.
    pub(super) attached: Vec<(&'a Alias, ContactId)>,
    /// (alias, from, to)
    pub(super) moved: Vec<(&'a Alias, ContactId, ContactId)>,
    pub(super) detached: Vec<&'a Alias>,
    /// (claimed, claimant, why)
    pub(super) claims: Vec<(ContactId, ContactId, Doubt)>,
    pub(super) at: Timestamp,
}

/// As a new contact is written; the rest has its defaults.
static NEW_CONTACT: Table = Table {
    name: "contact",
    columns: &[
        ("id", "UUID"),
        ("created_at", "BIGINT"),
        ("has_bsuid", "BIGINT"),
        ("profile_name", "TEXT"),
        ("username", "TEXT"),
        ("wa_id", "TEXT"),
        ("identity_changed_at", "BIGINT"),
        ("language", "TEXT"),
        ("language_source", "TEXT"),
        ("language_confidence", "BIGINT"),
        ("language_sample", "TEXT"),
    ],
};

static ALIAS: Table = Table {
    name: "alias",
    columns: &[("id", "UUID"), ("kind", "TEXT"), ("value", "TEXT"), ("contact_id", "UUID"), ("since", "BIGINT")],
};

static CLAIM: Table = Table {
    name: "contact_claim",
    columns: &[("claimed_id", "UUID"), ("claimant_id", "UUID"), ("reason", "TEXT"), ("at", "BIGINT")],
};

static INSERT_CLAIMS: LazyLock<Sql> = LazyLock::new(|| CLAIM.insert("ON CONFLICT DO NOTHING"));

static INSERT_CONTACTS: LazyLock<Sql> = LazyLock::new(|| NEW_CONTACT.insert(""));

static ATTACH: LazyLock<Sql> = LazyLock::new(|| ALIAS.insert_checked("ON CONFLICT DO NOTHING"));

/// Asked only of whom a number alone names. Whoever reads without a lock does not ask: what it decides is settled before,
/// or is asked again under the lock.
const HEARD_AT: &str = "CASE WHEN c.has_bsuid = 0 THEN
        (SELECT max(k.last_inbound_at) FROM conversation k WHERE k.contact_id = c.id) END AS heard_at";

/// Wanted aliases are named by their place in the list, from 0, with spaces between.
///
/// SQLite has one writer: nothing can move between reading and writing. PostgreSQL waits for a row and reads it again
/// only where it locks it (<https://www.postgresql.org/docs/15/transaction-iso.html#XACT-READ-COMMITTED>), after they
/// are sorted.
static LOCK_OWNERS: LazyLock<Sql> = LazyLock::new(|| {
    Sql::made_each(
        format!(
            "WITH owned AS MATERIALIZED (
        SELECT a.contact_id, group_concat(w.key, ' ') AS places
        FROM json_each($1) w
        CROSS JOIN alias a ON a.id = unhex(w.value)
        GROUP BY a.contact_id)
    SELECT {RECORD}, 0 AS version, {DOUBTS}, {HEARD_AT}, 0 AS version_read, o.places
    FROM owned o
    CROSS JOIN contact c ON c.id = o.contact_id"
        ),
        format!(
            "WITH owned AS MATERIALIZED (
        SELECT a.contact_id, s.version, string_agg((w.place - 1)::TEXT, ' ') AS places
        FROM unnest($1::UUID[]) WITH ORDINALITY AS w(id, place)
        JOIN alias a ON a.id = w.id
        JOIN contact s ON s.id = a.contact_id
        GROUP BY a.contact_id, s.version)
    SELECT {RECORD}, c.version, {DOUBTS}, {HEARD_AT}, o.version AS version_read, o.places
    FROM owned o
    JOIN contact c ON c.id = o.contact_id
    ORDER BY c.id
    FOR NO KEY UPDATE OF c"
        ),
    )
});

/// The same without a lock, so what was read may be out of date by now; and with a conversation on each number, one row
/// for each: the unresolved one, or else the one that was active last. PostgreSQL only.
static READ_OWNERS: LazyLock<Sql> = LazyLock::new(|| {
    let conversation = COLUMNS.replacen("v.contact_id, ", "", 1);
    Sql::made_each(
        String::new(),
        format!(
            "WITH owned AS MATERIALIZED (
        SELECT a.contact_id, string_agg((w.place - 1)::TEXT, ' ') AS places
        FROM unnest($1::UUID[]) WITH ORDINALITY AS w(id, place)
        JOIN alias a ON a.id = w.id
        GROUP BY a.contact_id)
    SELECT {RECORD}, c.version, {DOUBTS}, NULL::BIGINT AS heard_at, c.version AS version_read, o.places,
        c.id AS contact_id,
        {conversation}, v.written_in::TEXT AS written_by
    FROM owned o
    JOIN contact c ON c.id = o.contact_id
    LEFT JOIN LATERAL (
        SELECT DISTINCT ON (one.number) one.*, one.xmin AS written_in
        FROM conversation one
        WHERE one.contact_id = c.id
        ORDER BY one.number, (one.state = 'resolved'), one.active_at DESC) v ON TRUE"
        ),
    )
});

/// PostgreSQL only. They must have the versions that were read.
static LOCK_READ: Sql = Sql::each(
    "",
    "WITH locked AS MATERIALIZED (
        SELECT id, version FROM contact WHERE id = ANY($1::UUID[]) ORDER BY id FOR NO KEY UPDATE)
    SELECT 1 / (count(*) = $3)::INT
    FROM locked
    JOIN unnest($1::UUID[], $2::BIGINT[]) AS r(id, version) ON r.id = locked.id AND r.version = locked.version",
);

static UPDATE: Sql = Sql::both(
    "UPDATE contact SET
        profile_name = $2, username = $3, has_bsuid = $4, version = version + $5, wa_id = $6, identity_changed_at = $7,
        language = $8, language_source = $9, language_confidence = $10, language_sample = $11
    WHERE id = $1",
);

static DETACH: Sql = Sql::both("DELETE FROM alias WHERE id = $1");

static MOVE: Sql = Sql::each(
    "UPDATE alias SET contact_id = $2, since = $4 WHERE id = $1 AND contact_id = $3",
    "WITH done AS (
        UPDATE alias SET contact_id = $2, since = $4 WHERE id = $1 AND contact_id = $3
        RETURNING 1)
    SELECT 1 / (count(*) = $5)::INT FROM done",
);

/// The key of an alias. Its value must be in the stored form: see [`crate::records::key`].
pub(crate) fn alias_id(alias: &Alias) -> Uuid {
    /// Never to be changed: it is in every key.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0003);
    let name = [alias.kind().as_bytes(), &[0], alias.value().as_bytes()].concat();
    Uuid::new_v5(&NAMESPACE, &name)
}

fn array(wanted: &BTreeSet<Alias>) -> Param<'static> {
    wanted.iter().map(alias_id).collect()
}

/// Asks who owns the aliases as far as can be told without a lock: see [`read_by`].
pub(crate) fn read_owners<'a>(wanted: &BTreeSet<Alias>) -> Statement<'a> {
    Statement::new(&READ_OWNERS, params![array(wanted)])
}

/// The answer to [`read_owners`] of `asked`, as far as it is about `wanted`, and what was read with it.
pub(super) fn read_by(
    rows: &[Row],
    asked: &BTreeSet<Alias>,
    wanted: &BTreeSet<Alias>,
) -> Result<(Owned, ReadUnlocked)> {
    let mut read = ReadUnlocked::default();
    let mut owners = Vec::with_capacity(rows.len());
    for row in rows {
        let contact = row.of(NEW_CONTACT.name);
        let id: ContactId = contact.get("id")?;
        read.latest.entry(id).or_default();
        if let Some((conversation, written_by)) = conversations::from_row(row)? {
            read.of_state(conversation.state).insert(conversation.id, written_by);
            read.latest.entry(id).or_default().push(conversation);
        }
        if read.contacts.insert(id, contact.get("version")?).is_none() {
            owners.push(row);
        }
    }
    let mut owned = owned(&owners, asked)?;
    if asked != wanted {
        owned.aliases.retain(|(alias, _)| wanted.contains(alias));
        let kept: BTreeSet<ContactId> = owned.aliases.iter().map(|(_, owner)| *owner).collect();
        owned.contacts.retain(|contact| kept.contains(&contact.person.record.id));
        read.contacts.retain(|id, _| kept.contains(id));
        let gone: Vec<ContactId> = read.latest.keys().filter(|id| !kept.contains(id)).copied().collect();
        let conversations: Vec<_> = gone.iter().filter_map(|id| read.latest.remove(id)).flatten().collect();
        for conversation in conversations {
            read.of_state(conversation.state).remove(&conversation.id);
        }
    }
    Ok((owned, read))
}

/// Locks contacts of which these versions were read, in the order of their ids; they must still have them.
pub(crate) fn lock_read<'a>(read: &[(ContactId, i64)]) -> Option<Statement<'a>> {
    if read.is_empty() {
        return None;
    }
    let ids: Param<'_> = read.iter().map(|(id, _)| *id).collect();
    let versions: Param<'_> = read.iter().map(|(_, version)| *version).collect();
    let lock = Statement::new(&LOCK_READ, params![ids, versions]);
    Some(lock.expecting(read.len() as u64, "a contact changed since it was read"))
}

/// Who owns the aliases. The owners' rows are ours until the transaction ends.
pub(super) async fn lock_owners(tx: &mut Tx, wanted: &BTreeSet<Alias>) -> Result<Owned> {
    if wanted.is_empty() {
        return Ok(Owned::default());
    }
    let rows = tx.query(&LOCK_OWNERS, params![array(wanted)]).await?;
    for row in &rows {
        let row = row.of(NEW_CONTACT.name);
        if row.get::<i64>("version")? != row.get::<i64>("version_read")? {
            return Err(StoreError::retry("a contact changed while we waited for it"));
        }
    }
    owned(&rows.iter().collect::<Vec<_>>(), wanted)
}

fn owned(rows: &[&Row], wanted: &BTreeSet<Alias>) -> Result<Owned> {
    let wanted: Vec<&Alias> = wanted.iter().collect();
    let mut owned = Owned::default();
    for row in rows {
        let row = row.of(NEW_CONTACT.name);
        let person = Person::from_row(&row)?;
        let version = row.get("version")?;
        let places: String = row.get("places")?;
        for place in places.split(' ') {
            let alias = place.parse().ok().and_then(|place: usize| wanted.get(place));
            owned.aliases.push(((*alias.ok_or(unreadable("alias", "id"))?).clone(), person.record.id));
        }
        owned.contacts.push(StoredContact { person, version });
    }
    Ok(owned)
}

/// Everything that `changes` takes, all at once.
pub(super) async fn write(tx: &mut Tx, changes: &Changes<'_>) -> Result<()> {
    let mut statements = Vec::new();
    if !changes.new.is_empty() {
        statements.push(Statement::rows(&INSERT_CONTACTS, changes.new.iter().map(|person| of_new(person)).collect()));
    }
    for person in &changes.changed {
        let record = &person.record;
        let (name, username) = (record.profile_name.as_deref(), record.username.as_deref());
        let mut params = params![record.id, name, username, person.has_bsuid, person.lost_alias];
        params.extend(params![record.wa_id.as_deref(), person.identity_changed_at]);
        params.extend(language_params(&record.language));
        statements.push(Statement::new(&UPDATE, params));
    }
    for (alias, from, to) in &changes.moved {
        let moved = Statement::new(&MOVE, params![alias_id(alias), *to, *from, changes.at]);
        statements.push(moved.expecting(1, "an alias moved meanwhile"));
    }
    for alias in &changes.detached {
        statements.push(Statement::new(&DETACH, params![alias_id(alias)]));
    }
    let attached: Vec<Vec<Param<'_>>> = changes
        .attached
        .iter()
        .map(|(alias, owner)| params![alias_id(alias), alias.kind(), alias.value(), *owner, changes.at])
        .collect();
    let count = attached.len() as u64;
    if count > 0 {
        let attach = Statement::rows(&ATTACH, attached);
        statements.push(attach.expecting(count, "another partition created the contact"));
    }
    if !changes.claims.is_empty() {
        let claims = changes.claims.iter().map(|(claimed, by, why)| params![*claimed, *by, why.as_str(), changes.at]);
        statements.push(Statement::rows(&INSERT_CLAIMS, claims.collect()));
    }
    if statements.is_empty() {
        return Ok(());
    }
    tx.run(statements).await.map(drop)
}

fn of_new(person: &Person) -> Vec<Param<'_>> {
    let record = &person.record;
    let (name, username) = (record.profile_name.as_deref(), record.username.as_deref());
    let mut params = params![record.id, person.created_at, person.has_bsuid, name, username];
    params.extend(params![record.wa_id.as_deref(), person.identity_changed_at]);
    params.extend(language_params(&record.language));
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_alias_is_the_one_of_the_first_release() {
        let ids = [Alias::Phone("1".into()), Alias::Bsuid("1".into()), Alias::ParentBsuid("1".into())];
        let ids = ids.map(|alias| alias_id(&alias).to_string());
        assert_eq!(ids, GOLDEN);
    }
    const GOLDEN: [&str; 3] = [
        "645effd8-5386-5415-908b-6b27de732e39",
        "52aee5bf-f854-5580-b947-c19eaaaf3f2f",
        "e5785119-0a60-50e8-87af-d20de11c53bc",
    ];
}
