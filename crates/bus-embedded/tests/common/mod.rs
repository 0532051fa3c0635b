//! What the tests of this crate share.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its own part")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::Connection;
use waypost_bus::{Address, Bus, Message, Outcome, Publication, Queue, QueueKind, Stream, Topology};

pub(crate) const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const QUEUE: &str = "wa.in.p00";

pub(crate) fn address() -> Address {
    Address { stream: Stream::Events, key: "in.p00".to_owned() }
}

pub(crate) fn topology() -> Topology {
    let dead_letters = Queue {
        name: "wa.dead-letters".to_owned(),
        address: Address::dead_letters(),
        kind: QueueKind::Parking,
        messages_max: None,
    };
    let queue = Queue { name: QUEUE.to_owned(), address: address(), kind: QueueKind::Partitioned, messages_max: None };
    Topology { queues: vec![queue, dead_letters] }
}

pub(crate) fn publication(id: String, body: Bytes) -> Publication {
    Publication { address: address(), message: Message { id, body, ..Message::default() } }
}

/// Publishes `count` messages of a body in one call; all must have the same outcome, which is returned.
pub(crate) async fn publish(bus: &dyn Bus, first: usize, count: usize, body: &Bytes) -> Outcome {
    let batch = (first..first + count).map(|number| publication(number.to_string(), body.clone())).collect();
    let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
    assert!(outcomes.len() == count && outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    outcomes[0]
}

/// Consumes and acknowledges exactly `count` messages; returns their ids.
pub(crate) async fn consume(bus: &dyn Bus, count: usize) -> Vec<String> {
    let mut consumer = bus.consume(QUEUE, 500).await.unwrap();
    let mut ids = Vec::new();
    while ids.len() < count {
        let batch = tokio::time::timeout(PUBLISH_TIMEOUT, consumer.next_batch(500)).await.unwrap().unwrap();
        ids.extend(batch.iter().map(|delivery| delivery.message.id.clone()));
        consumer.ack(batch).await.unwrap();
    }
    consumer.close().await;
    ids
}

/// Waits until `check` is true of what `read` gives.
pub(crate) async fn eventually<T: std::fmt::Debug>(read: impl Fn() -> T, check: impl Fn(&T) -> bool) {
    let started = Instant::now();
    loop {
        let seen = read();
        if check(&seen) {
            return;
        }
        assert!(started.elapsed() < PUBLISH_TIMEOUT, "still {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The file is sound, and its counters are those of its rows.
pub(crate) fn check_file(folder: &Path) {
    let file = Connection::open(folder.join("bus.db")).unwrap();
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let miscounted: i64 = file
        .query_row(
            "SELECT count(*) FROM queue WHERE (messages, bytes) IS NOT
             (SELECT count(*), coalesce(sum(length(body)), 0) FROM message WHERE place >> 40 = queue.id)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(miscounted, 0, "queues with wrong counters");
}
