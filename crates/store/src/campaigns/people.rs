//! Many contacts at once, as whoever writes to them finds them: by their aliases or ids, or all of them in pages.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use uuid::Uuid;
use waypost_domain::{AliasSet, ContactId};

use crate::contacts::{ContactRecord, RECORD, alias_id, record, stored_names};
use crate::core::{Param, Sql, params};
use crate::sends::{asking_survivors, survivors};
use crate::{Result, Store};

static BY_ALIASES: LazyLock<Sql> = LazyLock::new(|| {
    let with = |ids: &str| {
        format!("SELECT a.id AS alias, {RECORD} FROM alias a JOIN contact c ON c.id = a.contact_id WHERE a.id {ids}")
    };
    Sql::made_each(with("IN (SELECT unhex(value) FROM json_each($1))"), with("= ANY($1::UUID[])"))
});

static BY_IDS: LazyLock<Sql> = LazyLock::new(|| {
    let with = |ids: &str| format!("SELECT {RECORD} FROM contact c WHERE c.id {ids}");
    Sql::made_each(with("IN (SELECT unhex(value) FROM json_each($1))"), with("= ANY($1::UUID[])"))
});

static PAGE: LazyLock<Sql> = LazyLock::new(|| {
    let with = |nobody: &str| {
        let after = format!("c.id > coalesce($1, {nobody})");
        format!("SELECT {RECORD} FROM contact c WHERE {after} AND c.merged_into IS NULL ORDER BY c.id LIMIT $2")
    };
    Sql::made_each(with("x''"), with("'00000000-0000-0000-0000-000000000000'::UUID"))
});

impl Store {
    /// Whom each of these aliases points at today, in their order.
    pub async fn find_contacts(&self, wanted: &[AliasSet]) -> Result<Vec<Option<ContactRecord>>> {
        let names: Vec<Vec<Uuid>> =
            wanted.iter().map(|aliases| stored_names(aliases).iter().map(alias_id).collect()).collect();
        let all: BTreeSet<Uuid> = names.iter().flatten().copied().collect();
        let mut owners: HashMap<Uuid, ContactRecord> = HashMap::new();
        for row in self.read(&BY_ALIASES, params![all.into_iter().collect::<Param<'_>>()]).await? {
            let row = row.of("contact");
            owners.insert(row.get("alias")?, record(&row)?);
        }
        Ok(names.iter().map(|names| names.iter().find_map(|name| owners.get(name)).cloned()).collect())
    }

    /// Who each of these is by now, in their order.
    pub async fn contact_records(&self, wanted: &[ContactId]) -> Result<Vec<Option<ContactRecord>>> {
        let mut tx = self.begin().await?;
        let answers = tx.run(vec![asking_survivors(&wanted.iter().copied().collect())]).await?;
        let by_now = answers.first().map(survivors).transpose()?.unwrap_or_default();
        let mut records: HashMap<ContactId, ContactRecord> = HashMap::new();
        for row in tx.query(&BY_IDS, params![by_now.values().copied().collect::<Param<'_>>()]).await? {
            let record = record(&row.of("contact"))?;
            records.insert(record.id, record);
        }
        Ok(wanted.iter().map(|id| records.get(by_now.get(id)?).cloned()).collect())
    }

    /// Contacts behind the id `after`, in the order in which they were met.
    pub async fn contacts_after(&self, after: Option<ContactId>, limit: u32) -> Result<Vec<ContactRecord>> {
        let rows = self.report(&PAGE, params![after, limit]).await?;
        rows.iter().map(|row| record(&row.of("contact"))).collect()
    }
}
