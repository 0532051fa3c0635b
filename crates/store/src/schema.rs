//! The schema's versions, and the settings that are fixed when a deployment first starts.
//!
//! A migration's number is `<generation><two digits>`. Migrations only expand, so a release runs beside the one before
//! and after it: it accepts a database of its own generation or the next, and refuses one beyond that.

mod grants;
mod migrate;
mod migrations;
mod settings;

pub use grants::{ROLES, Role, grants};

use crate::core::{Sql, params};
use crate::{Result, Store, StoreError};

/// What this release needs.
const KNOWN: i64 = migrations::ALL[migrations::ALL.len() - 1].version;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// As this release wants it, or one generation ahead, which is as good.
    Current,
    /// Run [`Store::migrate`]; `found` is `None` on an empty database.
    Missing { found: Option<i64>, known: i64 },
    /// From a release that this one cannot run beside.
    TooNew { found: i64, known: i64 },
}

static HAS_VERSIONS: Sql = Sql::each(
    "SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'",
    "SELECT count(to_regclass('_sqlx_migrations')) AS tables",
);

static VERSION: Sql = Sql::both("SELECT max(version) AS version FROM _sqlx_migrations WHERE success");

impl Store {
    /// Brings the schema up to date. Safe to call at every start and from several processes at once.
    pub async fn migrate(&self) -> Result<()> {
        if let SchemaState::TooNew { found, known } = self.schema_state().await? {
            return Err(StoreError::SchemaTooNew { found, known });
        }
        migrate::run(self).await
    }

    pub async fn schema_state(&self) -> Result<SchemaState> {
        let known = KNOWN;
        let found = self.schema_version().await?;
        Ok(match found {
            Some(found) if found / 100 > known / 100 + 1 => SchemaState::TooNew { found, known },
            Some(found) if found >= known => SchemaState::Current,
            Some(_) | None => SchemaState::Missing { found, known },
        })
    }

    pub async fn schema_is_current(&self) -> Result<bool> {
        Ok(self.schema_state().await? == SchemaState::Current)
    }

    /// An error that says what to do unless the schema can be used.
    pub async fn require_schema(&self) -> Result<()> {
        match self.schema_state().await? {
            SchemaState::Current => Ok(()),
            SchemaState::Missing { found, known } => Err(StoreError::SchemaMissing { found, known }),
            SchemaState::TooNew { found, known } => Err(StoreError::SchemaTooNew { found, known }),
        }
    }

    async fn schema_version(&self) -> Result<Option<i64>> {
        if self.read_value::<i64>(&HAS_VERSIONS, params![], "tables").await? == 0 {
            return Ok(None);
        }
        self.read_value(&VERSION, params![], "version").await
    }
}
