//! Carries the migrations out, each in a transaction of its own that also writes down that it was done.
//!
//! The table of versions is the one that releases before this one made, by its name, its columns and what is in them:
//! they, and the sqlx command line, read and write it too. So PostgreSQL's lock is also theirs: of processes of both
//! releases that start at once, one migrates and the others find it done.

use std::collections::BTreeMap;
use std::time::Instant;

use ring::digest::{SHA384, digest};

use super::migrations::{ALL, Migration};
use crate::core::{Sql, Tx, params};
use crate::error::damaged;
use crate::records::unreadable;
use crate::{Result, Store};

const VERSIONS: &str = "_sqlx_migrations";

static DATABASE: Sql = Sql::both("SELECT current_database() AS name");

/// Until the transaction ends.
static LOCK: Sql = Sql::both("SELECT pg_advisory_xact_lock($1)");

static CREATE: Sql = Sql::each(
    "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
        version BIGINT PRIMARY KEY,
        description TEXT NOT NULL,
        installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        success BOOLEAN NOT NULL,
        checksum BLOB NOT NULL,
        execution_time BIGINT NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
        version BIGINT PRIMARY KEY,
        description TEXT NOT NULL,
        installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
        success BOOLEAN NOT NULL,
        checksum BYTEA NOT NULL,
        execution_time BIGINT NOT NULL
    )",
);

static DONE: Sql = Sql::both("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version");

static WRITE_DOWN: Sql = Sql::both(
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES ($1, $2, TRUE, $3, $4)",
);

/// Does what is missing. Versions that only a later release knows are passed over.
pub(super) async fn run(store: &Store) -> Result<()> {
    loop {
        let mut tx = store.begin_migration().await?;
        lock(&mut tx).await?;
        let Some(migration) = next(&mut tx).await? else { return tx.commit().await };
        let began = Instant::now();
        let text = migration.text(&tx);
        tx.script(text).await?;
        let nanoseconds = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let checksum = checksum(text);
        tx.execute(&WRITE_DOWN, params![migration.version, migration.description, checksum, nanoseconds]).await?;
        tx.commit().await?;
    }
}

/// Nobody else migrates until the transaction ends. On SQLite it is the only writer already.
async fn lock(tx: &mut Tx) -> Result<()> {
    if !tx.is_shared() {
        return Ok(());
    }
    let rows = tx.query(&DATABASE, vec![]).await?;
    let database: String = match rows.first() {
        Some(row) => row.of(VERSIONS).get("name")?,
        None => return Err(unreadable(VERSIONS, "name")),
    };
    tx.query(&LOCK, params![lock_id(&database)]).await.map(drop)
}

/// The first that was not done yet; what was done must be what this release knows by its number.
async fn next(tx: &mut Tx) -> Result<Option<&'static Migration>> {
    tx.execute(&CREATE, vec![]).await?;
    let mut done: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for row in tx.query(&DONE, vec![]).await? {
        let row = row.of(VERSIONS);
        let version = row.get("version")?;
        if !row.get::<bool>("success")? {
            return Err(damaged(format!(
                "migration {version} was left half done: restore the database, or finish it by hand"
            )));
        }
        done.insert(version, row.get("checksum")?);
    }
    for migration in &ALL {
        match done.get(&migration.version) {
            None => return Ok(Some(migration)),
            Some(stored) if *stored == checksum(migration.text(tx)) => {}
            Some(_) => {
                return Err(damaged(format!(
                    "migration {} was done with another text than this release has",
                    migration.version
                )));
            }
        }
    }
    Ok(None)
}

impl Migration {
    const fn text(&self, tx: &Tx) -> &'static str {
        if tx.is_shared() { self.postgres } else { self.sqlite }
    }
}

fn checksum(text: &str) -> Vec<u8> {
    digest(&SHA384, text.as_bytes()).as_ref().to_vec()
}

/// As sqlx makes it of the database's name.
fn lock_id(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(crc32(database.as_bytes()))
}

/// CRC-32/ISO-HDLC, the one of zip files.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_the_one_of_releases_before() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of its definition");
        assert_eq!(lock_id("123456789"), 0x3d32_ad9e * 0xcbf4_3926);
    }

    /// (version, beginning of the checksum on SQLite, on PostgreSQL). One line more for each migration; a line that is
    /// there stands in databases, and never changes.
    const RELEASED: [(i64, &str, &str); ALL.len()] = [
        (101, "d7a4ca36", "df9a8de6"),
        (102, "ec1d3e89", "657c8fd0"),
        (103, "7a0992b6", "2347ba8d"),
        (104, "2ff05a44", "067d51d8"),
        (105, "65748ee8", "1e7cd89d"),
        (106, "daac50a6", "daac50a6"),
        (107, "735f0122", "34bb178f"),
        (108, "4bb56d55", "b168098a"),
        (109, "6e6af970", "d9e22ab7"),
        (110, "e82aea27", "40472493"),
        (112, "4b7bbec1", "095ff612"),
        (113, "a3bba009", "5b1d17b0"),
        (115, "d1b84ba8", "0f7cb95a"),
        (116, "e8705f34", "a5f5932c"),
        (117, "ba90df12", "4cf1e0ca"),
        (118, "f656b64a", "9b2e0dc7"),
        (119, "3608e08e", "cf6b37d6"),
        (120, "8540b4a0", "d9bcda96"),
        (121, "a7c6fada", "4bf9a79b"),
        (122, "35a0fea4", "a7dfd904"),
        (123, "b6fdad76", "c1abb7ab"),
        (125, "ba7cbd1f", "13355f9a"),
        (126, "ebb3005e", "ebb3005e"),
        (127, "067af0e6", "3e1e8e50"),
        (128, "0b6e6356", "97efd7a5"),
        (129, "cd6db6c0", "4070bec2"),
        (130, "20223215", "57069ccf"),
    ];

    #[test]
    fn what_was_released_stays_as_it_was() {
        let hex = |text: &str| checksum(text)[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (migration, (version, sqlite, postgres)) in ALL.iter().zip(RELEASED) {
            let found = (migration.version, hex(migration.sqlite), hex(migration.postgres));
            assert_eq!(found, (version, sqlite.to_owned(), postgres.to_owned()));
        }
        assert!(ALL.is_sorted_by(|one, next| one.version < next.version));
    }
}
