//! The schema's versions, and the settings that are fixed when a deployment first starts.
//!
//! A migration's number is `<generation><two digits>`. Migrations only expand, so a release runs beside the one before
//! and after it: it accepts a database of its own generation or the next, and refuses one beyond that.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use waypost_domain::PartitionCount;

use crate::database::{Database, on_reader, on_writer};
use crate::records::unreadable;
use crate::{Result, Store, StoreError};

/// (version, name, for SQLite, for PostgreSQL), oldest first. Never edit one that was released: add another.
const MIGRATIONS: [(i64, &str, &str, &str); 7] = [
    (
        101,
        "initial",
        include_str!("../migrations/sqlite/101_initial.sql"),
        include_str!("../migrations/postgres/101_initial.sql"),
    ),
    (
        102,
        "suspect",
        include_str!("../migrations/sqlite/102_suspect.sql"),
        include_str!("../migrations/postgres/102_suspect.sql"),
    ),
    (
        103,
        "admin",
        include_str!("../migrations/sqlite/103_admin.sql"),
        include_str!("../migrations/postgres/103_admin.sql"),
    ),
    (
        104,
        "rule sets",
        include_str!("../migrations/sqlite/104_rule_sets.sql"),
        include_str!("../migrations/postgres/104_rule_sets.sql"),
    ),
    (
        105,
        "extras",
        include_str!("../migrations/sqlite/105_extras.sql"),
        include_str!("../migrations/postgres/105_extras.sql"),
    ),
    (
        106,
        "numbers",
        include_str!("../migrations/sqlite/106_numbers.sql"),
        include_str!("../migrations/postgres/106_numbers.sql"),
    ),
    (
        107,
        "suspect place",
        include_str!("../migrations/sqlite/107_suspect_place.sql"),
        include_str!("../migrations/postgres/107_suspect_place.sql"),
    ),
];
/// What this release needs.
const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// As this release wants it, or one generation ahead, which is as good.
    Current,
    /// Run [`Store::migrate`]; `found` is `None` on an empty database.
    Missing { found: Option<i64>, known: i64 },
    /// From a release that this one cannot run beside.
    TooNew { found: i64, known: i64 },
}

impl Store {
    /// Brings the schema up to date. Safe to call at every start and from several processes at once.
    pub async fn migrate(&self) -> Result<()> {
        if let SchemaState::TooNew { found, known } = self.schema_state().await? {
            return Err(StoreError::SchemaTooNew { found, known });
        }
        match &self.database {
            Database::Sqlite { writer, .. } => migrator(|(_, _, sqlite, _)| sqlite).run(writer).await,
            Database::Postgres(pool) => migrator(|(_, _, _, postgres)| postgres).run(pool).await,
        }
        .map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => StoreError::from(sqlx::Error::from(other)),
        })
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
        let exists: i64 = match &self.database {
            Database::Sqlite { writer, .. } => {
                let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
                sqlx::query_scalar(sql).fetch_one(writer).await?
            }
            Database::Postgres(pool) => {
                let sql = "SELECT count(to_regclass('_sqlx_migrations'))";
                sqlx::query_scalar(sql).fetch_one(pool).await?
            }
        };
        if exists == 0 {
            return Ok(None);
        }
        let sql = "SELECT max(version) FROM _sqlx_migrations WHERE success";
        Ok(on_writer!(self, |db| sqlx::query_scalar(sql).fetch_one(db).await?))
    }

    /// Fixes the number of partitions at first start; later, refuses another number.
    pub async fn fix_layout(&self, count: PartitionCount) -> Result<()> {
        let configured = count.get();
        let stored = self.fix_setting("partitions", &configured.to_string()).await?;
        let stored: u16 = stored.parse().map_err(|_| unreadable("setting", "value"))?;
        if stored == configured { Ok(()) } else { Err(StoreError::PartitionCountDiffers { stored, configured }) }
    }

    /// The number of partitions, once a component was started.
    pub async fn layout(&self) -> Result<Option<PartitionCount>> {
        let sql = "SELECT value FROM setting WHERE name = 'partitions'";
        let value: Option<String> = on_reader!(self, |db| sqlx::query_scalar(sql).fetch_optional(db).await?);
        Ok(value.and_then(|value| value.parse().ok()).and_then(PartitionCount::new))
    }

    /// The key of this deployment's pseudonyms: `fresh`, 32 random bytes, unless there is one. For good.
    pub async fn pseudonym_key(&self, fresh: [u8; 32]) -> Result<Vec<u8>> {
        let fresh: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = self.fix_setting("pseudonym_key", &fresh).await?;
        Ok(stored.into_bytes())
    }

    /// Sets `name` unless it is set, and returns what it is.
    async fn fix_setting(&self, name: &str, value: &str) -> Result<String> {
        let insert = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let select = "SELECT value FROM setting WHERE name = $1";
        Ok(on_writer!(self, |db| {
            sqlx::query(insert).bind(name).bind(value).execute(db).await?;
            sqlx::query_scalar(select).bind(name).fetch_one(db).await?
        }))
    }
}

fn migrator(text: fn((i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let migration = |one: (i64, &'static str, &'static str, &'static str)| {
        Migration::new(one.0, one.1.into(), MigrationType::Simple, text(one).into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.into_iter().map(migration).collect());
    // The next release may have migrated already.
    migrator.set_ignore_missing(true);
    migrator
}
