//! What contacts have of attributes, for whoever writes rules about them. A part of the contacts stands for all: it must
//! never read the whole table.

use std::collections::BTreeMap;

use waypost_domain::ContactId;

use crate::core::{Sql, params};
use crate::{Result, Store};

/// Along the primary key, which goes with the time.
static NEWEST: Sql = Sql::both(
    "SELECT looked_at.id, looked_at.attributes
    FROM (SELECT id, attributes FROM contact ORDER BY id DESC LIMIT $1) AS looked_at
    WHERE looked_at.attributes <> '{}'",
);

static OLDEST: Sql = Sql::both(
    "SELECT looked_at.id, looked_at.attributes
    FROM (SELECT id, attributes FROM contact ORDER BY id LIMIT $1) AS looked_at
    WHERE looked_at.attributes <> '{}'",
);

impl Store {
    /// The attributes of those who have any among the `limit` newest and the `limit` oldest contacts.
    pub async fn attributes_of_some(&self, limit: u32) -> Result<Vec<BTreeMap<String, String>>> {
        let mut all: BTreeMap<ContactId, BTreeMap<String, String>> = BTreeMap::new();
        for part in [&NEWEST, &OLDEST] {
            for row in self.report(part, params![limit]).await? {
                let row = row.of("contact");
                let attributes = row.parse("attributes", |text| serde_json::from_str(text).ok())?;
                all.insert(row.get("id")?, attributes.unwrap_or_default());
            }
        }
        Ok(all.into_values().collect())
    }
}
