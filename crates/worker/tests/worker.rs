//! The worker on the embedded bus and a SQLite store: batches, parking, drain, and sharing between replicas.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use support::{COMPONENT, PATIENCE, Rig, eventually};
use waypost_bus::Bus;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_domain::PartitionId;
use waypost_store::Sequence;

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{number:03}")).collect()
}

#[tokio::test]
async fn batches_come_in_order_and_as_large_as_may_be() {
    let rig = Rig::new(1).await;
    let ids = numbered(300);
    let messages: Vec<_> = ids.iter().map(|id| (id.as_str(), "plain")).collect();
    rig.publish(0, &messages).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 300).await;
    assert_eq!(rig.log.ids(), ids);
    let sizes: Vec<usize> = rig.log.0.borrow().iter().map(|(_, _, size)| *size).collect();
    assert!(sizes.contains(&128), "{sizes:?}");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left("wa.in.p00").await, 0);
}

#[tokio::test]
async fn a_stop_finishes_marks_and_gives_the_partition_back() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("a", "plain"), ("b", "plain")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 2).await;
    stop.cancel();
    task.await.unwrap();
    let lease = rig.store.leases(COMPONENT).await.unwrap().remove(0);
    assert_eq!((lease.owner, lease.published_seq), (None, 2));
    let (stop, task) = rig.start("b");
    rig.publish(0, &[("c", "plain")]).await;
    rig.log.until(|log| log.len() == 3).await;
    assert_eq!(rig.log.ids(), ["a", "b", "c"]);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_its_handler_panics_on_is_parked_and_its_neighbours_go_on() {
    let rig = Rig::new(2).await;
    rig.publish(0, &[("a", "plain"), ("poison", "panic"), ("b", "plain"), ("c", "plain")]).await;
    rig.publish(1, &[("other", "plain")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 4).await;
    let first = rig.log.ids().into_iter().filter(|id| id != "other").collect::<Vec<_>>();
    assert_eq!(first, ["a", "b", "c"]);
    let letters = rig.bus.peek(DEAD_LETTERS_QUEUE, None, 10).await.unwrap();
    let [(_, letter)] = &letters[..] else { panic!("one dead letter, not {}", letters.len()) };
    assert_eq!(letter.id, "poison");
    assert_eq!(letter.headers["wp-reason"], "handler-panicked");
    assert_eq!(letter.headers["wp-origin"], "wa.in.p00");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left("wa.in.p00").await, 0);
}

#[tokio::test]
async fn several_culprits_cost_their_neighbours_nothing() {
    let rig = Rig::new(1).await;
    let ids = numbered(40);
    let kind = |index: usize| if index % 10 == 3 { "panic" } else { "plain" };
    let messages: Vec<_> = ids.iter().enumerate().map(|(index, id)| (id.as_str(), kind(index))).collect();
    rig.publish(0, &messages).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 36).await;
    let plain = |(index, id): (usize, &String)| (kind(index) == "plain").then(|| id.clone());
    assert_eq!(rig.log.ids(), ids.iter().enumerate().filter_map(plain).collect::<Vec<_>>(), "in order");
    eventually(async || rig.left(DEAD_LETTERS_QUEUE).await == 4).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left("wa.in.p00").await, 0);
}

/// What comes back says that somebody crashed, not who is to blame.
#[tokio::test]
async fn what_came_back_often_is_handled_alone_and_in_order() {
    let rig = Rig::new(1).await;
    let ids = numbered(20);
    let messages: Vec<_> = ids.iter().map(|id| (id.as_str(), "plain")).collect();
    rig.publish(0, &messages).await;
    for count in 0..50 {
        let mut crashing = rig.bus.consume("wa.in.p00", 128).await.unwrap();
        let batch = crashing.next_batch(128).await.unwrap();
        assert_eq!((batch.len(), batch[0].delivery_count), (20, count));
    }
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 20).await;
    assert_eq!(rig.log.ids(), ids);
    assert!(rig.log.0.borrow().iter().all(|(_, _, size)| *size == 1), "one by one");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left(DEAD_LETTERS_QUEUE).await, 0);
    let lease =
        rig.store.acquire_lease(COMPONENT, PartitionId(0), "b", PATIENCE, Sequence::OfInbox).await.unwrap().unwrap();
    assert_eq!(lease.suspect, None, "nothing is held against the last one");
}

#[tokio::test]
async fn what_processes_die_with_is_parked_and_its_neighbours_go_on() {
    let rig = Rig::new(2).await;
    rig.publish(0, &[("a", "plain"), ("poison", "die"), ("b", "plain")]).await;
    rig.publish(1, &[("other", "plain")]).await;
    // Twice with the whole batch in hand, which proves nothing, and three times with this one alone.
    for deaths in 1..=5 {
        let (_stop, task) = rig.start("one");
        let died = |log: &[(String, PartitionId, usize)]| log.iter().filter(|(id, ..)| id == "poison?").count();
        rig.log.until(|log| died(log) == deaths).await;
        assert_eq!(rig.left(DEAD_LETTERS_QUEUE).await, 0);
        task.abort();
        assert!(task.await.is_err());
    }
    let (stop, task) = rig.start("one");
    rig.log.until(|log| log.iter().any(|(id, ..)| id == "b")).await;
    let plain: Vec<String> = rig.log.ids().into_iter().filter(|id| id == "a" || id == "b").collect();
    assert_eq!(plain, ["a", "b"]);
    let letters = rig.bus.peek(DEAD_LETTERS_QUEUE, None, 10).await.unwrap();
    let [(_, letter)] = &letters[..] else { panic!("one dead letter, not {}", letters.len()) };
    assert_eq!((letter.id.as_str(), letter.headers["wp-reason"].as_str()), ("poison", "worker-died"));
    assert_eq!(letter.headers["wp-attempts"], "3");
    stop.cancel();
    task.await.unwrap();
}

/// A process that lives to see its end has shown that nothing in its hands kills.
#[tokio::test]
async fn an_orderly_end_counts_against_nobody() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("a", "refuse")]).await;
    for _ in 0..2 {
        rig.bus.consume("wa.in.p00", 1).await.unwrap().next_batch(1).await.unwrap();
    }
    for round in 1..=5 {
        let (stop, task) = rig.start("one");
        rig.log.until(|log| log.len() >= round).await;
        stop.cancel();
        task.await.unwrap();
        let lease = rig
            .store
            .acquire_lease(COMPONENT, PartitionId(0), "one", PATIENCE, Sequence::OfInbox)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lease.suspect, None);
        rig.store.release_lease(&lease).await.unwrap();
    }
    assert_eq!((rig.left("wa.in.p00").await, rig.left(DEAD_LETTERS_QUEUE).await), (1, 0));
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_in_place() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("a", "retry"), ("b", "plain")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 2).await;
    assert_eq!(rig.log.ids(), ["a", "b"]);
    stop.cancel();
    task.await.unwrap();
    let lease = rig.store.leases(COMPONENT).await.unwrap().remove(0);
    assert_eq!(lease.published_seq, 2, "a failed attempt uses up no sequence number");
}

#[tokio::test]
async fn what_a_later_release_wrote_stays_where_it_is() {
    let rig = Rig::new(2).await;
    rig.publish(0, &[("newer", "stop"), ("behind", "plain")]).await;
    rig.publish(1, &[("other", "plain")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.iter().any(|(id, _, _)| id == "other")).await;
    eventually(async || rig.bus.depth("wa.in.p00").await.unwrap().unwrap().consumers == 0).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.log.ids(), ["other"]);
    assert_eq!(rig.left("wa.in.p00").await, 2);
    assert_eq!(rig.left(DEAD_LETTERS_QUEUE).await, 0);
    // Every subscription more would have been a failure more, and in the end a dead letter.
    let batch = rig.bus.consume("wa.in.p00", 1).await.unwrap().next_batch(1).await.unwrap();
    assert_eq!(batch[0].delivery_count, 1);
}

#[tokio::test]
async fn replicas_share_and_take_over() {
    let rig = Rig::new(4).await;
    let owners = || async {
        let leases = rig.store.leases(COMPONENT).await.unwrap();
        leases.into_iter().filter_map(|lease| lease.owner).collect::<Vec<_>>()
    };
    let (stop_a, task_a) = rig.start("a");
    eventually(async || owners().await.len() == 4).await;
    let (stop_b, task_b) = rig.start("b");
    eventually(async || {
        let owners = owners().await;
        owners.len() == 4 && owners.iter().filter(|owner| *owner == "b").count() == 2
    })
    .await;
    for partition in 0..4 {
        rig.publish(partition, &[(&format!("m{partition}"), "plain")]).await;
    }
    rig.log.until(|log| log.len() == 4).await;
    // A crash: nothing is released, the lease has to run out.
    task_a.abort();
    assert!(task_a.await.is_err());
    for partition in 0..4 {
        rig.publish(partition, &[(&format!("n{partition}"), "plain")]).await;
    }
    rig.log.until(|log| log.len() == 8).await;
    eventually(async || owners().await == ["b"; 4]).await;
    drop(stop_a);
    stop_b.cancel();
    task_b.await.unwrap();
    assert_eq!(rig.log.ids().into_iter().collect::<BTreeSet<_>>().len(), 8, "each message once");
}

/// A replica that was frozen has lost its tasks by its own clock, and its share may have become smaller meanwhile.
#[tokio::test]
async fn a_lease_without_a_task_is_given_back() {
    let rig = Rig::new(2).await;
    let ttl = Duration::from_secs(3600);
    // Somebody else lives, so that one of the two partitions is the share.
    assert_eq!(rig.store.join(COMPONENT, "other", ttl).await.unwrap(), 1);
    let stray = rig.store.acquire_lease(COMPONENT, PartitionId(1), "a", ttl, Sequence::OfInbox).await.unwrap();
    assert!(stray.is_some());
    let (stop, task) = rig.start("a");
    eventually(async || {
        let leases = rig.store.leases(COMPONENT).await.unwrap();
        let owners: Vec<Option<&str>> = leases.iter().map(|lease| lease.owner.as_deref()).collect();
        owners == [Some("a"), None]
    })
    .await;
    stop.cancel();
    task.await.unwrap();
}
