//! The suite that every adapter passes: one case per promise of the port. It must not know any adapter; what differs
//! between brokers is asked of the [`Subject`].
//!
//! An adapter implements [`Subject`] in its tests and writes `waypost_bus::conformance_tests!(MySubject::new().await);`,
//! which makes one test of each case.

mod consuming;
mod handover;
mod lifecycle;
mod publishing;
mod queues;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use waypost_domain::team::Priority;
use waypost_domain::{PartitionCount, PartitionId, TeamName};

use crate::{Address, Bus, Consumer, Delivery, Layout, Message, Outcome, Publication, Topology};

pub use consuming::*;
pub use handover::*;
pub use lifecycle::*;
pub use publishing::*;
pub use queues::*;

/// A broker under test. Each case gets its own, with nothing declared: a fresh file, a fresh vhost.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A client of the broker. Called again while one is open, it is a second client (on a broker inside the process:
    /// the same handle again); after [`crash`](Self::crash), [`Bus::close`] or
    /// [`restart_broker`](Self::restart_broker), a new client of the same durable state.
    async fn open(&self) -> Arc<dyn Bus>;

    /// The client dies without a goodbye, as by SIGKILL: no acknowledgement, cancel or close is sent. Its consumers
    /// may still be held by the case and must end. On a broker inside the process every other handle dies with it.
    async fn crash(&self, bus: Arc<dyn Bus>);

    /// Stops and starts the broker; every client from before is dead. False where the harness cannot do it.
    async fn restart_broker(&self) -> bool;

    /// Deletes a queue with all it holds, as an operator would.
    async fn delete_queue(&self, queue: &str);

    /// Makes [`Queue::messages_max`](crate::Queue::messages_max) effective where declaring does not (a broker's policy).
    async fn limit_queue(&self, queue: &str, messages_max: u64);

    /// Whether [`Bus::peek`] is supported.
    fn can_peek(&self) -> bool;

    /// A client that may connect and publish nothing; `None` on a broker without users.
    async fn open_without_permission(&self) -> Option<Arc<dyn Bus>> {
        None
    }

    /// How long something that must happen may take. Only a failing case waits that long.
    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// How long to watch that something does not happen. Too short a time lets a fault pass, never fails a good bus.
    fn quiet(&self) -> Duration {
        Duration::from_millis(250)
    }
}

/// One `#[tokio::test]` per case; `$subject` is an expression that makes a fresh [`Subject`] and may `.await`.
#[macro_export]
macro_rules! conformance_tests {
    ($subject:expr) => {
        $crate::conformance_tests! { @each $subject;
            confirmed_is_there_after_a_crash
            a_batch_keeps_its_order_in_every_queue
            sequential_calls_keep_their_order
            concurrent_publishers_lose_nothing
            an_unroutable_publication_is_returned
            a_reply_goes_to_the_queue_that_it_names
            a_deleted_queue_returns_until_declared_again
            a_full_queue_nacks_until_drained
            what_is_not_permitted_is_refused
            a_large_body_passes
            every_field_comes_back
            an_empty_batch_is_nothing
            a_waiting_consumer_hears_of_a_new_message
            a_crash_returns_what_was_unacknowledged
            a_dropped_consumer_returns_what_it_held
            a_closed_consumer_returns_what_it_held
            only_the_unacknowledged_come_back
            the_delivery_count_grows
            what_comes_back_often_is_not_given_up
            a_message_delivered_too_often_is_dead_lettered
            a_dead_letter_keeps_id_and_body_and_says_why
            prefetch_is_never_exceeded
            prefetch_of_one_starves_nobody
            acks_are_final
            a_dropped_wait_loses_nothing
            a_second_consumer_waits_its_turn
            hand_over_to_a_waiting_consumer_keeps_the_order
            hand_over_to_a_later_consumer_keeps_the_order
            hand_over_by_a_crash_keeps_the_order
            team_consumers_compete
            a_competitor_gets_what_another_returned
            a_restart_keeps_everything
            closing_loses_nothing
            closing_ends_consumers_and_refuses_work
            consuming_a_missing_queue_is_refused
            deleting_a_queue_ends_its_consumers
            declaring_again_changes_nothing
            verifying_names_what_is_missing
            depth_tells_what_waits
            peeking_consumes_nothing
        }
    };
    (@each $subject:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let subject = $subject;
                $crate::conformance::$case(&subject).await;
            }
        )*
    };
}

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(15);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A queue of a single active consumer.
const PARTITION_QUEUE: &str = "wa.in.p00";
/// A queue of competing consumers.
const TEAM_QUEUE: &str = "team.desk.normal";

fn layout() -> Layout {
    Layout::new(PartitionCount::new(2).expect("2 is a partition count"))
}

fn topology() -> Topology {
    Topology::new(layout(), &BTreeSet::from([team()]), true)
}

fn team() -> TeamName {
    TeamName::new("desk").expect("desk is a team name")
}

fn partition_address() -> Address {
    layout().inbound(PartitionId(0))
}

fn team_address() -> Address {
    Address::team(&team(), Priority::Normal)
}

/// A client of a broker on which all is declared.
async fn open_declared(subject: &dyn Subject) -> Arc<dyn Bus> {
    let bus = subject.open().await;
    bus.declare(&topology()).await.expect("the topology can be declared");
    bus
}

fn message(number: usize) -> Message {
    Message {
        id: format!("m-{number:06}"),
        kind: "waypost.test.v1".to_owned(),
        content_type: "text/plain".to_owned(),
        headers: [("number".to_owned(), number.to_string())].into(),
        body: Bytes::from(format!("body of message {number}")),
    }
}

fn publication(address: &Address, number: usize) -> Publication {
    Publication { address: address.clone(), message: message(number) }
}

/// Publishes messages of these numbers in one batch; all must be confirmed.
async fn publish(bus: &dyn Bus, address: &Address, numbers: impl IntoIterator<Item = usize>) {
    let batch: Vec<Publication> = numbers.into_iter().map(|number| publication(address, number)).collect();
    let count = batch.len();
    assert_eq!(bus.publish(batch, PUBLISH_TIMEOUT).await, vec![Outcome::Confirmed; count]);
}

async fn consume(bus: &dyn Bus, queue: &str, prefetch: u16) -> Box<dyn Consumer> {
    bus.consume(queue, prefetch).await.unwrap_or_else(|error| panic!("cannot consume {queue}: {error}"))
}

/// Exactly `count` deliveries; panics when they do not come.
async fn take(subject: &dyn Subject, consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let complete = tokio::time::timeout(subject.patience(), async {
        while taken.len() < count {
            let room = count - taken.len();
            let batch = consumer.next_batch(room).await.expect("the subscription lives");
            assert!(!batch.is_empty() && batch.len() <= room, "asked for 1 to {room}, got {}", batch.len());
            taken.extend(batch);
        }
    });
    if complete.await.is_err() {
        panic!("waited for {count} deliveries, got {:?}", numbers(&taken));
    }
    taken
}

async fn take_and_ack(subject: &dyn Subject, consumer: &mut dyn Consumer, count: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let deliveries = take(subject, consumer, 1).await;
        taken.extend(numbers(&deliveries));
        consumer.ack(deliveries).await.expect("the subscription lives");
    }
    taken
}

/// Nothing is delivered for a while.
async fn expect_quiet(subject: &dyn Subject, consumer: &mut dyn Consumer) {
    if let Ok(outcome) = tokio::time::timeout(subject.quiet(), consumer.next_batch(100)).await {
        let deliveries = outcome.expect("the subscription lives");
        panic!("expected no delivery, got {:?}", numbers(&deliveries));
    }
}

/// The subscription ends; deliveries that were still under way may come first.
async fn expect_end(subject: &dyn Subject, consumer: &mut dyn Consumer) {
    let end = tokio::time::timeout(subject.patience(), async { while consumer.next_batch(100).await.is_ok() {} });
    assert!(end.await.is_ok(), "the subscription did not end");
}

/// The numbers of `deliveries`, which must be whole.
fn numbers(deliveries: &[Delivery]) -> Vec<usize> {
    deliveries.iter().map(|delivery| number(&delivery.message)).collect()
}

fn number(found: &Message) -> usize {
    let number = found.id.strip_prefix("m-").and_then(|n| n.parse().ok()).expect("a message of this suite");
    assert_eq!(*found, message(number), "the message is not as it was published");
    number
}

/// All that a queue holds, in order, acknowledged. Works with one consumer on any queue.
async fn drain(subject: &dyn Subject, bus: &dyn Bus, queue: &str) -> Vec<usize> {
    let mut consumer = consume(bus, queue, 64).await;
    let mut drained = Vec::new();
    // What was just returned to the queue may take a moment: the queue is empty when it stays quiet.
    while let Ok(batch) = tokio::time::timeout(subject.quiet() * 4, consumer.next_batch(64)).await {
        let batch = batch.expect("the subscription lives");
        drained.extend(numbers(&batch));
        consumer.ack(batch).await.expect("the subscription lives");
    }
    assert!(consumer.close().await, "the bus says that it is over");
    drained
}

/// Waits until `check` holds for the queue's number of waiting messages.
async fn wait_for_ready(subject: &dyn Subject, bus: &dyn Bus, queue: &str, check: impl Fn(u64) -> bool + Send) {
    let started = tokio::time::Instant::now();
    loop {
        let depth = bus.depth(queue).await.expect("the depth can be asked").expect("the queue is there");
        if check(depth.ready) {
            return;
        }
        assert!(started.elapsed() < subject.patience(), "{queue} still has {depth:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
