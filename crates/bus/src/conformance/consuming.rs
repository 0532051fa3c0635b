//! Cases about consuming: promises 4 and 5, acknowledgements and dead letters.

use super::*;
use crate::DeadLetterReason;
use crate::dead_letter::{ATTEMPTS_HEADER, DETAIL_HEADER, ORIGIN_HEADER, REASON_HEADER, dead_letter, origin};
use crate::topology::DEAD_LETTERS_QUEUE;

pub async fn a_waiting_consumer_hears_of_a_new_message(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let address = partition_address();
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 10).await;
    for number in 0..10 {
        let (taken, ()) = tokio::join!(take(subject, &mut *consumer, 1), publish(&*bus, &address, [number]));
        assert_eq!(numbers(&taken), [number]);
        consumer.ack(taken).await.expect("the subscription lives");
    }
}

pub async fn a_crash_returns_what_was_unacknowledged(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..10).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 4).await;
    let held = take(subject, &mut *consumer, 4).await;
    assert!(held.iter().all(|delivery| delivery.delivery_count == 0 && !delivery.redelivered));
    subject.crash(bus).await;
    expect_end(subject, &mut *consumer).await;
    drop(consumer);

    let bus = subject.open().await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 10).await;
    let again = take(subject, &mut *consumer, 10).await;
    assert_eq!(numbers(&again), (0..10).collect::<Vec<_>>());
    for delivery in &again[..4] {
        assert!(delivery.redelivered && delivery.delivery_count >= 1, "{delivery:?}");
    }
    for delivery in &again[4..] {
        assert!(delivery.redelivered || delivery.delivery_count == 0, "{delivery:?}");
    }
}

pub async fn a_dropped_consumer_returns_what_it_held(subject: &dyn Subject) {
    check_return(subject, Leaving::Dropped).await;
}

pub async fn a_closed_consumer_returns_what_it_held(subject: &dyn Subject) {
    check_return(subject, Leaving::Closed).await;
}

enum Leaving {
    Dropped,
    Closed,
}

async fn check_return(subject: &dyn Subject, leaving: Leaving) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..12).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 6).await;
    let held = take(subject, &mut *consumer, 3).await;
    assert_eq!(numbers(&held), [0, 1, 2]);
    match leaving {
        Leaving::Dropped => drop(consumer),
        Leaving::Closed => assert!(consumer.close().await, "the bus says that it is over"),
    }
    drop(held);

    let mut consumer = consume(&*bus, PARTITION_QUEUE, 12).await;
    let again = take(subject, &mut *consumer, 12).await;
    assert_eq!(numbers(&again), (0..12).collect::<Vec<_>>());
    assert!(again[..3].iter().all(|delivery| delivery.redelivered && delivery.delivery_count >= 1), "{again:?}");
}

pub async fn only_the_unacknowledged_come_back(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..8).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 6).await;
    // Acknowledged with gaps, and not in order.
    let held = take(subject, &mut *consumer, 6).await;
    let (keep, mut give): (Vec<_>, Vec<_>) = held.into_iter().partition(|d| number(&d.message).is_multiple_of(2));
    give.reverse();
    consumer.ack(give).await.expect("the subscription lives");
    assert!(consumer.close().await, "the bus says that it is over");
    drop(keep);

    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [0, 2, 4, 6, 7]);
}

pub async fn the_delivery_count_grows(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), [0]).await;
    let mut before = None;
    for _ in 0..4 {
        let mut consumer = consume(&*bus, PARTITION_QUEUE, 1).await;
        let held = take(subject, &mut *consumer, 1).await;
        let count = held[0].delivery_count;
        assert!(before.is_none_or(|before| count > before), "delivery count {count} after {before:?}");
        assert_eq!(held[0].redelivered, before.is_some());
        before = Some(count);
        drop(consumer);
    }
}

/// A crash says nothing against what was in hand: who consumes decides what is given up.
pub async fn what_comes_back_often_is_not_given_up(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    let queues = [(PARTITION_QUEUE, partition_address()), (DEAD_LETTERS_QUEUE, Address::dead_letters())];
    for (queue, address) in queues {
        publish(&*bus, &address, 0..3).await;
        for _ in 0..50 {
            let mut consumer = consume(&*bus, queue, 3).await;
            let held = take(subject, &mut *consumer, 3).await;
            assert_eq!(numbers(&held), [0, 1, 2], "{queue}");
            drop(consumer);
        }
    }
}

pub async fn a_message_delivered_too_often_is_dead_lettered(subject: &dyn Subject) {
    const DELIVERIES_MAX: usize = 30;
    let bus = open_declared(subject).await;
    publish(&*bus, &team_address(), [7]).await;
    let mut dead_letters = consume(&*bus, DEAD_LETTERS_QUEUE, 1).await;

    let mut deliveries = 0;
    let parked = loop {
        let mut consumer = consume(&*bus, TEAM_QUEUE, 1).await;
        let outcome = tokio::time::timeout(subject.patience(), async {
            tokio::select! {
                held = consumer.next_batch(1) => held.map(Err),
                parked = dead_letters.next_batch(1) => parked.map(Ok),
            }
        });
        match outcome.await.expect("either comes").expect("the subscription lives") {
            Ok(parked) => break parked,
            Err(_held) => deliveries += 1,
        }
        assert!(deliveries <= DELIVERIES_MAX, "delivered {deliveries} times and still not parked");
        drop(consumer);
    };
    // The headers are the broker's here; the message is ours, as it was.
    assert_eq!((parked[0].message.id.clone(), parked[0].message.body.clone()), (message(7).id, message(7).body));
    assert!(deliveries >= 5, "parked after {deliveries} deliveries already");
    assert_eq!(DeadLetterReason::of(&parked[0].message), Some(DeadLetterReason::DeliveredTooOften));
    assert_eq!(origin(&parked[0].message), Some(TEAM_QUEUE));
    dead_letters.ack(parked).await.expect("the subscription lives");
}

pub async fn a_dead_letter_keeps_id_and_body_and_says_why(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), [0]).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 1).await;
    let held = take(subject, &mut *consumer, 1).await;
    let parked = dead_letter(
        held[0].message.clone(),
        DeadLetterReason::UndecodableEvent,
        PARTITION_QUEUE,
        3,
        "field 2 is not a string",
    );
    assert_eq!(bus.publish(vec![parked], PUBLISH_TIMEOUT).await, [Outcome::Confirmed]);
    consumer.ack(held).await.expect("the subscription lives");

    let mut dead_letters = consume(&*bus, DEAD_LETTERS_QUEUE, 1).await;
    let found = take(subject, &mut *dead_letters, 1).await.remove(0).message;
    let mut expected = message(0);
    for (name, value) in [
        (REASON_HEADER, "undecodable-event"),
        (DETAIL_HEADER, "field 2 is not a string"),
        (ORIGIN_HEADER, PARTITION_QUEUE),
        (ATTEMPTS_HEADER, "3"),
    ] {
        expected.headers.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(found, expected);
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, []);
}

pub async fn prefetch_is_never_exceeded(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..20).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 4).await;
    let mut held = take(subject, &mut *consumer, 4).await;
    expect_quiet(subject, &mut *consumer).await;

    let first = held.remove(0);
    consumer.ack(vec![first]).await.expect("the subscription lives");
    held.extend(take(subject, &mut *consumer, 1).await);
    expect_quiet(subject, &mut *consumer).await;

    let mut seen = vec![0];
    seen.extend(numbers(&held));
    consumer.ack(held).await.expect("the subscription lives");
    while seen.len() < 20 {
        let batch = consumer.next_batch(100).await.expect("the subscription lives");
        assert!(batch.len() <= 4, "{} deliveries at a prefetch of 4", batch.len());
        seen.extend(numbers(&batch));
        consumer.ack(batch).await.expect("the subscription lives");
    }
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

pub async fn prefetch_of_one_starves_nobody(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..30).await;
    publish(&*bus, &team_address(), 0..30).await;
    let mut partition = consume(&*bus, PARTITION_QUEUE, 1).await;
    let mut team = consume(&*bus, TEAM_QUEUE, 1).await;
    let (of_partition, of_team) =
        tokio::join!(take_and_ack(subject, &mut *partition, 30), take_and_ack(subject, &mut *team, 30));
    assert_eq!(of_partition, (0..30).collect::<Vec<_>>());
    assert_eq!(of_team, (0..30).collect::<Vec<_>>());
}

pub async fn acks_are_final(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..10).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 10).await;
    let mut held = take(subject, &mut *consumer, 10).await;
    let rest = held.split_off(6);
    consumer.ack(held).await.expect("the subscription lives");
    assert!(consumer.close().await, "the bus says that it is over");
    drop(rest);
    bus.close(CLOSE_TIMEOUT).await;
    drop(bus);
    subject.restart_broker().await;

    let bus = subject.open().await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [6, 7, 8, 9]);
}

pub async fn a_dropped_wait_loses_nothing(subject: &dyn Subject) {
    const COUNT: usize = 100;
    let bus = open_declared(subject).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 8).await;
    let publisher = tokio::spawn({
        let bus = Arc::clone(&bus);
        async move {
            for number in 0..COUNT {
                publish(&*bus, &partition_address(), [number]).await;
            }
        }
    });
    let mut seen = Vec::new();
    let started = tokio::time::Instant::now();
    while seen.len() < COUNT {
        assert!(started.elapsed() < subject.patience(), "lost one: got {seen:?}");
        // Dropped after the first poll, or after some work of the adapter.
        let pause = Duration::from_micros(if seen.len() % 2 == 0 { 0 } else { 700 });
        if let Ok(batch) = tokio::time::timeout(pause, consumer.next_batch(3)).await {
            let batch = batch.expect("the subscription lives");
            seen.extend(numbers(&batch));
            consumer.ack(batch).await.expect("the subscription lives");
        } else {
            tokio::task::yield_now().await;
        }
    }
    publisher.await.expect("the publisher does not panic");
    assert_eq!(seen, (0..COUNT).collect::<Vec<_>>());
}
