//! Settings that are fixed when a deployment first starts. Nothing here changes one.

use waypost_domain::PartitionCount;

use crate::core::{Sql, Statement, params};
use crate::records::unreadable;
use crate::{Result, Store, StoreError};

static SET: Sql = Sql::both("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING");

static GET: Sql = Sql::both("SELECT value FROM setting WHERE name = $1");

const PARTITIONS: &str = "partitions";
const PSEUDONYM_KEY: &str = "pseudonym_key";

impl Store {
    /// Fixes the number of partitions at first start; later, refuses another number.
    pub async fn fix_layout(&self, count: PartitionCount) -> Result<()> {
        let configured = count.get();
        let stored = self.fix_setting(PARTITIONS, &configured.to_string()).await?;
        let stored: u16 = stored.parse().map_err(|_| unreadable("setting", "value"))?;
        if stored == configured { Ok(()) } else { Err(StoreError::PartitionCountDiffers { stored, configured }) }
    }

    /// The number of partitions, once a component was started.
    pub async fn layout(&self) -> Result<Option<PartitionCount>> {
        let rows = self.read(&GET, params![PARTITIONS]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        row.of("setting").parse("value", |value| PartitionCount::new(value.parse().ok()?))
    }

    /// The key of this deployment's pseudonyms: `fresh`, 32 random bytes, unless there is one. For good.
    pub async fn pseudonym_key(&self, fresh: [u8; 32]) -> Result<Vec<u8>> {
        let fresh: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = self.fix_setting(PSEUDONYM_KEY, &fresh).await?;
        Ok(stored.into_bytes())
    }

    /// Sets `name` unless it is set, and returns what it is.
    async fn fix_setting(&self, name: &str, value: &str) -> Result<String> {
        let mut tx = self.begin().await?;
        // One behind the other: where another process sets it first, the second statement sees what that one did.
        let set = Statement::new(&SET, params![name, value]);
        let answers = tx.run(vec![set, Statement::new(&GET, params![name])]).await?;
        tx.commit().await?;
        let stored = answers.get(1).and_then(|answer| answer.rows.first());
        stored.map_or(Err(unreadable("setting", "value")), |row| row.of("setting").get("value"))
    }
}
