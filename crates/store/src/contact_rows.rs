//! Contacts and aliases in the database. What they mean is for `people` and `waypost_domain::contact` to say.
//!
//! Who points an alias away from a contact holds that contact's row and raises its version. So an alias that was read
//! before the row was locked is still right if the version is still the one that was read with it; and an alias that
//! somebody attached meanwhile collides with ours when it is inserted.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;
use waypost_domain::{Alias, ContactId};

use crate::batch::Read;
use crate::conversations::{JoinedConversation, joined_columns};
use crate::database::{Tx, on_tx};
use crate::people::{Changes, Person};
use crate::records::{self, unreadable};
use crate::{ContactRecord, Result, StoreError};

#[derive(sqlx::FromRow)]
pub(crate) struct ContactRow {
    pub(crate) id: Uuid,
    attributes: String,
    profile_name: Option<String>,
    username: Option<String>,
    language: Option<String>,
}

impl ContactRow {
    pub(crate) fn into_record(self) -> Result<ContactRecord> {
        Ok(ContactRecord {
            id: ContactId::from_uuid(self.id),
            attributes: serde_json::from_str(&self.attributes).map_err(|_| unreadable("contact", "attributes"))?,
            profile_name: self.profile_name,
            username: self.username,
            language: self.language,
            is_new: false,
        })
    }
}

/// Who owns which of the wanted aliases, and what is known of the owners.
#[derive(Default)]
pub(crate) struct Owned {
    pub(crate) aliases: Vec<(Alias, ContactId)>,
    pub(crate) contacts: Vec<StoredContact>,
}

pub(crate) struct StoredContact {
    pub(crate) record: ContactRecord,
    pub(crate) has_bsuid: bool,
    pub(crate) version: i64,
}

/// An owner, and which of the wanted aliases were its own when the statement began.
#[derive(sqlx::FromRow)]
struct OwnedRow {
    #[sqlx(flatten)]
    contact: ContactRow,
    version: i64,
    has_bsuid: i64,
    /// The version that the owner had when the statement began.
    version_read: i64,
    /// Places in the list of the wanted, from 0, with spaces between.
    places: String,
}

#[derive(sqlx::FromRow)]
struct ReadRow {
    #[sqlx(flatten)]
    owner: OwnedRow,
    #[sqlx(flatten)]
    talk: JoinedConversation,
}

/// PostgreSQL waits for a row and reads it again only where it locks it
/// (<https://www.postgresql.org/docs/15/transaction-iso.html#XACT-READ-COMMITTED>), after they are sorted.
const OWNED_POSTGRES: &str = "WITH owned AS MATERIALIZED \
     (SELECT a.contact_id, s.version, string_agg((w.place - 1)::TEXT, ' ') AS places \
      FROM unnest($1::UUID[]) WITH ORDINALITY AS w(id, place) \
      JOIN alias a ON a.id = w.id JOIN contact s ON s.id = a.contact_id GROUP BY a.contact_id, s.version) \
     SELECT c.id, c.attributes, c.profile_name, c.username, c.language, c.version, c.has_bsuid, \
     o.version AS version_read, o.places FROM owned o JOIN contact c ON c.id = o.contact_id \
     ORDER BY c.id FOR NO KEY UPDATE OF c";
/// The same without a lock, so what was read may be out of date by now; and with their unresolved conversations, one row
/// for each.
const READ_POSTGRES: &str = concat!(
    "WITH owned AS MATERIALIZED (SELECT a.contact_id, string_agg((w.place - 1)::TEXT, ' ') AS places \
     FROM unnest($1::UUID[]) WITH ORDINALITY AS w(id, place) JOIN alias a ON a.id = w.id GROUP BY a.contact_id) \
     SELECT c.id, c.attributes, c.profile_name, c.username, c.language, c.version, c.has_bsuid, \
     c.version AS version_read, o.places, ",
    joined_columns!(),
    " FROM owned o JOIN contact c ON c.id = o.contact_id \
     LEFT JOIN conversation v ON v.contact_id = c.id AND v.state <> 'resolved'"
);
const VERSIONS_POSTGRES: &str = "SELECT id, version FROM contact WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
/// SQLite has one writer: nothing can move between reading and writing.
const OWNED_SQLITE: &str = "WITH owned AS MATERIALIZED (SELECT a.contact_id, group_concat(w.key, ' ') AS places \
      FROM json_each($1) w CROSS JOIN alias a ON a.id = unhex(w.value) GROUP BY a.contact_id) \
     SELECT c.id, c.attributes, c.profile_name, c.username, c.language, 0 AS version, c.has_bsuid, \
     0 AS version_read, o.places FROM owned o CROSS JOIN contact c ON c.id = o.contact_id";

/// The key of an alias. Its value must be in the stored form: see [`records::key`].
pub(crate) fn alias_id(alias: &Alias) -> Uuid {
    /// Never to be changed: it is in every key.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6d5c_8f0e_3a4b_4d6a_9d64_77a7_9057_0003);
    let name = [alias.kind().as_bytes(), &[0], alias.value().as_bytes()].concat();
    Uuid::new_v5(&NAMESPACE, &name)
}

/// Who owns the aliases as far as can be told without a lock, and what is read with them.
pub(crate) async fn read_owners(tx: &mut PgConnection, wanted: &BTreeSet<Alias>) -> Result<(Owned, Read)> {
    let mut read = Read::default();
    if wanted.is_empty() {
        return Ok((Owned::default(), read));
    }
    let ids: Vec<Uuid> = wanted.iter().map(alias_id).collect();
    let rows: Vec<ReadRow> = sqlx::query_as(READ_POSTGRES).bind(ids).fetch_all(tx).await?;
    let mut owners = Vec::with_capacity(rows.len());
    for ReadRow { owner, talk } in rows {
        let id = ContactId::from_uuid(owner.contact.id);
        let talks = read.talks.entry(id).or_default();
        if let Some((talk, written_by)) = talk.into_conversation(owner.contact.id)? {
            read.conversations.insert(talk.id, written_by);
            talks.push(talk);
        }
        if read.contacts.insert(id, owner.version).is_none() {
            owners.push(owner);
        }
    }
    Ok((owned(owners, wanted)?, read))
}

/// Locks contacts of which these versions were read; they must still have them.
pub(crate) async fn lock_read(tx: &mut Tx, read: &BTreeMap<ContactId, i64>) -> Result<()> {
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    if read.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = read.keys().map(|id| id.as_uuid()).collect();
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(VERSIONS_POSTGRES).bind(ids).fetch_all(&mut **tx).await?;
    let is_as_read = |(id, version): &(Uuid, i64)| read.get(&ContactId::from_uuid(*id)) == Some(version);
    if rows.len() == read.len() && rows.iter().all(is_as_read) {
        return Ok(());
    }
    Err(StoreError::retry("a contact changed since it was read"))
}

/// Who owns the aliases. The owners' rows are ours until the transaction ends.
pub(crate) async fn lock_owners(tx: &mut Tx, wanted: &BTreeSet<Alias>) -> Result<Owned> {
    if wanted.is_empty() {
        return Ok(Owned::default());
    }
    let rows: Vec<OwnedRow> = match tx {
        Tx::Sqlite(tx) => {
            let ids = records::hex_array(wanted.iter().map(alias_id));
            sqlx::query_as(OWNED_SQLITE).bind(ids).fetch_all(&mut **tx).await?
        }
        Tx::Postgres(tx) => {
            let ids: Vec<Uuid> = wanted.iter().map(alias_id).collect();
            sqlx::query_as(OWNED_POSTGRES).bind(ids).fetch_all(&mut **tx).await?
        }
    };
    if rows.iter().any(|row| row.version != row.version_read) {
        return Err(StoreError::retry("a contact changed while we waited for it"));
    }
    owned(rows, wanted)
}

fn owned(rows: Vec<OwnedRow>, wanted: &BTreeSet<Alias>) -> Result<Owned> {
    let wanted: Vec<&Alias> = wanted.iter().collect();
    let mut owned = Owned::default();
    for row in rows {
        let id = ContactId::from_uuid(row.contact.id);
        for place in row.places.split(' ') {
            let alias = place.parse().ok().and_then(|place: usize| wanted.get(place));
            owned.aliases.push(((*alias.ok_or(unreadable("alias", "id"))?).clone(), id));
        }
        let (has_bsuid, version) = (row.has_bsuid != 0, row.version);
        owned.contacts.push(StoredContact { record: row.contact.into_record()?, has_bsuid, version });
    }
    Ok(owned)
}

pub(crate) async fn write(tx: &mut Tx, changes: &Changes<'_>) -> Result<()> {
    insert_contacts(tx, &changes.new).await?;
    for person in &changes.changed {
        update_contact(tx, person).await?;
    }
    for (alias, from, to) in &changes.moved {
        move_alias(tx, alias, *from, *to).await?;
    }
    for alias in &changes.detached {
        delete_alias(tx, alias).await?;
    }
    insert_aliases(tx, &changes.attached).await
}

async fn insert_contacts(tx: &mut Tx, people: &[&Person]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    match tx {
        Tx::Sqlite(tx) => {
            let mut query =
                QueryBuilder::new("INSERT INTO contact (id, created_at, has_bsuid, profile_name, username) ");
            query.push_values(people, |mut values, person| {
                values
                    .push_bind(person.record.id.as_uuid())
                    .push_bind(person.created_at.as_millis())
                    .push_bind(i64::from(person.has_bsuid))
                    .push_bind(person.record.profile_name.clone())
                    .push_bind(person.record.username.clone());
            });
            query.build().persistent(false).execute(&mut **tx).await?;
        }
        Tx::Postgres(tx) => {
            sqlx::query(
                "INSERT INTO contact (id, created_at, has_bsuid, profile_name, username) \
                 SELECT * FROM unnest($1::UUID[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[])",
            )
            .bind(people.iter().map(|person| person.record.id.as_uuid()).collect::<Vec<_>>())
            .bind(people.iter().map(|person| person.created_at.as_millis()).collect::<Vec<_>>())
            .bind(people.iter().map(|person| i64::from(person.has_bsuid)).collect::<Vec<_>>())
            .bind(people.iter().map(|person| person.record.profile_name.as_deref()).collect::<Vec<_>>())
            .bind(people.iter().map(|person| person.record.username.as_deref()).collect::<Vec<_>>())
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}

async fn insert_aliases(tx: &mut Tx, aliases: &[(&Alias, ContactId)]) -> Result<()> {
    if aliases.is_empty() {
        return Ok(());
    }
    let inserted = match tx {
        Tx::Sqlite(tx) => {
            let mut query = QueryBuilder::new("INSERT INTO alias (id, kind, value, contact_id) ");
            query.push_values(aliases, |mut values, (alias, contact)| {
                values
                    .push_bind(alias_id(alias))
                    .push_bind(alias.kind())
                    .push_bind(alias.value().to_owned())
                    .push_bind(contact.as_uuid());
            });
            query.push(" ON CONFLICT DO NOTHING");
            query.build().persistent(false).execute(&mut **tx).await?.rows_affected()
        }
        Tx::Postgres(tx) => sqlx::query(
            "INSERT INTO alias (id, kind, value, contact_id) \
             SELECT * FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[], $4::UUID[]) ON CONFLICT DO NOTHING",
        )
        .bind(aliases.iter().map(|(alias, _)| alias_id(alias)).collect::<Vec<_>>())
        .bind(aliases.iter().map(|(alias, _)| alias.kind()).collect::<Vec<_>>())
        .bind(aliases.iter().map(|(alias, _)| alias.value()).collect::<Vec<_>>())
        .bind(aliases.iter().map(|(_, contact)| contact.as_uuid()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?
        .rows_affected(),
    };
    if inserted == aliases.len() as u64 { Ok(()) } else { Err(StoreError::retry("another partition met the contact")) }
}

async fn update_contact(tx: &mut Tx, person: &Person) -> Result<()> {
    let sql =
        "UPDATE contact SET profile_name = $2, username = $3, has_bsuid = $4, version = version + $5 WHERE id = $1";
    let record = &person.record;
    on_tx!(tx, |db| {
        let query = sqlx::query(sql)
            .bind(record.id.as_uuid())
            .bind(record.profile_name.as_deref())
            .bind(record.username.as_deref())
            .bind(i64::from(person.has_bsuid))
            .bind(i64::from(person.lost_alias));
        query.execute(&mut *db).await.map(drop)?;
    });
    Ok(())
}

async fn delete_alias(tx: &mut Tx, alias: &Alias) -> Result<()> {
    let sql = "DELETE FROM alias WHERE id = $1";
    on_tx!(tx, |db| sqlx::query(sql).bind(alias_id(alias)).execute(&mut *db).await.map(drop)?);
    Ok(())
}

async fn move_alias(tx: &mut Tx, alias: &Alias, former: ContactId, owner: ContactId) -> Result<()> {
    let sql = "UPDATE alias SET contact_id = $2 WHERE id = $1 AND contact_id = $3";
    let moved = on_tx!(tx, |db| {
        let query = sqlx::query(sql).bind(alias_id(alias)).bind(owner.as_uuid()).bind(former.as_uuid());
        query.execute(&mut *db).await?.rows_affected()
    });
    if moved == 1 { Ok(()) } else { Err(StoreError::retry("an alias moved meanwhile")) }
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
