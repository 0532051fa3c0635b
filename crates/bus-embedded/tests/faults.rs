//! A full disk, a file that cannot be written, too much at once.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{PUBLISH_TIMEOUT, QUEUE, check_file, consume, eventually, publish, topology};
use rusqlite::Connection;
use waypost_bus::{Bus, BusError, Health, Outcome};
use waypost_bus_embedded::{EmbeddedBus, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { file_bytes_max: Some(1024 * 1024), ..Options::default() };
    let bus = EmbeddedBus::open(folder.path(), options.clone()).unwrap();
    bus.declare(&topology()).await.unwrap();
    let mut reader = bus.consume(QUEUE, 10).await.unwrap();
    let body = Bytes::from(vec![b'x'; 10_000]);
    let mut stored = 0;
    while publish(&*bus, stored, 1, &body).await == Outcome::Confirmed {
        stored += 1;
        assert!(stored < 200, "the allowance has no effect");
    }
    assert!(stored > 50, "only {stored} stored");
    assert!(matches!(bus.health(), Health::Blocked(_)), "{:?}", bus.health());
    // A batch is stored whole or not at all, and the order stays.
    assert_eq!(publish(&*bus, stored, 5, &body).await, Outcome::Nacked);

    // Consuming goes on, on the subscription from before, and makes space.
    let held = reader.next_batch(10).await.unwrap();
    assert_eq!(held[0].message.id, "0");
    assert!(held.iter().all(|delivery| delivery.delivery_count == 0), "{held:?}");
    let mut seen = held.len();
    reader.ack(held).await.unwrap();
    while seen < stored / 2 {
        let batch = reader.next_batch(10).await.unwrap();
        assert_eq!(batch[0].message.id, seen.to_string());
        seen += batch.len();
        reader.ack(batch).await.unwrap();
    }
    eventually(|| bus.health(), |health| *health == Health::Up).await;
    assert_eq!(publish(&*bus, stored, 5, &body).await, Outcome::Confirmed);
    reader.close().await;

    // A restart on a full disk, too.
    let mut last = stored + 5;
    while publish(&*bus, last, 1, &body).await == Outcome::Confirmed {
        last += 1;
    }
    bus.close(PUBLISH_TIMEOUT).await;
    drop(bus);
    let bus = EmbeddedBus::open(folder.path(), options).unwrap();
    let expected: Vec<String> = (seen..last).map(|number| number.to_string()).collect();
    assert_eq!(consume(&*bus, expected.len()).await, expected);
    bus.close(PUBLISH_TIMEOUT).await;
    check_file(folder.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();
    let body = Bytes::from_static(b"body");
    assert_eq!(publish(&*bus, 0, 3, &body).await, Outcome::Confirmed);
    let mut reader = bus.consume(QUEUE, 2).await.unwrap();
    assert_eq!(reader.next_batch(2).await.unwrap().len(), 2);

    let intruder = Connection::open(folder.path().join("bus.db")).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(publish(&*bus, 3, 1, &body).await, Outcome::Nacked);
    assert!(matches!(bus.health(), Health::Down(_)), "{:?}", bus.health());
    assert!(reader.next_batch(2).await.is_err(), "the subscription survived");
    assert_eq!(publish(&*bus, 3, 1, &body).await, Outcome::Unavailable);
    assert!(matches!(bus.consume(QUEUE, 1).await, Err(BusError::Unavailable(_))));
    assert!(matches!(bus.depth(QUEUE).await, Err(BusError::Unavailable(_))));

    intruder.execute_batch("COMMIT").unwrap();
    eventually(|| bus.health(), |health| *health == Health::Up).await;
    assert_eq!(publish(&*bus, 3, 1, &body).await, Outcome::Confirmed);
    assert_eq!(consume(&*bus, 4).await, ["0", "1", "2", "3"]);
    bus.close(PUBLISH_TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { commands_max: 4, bytes_max: 10_000, ..Options::default() };
    let bus = EmbeddedBus::open(folder.path(), options).unwrap();
    bus.declare(&topology()).await.unwrap();
    assert_eq!(publish(&*bus, 0, 1, &Bytes::from(vec![0; 10_001])).await, Outcome::Unavailable);

    // While the writer waits for the file, calls pile up.
    let intruder = Connection::open(folder.path().join("bus.db")).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let bus = Arc::clone(&bus);
        calls.spawn(async move { publish(&*bus, number, 1, &Bytes::from_static(b"body")).await });
    }
    // Four wait, and the writer may have four in hand.
    for _ in 0..12 {
        let refused = calls.join_next().await.unwrap().unwrap();
        assert_eq!(refused, Outcome::Unavailable, "refused at once, not after the wait");
    }
    intruder.execute_batch("COMMIT").unwrap();
    let outcomes = calls.join_all().await;
    let confirmed = outcomes.iter().filter(|outcome| **outcome == Outcome::Confirmed).count();
    assert!((4..=8).contains(&confirmed), "{outcomes:?}");
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Confirmed | Outcome::Unavailable)), "{outcomes:?}");
    assert_eq!(consume(&*bus, confirmed).await.len(), confirmed);
    bus.close(PUBLISH_TIMEOUT).await;
}
