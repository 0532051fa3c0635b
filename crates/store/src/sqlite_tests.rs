//! The suite on SQLite, and what only SQLite can get wrong.

use tempfile::TempDir;

use crate::{Result, Store, StoreOptions, StoreUrl};

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
    let crate::database::Database::Sqlite { writer, readers } = &store.database else { unreachable!() };
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(writer).await.unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    assert_eq!(writer.options().get_max_connections(), 1);
    assert!(sqlx::query("CREATE TABLE t (a)").execute(readers).await.is_err(), "readers only read");
}
