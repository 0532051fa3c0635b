//! The store's suite on PostgreSQL, and what only PostgreSQL can get wrong: transactions that overlap, stepped through
//! their interleavings, and sessions that end underneath. Each test has a database of its own.

mod rig;
mod sessions;

use std::time::{Duration, Instant};

use waypost_domain::message::Rotation;
use waypost_store::suite::COMPONENT;
use waypost_store::{EventKey, InboxRow, Merge, Observation, Renewal, Store, StoreError, StoreOptions};

use rig::{SHORT, TTL, Two, begin_talk, is_retry, observed, options};

pub(crate) use rig::{Database, aliases, conversation, lease, name, number, row, seen, until_expired};

async fn open() -> (Database, Store) {
    let database = Database::create();
    let store = database.open(options()).await;
    (database, store)
}

waypost_store::store_suite!(open);

/// Two partitions meet a stranger at once: the second waits for the first, and if that commits, looks again.
#[tokio::test]
async fn two_batches_create_the_same_contact() {
    for first_commits in [true, false] {
        let two = Two::start().await;
        let mut first = two.batch_of_one().await;
        let created = observed(&mut first, "p:1 b:a").await.unwrap();
        let mut second = two.batch_of_other().await;
        let waits = tokio::spawn(async move {
            let outcome = observed(&mut second, "p:1 b:a").await;
            if outcome.is_ok() {
                second.commit().await.unwrap();
            }
            outcome
        });
        two.database.until_waiting(1).await;
        if first_commits {
            first.commit().await.unwrap();
            assert!(is_retry(&waits.await.unwrap()));
            let mut again = two.batch_of_other().await;
            assert_eq!(observed(&mut again, "p:1 b:a").await.unwrap(), created);
        } else {
            drop(first);
            let id = waits.await.unwrap().expect("the other one rolled back");
            assert_eq!(two.owner("p:1").await, Some(id));
        }
    }
}

/// A number moves away from a contact while another batch, which read that it was there, waits for the contact.
#[tokio::test]
async fn an_alias_moves_while_another_batch_waits_for_its_contact() {
    let moves: [(&str, Observation); 2] = [
        ("a recycled phone", seen("p:1 b:b")),
        (
            "a phone given up",
            Observation {
                rotations: vec![Rotation { previous: aliases("p:1 b:a"), current: aliases("p:2 b:c") }],
                ..seen("p:1 b:a")
            },
        ),
    ];
    for (what, observation) in moves {
        let two = Two::start().await;
        let before = two.known("p:1 b:a").await;
        let mut first = two.batch_of_one().await;
        first.contacts(&[observation]).await.unwrap();
        let mut second = two.batch_of_other().await;
        let read = observed(&mut second, "p:1").await.unwrap();
        assert_eq!(read, before, "{what}");
        let waits = tokio::spawn(async move { begin_talk(&mut second, "talk", read).await });
        two.database.until_waiting(1).await;
        first.commit().await.unwrap();
        assert!(is_retry(&waits.await.unwrap()), "{what}");
        let mut again = two.batch_of_other().await;
        assert_ne!(observed(&mut again, "p:1").await.unwrap(), before, "{what}");
    }
}

/// A contact gains an alias while another batch waits for it: what that one read is still right.
#[tokio::test]
async fn an_alias_is_added_while_another_batch_waits_for_its_contact() {
    let two = Two::start().await;
    let contact = two.known("b:a").await;
    let mut first = two.batch_of_one().await;
    observed(&mut first, "p:1 b:a").await.unwrap();
    let mut second = two.batch_of_other().await;
    assert_eq!(observed(&mut second, "b:a").await.unwrap(), contact);
    let waits = tokio::spawn(async move {
        begin_talk(&mut second, "talk", contact).await?;
        second.commit().await
    });
    two.database.until_waiting(1).await;
    first.commit().await.unwrap();
    waits.await.unwrap().unwrap();
}

/// The merge waits for the batch that has the loser in hand, and takes over what that batch wrote.
#[tokio::test]
async fn a_merge_waits_for_a_batch_and_a_batch_for_a_merge() {
    let two = Two::start().await;
    let winner = two.known("p:1").await;
    let loser = two.known("b:a").await;
    let mut first = two.batch_of_one().await;
    observed(&mut first, "b:a").await.unwrap();
    let talk = conversation("talk", loser);
    first.record(&[InboxRow { contact: Some(loser), ..row("a", 1) }], std::slice::from_ref(&talk)).await.unwrap();
    let store = two.store.clone();
    let merge = tokio::spawn(async move { store.merge(&[Merge::of(winner, loser)]).await });
    two.database.until_waiting(1).await;
    // The winner's row is the merge's by now: whoever needs it waits, and then looks again.
    let mut second = two.batch_of_other().await;
    assert_eq!(observed(&mut second, "p:1").await.unwrap(), winner);
    let waits = tokio::spawn(async move { begin_talk(&mut second, "other", winner).await });
    two.database.until_waiting(2).await;
    first.commit().await.unwrap();
    merge.await.unwrap().unwrap();
    assert!(is_retry(&waits.await.unwrap()));
    let mut again = two.batch_of_other().await;
    for text in ["p:1", "b:a"] {
        assert_eq!(observed(&mut again, text).await.unwrap(), winner);
    }
    let open = again.conversations(&[(winner, name("support"))]).await.unwrap();
    assert_eq!(open.into_values().map(|open| open.id).collect::<Vec<_>>(), [talk.id]);
}

/// The same event in two partitions: whoever is second waits, and takes the first one's decision if there is one.
#[tokio::test]
async fn two_partitions_record_the_same_event() {
    for first_commits in [true, false] {
        let two = Two::start().await;
        let key = EventKey { number: number(), key: "a".into() };
        let mut first = two.batch_of_one().await;
        let mut second = two.batch_of_other().await;
        for batch in [&mut first, &mut second] {
            assert_eq!(batch.known(std::slice::from_ref(&key)).await.unwrap(), [None]);
        }
        first.record(&[row("a", 1)], &[]).await.unwrap();
        let waits = tokio::spawn(async move {
            let outcome = second.record(&[row("a", 1), row("b", 2)], &[]).await;
            if outcome.is_ok() {
                second.commit().await.unwrap();
            }
            outcome
        });
        two.database.until_waiting(1).await;
        if first_commits {
            first.commit().await.unwrap();
        } else {
            drop(first);
        }
        let outcome = waits.await.unwrap();
        assert_eq!(is_retry(&outcome), first_commits, "{outcome:?}");
        let stored = two.store.decision(&key).await.unwrap().expect("one of them recorded it");
        assert_eq!(stored.partition, if first_commits { two.one.partition } else { two.other.partition });
    }
}

/// A lease runs out while its owner's transaction is open: nobody waits for it, and nothing that it commits is missed.
#[tokio::test]
async fn a_takeover_sees_what_the_former_owner_committed() {
    let two = Two::start().await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    let mut open = two.store.begin_batch(&former.fence(0, None)).await.unwrap();
    open.record(&[row("a", 1)], &[]).await.unwrap();
    until_expired(&two.store).await;
    let begin = Instant::now();
    assert_eq!(lease(&two.store, 2, "other", TTL).await, None, "its owner is in the middle of something");
    assert!(begin.elapsed() < Duration::from_secs(5), "asking does not wait");
    open.commit().await.unwrap();
    let taken = lease(&two.store, 2, "other", TTL).await.expect("nothing holds it any more");
    assert_eq!((taken.epoch, taken.last_seq), (former.epoch + 1, 1));
    let lost = two.store.begin_batch(&former.fence(1, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
}

/// The former owner comes back to a row that the new one's batch holds: it learns that the lease is lost, and neither
/// it nor the new owner's renewal waits for that batch.
#[tokio::test]
async fn a_former_owner_whose_row_is_held_learns_that_it_is_lost() {
    let two = Two::start().await;
    let former = lease(&two.store, 2, "one", SHORT).await.expect("it is free");
    until_expired(&two.store).await;
    let taken = lease(&two.store, 2, "other", TTL).await.expect("it ran out");
    let held = two.store.begin_batch(&taken.fence(0, None)).await.unwrap();
    let lost = two.store.begin_batch(&former.fence(0, None)).await.map(drop);
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    // Whose lease it is does not wait to know it: the row is as safe as it is long.
    let renewal = Renewal { partition: taken.partition, epoch: taken.epoch, extended: false };
    assert!(two.store.renew_leases(COMPONENT, "other", TTL).await.unwrap().contains(&renewal));
    held.commit().await.unwrap();
    let renewal = Renewal { extended: true, ..renewal };
    assert!(two.store.renew_leases(COMPONENT, "other", TTL).await.unwrap().contains(&renewal));
}

/// Two batches that take contacts in several steps, against each other: one of them is told to begin again.
#[tokio::test]
async fn a_deadlock_ends_in_a_retry() {
    let two = Two::start().await;
    let (a, b) = (two.known("b:a").await, two.known("b:b").await);
    let (mut first, mut second) = (two.batch_of_one().await, two.batch_of_other().await);
    for batch in [&mut first, &mut second] {
        batch.contacts(&[seen("b:a"), seen("b:b")]).await.unwrap();
    }
    begin_talk(&mut first, "one's with a", a).await.unwrap();
    begin_talk(&mut second, "other's with b", b).await.unwrap();
    let crosses = tokio::spawn(async move { begin_talk(&mut first, "one's with b", b).await });
    two.database.until_waiting(1).await;
    let outcomes = [begin_talk(&mut second, "other's with a", a).await, {
        drop(second);
        crosses.await.unwrap()
    }];
    assert_eq!(outcomes.iter().filter(|outcome| is_retry(outcome)).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_row_that_is_never_let_go_ends_in_a_retry() {
    let two = Two::with(StoreOptions { lock_timeout: Duration::from_millis(100), ..options() }).await;
    let contact = two.known("b:a").await;
    let (mut first, mut second) = (two.batch_of_one().await, two.batch_of_other().await);
    for batch in [&mut first, &mut second] {
        observed(batch, "b:a").await.unwrap();
    }
    begin_talk(&mut first, "one", contact).await.unwrap();
    assert!(is_retry(&begin_talk(&mut second, "other", contact).await));
    drop(second);
    first.commit().await.unwrap();
}
