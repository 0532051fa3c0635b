//! The store's transactions on PostgreSQL where something goes wrong in the middle of them: a check that fails with the
//! commit already under way, a caller that gives up at any point where it waits, a network that falls silent around the
//! commit, stored data that cannot be read, a pooler that does not keep sessions. What is committed is all or nothing,
//! and who asks again learns which.

use std::future::Future as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use waypost_domain::Conversation;
use waypost_store::suite::COMPONENT;
use waypost_store::{
    EventKey, Fence, InboxRow, InboxWrites, Lease, Renewal, Store, StoreError, StoreOptions, StoreUrl,
};
use waypost_tests::eventually;
use waypost_tests::pooler::TransactionPooler;
use waypost_tests::proxy::{FaultProxy, Flow};

use crate::store_postgres::{Database, conversation, lease, number, row, seen};

const TTL: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);

struct Owner {
    database: Database,
    store: Store,
    lease: Lease,
}

impl Owner {
    async fn start() -> Self {
        Self::with(StoreOptions { max_connections: 2, ..StoreOptions::default() }).await
    }

    async fn with(options: StoreOptions) -> Self {
        let database = Database::create();
        let store = database.open(options).await;
        store.migrate().await.expect("the store answers");
        let lease = lease(&store, 0, "one", TTL).await.expect("it is free");
        Self { database, store, lease }
    }

    fn fence(&self) -> Fence {
        Fence::of(&self.lease)
    }

    async fn events(&self) -> u64 {
        self.store.counts().await.expect("the store answers").events
    }
}

fn key(text: &str) -> EventKey {
    EventKey { number: number(), key: text.to_owned() }
}

/// Whom `p:1` names, with a conversation that was read and can be written again.
async fn known(owner: &Owner) -> Conversation {
    let mut tx = owner.store.begin_batch(&owner.fence()).await.expect("the store answers");
    let contact = tx.contacts(&[seen("p:1")]).await.expect("the store answers")[0].as_ref().expect("a contact").id;
    let begun = conversation("begun", contact);
    tx.record(&[], std::slice::from_ref(&begun)).await.expect("the store answers");
    tx.commit().await.expect("the store answers");
    begun
}

/// The commit is on its way behind the statement that fails: the server makes a rollback of it, and the error is that
/// statement's, not the one of those behind it.
#[tokio::test]
async fn every_check_fails_with_the_commit_under_way() {
    let owner = Owner::start().await;
    let begun = known(&owner).await;
    let contact = begun.contact;
    let fence = owner.fence();
    let meddle = [
        ("a contact changed", "UPDATE contact SET version = version + 1", "a contact changed since it was read"),
        ("a conversation changed", "UPDATE conversation SET active_at = active_at + 1", "a conversation changed"),
        ("an event recorded", "", "inserted the same key"),
    ];
    for (what, sql, reason) in meddle {
        let (mut tx, _) = owner.store.begin_batch_with(&fence, &[key(what)], &[seen("p:1")]).await.unwrap();
        tx.contacts(&[seen("p:1")]).await.unwrap();
        if sql.is_empty() {
            let insert = format!(
                "INSERT INTO inbox (partition, seq, received_at, decision_id, number, key, kind) \
                 VALUES (9, 9, 9, '{}', '1', 'x', 'message')",
                key(what).decision_id()
            );
            owner.database.handle.sql_on(&owner.database.url, &insert).unwrap();
        } else {
            owner.database.handle.sql_on(&owner.database.url, sql).unwrap();
        }
        let before = owner.events().await;
        // Held: the contact must be as it was read. Of the conversation only what was read may be written again.
        let rows = [InboxRow { contact: Some(contact), held_event: Some(vec![1]), ..row(what, 1) }, row("beside", 2)];
        let conversations = [begun.clone()];
        let writes = InboxWrites { rows: &rows, conversations: &conversations, ..InboxWrites::default() };
        let error = tx.finish(&writes).await.expect_err(what);
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Retry { .. }) && shown.contains(reason), "{what}: {shown}");
        assert!(!shown.contains("25P02"), "{what}: {shown}");
        assert_eq!(owner.events().await, before, "{what}: nothing of it was committed");
        // The connection is as good as new.
        owner.store.mark_published(&fence).await.unwrap();
    }
}

/// Nothing of the flight is sent then, its COMMIT neither: the transaction is open and aborted, and must not go back to
/// the pool like that.
#[tokio::test]
async fn a_statement_that_cannot_be_prepared_leaves_the_connection_well() {
    let owner = Owner::with(StoreOptions { max_connections: 1, ..StoreOptions::default() }).await;
    let sql = |text: &str| owner.database.handle.sql_on(&owner.database.url, text).unwrap();
    let fence = owner.fence();
    let tx = owner.store.begin_batch(&fence).await.unwrap();
    sql("ALTER TABLE inbox RENAME COLUMN why TO wherefore");
    let rows = [row("m1", 1)];
    let writes = InboxWrites { rows: &rows, ..InboxWrites::default() };
    tx.finish(&writes).await.expect_err("a column is missing");
    sql("ALTER TABLE inbox RENAME COLUMN wherefore TO why");
    owner.store.mark_published(&fence).await.unwrap();
    assert_eq!(owner.events().await, 0);
}

/// Given up at every point where it waits: all or nothing, no connection is lost, none is left in a transaction.
#[tokio::test]
async fn a_batch_is_dropped_at_every_await() {
    let owner = Owner::start().await;
    known(&owner).await;
    let fence = owner.fence();
    let mut committed = 0;
    for polls in 1..200 {
        let name = format!("m{polls}");
        let rows = [row(&name, polls)];
        let mut work = Box::pin(async {
            let (mut tx, _) = owner.store.begin_batch_with(&fence, &[key(&name)], &[seen("p:1")]).await?;
            tx.contacts(&[seen("p:1")]).await?;
            tx.finish(&InboxWrites { rows: &rows, ..InboxWrites::default() }).await
        });
        let mut done = false;
        for _ in 0..polls {
            if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                outcome.unwrap();
                done = true;
                break;
            }
            // Whoever reads the socket gets on by as much as there is to read.
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(work);
        let until_free = async || owner.store.mark_published(&fence).await.ok();
        eventually("the lease's row is free again", PATIENCE, until_free).await;
        let stored = owner.store.decision(&key(&name)).await.unwrap();
        assert!(stored.is_some() || !done, "{name}: it said that it was committed");
        committed += u32::from(done);
        if committed == 3 {
            return;
        }
    }
    panic!("it never came to its end");
}

/// The network swallows the commit, or the answer to it: an error in time, which says that nobody knows, and asking
/// again over a new connection says which.
#[tokio::test]
async fn silence_around_the_commit() {
    for (to_server, to_client, is_stored) in [(Flow::Swallow, Flow::Swallow, false), (Flow::Pass, Flow::Swallow, true)]
    {
        let owner = Owner::start().await;
        let port = owner.database.port();
        let proxy = FaultProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
        let url = owner.database.url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        let options = StoreOptions {
            max_connections: 2,
            statement_timeout: Duration::from_millis(300),
            idle_in_transaction_timeout: Duration::from_millis(500),
            ..StoreOptions::default()
        };
        let store = Store::open(&StoreUrl::parse(&url).unwrap(), options).await.unwrap();
        // From now on every statement of the batch is prepared: what is sent is all of it.
        let tx = store.begin_batch(&owner.fence()).await.unwrap();
        tx.finish(&InboxWrites { rows: &[row("before", 1)], ..InboxWrites::default() }).await.unwrap();
        let (tx, _) = store.begin_batch_of(&owner.fence(), &[key("a")]).await.unwrap();
        proxy.set(to_server, to_client);
        let begin = Instant::now();
        let rows = [row("a", 2)];
        let outcome = tx.finish(&InboxWrites { rows: &rows, ..InboxWrites::default() }).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        assert!(begin.elapsed() < Duration::from_secs(8), "it waits for an end");
        proxy.heal();
        let again = async || store.begin_batch_of(&owner.fence(), &[key("a")]).await.ok();
        let (tx, known) = eventually("the store works again", PATIENCE, again).await;
        assert_eq!(known[0].is_some(), is_stored);
        drop(tx);
        assert_eq!(owner.events().await, 1 + u64::from(is_stored));
    }
}

/// A call that hears nothing ends in time, and the next one has a connection that works.
#[tokio::test]
async fn a_silent_server_ends_a_call_in_time() {
    let owner = Owner::start().await;
    let port = owner.database.port();
    let proxy = FaultProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
    let url = owner.database.url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    let second = Duration::from_secs(1);
    let options = StoreOptions {
        max_connections: 1,
        acquire_timeout: second,
        connect_timeout: second,
        statement_timeout: second,
        ..StoreOptions::default()
    };
    let store = Store::open(&StoreUrl::parse(&url).unwrap(), options).await.unwrap();
    proxy.black_hole();
    for what in ["over a connection", "making one"] {
        let begin = Instant::now();
        let outcome = store.leases(COMPONENT).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{what}: {outcome:?}");
        assert!(begin.elapsed() < Duration::from_secs(8), "{what} took {:?}", begin.elapsed());
    }
    proxy.heal();
    eventually("the store works again", PATIENCE, async || store.leases(COMPONENT).await.ok()).await;
}

#[tokio::test]
async fn a_damaged_row_is_unreadable() {
    let owner = Owner::start().await;
    let mut tx = owner.store.begin_batch(&owner.fence()).await.unwrap();
    tx.record(&[row("a", 1)], &[]).await.unwrap();
    tx.commit().await.unwrap();
    let damage = "UPDATE inbox SET rule = 'r', priority = 'whenever'";
    owner.database.handle.sql_on(&owner.database.url, damage).unwrap();
    for outcome in [
        owner.store.decision(&key("a")).await.map(drop),
        owner.store.begin_batch_of(&owner.fence(), &[key("a")]).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(StoreError::Unreadable { table: "inbox", column: "priority" })), "{outcome:?}");
    }
    // What does not need it goes on.
    let (_, known) = owner.store.begin_batch_of(&owner.fence(), &[key("b")]).await.unwrap();
    assert_eq!(known, [None]);
}

/// Renewals go past the row that a batch holds, and the lease is kept; of an owner that says nothing more it is lost.
#[tokio::test]
async fn a_renewal_waits_for_no_batch() {
    let owner = Owner::start().await;
    let (short, long) = (Duration::from_secs(20), Duration::from_secs(60));
    let mine = lease(&owner.store, 5, "batching", short).await.expect("it is free");
    owner.store.join(COMPONENT, "batching", long).await.unwrap();
    let open = owner.store.begin_batch(&Fence::of(&mine)).await.unwrap();
    let begin = Instant::now();
    let renewed = owner.store.renew_leases(COMPONENT, "batching", long).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "it waits for nobody");
    assert_eq!(renewed, [Renewal { partition: mine.partition, epoch: mine.epoch, extended: true }]);
    // The batch's own fence extends the lease to the end of the membership.
    open.commit().await.unwrap();
    let rows = owner.store.leases(COMPONENT).await.unwrap();
    let kept = rows.iter().find(|row| row.partition == mine.partition).unwrap();
    assert!(kept.expires_at > mine.expires_at);
    // A member that lives keeps what ran out; one that is gone does not.
    owner.database.handle.sql_on(&owner.database.url, "UPDATE lease SET expires_at = 1 WHERE partition = 5").unwrap();
    assert_eq!(lease(&owner.store, 5, "other", long).await, None, "its owner lives");
    let renewed = owner.store.renew_leases(COMPONENT, "batching", Duration::ZERO).await.unwrap();
    assert_eq!(renewed, [Renewal { partition: mine.partition, epoch: mine.epoch, extended: true }]);
    owner.store.leave(COMPONENT, "batching").await.unwrap();
    let until_lost = async || lease(&owner.store, 5, "other", long).await;
    let taken = eventually("the lease of one that is gone is free", PATIENCE, until_lost).await;
    assert_eq!(taken.epoch, mine.epoch + 1);
    let renewed = owner.store.renew_leases(COMPONENT, "batching", long).await.unwrap();
    assert_eq!(renewed, [], "it is lost");
}

/// Given a row that is locked and whose lease has run out, nobody can say who holds it: it counts as lost.
#[tokio::test]
async fn a_locked_lease_that_ran_out_counts_as_lost() {
    let owner = Owner::start().await;
    let mine = lease(&owner.store, 5, "late", Duration::ZERO).await.expect("it is free");
    crate::store_postgres::until_expired(&owner.store).await;
    let open = owner.store.begin_batch(&Fence::of(&mine)).await.unwrap();
    let renewed = owner.store.renew_leases(COMPONENT, "late", TTL).await.unwrap();
    assert_eq!(renewed, []);
    drop(open);
}

/// Behind a pooler that lends its connections by the transaction, settings and prepared statements would be somebody
/// else's.
#[tokio::test]
async fn a_pooler_that_keeps_no_sessions_is_refused() {
    let database = Database::create();
    let port = database.port();
    let pooler = TransactionPooler::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
    let url = database.url.replace(&format!(":{port}/"), &format!(":{}/", pooler.port()));
    for connections in [1, 6] {
        let options = StoreOptions { max_connections: connections, ..StoreOptions::default() };
        let refused = Store::open(&StoreUrl::parse(&url).unwrap(), options).await.map(drop);
        let Err(StoreError::Invalid(text)) = refused else { panic!("not refused: {refused:?}") };
        assert!(text.contains("pool_mode = session"), "{text}");
    }
}
