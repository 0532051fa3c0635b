//! Contacts and aliases in the database. What they mean is for `people` and `waypost_domain::contact` to say.
//!
//! Who points an alias away from a contact holds that contact's row and raises its version. So an alias that was read
//! before the row was locked is still right if the version is still the one that was read with it; and an alias that
//! somebody attached meanwhile collides with ours when it is inserted.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;
use uuid::Uuid;
use waypost_domain::{Alias, ContactId};

use crate::database::{Tx, on_tx};
use crate::people::{Changes, Person};
use crate::records::unreadable;
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
            attributes: serde_json::from_str(&self.attributes).map_err(|_| unreadable("attributes"))?,
            profile_name: self.profile_name,
            username: self.username,
            language: self.language,
            is_new: false,
        })
    }
}

/// An alias and the contact that owns it.
#[derive(sqlx::FromRow)]
pub(crate) struct OwnerRow {
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) has_bsuid: i64,
    seen_version: i64,
    version: i64,
    #[sqlx(flatten)]
    pub(crate) contact: ContactRow,
}

/// `s` is the contact as it was when the statement began, `c` as it is once its row is ours: PostgreSQL reads again only
/// what it locks (<https://www.postgresql.org/docs/15/transaction-iso.html#XACT-READ-COMMITTED>). The rows are locked
/// after they are sorted.
const OWNERS_POSTGRES: &str = "SELECT a.kind, a.value, s.version AS seen_version, c.version, c.has_bsuid, c.id, \
     c.attributes, c.profile_name, c.username, c.language \
     FROM unnest($1::TEXT[], $2::TEXT[]) AS w(kind, value) JOIN alias a ON a.kind = w.kind AND a.value = w.value \
     JOIN contact s ON s.id = a.contact_id JOIN contact c ON c.id = a.contact_id ORDER BY c.id \
     FOR NO KEY UPDATE OF c";
/// SQLite has one writer: nothing can move between reading and writing.
const OWNERS_SQLITE: &str = "SELECT a.kind, a.value, c.version AS seen_version, c.version, c.has_bsuid, c.id, \
     c.attributes, c.profile_name, c.username, c.language \
     FROM json_each($1) w CROSS JOIN alias a ON a.kind = w.value ->> 0 AND a.value = w.value ->> 1 \
     JOIN contact c ON c.id = a.contact_id ORDER BY c.id";

/// Who owns these aliases. The contacts are ours until the transaction ends.
pub(crate) async fn lock_owners(tx: &mut Tx, wanted: &BTreeSet<Alias>) -> Result<Vec<OwnerRow>> {
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<OwnerRow> = match tx {
        Tx::Sqlite(tx) => {
            let pairs: Vec<[&str; 2]> = wanted.iter().map(|alias| [alias.kind(), alias.value()]).collect();
            let pairs = serde_json::json!(pairs).to_string();
            sqlx::query_as(OWNERS_SQLITE).bind(pairs).fetch_all(&mut **tx).await?
        }
        Tx::Postgres(tx) => {
            let kinds: Vec<&str> = wanted.iter().map(Alias::kind).collect();
            let values: Vec<&str> = wanted.iter().map(Alias::value).collect();
            sqlx::query_as(OWNERS_POSTGRES).bind(kinds).bind(values).fetch_all(&mut **tx).await?
        }
    };
    if rows.iter().any(|row| row.version != row.seen_version) {
        return Err(StoreError::retry("a contact changed while we waited for it"));
    }
    Ok(rows)
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
            let mut query = QueryBuilder::new("INSERT INTO alias (kind, value, contact_id) ");
            query.push_values(aliases, |mut values, (alias, contact)| {
                values.push_bind(alias.kind()).push_bind(alias.value().to_owned()).push_bind(contact.as_uuid());
            });
            query.push(" ON CONFLICT DO NOTHING");
            query.build().persistent(false).execute(&mut **tx).await?.rows_affected()
        }
        Tx::Postgres(tx) => sqlx::query(
            "INSERT INTO alias (kind, value, contact_id) SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::UUID[]) \
             ON CONFLICT DO NOTHING",
        )
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
    let sql = "DELETE FROM alias WHERE kind = $1 AND value = $2";
    on_tx!(tx, |db| sqlx::query(sql).bind(alias.kind()).bind(alias.value()).execute(&mut *db).await.map(drop)?);
    Ok(())
}

async fn move_alias(tx: &mut Tx, alias: &Alias, former: ContactId, owner: ContactId) -> Result<()> {
    let sql = "UPDATE alias SET contact_id = $3 WHERE kind = $1 AND value = $2 AND contact_id = $4";
    let moved = on_tx!(tx, |db| {
        let query =
            sqlx::query(sql).bind(alias.kind()).bind(alias.value()).bind(owner.as_uuid()).bind(former.as_uuid());
        query.execute(&mut *db).await?.rows_affected()
    });
    if moved == 1 { Ok(()) } else { Err(StoreError::retry("an alias moved meanwhile")) }
}
