//! The suite on SQLite, and what only SQLite can get wrong.

use std::time::Duration;

use tempfile::TempDir;
use waypost_domain::{AliasSet, PartitionId, Timestamp};

use crate::core::Sql;
use crate::suite::{COMPONENT, row};
use crate::{Observation, Result, Retention, Sequence, Store, StoreError, StoreOptions, StoreUrl};

const TTL: Duration = Duration::from_secs(3600);

async fn open() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let options = StoreOptions { inbox_component: Some(COMPONENT), ..StoreOptions::default() };
    let store = Store::open(&url, options).await.unwrap();
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

/// The names of a batch's people are made once, where they are looked up: there is no round trip to spare.
#[tokio::test]
async fn nothing_is_read_ahead() {
    let (_folder, store) = open().await;
    let aliases = AliasSet { phone: Some("15550001111".to_owned()), ..AliasSet::default() };
    let observation = Observation::of(aliases, Timestamp::default());
    assert_eq!(store.to_read_ahead(&[observation]), None);
}

#[tokio::test]
async fn the_file_is_kept_safely() {
    static MODE: Sql = Sql::both("SELECT journal_mode AS mode FROM pragma_journal_mode");
    static SYNCHRONOUS: Sql = Sql::both("SELECT synchronous AS level FROM pragma_synchronous");
    static WRITE: Sql = Sql::both("CREATE TABLE t (a)");
    let (_folder, store) = open().await;
    // As a transaction sees it, which the one writer runs.
    let mut tx = store.begin().await.unwrap();
    let mode: String = tx.query(&MODE, vec![]).await.unwrap()[0].of("pragma").get("mode").unwrap();
    let synchronous: i64 = tx.query(&SYNCHRONOUS, vec![]).await.unwrap()[0].of("pragma").get("level").unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    assert!(store.read(&WRITE, vec![]).await.is_err(), "readers only read");
}

/// A release knows its own schema and the next one's; beyond that it does not touch the database.
#[tokio::test]
async fn a_schema_of_a_later_release_is_recognised() -> Result<()> {
    for (version, may_run) in [(199, true), (299, true), (301, false)] {
        let (_folder, store) = open().await;
        store.migrate().await?;
        let sql = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES ({version}, 'later', TRUE, x'00', 0)"
        );
        store.script(&sql).await?;
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
    store.acquire_lease(COMPONENT, PartitionId(0), "one", TTL, Sequence::None).await?;
    for (value, readable) in [("7", true), ("70000", false), ("'seven'", false)] {
        store.script(&format!("UPDATE lease SET partition = {value}")).await?;
        let outcome = store.leases(COMPONENT).await;
        let expected = StoreError::Unreadable { table: "lease", column: "partition" };
        match outcome {
            Ok(leases) => assert!(readable && leases.len() == 1, "{value}"),
            Err(error) => assert_eq!((readable, error.to_string()), (false, expected.to_string()), "{value}"),
        }
    }
    store.script("UPDATE lease SET partition = 0, owner = CAST(x'ff61' AS TEXT)").await?;
    let error = store.leases(COMPONENT).await.expect_err("a text that is none");
    assert_eq!(error.to_string(), StoreError::Unreadable { table: "lease", column: "owner" }.to_string());
    Ok(())
}

/// Who was not told whose leases number the inbox shows nothing as published, and deletes nothing of it.
#[tokio::test]
async fn the_inbox_is_tidied_by_the_marks_of_the_component_that_was_named() -> Result<()> {
    let (folder, store) = open().await;
    store.migrate().await?;
    let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
    let untold = Store::open(&url, StoreOptions::default()).await?;
    let lease = store.acquire_lease(COMPONENT, PartitionId(0), "one", TTL, Sequence::OfInbox).await?;
    let lease = lease.expect("it is free");
    let mut batch = store.begin_batch(&lease.fence(0, None)).await?;
    batch.record(&[row("old", 1)], &[]).await?;
    batch.commit().await?;
    store.mark_published(&lease.fence(1, None)).await?;
    let at_once = Retention {
        inbox: Duration::ZERO,
        bodies: TTL,
        media: TTL,
        statuses: TTL,
        changes: TTL,
        conversations: TTL,
        campaigns: TTL,
    };
    for (asked, expected) in [(&untold, false), (&store, true)] {
        let known = asked.events_after(None, 9).await?;
        assert_eq!(known.iter().map(|event| event.published).collect::<Vec<_>>(), [expected]);
        assert_eq!(asked.janitor_pass(&at_once, TTL, 9).await?.inbox, u64::from(expected));
    }
    Ok(())
}
