//! The suite on SQLite, and what only SQLite can get wrong.

use tempfile::TempDir;

use crate::database::Database;
use crate::{Result, Store, StoreError, StoreOptions, StoreUrl};

async fn open() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    (folder, store)
}

crate::store_suite!(open);

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() -> Result<()> {
    let (folder, store) = open().await;
    store.migrate().await?;
    let id = waypost_domain::PhoneNumberId::new("1");
    let name = store.ensure_number(&id, "+1", &waypost_domain::WabaId::new("w")).await?;
    // As a process that is killed: nothing is closed.
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let again = Store::open(&url, StoreOptions::default()).await?;
    assert_eq!(again.numbers().await?.len(), 1);
    assert_eq!(again.numbers().await?[0].name, name);
    drop(store);
    Ok(())
}

#[tokio::test]
async fn the_file_is_kept_safely() {
    let (_folder, store) = open().await;
    let Database::Sqlite { writer, readers, .. } = &store.database else { unreachable!() };
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(writer).await.unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    assert_eq!(writer.options().get_max_connections(), 1);
    assert!(sqlx::query("CREATE TABLE t (a)").execute(readers).await.is_err(), "readers only read");
}

/// A release knows its own schema and the next one's; beyond that it does not touch the database.
#[tokio::test]
async fn a_schema_of_a_later_release_is_told_apart() -> Result<()> {
    for (version, may_run) in [(199, true), (299, true), (301, false)] {
        let (_folder, store) = open().await;
        store.migrate().await?;
        let Database::Sqlite { writer, .. } = &store.database else { unreachable!() };
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ($1, 'later', TRUE, x'00', 0)";
        sqlx::query(sql).bind(version).execute(writer).await?;
        assert_eq!(store.require_schema().await.is_ok(), may_run, "{version}");
        let migrated = store.migrate().await;
        assert_eq!(migrated.is_ok(), may_run, "{version}: {migrated:?}");
    }
    Ok(())
}

/// Somebody edited a row: whoever reads it learns which, and that it is not the caller's fault.
#[tokio::test]
async fn a_damaged_row_is_unreadable() -> Result<()> {
    let (_folder, store) = open().await;
    store.migrate().await?;
    store.acquire_lease("router", waypost_domain::PartitionId(0), "one", std::time::Duration::from_secs(60)).await?;
    let Database::Sqlite { writer, .. } = &store.database else { unreachable!() };
    sqlx::query("UPDATE lease SET partition = 70000").execute(writer).await?;
    let outcome = store.leases("router").await;
    let expected = StoreError::Unreadable { table: "lease", column: "partition" };
    assert_eq!(outcome.expect_err("nobody can read it").to_string(), expected.to_string());
    Ok(())
}
