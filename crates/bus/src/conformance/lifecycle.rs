//! Cases about restarts and shutdown.

use waypost_domain::PartitionId;

use super::*;
use crate::{BusError, Health};

pub async fn a_restart_keeps_everything(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    publish(&*bus, &partition_address(), 0..30).await;
    publish(&*bus, &team_address(), 30..40).await;
    publish(&*bus, &Address::dead_letters(), 40..45).await;
    if !subject.restart_broker().await {
        // Then at least every client goes.
        bus.close(CLOSE_TIMEOUT).await;
    }
    drop(bus);

    let bus = subject.open().await;
    assert_eq!(bus.verify(&topology()).await.expect("the topology can be verified"), Vec::<String>::new());
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, (0..30).collect::<Vec<_>>());
    assert_eq!(drain(subject, &*bus, TEAM_QUEUE).await, (30..40).collect::<Vec<_>>());
    assert_eq!(drain(subject, &*bus, "wa.dead-letters").await, (40..45).collect::<Vec<_>>());
    // The queues go on where they were.
    publish(&*bus, &partition_address(), [50]).await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [50]);
}

/// What was confirmed is there, what was refused is not, and everything is whole.
pub async fn closing_loses_nothing(subject: &dyn Subject) {
    const PUBLISHERS: usize = 4;
    let bus = open_declared(subject).await;
    let (started, mut first_confirmed) = tokio::sync::mpsc::channel::<()>(PUBLISHERS);
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (bus, started) = (Arc::clone(&bus), started.clone());
        let address = layout().inbound(PartitionId(0));
        publishers.spawn(async move {
            let (mut confirmed, mut in_doubt) = (Vec::new(), Vec::new());
            for call in 0..10_000 {
                let first = publisher * 100_000 + call * 5;
                let batch = (first..first + 5).map(|number| publication(&address, number)).collect();
                let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
                for (number, outcome) in (first..).zip(&outcomes) {
                    match outcome {
                        Outcome::Confirmed => confirmed.push(number),
                        Outcome::Unknown => in_doubt.push(number),
                        Outcome::Unavailable => {}
                        Outcome::Returned | Outcome::Nacked | Outcome::Refused => {
                            panic!("closing answered {outcome:?}")
                        }
                    }
                }
                if call == 3 {
                    started.send(()).await.expect("the case listens");
                }
                if outcomes.iter().any(|outcome| *outcome != Outcome::Confirmed) {
                    return (confirmed, in_doubt);
                }
            }
            panic!("the bus was never closed");
        });
    }
    for _ in 0..PUBLISHERS {
        first_confirmed.recv().await.expect("every publisher starts");
    }
    bus.close(CLOSE_TIMEOUT).await;
    let results = publishers.join_all().await;
    drop(bus);

    let bus = subject.open().await;
    let found = drain(subject, &*bus, PARTITION_QUEUE).await;
    for (publisher, (confirmed, in_doubt)) in results.into_iter().enumerate() {
        assert!(confirmed.is_sorted(), "publisher {publisher}");
        let missing: Vec<_> = confirmed.iter().filter(|number| !found.contains(number)).collect();
        assert!(missing.is_empty(), "confirmed and lost: {missing:?}");
        let own = confirmed.first().map_or(0, |first| first / 100_000);
        let allowed: BTreeSet<usize> = confirmed.into_iter().chain(in_doubt).collect();
        let of_own: Vec<usize> = found.iter().copied().filter(|number| number / 100_000 == own).collect();
        assert!(of_own.is_sorted(), "order of publisher {own}");
        let extra: Vec<_> = of_own.iter().filter(|number| !allowed.contains(number)).collect();
        assert!(extra.is_empty(), "refused and stored: {extra:?}");
    }
}

pub async fn closing_ends_consumers_and_refuses_work(subject: &dyn Subject) {
    let bus = open_declared(subject).await;
    assert_eq!(bus.health(), Health::Up);
    publish(&*bus, &partition_address(), 0..2).await;
    let mut consumer = consume(&*bus, PARTITION_QUEUE, 1).await;
    let held = take(subject, &mut *consumer, 1).await;
    bus.close(CLOSE_TIMEOUT).await;
    expect_end(subject, &mut *consumer).await;
    assert!(consumer.ack(held).await.is_err(), "acknowledged on a closed bus");
    drop(consumer);

    assert!(matches!(bus.health(), Health::Down(_)), "{:?}", bus.health());
    let outcomes = bus.publish(vec![publication(&partition_address(), 2)], PUBLISH_TIMEOUT).await;
    assert_eq!(outcomes, [Outcome::Unavailable]);
    assert!(matches!(bus.consume(PARTITION_QUEUE, 1).await, Err(BusError::Unavailable(_))));
    assert!(matches!(bus.depth(PARTITION_QUEUE).await, Err(BusError::Unavailable(_))));
    // A second time is no harm.
    bus.close(CLOSE_TIMEOUT).await;
    drop(bus);

    let bus = subject.open().await;
    assert_eq!(drain(subject, &*bus, PARTITION_QUEUE).await, [0, 1]);
}
