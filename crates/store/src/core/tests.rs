//! What the drivers promise, without any table of ours.

use super::params;
use super::*;
use crate::StoreError;

static CREATE: Sql = Sql::both("CREATE TABLE t (id BLOB, at BIGINT, name TEXT, data BLOB)");
static ALL: Sql = Sql::both("SELECT id, at, name, data FROM t ORDER BY at");
static INSERT: Sql = Sql::both("INSERT INTO t (id, at, name, data) VALUES ($1, $2, $3, $4)");
static LISTED: Sql =
    Sql::both("SELECT t.name FROM json_each($2) k JOIN t ON t.at = k.value WHERE t.name <> $1 ORDER BY t.at");

async fn open() -> Store {
    let store = Store::open(&StoreUrl::sqlite_memory(), StoreOptions::default()).await.unwrap();
    store.write(&CREATE, params![]).await.unwrap();
    store
}

async fn names(store: &Store) -> Vec<String> {
    store.read(&ALL, params![]).await.unwrap().iter().map(|row| row.of("t").get("name").unwrap()).collect()
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let store = open().await;
    let id = uuid::Uuid::now_v7();
    store.write(&INSERT, params![id, 7_i64, "é", vec![0_u8, 255]]).await.unwrap();
    let rows = store.read(&ALL, params![]).await.unwrap();
    let row = rows[0].of("t");
    assert_eq!(row.get::<uuid::Uuid>("id").unwrap(), id);
    assert_eq!(row.get::<Option<i64>>("at").unwrap(), Some(7));
    assert_eq!(row.get::<Vec<u8>>("data").unwrap(), [0, 255]);
    assert_eq!(row.get::<String>("name").unwrap(), "é", "in any order");
    for wrong in [row.get::<i64>("name").err(), row.get::<i64>("none").err(), row.get::<String>("id").err()] {
        assert!(matches!(wrong, Some(StoreError::Unreadable { table: "t", .. })), "{wrong:?}");
    }
}

#[tokio::test]
async fn parameters_are_bound_by_name_and_lists_as_json() {
    let store = open().await;
    let rows = ["a", "b", "c"].into_iter().zip(1_i64..).map(|(name, at)| params![Param::Null, at, name, Param::Null]);
    let mut tx = store.begin().await.unwrap();
    let answers = tx.run(vec![Statement::rows(&INSERT, rows.collect()).expecting(3, "three")]).await.unwrap();
    assert_eq!(answers[0].affected, 3);
    tx.commit().await.unwrap();
    let found = store.read(&LISTED, params!["c", [3_i64, 2, 9].into_iter().collect::<Param<'_>>()]).await.unwrap();
    assert_eq!(found.iter().map(|row| row.of("t").get::<String>("name").unwrap()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn what_is_dropped_or_failed_is_rolled_back() {
    let store = open().await;
    let mut tx = store.begin().await.unwrap();
    tx.execute(&INSERT, params![Param::Null, 1_i64, "a", Param::Null]).await.unwrap();
    assert!(store.is_busy());
    drop(tx);
    assert_eq!(names(&store).await, [""; 0]);
    assert!(!store.is_busy());
    let mut tx = store.begin().await.unwrap();
    let wrong =
        tx.run(vec![Statement::new(&INSERT, params![Param::Null, 1_i64, "a", Param::Null]).expecting(2, "two")]);
    assert!(matches!(wrong.await, Err(StoreError::Retry { reason: "two", .. })));
    assert!(tx.commit().await.is_err(), "a transaction that failed commits nothing");
    assert_eq!(names(&store).await, [""; 0]);
    let tx = store.begin().await.unwrap();
    let last = vec![Statement::new(&INSERT, params![Param::Null, 1_i64, "a", Param::Null])];
    tx.commit_with(last).await.unwrap();
    assert_eq!(names(&store).await, ["a"]);
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

/// The caller gives up later and later, until he waits for the end.
#[tokio::test]
async fn a_transaction_is_dropped_wherever_it_waits() {
    let store = open().await;
    let mut kept = 0;
    for patience in 0_i64.. {
        let work = async {
            let mut tx = store.begin().await.unwrap();
            tx.execute(&INSERT, params![Param::Null, patience, "a", Param::Null]).await.unwrap();
            tx.execute(&INSERT, params![Param::Null, patience, "b", Param::Null]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let gives_up = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        let is_done = tokio::select! {
            biased;
            () = gives_up => false,
            () = work => true,
        };
        let count = names(&store).await.len();
        assert!(count == kept || count == kept + 2, "all or nothing");
        assert!(!is_done || count == kept + 2, "it was committed");
        kept = count;
        if is_done {
            return;
        }
    }
}
