//! Who was erased and must not be written to because something of before comes in again: of each alias a keyed hash is kept, and
//! since when. Nobody gets an alias back from its hash; who shows the same alias again is known by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use ring::hmac;
use waypost_domain::{Alias, Timestamp};

use crate::core::{Param, Row, Sql, Statement, Table, params};
use crate::{Result, Store};

/// A later erasure counts.
static SUPPRESS: LazyLock<Sql> = LazyLock::new(|| {
    static SUPPRESSION: Table = Table { name: "suppression", columns: &[("at", "BIGINT"), ("hash", "BYTEA")] };
    SUPPRESSION.insert("ON CONFLICT (hash) DO UPDATE SET at = excluded.at")
});

/// The key, where there is anybody to be known by it.
static KEY_IF_ANY: Sql =
    Sql::both("SELECT value FROM setting WHERE name = 'pseudonym_key' AND EXISTS (SELECT 1 FROM suppression)");

static SUPPRESSED: Sql = Sql::each(
    "SELECT hash, at FROM suppression WHERE hash IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT hash, at FROM suppression WHERE hash = ANY($1::BYTEA[])",
);

/// What is kept of an alias. `key`: the deployment's key of pseudonyms.
fn hash(key: &[u8], alias: &Alias) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let text = ["suppression", alias.kind(), alias.value()].join("\0");
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

pub(crate) fn suppressing(key: &[u8], aliases: &[Alias], at: Timestamp) -> Statement<'static> {
    Statement::rows(&SUPPRESS, aliases.iter().map(|alias| params![at, hash(key, alias)]).collect())
}

pub(crate) const fn asking_for_key() -> Statement<'static> {
    Statement::new(&KEY_IF_ANY, Vec::new())
}

/// The key, from the answer to [`asking_for_key`].
pub(crate) fn key(rows: &[Row]) -> Result<Option<Vec<u8>>> {
    rows.first().map(|row| row.of("setting").get::<String>("value").map(String::into_bytes)).transpose()
}

/// The question who of these was erased, and how its answer is read.
pub(crate) struct Lookup<'a> {
    hashes: HashMap<Vec<u8>, &'a Alias>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(key: &[u8], aliases: impl IntoIterator<Item = &'a Alias>) -> Self {
        Self { hashes: aliases.into_iter().map(|alias| (hash(key, alias), alias)).collect() }
    }

    pub(crate) fn asking(&self) -> Statement<'_> {
        Statement::new(&SUPPRESSED, params![self.sought()])
    }

    fn sought(&self) -> Param<'_> {
        self.hashes.keys().collect()
    }

    /// Since when, of each that is.
    pub(crate) fn read(&self, rows: &[Row]) -> Result<BTreeMap<&'a Alias, Timestamp>> {
        let mut found = BTreeMap::new();
        for row in rows {
            let row = row.of("suppression");
            if let Some(alias) = self.hashes.get(&row.get::<Vec<u8>>("hash")?) {
                found.insert(*alias, row.get("at")?);
            }
        }
        Ok(found)
    }
}

impl Store {
    /// When somebody who was named by one of these was erased last.
    pub async fn suppressed_at(&self, aliases: &[Alias]) -> Result<Option<Timestamp>> {
        let Some(key) = key(&self.read(&KEY_IF_ANY, vec![]).await?)? else { return Ok(None) };
        let lookup = Lookup::new(&key, aliases);
        let rows = self.read(&SUPPRESSED, params![lookup.sought()]).await?;
        Ok(lookup.read(&rows)?.into_values().max())
    }
}
