//! Cases about several consumers of one queue: promise 6, and how a queue changes hands.

use super::*;

pub async fn a_second_consumer_waits_its_turn(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    let mut first = consume(&*first_bus, PARTITION_QUEUE, 2).await;
    let mut second = consume(&*second_bus, PARTITION_QUEUE, 10).await;
    publish(&*first_bus, &partition_address(), 0..6).await;
    let held = take(subject, &mut *first, 2).await;
    // More wait, and the first takes no more: still not the second's turn.
    expect_quiet(subject, &mut *second).await;
    first.ack(held).await.expect("the subscription lives");
    assert_eq!(take_and_ack(subject, &mut *first, 1).await, [2]);
    expect_quiet(subject, &mut *second).await;

    assert!(first.close().await, "the bus says that it is over");
    assert_eq!(numbers(&take(subject, &mut *second, 3).await), [3, 4, 5]);
}

/// A holds some unacknowledged and goes while B waits: B gets everything in the original order.
pub async fn hand_over_to_a_waiting_consumer_keeps_the_order(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    publish(&*first_bus, &partition_address(), 0..8).await;
    let mut first = consume(&*first_bus, PARTITION_QUEUE, 4).await;
    let held = take(subject, &mut *first, 4).await;
    let mut second = consume(&*second_bus, PARTITION_QUEUE, 8).await;
    expect_quiet(subject, &mut *second).await;
    assert!(first.close().await, "the bus says that it is over");
    drop(held);
    assert_eq!(numbers(&take(subject, &mut *second, 8).await), (0..8).collect::<Vec<_>>());
}

/// A holds some unacknowledged and goes; B comes later.
pub async fn hand_over_to_a_later_consumer_keeps_the_order(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    publish(&*first_bus, &partition_address(), 0..8).await;
    let mut first = consume(&*first_bus, PARTITION_QUEUE, 4).await;
    let held = take(subject, &mut *first, 4).await;
    assert!(first.close().await, "the bus says that it is over");
    drop(held);
    let mut second = consume(&*second_bus, PARTITION_QUEUE, 8).await;
    assert_eq!(numbers(&take(subject, &mut *second, 8).await), (0..8).collect::<Vec<_>>());
}

/// A is dropped while B waits.
pub async fn hand_over_by_a_crash_keeps_the_order(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    publish(&*first_bus, &partition_address(), 0..8).await;
    let mut first = consume(&*first_bus, PARTITION_QUEUE, 4).await;
    let held = take(subject, &mut *first, 4).await;
    let mut second = consume(&*second_bus, PARTITION_QUEUE, 8).await;
    drop(first);
    drop(held);
    let taken = take(subject, &mut *second, 8).await;
    assert_eq!(numbers(&taken), (0..8).collect::<Vec<_>>());
    assert!(taken[..4].iter().all(|delivery| delivery.redelivered), "{taken:?}");
}

pub async fn team_consumers_compete(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    let mut first = consume(&*first_bus, TEAM_QUEUE, 5).await;
    let mut second = consume(&*second_bus, TEAM_QUEUE, 5).await;
    publish(&*first_bus, &team_address(), 0..10).await;
    // Neither acknowledges: the prefetch makes both take their part.
    let (of_first, of_second) = tokio::join!(take(subject, &mut *first, 5), take(subject, &mut *second, 5));
    let (of_first, of_second) = (numbers(&of_first), numbers(&of_second));
    assert!(of_first.is_sorted() && of_second.is_sorted(), "{of_first:?} {of_second:?}");
    let all: BTreeSet<usize> = of_first.into_iter().chain(of_second).collect();
    assert_eq!(all, (0..10).collect::<BTreeSet<_>>());
}

pub async fn a_competitor_gets_what_another_returned(subject: &dyn Subject) {
    let (first_bus, second_bus) = (open_declared(subject).await, subject.open().await);
    let mut first = consume(&*first_bus, TEAM_QUEUE, 3).await;
    publish(&*first_bus, &team_address(), 0..3).await;
    let held = take(subject, &mut *first, 3).await;
    let mut second = consume(&*second_bus, TEAM_QUEUE, 10).await;
    expect_quiet(subject, &mut *second).await;
    drop(first);
    drop(held);
    let taken = take(subject, &mut *second, 3).await;
    assert_eq!(numbers(&taken), [0, 1, 2]);
    assert!(taken.iter().all(|delivery| delivery.redelivered && delivery.delivery_count >= 1), "{taken:?}");
}
