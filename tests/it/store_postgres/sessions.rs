//! Sessions that freeze or end underneath, databases that cannot serve, and what an error may say.

use std::error::Error;
use std::time::Duration;

use waypost_store::{Store, StoreError, StoreOptions, StoreUrl};
use waypost_tests::eventually;

use super::rig::{Database, PATIENCE, SHORT, TTL, Two, conversation, lease, options, row, until_expired};

/// A process that froze in the middle of a batch: the server ends its transaction, and the partition is free.
#[tokio::test]
async fn a_frozen_owner_is_cut_off() {
    let frozen_for = Duration::from_millis(300);
    let two = Two::with(StoreOptions { idle_in_transaction_timeout: frozen_for, ..options() }).await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    let mut frozen = two.store.begin_batch(&former.fence(0, None)).await.unwrap();
    frozen.record(&[row("a", 1)], &[]).await.unwrap();
    until_expired(&two.store).await;
    let taken = eventually("the partition is free", PATIENCE, async || lease(&two.store, 2, "other", TTL).await).await;
    assert_eq!((taken.epoch, taken.last_seq), (former.epoch + 1, 0), "what was not committed is gone");
    // It thaws: every statement fails, and beginning again says why.
    let outcome = frozen.record(&[row("b", 2)], &[]).await;
    assert!(outcome.as_ref().is_err_and(StoreError::is_transient), "{outcome:?}");
    assert!(frozen.commit().await.is_err());
    let lost = two.store.begin_batch(&former.fence(0, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    assert_eq!(two.store.counts().await.unwrap().events, 0);
}

/// The server restarts, or an administrator ends our sessions: an error that says to wait, then everything as before.
#[tokio::test]
async fn sessions_that_end_are_replaced() {
    let two = Two::start().await;
    let mut batch = two.batch_of_one().await;
    batch.record(&[row("a", 1)], &[]).await.unwrap();
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'",
        two.database.name()
    );
    two.database.handle.sql(&sql).unwrap();
    let outcome = batch.commit().await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    let again = async || {
        let mut batch = two.store.begin_batch(&two.one.fence(0, None)).await.ok()?;
        batch.record(&[row("a", 1)], &[]).await.ok()?;
        batch.commit().await.ok()
    };
    eventually("the store works again", PATIENCE, again).await;
    assert_eq!(two.store.counts().await.unwrap().events, 1);
}

#[tokio::test]
async fn two_processes_migrate_at_once() {
    let database = Database::create();
    let (one, other) = (database.open(options()).await, database.open(options()).await);
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    assert!(one.schema_is_current().await.unwrap());
}

#[tokio::test]
async fn a_database_that_cannot_store_every_text_is_refused() {
    let database = Database::create();
    let ascii = format!("{}_ascii", database.name());
    let sql = format!("CREATE DATABASE {ascii} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    database.handle.sql(&sql).unwrap();
    let url = StoreUrl::parse(&database.handle.url(&ascii)).unwrap();
    let refused = Store::open(&url, options()).await.map(drop);
    assert!(matches!(&refused, Err(StoreError::Invalid(text)) if text.contains("UTF8")), "{refused:?}");
}

/// Rows that a person wrote must not show in an error: not by its text, not by its debug form.
#[tokio::test]
async fn errors_do_not_quote_rows() {
    let two = Two::start().await;
    let contact = two.known("p:15550001111 b:a").await;
    let mut batch = two.batch_of_one().await;
    let talks = ["one", "other"].map(|id| conversation(id, contact));
    let error = batch.record(&[], &talks).await.unwrap_err();
    let mut shown = format!("{error} {error:?}");
    if let Some(source) = error.source() {
        shown += &format!("{source} {source:?}");
    }
    assert!(shown.contains("23505"), "it is the database's own error: {shown}");
    for value in ["support", &contact.to_string()] {
        assert!(!shown.contains(value), "{shown}");
    }
}
