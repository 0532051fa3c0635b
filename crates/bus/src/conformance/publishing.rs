//! Cases about publishing: promises 1, 2, 3 and the limits.

use std::collections::BTreeMap;

use waypost_domain::PartitionId;

use super::*;
use crate::{BusError, Stream};

pub async fn confirmed_is_there_after_a_crash(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..50).await;
    subject.crash(bus).await;

    let bus = subject.open().await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, (0..50).collect::<Vec<_>>());
}

pub async fn a_batch_keeps_its_order_in_every_queue(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let addresses = [partition_address(), layout().inbound(PartitionId(1))];
    // Alternating between two queues, so that per-queue order is not an accident of the batch's.
    let batch = (0..200).map(|n| publication(&addresses[n % 2], n)).collect();
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, vec![Outcome::Confirmed; 200]);

    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, (0..200).step_by(2).collect::<Vec<_>>());
    assert_eq!(drain(subject, &*bus, "wa.in.p01").await, (1..200).step_by(2).collect::<Vec<_>>());
}

pub async fn sequential_calls_keep_their_order(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    for number in 0..40 {
        publish(&*bus, &partition_address(), number * 3..number * 3 + 3).await;
    }
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, (0..120).collect::<Vec<_>>());
}

pub async fn concurrent_publishers_lose_nothing(subject: &dyn Subject) {
    const PUBLISHERS: usize = 16;
    const CALLS: usize = 15;
    let bus = open_declared(subject).await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let bus = Arc::clone(&bus);
        publishers.spawn(async move {
            for call in 0..CALLS {
                let first = publisher * 1000 + call * 2;
                publish(&*bus, &partition_address(), [first, first + 1]).await;
            }
        });
    }
    publishers.join_all().await;

    let drained = drain(subject, &*bus, PARTITION_QUEUE).await;
    assert_eq!(drained.len(), PUBLISHERS * CALLS * 2);
    let mut by_publisher: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in drained {
        by_publisher.entry(number / 1000).or_default().push(number % 1000);
    }
    for (publisher, numbers) in by_publisher {
        assert_eq!(numbers, (0..CALLS * 2).collect::<Vec<_>>(), "order of publisher {publisher}");
    }
}

pub async fn an_unroutable_publication_is_returned(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let missing = Address { stream: Stream::Teams, key: "team.nobody.normal".to_owned() };
    let batch = vec![
        publication(&partition_address(), 0),
        publication(&missing, 1),
        publication(&partition_address(), 2),
        publication(&missing, 3),
        publication(&team_address(), 4),
    ];
    let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
    let expected = [Outcome::Confirmed, Outcome::Returned, Outcome::Confirmed, Outcome::Returned, Outcome::Confirmed];
    assert_eq!(outcomes, expected);
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [0, 2]);
    assert_eq!(drain(subject, &*bus, TEAM_QUEUE).await, [4]);
}

pub async fn a_reply_goes_to_the_queue_that_it_names(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &Address::reply(PARTITION_QUEUE), 0..3).await;
    let missing = publication(&Address::reply("nobody.waits"), 3);
    assert_eq!(bus.publish(vec![missing], PUBLISH_TIMEOUT).await, [Outcome::Returned]);
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [0, 1, 2]);
}

pub async fn a_deleted_queue_returns_until_declared_again(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), [0]).await;
    subject.delete_queue(PARTITION_QUEUE).await;

    let batch = vec![publication(&partition_address(), 1), publication(&team_address(), 2)];
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, [Outcome::Returned, Outcome::Confirmed]);
    assert!(matches!(bus.depth(PARTITION_QUEUE).await, Ok(None)));

    bus.declare(&topology()).await.expect("the queue can be declared again");
    publish(&*bus, &partition_address(), [3]).await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [3]);
}

pub async fn a_full_queue_nacks_until_drained(subject: &dyn Subject) {
    const LIMIT: u64 = 10;
    // Limits are soft on some brokers.
    const ACCEPTED_MAX: usize = 20;
    let bus = subject.open().await;
    let mut topology = topology();
    for queue in &mut topology.queues {
        if queue.name == TEAM_QUEUE {
            queue.messages_max = Some(LIMIT);
        }
    }
    bus.declare(&topology).await.expect("the topology can be declared");
    subject.limit_queue(TEAM_QUEUE, LIMIT).await;

    let mut accepted = Vec::new();
    for number in 0..40 {
        match bus.publish(vec![publication(&team_address(), number)], PUBLISH_TIMEOUT).await.as_slice() {
            [Outcome::Confirmed] => accepted.push(number),
            [Outcome::Nacked] => {}
            other => panic!("a full queue answered {other:?}"),
        }
    }
    assert!((10..=ACCEPTED_MAX).contains(&accepted.len()), "accepted {accepted:?}");

    // The neighbour in the same batch is not concerned.
    let batch = vec![publication(&team_address(), 50), publication(&partition_address(), 51)];
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, [Outcome::Nacked, Outcome::Confirmed]);

    assert_eq!(drain(subject, &*bus, TEAM_QUEUE).await, accepted);
    publish(&*bus, &team_address(), [60]).await;
    assert_eq!(drain(subject, &*bus, TEAM_QUEUE).await, [60]);
}

pub async fn what_is_not_permitted_is_refused(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let Some(stranger) = subject.open_without_permission().await else { return };
    // Again and again, and told apart from a bus in trouble.
    for number in 0..3 {
        let refused = stranger.publish(vec![publication(&partition_address(), number)], PUBLISH_TIMEOUT).await;
        assert_eq!(refused, [Outcome::Refused]);
    }
    // Of several at once it may be in doubt which of them the broker meant; none counts as stored.
    let batch = vec![publication(&partition_address(), 3), publication(&team_address(), 4)];
    let outcomes = stranger.publish(batch, PUBLISH_TIMEOUT).await;
    assert!(outcomes.contains(&Outcome::Refused), "{outcomes:?}");
    assert!(outcomes.iter().all(|one| matches!(one, Outcome::Refused | Outcome::Unknown)), "{outcomes:?}");

    publish(&*bus, &partition_address(), [5]).await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [5]);
    assert_eq!(drain(subject, &*bus, TEAM_QUEUE).await, []);
}

pub async fn a_large_body_passes(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    // Not compressible to a pattern that hides a shift: every position has its own value.
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let large = Message { body: Bytes::from(body), ..message(1) };
    let batch = vec![
        publication(&partition_address(), 0),
        Publication { address: partition_address(), message: large.clone() },
        publication(&partition_address(), 2),
    ];
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, vec![Outcome::Confirmed; 3]);

    let mut consumer = consume(&*bus, PARTITION_QUEUE, 3).await;
    let deliveries = take(subject, &mut *consumer, 3).await;
    assert!(deliveries[1].message == large, "the large body changed on its way");
    consumer.ack(deliveries).await.expect("the subscription lives");
}

pub async fn every_field_comes_back(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let headers = [("plain", "value"), ("größe", "zwölf ✓ 🙂"), ("empty", ""), ("long", &"ä".repeat(2000))];
    let headers: BTreeMap<String, String> = headers.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let messages = [
        Message {
            id: "id with spaces · ünïcode".to_owned(),
            kind: "waypost.event.v1".to_owned(),
            content_type: "application/json; charset=utf-8".to_owned(),
            headers,
            body: Bytes::from_static(b"\x00\x01\xff binary"),
        },
        Message { id: "i".repeat(255), kind: "k".repeat(255), content_type: "c".repeat(255), ..Message::default() },
        Message { id: "only-an-id".to_owned(), ..Message::default() },
    ];
    let batch = messages.iter().map(|m| Publication { address: team_address(), message: m.clone() }).collect();
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, vec![Outcome::Confirmed; 3]);

    let mut consumer = consume(&*bus, TEAM_QUEUE, 3).await;
    let deliveries = take(subject, &mut *consumer, 3).await;
    for (delivery, message) in deliveries.iter().zip(&messages) {
        assert_eq!(delivery.message, *message);
        assert_eq!((delivery.delivery_count, delivery.redelivered), (0, false));
    }
}

pub async fn an_empty_batch_is_nothing(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    assert_eq!(bus.publish(Vec::new(), PUBLISH_TIMEOUT).await, []);
    let missing: Result<_, BusError> = bus.depth("no.such.queue").await;
    assert!(matches!(missing, Ok(None)));
}
