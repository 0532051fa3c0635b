//! Contacts in a batch: who is meant by the aliases that webhooks show, and what is known of them.
//!
//! `waypost_domain::contact` decides; this module reads the owners in one statement, locks their rows in the order of
//! their ids, applies the observations one after the other in memory, and writes what changed. Two contacts that turn out
//! to be one are merged outside of the batch (see `merge.rs`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::QueryBuilder;
use uuid::Uuid;
use waypost_domain::contact::{Owner, Owners, Resolution, resolve, resolve_rotation};
use waypost_domain::message::Rotation;
use waypost_domain::{Alias, AliasSet, ContactId, Timestamp};

use crate::database::{Tx, on_tx};
use crate::records::{clean, clean_option, unreadable};
use crate::{Batch, Merge, Result, Store, StoreError};

/// What a webhook item shows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub aliases: AliasSet,
    /// Identities that Meta said were replaced.
    pub rotations: Vec<Rotation>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub at: Timestamp,
}

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRecord {
    pub id: ContactId,
    pub attributes: BTreeMap<String, String>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub language: Option<String>,
    /// Never seen before this batch.
    pub is_new: bool,
}

/// A contact with all its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactDetails {
    pub contact: ContactRecord,
    pub aliases: BTreeSet<Alias>,
}

#[derive(sqlx::FromRow)]
struct OwnerRow {
    kind: String,
    value: String,
    seen_version: i64,
    version: i64,
    id: Uuid,
    has_bsuid: i64,
    attributes: String,
    profile_name: Option<String>,
    username: Option<String>,
    language: Option<String>,
}

/// The inner query reads the alias and the contact's version as they were; the outer one waits for the row. A version that
/// moved on meanwhile means that the alias may point elsewhere by now.
const OWNERS_POSTGRES: &str = "SELECT k.kind, k.value, k.seen_version, c.version, c.id, c.has_bsuid, c.attributes, \
     c.profile_name, c.username, c.language FROM \
     (SELECT a.kind, a.value, a.contact_id, s.version AS seen_version \
      FROM unnest($1::TEXT[], $2::TEXT[]) AS w(kind, value) \
      JOIN alias a ON a.kind = w.kind AND a.value = w.value JOIN contact s ON s.id = a.contact_id) k \
     JOIN contact c ON c.id = k.contact_id ORDER BY c.id FOR NO KEY UPDATE OF c";
/// SQLite has one writer: nothing can move between reading and writing.
const OWNERS_SQLITE: &str = "SELECT a.kind, a.value, c.version AS seen_version, c.version, c.id, c.has_bsuid, \
     c.attributes, c.profile_name, c.username, c.language \
     FROM json_each($1) w CROSS JOIN alias a ON a.kind = w.value ->> 0 AND a.value = w.value ->> 1 \
     JOIN contact c ON c.id = a.contact_id ORDER BY c.id";

impl Batch {
    /// The contacts that `observations` speak of, in their order; `None` where an observation names nobody. Unknown ones
    /// are created. [`StoreError::MergeFirst`] when two existing contacts turn out to be one; [`StoreError::Retry`] when
    /// another transaction changed them meanwhile.
    pub async fn contacts(&mut self, observations: &[Observation]) -> Result<Vec<Option<ContactRecord>>> {
        let mut people = People::read(&mut self.tx, observations).await?;
        let mut ids = Vec::with_capacity(observations.len());
        for observation in observations {
            ids.push(people.observe(observation));
        }
        if !people.merges.is_empty() {
            return Err(StoreError::MergeFirst(people.merges));
        }
        people.write(&mut self.tx).await?;
        Ok(ids.into_iter().map(|id| people.record(id?)).collect())
    }
}

impl Store {
    /// Creates or updates a contact from outside: an import, a CRM. `attributes` are merged over those known.
    pub async fn upsert_contact(
        &self,
        aliases: &AliasSet,
        attributes: &BTreeMap<String, String>,
        language: Option<&str>,
    ) -> Result<ContactId> {
        if aliases.is_empty() {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        }
        let observation = Observation {
            aliases: aliases.clone(),
            rotations: vec![],
            profile_name: None,
            username: None,
            at: self.now().await?,
        };
        let observations = [observation];
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.try_upsert(&observations, attributes, language).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            match error {
                StoreError::MergeFirst(merges) if attempt < ATTEMPTS_MAX => self.merge(&merges).await?,
                StoreError::Retry { .. } if attempt < ATTEMPTS_MAX => {}
                other => return Err(other),
            }
        }
    }

    async fn try_upsert(
        &self,
        observations: &[Observation],
        attributes: &BTreeMap<String, String>,
        language: Option<&str>,
    ) -> Result<ContactId> {
        let mut tx = self.begin().await?;
        let mut people = People::read(&mut tx, observations).await?;
        let id = observations.first().and_then(|observation| people.observe(observation));
        if !people.merges.is_empty() {
            return Err(StoreError::MergeFirst(people.merges));
        }
        people.write(&mut tx).await?;
        let Some(record) = id.and_then(|id| people.record(id)) else {
            return Err(StoreError::Invalid("a contact needs at least one alias".into()));
        };
        let mut merged = record.attributes;
        merged.extend(attributes.iter().map(|(name, value)| (clean(name).into_owned(), clean(value).into_owned())));
        let text = attributes_text(&merged);
        let sql = "UPDATE contact SET attributes = $2, language = coalesce($3, language) WHERE id = $1";
        on_tx!(&mut tx, |db| {
            let query = sqlx::query(sql).bind(record.id.as_uuid()).bind(text).bind(language);
            query.execute(&mut *db).await.map(drop)?;
        });
        tx.commit().await?;
        Ok(record.id)
    }

    /// The contact that these aliases point at today, in the order of their authority.
    pub async fn find_contact(&self, aliases: &AliasSet) -> Result<Option<ContactDetails>> {
        let mut tx = self.begin().await?;
        let wanted: BTreeSet<Alias> = aliases.iter().collect();
        let rows = read_owners(&mut tx, &wanted).await?;
        for alias in aliases.iter() {
            let Some(row) = rows.iter().find(|row| row.kind == alias.kind() && row.value == alias.value()) else {
                continue;
            };
            let sql = "SELECT kind, value FROM alias WHERE contact_id = $1";
            let aliases: Vec<(String, String)> =
                on_tx!(&mut tx, |db| sqlx::query_as(sql).bind(row.id).fetch_all(&mut *db).await?);
            let aliases = aliases
                .into_iter()
                .map(|(kind, value)| Alias::from_parts(&kind, value).ok_or(unreadable("alias")))
                .collect::<Result<_>>()?;
            return Ok(Some(ContactDetails { contact: row.record()?, aliases }));
        }
        Ok(None)
    }
}

/// Times that two writers may get in each other's way before we say so.
const ATTEMPTS_MAX: u32 = 10;

/// The people of one transaction, as they are and as they become.
struct People {
    owners: HashMap<Alias, ContactId>,
    known: HashMap<ContactId, Person>,
    /// Contacts of this transaction that turned out to be another.
    same_as: HashMap<ContactId, ContactId>,
    /// Whom the store says each alias belongs to.
    stored: HashMap<Alias, ContactId>,
    /// Aliases that this transaction attached or detached.
    touched: BTreeSet<Alias>,
    merges: Vec<Merge>,
}

struct Person {
    record: ContactRecord,
    has_bsuid: bool,
    /// Its row must be written: a name changed, or it got its first BSUID.
    changed: bool,
    /// It lost an alias: whoever read that before must look again.
    lost_alias: bool,
    created_at: Timestamp,
}

impl People {
    async fn read(tx: &mut Tx, observations: &[Observation]) -> Result<Self> {
        let mut wanted = BTreeSet::new();
        for observation in observations {
            wanted.extend(observation.aliases.iter().map(cleaned));
            for rotation in &observation.rotations {
                wanted.extend(rotation.previous.iter().chain(rotation.current.iter()).map(cleaned));
            }
        }
        let mut people = Self {
            owners: HashMap::new(),
            known: HashMap::new(),
            same_as: HashMap::new(),
            stored: HashMap::new(),
            touched: BTreeSet::new(),
            merges: Vec::new(),
        };
        for row in read_owners(tx, &wanted).await? {
            let alias = Alias::from_parts(&row.kind, row.value.clone()).ok_or(unreadable("alias"))?;
            let record = row.record()?;
            people.owners.insert(alias.clone(), record.id);
            people.stored.insert(alias, record.id);
            let has_bsuid = row.has_bsuid != 0;
            let created_at = Timestamp::default();
            people.known.entry(record.id).or_insert(Person {
                record,
                has_bsuid,
                changed: false,
                lost_alias: false,
                created_at,
            });
        }
        Ok(people)
    }

    /// Brings the picture up to date; `None` when the observation names nobody.
    fn observe(&mut self, observation: &Observation) -> Option<ContactId> {
        for rotation in &observation.rotations {
            let (previous, current) = (cleaned_set(&rotation.previous), cleaned_set(&rotation.current));
            let resolution =
                resolve_rotation(&previous, &self.owners_of(&previous), &current, &self.owners_of(&current));
            self.apply(resolution, observation.at);
        }
        let aliases = cleaned_set(&observation.aliases);
        if aliases.is_empty() {
            return None;
        }
        let resolution = if observation.rotations.is_empty() {
            resolve(&aliases, &self.owners_of(&aliases))
        } else {
            // The rotation said all about the aliases; the rest must not undo it by re-attaching the old ones.
            let owners = self.owners_of(&aliases);
            let contact = [owners.bsuid, owners.parent_bsuid, owners.phone].into_iter().flatten().next();
            let contact = contact.map(|owner| owner.contact).or_else(|| self.rotated(observation));
            Resolution { contact, merge: vec![], attach: vec![], detach: vec![] }
        };
        let id = self.apply(resolution, observation.at);
        let person = self.known.get_mut(&id)?;
        for (new, old) in [
            (&observation.profile_name, &mut person.record.profile_name),
            (&observation.username, &mut person.record.username),
        ] {
            if let Some(new) = new
                && old.as_ref() != Some(new)
            {
                *old = Some(clean(new).into_owned());
                person.changed = true;
            }
        }
        Some(id)
    }

    /// Whom the last rotation of `observation` speaks of.
    fn rotated(&self, observation: &Observation) -> Option<ContactId> {
        let owners = self.owners_of(&cleaned_set(&observation.rotations.last()?.current));
        [owners.bsuid, owners.parent_bsuid, owners.phone].into_iter().flatten().next().map(|owner| owner.contact)
    }

    fn owners_of(&self, aliases: &AliasSet) -> Owners {
        let owner = |alias: Option<Alias>| {
            let contact = self.current(*self.owners.get(&alias?)?);
            Some(Owner { contact, has_bsuid: self.known.get(&contact).is_some_and(|person| person.has_bsuid) })
        };
        Owners {
            phone: owner(aliases.phone.clone().map(Alias::Phone)),
            bsuid: owner(aliases.bsuid.clone().map(Alias::Bsuid)),
            parent_bsuid: owner(aliases.parent_bsuid.clone().map(Alias::ParentBsuid)),
        }
    }

    fn current(&self, id: ContactId) -> ContactId {
        self.same_as.get(&id).copied().unwrap_or(id)
    }

    fn apply(&mut self, resolution: Resolution, at: Timestamp) -> ContactId {
        let mut id = resolution.contact.unwrap_or_else(|| self.create(at));
        for other in resolution.merge {
            id = self.unite(id, other);
        }
        for alias in resolution.attach {
            let former = self.owners.insert(alias.clone(), id).map(|former| self.current(former));
            if let Some(person) = former.filter(|former| *former != id).and_then(|former| self.known.get_mut(&former)) {
                person.lost_alias = true;
            }
            if let Some(person) = self.known.get_mut(&id)
                && matches!(alias, Alias::Bsuid(_))
                && !person.has_bsuid
            {
                person.has_bsuid = true;
                person.changed = true;
            }
            self.touched.insert(alias);
        }
        for alias in resolution.detach {
            self.owners.remove(&alias);
            if let Some(person) = self.known.get_mut(&id) {
                person.lost_alias = true;
            }
            self.touched.insert(alias);
        }
        id
    }

    fn create(&mut self, at: Timestamp) -> ContactId {
        let id = ContactId::from_uuid(Uuid::now_v7());
        let record = ContactRecord {
            id,
            attributes: BTreeMap::new(),
            profile_name: None,
            username: None,
            language: None,
            is_new: true,
        };
        let person = Person { record, has_bsuid: false, changed: false, lost_alias: false, created_at: at };
        self.known.insert(id, person);
        id
    }

    /// Two contacts are one. One that only this transaction knows is dropped in favour of the other; two stored ones have
    /// to be merged first.
    fn unite(&mut self, one: ContactId, other: ContactId) -> ContactId {
        let is_new = |id: &ContactId| self.known.get(id).is_some_and(|person| person.record.is_new);
        let (keep, drop) = match (is_new(&one), is_new(&other)) {
            (false, false) => {
                self.merges.push(Merge::of(one, other));
                return one;
            }
            (true, false) => (other, one),
            (_, true) => (one, other),
        };
        for target in self.same_as.values_mut().filter(|target| **target == drop) {
            *target = keep;
        }
        self.same_as.insert(drop, keep);
        if let Some(dropped) = self.known.remove(&drop)
            && dropped.has_bsuid
            && let Some(person) = self.known.get_mut(&keep)
        {
            person.has_bsuid = true;
            person.changed = true;
        }
        keep
    }

    fn record(&self, id: ContactId) -> Option<ContactRecord> {
        self.known.get(&self.current(id)).map(|person| person.record.clone())
    }

    async fn write(&self, tx: &mut Tx) -> Result<()> {
        let mut new: Vec<&Person> = self.known.values().filter(|person| person.record.is_new).collect();
        new.sort_unstable_by_key(|person| person.record.id);
        insert_contacts(tx, &new).await?;
        let changed = self.known.values().filter(|person| !person.record.is_new);
        for person in changed.filter(|person| person.changed || person.lost_alias) {
            update_contact(tx, person).await?;
        }
        let mut fresh = Vec::new();
        for alias in &self.touched {
            let owner = self.owners.get(alias).map(|owner| self.current(*owner));
            match (self.stored.get(alias), owner) {
                (None, Some(owner)) => fresh.push((alias, owner)),
                (Some(former), Some(owner)) if *former != owner => move_alias(tx, alias, *former, owner).await?,
                (Some(_), None) => delete_alias(tx, alias).await?,
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        insert_aliases(tx, &fresh).await
    }
}

impl OwnerRow {
    fn record(&self) -> Result<ContactRecord> {
        Ok(ContactRecord {
            id: ContactId::from_uuid(self.id),
            attributes: serde_json::from_str(&self.attributes).map_err(|_| unreadable("attributes"))?,
            profile_name: self.profile_name.clone(),
            username: self.username.clone(),
            language: self.language.clone(),
            is_new: false,
        })
    }
}

async fn read_owners(tx: &mut Tx, wanted: &BTreeSet<Alias>) -> Result<Vec<OwnerRow>> {
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
            .bind(people.iter().map(|person| person.record.profile_name.clone()).collect::<Vec<_>>())
            .bind(people.iter().map(|person| person.record.username.clone()).collect::<Vec<_>>())
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
            .bind(clean_option(record.profile_name.as_deref()))
            .bind(clean_option(record.username.as_deref()))
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

pub(crate) fn attributes_text(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).unwrap_or_else(|_| "{}".to_owned())
}

fn cleaned(alias: Alias) -> Alias {
    match alias {
        Alias::Phone(value) => Alias::Phone(clean(&value).into_owned()),
        Alias::Bsuid(value) => Alias::Bsuid(clean(&value).into_owned()),
        Alias::ParentBsuid(value) => Alias::ParentBsuid(clean(&value).into_owned()),
    }
}

fn cleaned_set(aliases: &AliasSet) -> AliasSet {
    let clean = |value: &Option<String>| value.as_deref().map(|value| clean(value).into_owned());
    AliasSet { phone: clean(&aliases.phone), bsuid: clean(&aliases.bsuid), parent_bsuid: clean(&aliases.parent_bsuid) }
}
