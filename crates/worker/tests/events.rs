//! Which event is parked, alone or out of a bundle, and that its neighbours go on.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{COMPONENT, Rig, eventually, some_renewals_later};
use waypost_bus::Bus;
use waypost_domain::PartitionId;
use waypost_store::Sequence;
use waypost_worker::WorkerConfig;

#[tokio::test]
async fn what_is_refused_for_good_is_found_by_halves() {
    let rig = Rig::new(2).await;
    let ids: Vec<String> = (0..32).map(|number| format!("m{number:02}")).collect();
    let kind = |index: usize| if index % 16 == 5 { "unreadable" } else { "plain" };
    let messages: Vec<_> = ids.iter().enumerate().map(|(index, id)| (id.as_str(), kind(index))).collect();
    rig.publish(0, &messages).await;
    rig.publish(1, &[("other", "plain")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 31).await;
    let plain = ids.iter().enumerate().filter(|(index, _)| kind(*index) == "plain").map(|(_, id)| id.clone());
    let handled: Vec<String> = rig.log.ids().into_iter().filter(|id| id != "other").collect();
    assert_eq!(handled, plain.collect::<Vec<_>>(), "in order");
    let ours = |(_, partition, size): &(String, PartitionId, usize)| (*partition == PartitionId(0)).then_some(*size);
    let sizes: Vec<usize> = rig.log.0.borrow().iter().filter_map(ours).collect();
    // Of each half four, one, the culprit, two, eight.
    let half = [4, 4, 4, 4, 1, 2, 2, 8, 8, 8, 8, 8, 8, 8, 8];
    assert_eq!(sizes, [half, half].concat());
    let letters = rig.letters().await;
    let parked: Vec<_> = letters.iter().map(|one| (one.id.as_str(), one.headers["wp-reason"].as_str())).collect();
    assert_eq!(parked, [("m05", "unreadable-row"), ("m21", "unreadable-row")]);
    eventually(async || rig.left("wa.in.p00").await == 0).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_batch_that_is_left_comes_again() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("a", "plain"), ("b", "leave")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 4).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.log.ids(), ["a", "b", "a", "b"]);
    assert_eq!(rig.left("wa.in.p00").await, 0);
}

#[tokio::test]
async fn each_event_of_a_bundle_counts_for_itself() {
    let rig = Rig::new(1).await;
    let first = "one=a:plain,b:panic,c:undecodable,d:plain,e:unreadable,f:plain";
    rig.publish(0, &[("before", "plain"), (first, "bundle"), ("two=g:plain,h:plain", "bundle")]).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.iter().any(|(id, ..)| id == "h")).await;
    let mut handled = rig.log.ids();
    handled.dedup();
    assert_eq!(handled, ["before", "a", "d", "f", "g", "h"]);
    let mut parked: Vec<(String, String, String)> = rig
        .letters()
        .await
        .into_iter()
        .map(|letter| {
            let body = String::from_utf8(letter.body.to_vec()).unwrap();
            (letter.id, letter.headers["wp-reason"].clone(), body)
        })
        .collect();
    parked.sort();
    let expected = [
        ("one.1", "handler-panicked", "b:panic"),
        ("one.2", "undecodable-event", "c:undecodable"),
        ("one.4", "unreadable-row", "e:unreadable"),
    ];
    assert_eq!(parked, expected.map(|(id, reason, body)| (id.to_owned(), reason.to_owned(), body.to_owned())));
    eventually(async || rig.left("wa.in.p00").await == 0).await;
    stop.cancel();
    task.await.unwrap();
}

/// Given a bundle whose middle kills: what stands before it is done once and parked once, whatever the number of crashes.
#[tokio::test]
async fn an_event_that_kills_is_parked_out_of_its_bundle() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("one=a:undecodable,b:plain,poison:die,c:plain", "bundle"), ("behind", "plain")]).await;
    // Before anything is handled alone, which starts with the third delivery.
    rig.crash("wa.in.p00", 2).await;
    for crashes in 1..=3 {
        let (_stop, task) = rig.start("one");
        rig.log.until(|log| log.iter().filter(|(id, ..)| id == "poison?").count() == crashes).await;
        task.abort();
        assert!(task.await.is_err());
    }
    let (stop, task) = rig.start("one");
    rig.log.until(|log| log.iter().any(|(id, ..)| id == "behind")).await;
    let plain: Vec<String> = rig.log.ids().into_iter().filter(|id| id != "poison?").collect();
    assert_eq!(plain, ["b", "c", "behind"]);
    let letters = rig.letters().await;
    let parked: Vec<_> = letters.iter().map(|one| (one.id.as_str(), one.headers["wp-reason"].as_str())).collect();
    assert_eq!(parked, [("one.0", "undecodable-event"), ("one.2", "worker-died")]);
    let attempts = [0, 1].map(|index| letters[index].headers["wp-attempts"].as_str());
    assert_eq!(attempts, ["2", "3"], "deliveries that came back, and crashes");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left("wa.in.p00").await, 0);
    let lease = rig
        .store
        .acquire_lease(COMPONENT, PartitionId(0), "b", support::PATIENCE, Sequence::OfInbox)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.suspect, None);
}

/// Else a crash would speak against both.
#[tokio::test]
async fn of_events_that_may_kill_a_process_handles_one_at_a_time() {
    let rig = Rig::new(2).await;
    for (partition, (id, queue)) in (0..).zip([("a", "wa.in.p00"), ("b", "wa.in.p01")]) {
        rig.publish(partition, &[(id, "die")]).await;
        rig.crash(queue, 2).await;
    }
    let (_stop, task) = rig.start("one");
    rig.log.until(|log| log.len() == 2).await;
    task.abort();
    assert!(task.await.is_err());
    let (_stop, task) = rig.start("one");
    rig.log.until(|log| log.len() == 3).await;
    some_renewals_later(&rig.store, COMPONENT).await;
    assert_eq!(rig.log.ids().len(), 3);
    task.abort();
    assert!(task.await.is_err());
}

#[tokio::test]
async fn only_the_batch_that_panicked_is_handled_alone() {
    let rig = Rig::new(1).await;
    let bundles = ["one=a:plain,b:panic,c:plain", "two=d:plain,e:plain,f:plain"];
    rig.publish(0, &bundles.map(|bundle| (bundle, "bundle"))).await;
    let config =
        WorkerConfig { batch_max: 3, park_after_panics: 2, ..WorkerConfig::new(COMPONENT, "a", rig.layout.partitions) };
    let (stop, task) = rig.start_with(rig.bus.clone(), config);
    rig.log.until(|log| log.len() == 5).await;
    let handled: Vec<_> = rig.log.0.borrow().iter().map(|(id, _, size)| format!("{id} {size}")).collect();
    assert_eq!(handled, ["a 1", "c 1", "d 3", "e 3", "f 3"]);
    stop.cancel();
    task.await.unwrap();
}

/// What is left of it is a batch of its own, and the process crashes with that in hand.
#[tokio::test]
async fn what_was_done_of_a_large_bundle_is_not_done_again() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("one=a:plain,b:panic,c:plain,poison:die", "bundle")]).await;
    for crashes in 1..=2 {
        let config = WorkerConfig {
            batch_max: 2,
            park_after_panics: 2,
            ..WorkerConfig::new(COMPONENT, "one", rig.layout.partitions)
        };
        let (_stop, task) = rig.start_with(rig.bus.clone(), config);
        rig.log.until(|log| log.iter().filter(|(id, ..)| id == "poison?").count() == crashes).await;
        task.abort();
        assert!(task.await.is_err());
    }
    assert_eq!(rig.log.ids(), ["a", "poison?", "poison?"]);
    assert_eq!(rig.letters().await.iter().map(|letter| &*letter.id).collect::<Vec<_>>(), ["one.1"]);
}

#[tokio::test]
async fn a_bundle_is_whole_in_a_batch_and_acknowledged_whole() {
    let rig = Rig::new(1).await;
    let bundle = |name: &str| {
        let events: Vec<String> = (0..60).map(|number| format!("{name}{number:02}:plain")).collect();
        format!("{name}={}", events.join(","))
    };
    let bundles: Vec<String> = ["x", "y", "z"].map(bundle).into();
    let messages: Vec<_> = bundles.iter().map(|bundle| (bundle.as_str(), "bundle")).collect();
    rig.publish(0, &messages).await;
    let (stop, task) = rig.start("a");
    rig.log.until(|log| log.len() == 180).await;
    let sizes: Vec<usize> = rig.log.0.borrow().iter().map(|(_, _, size)| *size).collect();
    assert!(sizes.iter().all(|size| *size == 60 || *size == 120), "{sizes:?}");
    stop.cancel();
    task.await.unwrap();
    assert_eq!(rig.left("wa.in.p00").await, 0);
    let lease = rig.store.leases(COMPONENT).await.unwrap().remove(0);
    assert_eq!((lease.owner, lease.published_seq), (None, 180));
}

#[tokio::test]
async fn what_a_later_release_bundled_stays_where_it_is() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("one=a:plain,b:stop", "bundle")]).await;
    let (stop, task) = rig.start("a");
    eventually(async || {
        let lease = rig.store.leases(COMPONENT).await.unwrap();
        lease.first().is_some_and(|lease| lease.owner.is_none() && lease.epoch > 0)
    })
    .await;
    assert_eq!(rig.bus.depth("wa.in.p00").await.unwrap().unwrap().ready, 1);
    assert!(rig.letters().await.is_empty());
    stop.cancel();
    task.await.unwrap();
    assert!(rig.log.ids().is_empty());
}
