//! Cases about queues themselves: declaring, verifying, deleting, looking.

use super::*;
use crate::BusError;

pub async fn consuming_a_missing_queue_is_refused(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    match bus.consume("wa.in.p77", 1).await {
        Err(BusError::NoSuchQueue(queue)) => assert_eq!(queue, "wa.in.p77"),
        Err(other) => panic!("a missing queue answered {other}"),
        Ok(_) => panic!("consuming a queue that does not exist"),
    }
    // The bus goes on.
    publish(&*bus, &partition_address(), [0]).await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [0]);
}

pub async fn deleting_a_queue_ends_its_consumers(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..3).await;
    let mut reader = consume(&*bus, PARTITION_QUEUE, 1).await;
    let mut bystander = consume(&*bus, TEAM_QUEUE, 1).await;
    let held = take(subject, &mut *reader, 1).await;
    subject.delete_queue(PARTITION_QUEUE).await;
    expect_end(subject, &mut *reader).await;
    drop((held, reader));

    publish(&*bus, &team_address(), [9]).await;
    assert_eq!(take_and_ack(subject, &mut *bystander, 1).await, [9]);
}

pub async fn declaring_again_changes_nothing(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..5).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 2).await;
    let held = take(subject, &mut *consumer, 2).await;
    bus.declare(&topology()).await.expect("declaring again is no harm");
    subject.open().await.declare(&topology()).await.expect("nor from elsewhere");
    consumer.ack(held).await.expect("the subscription lives");
    assert_eq!(take_and_ack(subject, &mut *consumer, 3).await, [2, 3, 4]);
}

pub async fn verifying_names_what_is_missing(subject: &dyn Subject) {
    let bus = subject.open().await;
    let missing = bus.verify(&topology()).await.expect("the topology can be verified");
    for queue in &topology().queues {
        assert!(missing.iter().any(|line| line.contains(&queue.name)), "{} is not in {missing:?}", queue.name);
    }
    assert!(matches!(bus.depth(PARTITION_QUEUE).await, Ok(None)), "verifying created a queue");

    bus.declare(&topology()).await.expect("the topology can be declared");
    assert_eq!(bus.verify(&topology()).await.expect("the topology can be verified"), Vec::<String>::new());

    subject.delete_queue(TEAM_QUEUE).await;
    let missing = bus.verify(&topology()).await.expect("the topology can be verified");
    assert!(!missing.is_empty() && missing.iter().all(|line| line.contains(TEAM_QUEUE)), "{missing:?}");
    // After a finding the bus goes on.
    publish(&*bus, &partition_address(), [0]).await;
}

pub async fn depth_tells_what_waits(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    assert!(matches!(bus.depth("no.such.queue").await, Ok(None)));
    wait_for_ready(subject, &*bus, TEAM_QUEUE, |ready| ready == 0).await;
    publish(&*bus, &team_address(), 0..7).await;
    wait_for_ready(subject, &*bus, TEAM_QUEUE, |ready| ready == 7).await;

    let mut consumer = consume(&*bus, TEAM_QUEUE, 3).await;
    let held = take(subject, &mut *consumer, 3).await;
    wait_for_ready(subject, &*bus, TEAM_QUEUE, |ready| ready == 4).await;
    let depth = bus.depth(TEAM_QUEUE).await.expect("the depth can be asked").expect("the queue is there");
    assert!(depth.unacknowledged.is_none_or(|count| count == 3), "{depth:?}");
    assert_eq!(depth.consumers, 1);

    consumer.ack(held).await.expect("the subscription lives");
    assert!(consumer.close().await, "the bus says that it is over");
    wait_for_ready(subject, &*bus, TEAM_QUEUE, |ready| ready == 4).await;
}

pub async fn peeking_consumes_nothing(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &team_address(), 0..10).await;
    let peeked = bus.peek(TEAM_QUEUE, None, 4).await;
    if !subject.can_peek() {
        assert!(matches!(peeked, Err(BusError::Unsupported(_))));
        return;
    }
    let peeked = peeked.expect("the queue can be peeked at");
    assert_eq!(peeked.iter().map(|(_, message)| number(message)).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let last = peeked.last().map(|(place, _)| *place);
    let rest = bus.peek(TEAM_QUEUE, last, 100).await.expect("the queue can be peeked at");
    assert_eq!(rest.iter().map(|(_, message)| number(message)).collect::<Vec<_>>(), (4..10).collect::<Vec<_>>());
    assert!(matches!(bus.peek("no.such.queue", None, 1).await, Err(BusError::NoSuchQueue(_))));

    let mut consumer = consume(&*bus, TEAM_QUEUE, 10).await;
    let taken = take(subject, &mut *consumer, 10).await;
    assert!(taken.iter().all(|delivery| delivery.delivery_count == 0 && !delivery.redelivered), "{taken:?}");
    assert_eq!(numbers(&taken), (0..10).collect::<Vec<_>>());
}
