//! The RabbitMQ adapter on a real broker: the bus conformance suite in virtual hosts of the node that the test run has
//! started, and RabbitMQ's own traps, on a node of the test's own where the whole node suffers.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use tokio::task::JoinSet;
use waypost_bus::conformance::{self, Subject};
use waypost_bus::topology::Stream;
use waypost_bus::{Address, Bus, BusError, Consumer, Health, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_rabbitmq::{RabbitBus, RabbitConfig};
use waypost_domain::team::Priority;
use waypost_domain::{PartitionCount, PartitionId, TeamName};
use waypost_tests::eventually;
use waypost_tests::proxy::FaultProxy;
use waypost_tests::rabbitmq::{NodeHandle, RabbitNode};

mod outages;
mod permissions;

waypost_bus::conformance_tests!(VhostSubject::new().await);

const PATIENCE: Duration = Duration::from_secs(60);
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A virtual host of its own on the shared node.
struct VhostSubject {
    node: NodeHandle,
    vhost: String,
    proxies: Mutex<Vec<(usize, FaultProxy)>>,
}

impl VhostSubject {
    async fn new() -> Self {
        let node = NodeHandle::attach_from_env().unwrap();
        Self::on(node).await
    }

    async fn on(node: NodeHandle) -> Self {
        let maker = node.clone();
        let vhost = tokio::task::spawn_blocking(move || maker.create_vhost()).await.unwrap().unwrap();
        Self { node, vhost, proxies: Mutex::default() }
    }

    fn url(&self) -> String {
        self.node.amqp_url(&self.vhost)
    }

    async fn proxy(&self) -> FaultProxy {
        FaultProxy::start((Ipv4Addr::LOCALHOST, self.node.port()).into()).await.unwrap()
    }

    fn url_of(&self, proxy: &FaultProxy) -> String {
        self.url().replace(&format!(":{}/", self.node.port()), &format!(":{}/", proxy.port()))
    }

    async fn connect(&self) -> Arc<RabbitBus> {
        RabbitBus::connect(RabbitConfig::new(self.url())).await.unwrap()
    }

    /// Someone else's connection.
    async fn raw(&self) -> Connection {
        Connection::connect(&self.url(), ConnectionProperties::default()).await.unwrap()
    }
}

#[async_trait]
impl Subject for VhostSubject {
    async fn open(&self) -> Arc<dyn Bus> {
        let proxy = self.proxy().await;
        let bus: Arc<dyn Bus> = RabbitBus::connect(RabbitConfig::new(self.url_of(&proxy))).await.unwrap();
        self.proxies.lock().unwrap().push((identity(&bus), proxy));
        bus
    }

    async fn crash(&self, bus: Arc<dyn Bus>) {
        let mut proxies = self.proxies.lock().unwrap();
        let place = proxies.iter().position(|(of, _)| *of == identity(&bus)).expect("a bus of this subject");
        proxies.remove(place);
    }

    async fn restart_broker(&self) -> bool {
        false
    }

    async fn delete_queue(&self, queue: &str) {
        let connection = self.raw().await;
        let channel = connection.create_channel().await.unwrap();
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        connection.close(200, "OK".into()).await.unwrap();
    }

    async fn limit_queue(&self, _: &str, _: u64) {
        // Declaring sets it.
    }

    fn can_peek(&self) -> bool {
        false
    }

    async fn open_without_permission(&self) -> Option<Arc<dyn Bus>> {
        let (node, vhost) = (self.node.clone(), self.vhost.clone());
        let user = format!("stranger-{vhost}");
        let url = node.amqp_url_of(&user, "secret", &vhost);
        let make = move || {
            node.ctl(&["add_user", &user, "secret"])?;
            node.ctl(&["set_permissions", "--vhost", &vhost, &user, "^$", "^$", "^$"])
        };
        tokio::task::spawn_blocking(make).await.unwrap().unwrap();
        Some(RabbitBus::connect(RabbitConfig::new(url)).await.unwrap())
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

fn identity(bus: &Arc<dyn Bus>) -> usize {
    Arc::as_ptr(bus).cast::<()>() as usize
}

/// The suite's own restart case, with a node that may be restarted.
struct NodeSubject {
    node: Arc<Mutex<RabbitNode>>,
    vhost: VhostSubject,
}

impl NodeSubject {
    async fn new() -> Self {
        let node = own_node().await;
        Self { vhost: VhostSubject::on(node.handle().clone()).await, node: Arc::new(Mutex::new(node)) }
    }

    async fn on_node(&self, work: impl FnOnce(&mut RabbitNode) + Send + 'static) {
        let node = self.node.clone();
        tokio::task::spawn_blocking(move || work(&mut node.lock().unwrap())).await.unwrap();
    }
}

#[async_trait]
impl Subject for NodeSubject {
    async fn open(&self) -> Arc<dyn Bus> {
        self.vhost.open().await
    }

    async fn crash(&self, bus: Arc<dyn Bus>) {
        self.vhost.crash(bus).await;
    }

    async fn restart_broker(&self) -> bool {
        self.on_node(|node| {
            node.stop().unwrap();
            node.start_again().unwrap();
        })
        .await;
        true
    }

    async fn delete_queue(&self, queue: &str) {
        self.vhost.delete_queue(queue).await;
    }

    async fn limit_queue(&self, queue: &str, messages_max: u64) {
        self.vhost.limit_queue(queue, messages_max).await;
    }

    fn can_peek(&self) -> bool {
        false
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

async fn own_node() -> RabbitNode {
    tokio::task::spawn_blocking(RabbitNode::start).await.unwrap().unwrap()
}

fn layout() -> Layout {
    Layout::new(PartitionCount::new(2).unwrap())
}

fn inbound() -> Address {
    layout().inbound(PartitionId(0))
}

fn topology() -> Topology {
    Topology::new(layout(), &BTreeSet::from([TeamName::new("desk").unwrap()]), true)
}

fn publication(address: Address, id: &str) -> Publication {
    let message = Message { id: id.to_owned(), body: Bytes::from_static(b"body"), ..Message::default() };
    Publication { address, message }
}

async fn publish_one(bus: &dyn Bus, address: Address, id: &str) -> Outcome {
    bus.publish(vec![publication(address, id)], PUBLISH_TIMEOUT).await[0]
}

/// The ids of the next `count` messages, acknowledged.
async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let batch = tokio::time::timeout(PATIENCE, consumer.next_batch(count - ids.len())).await.unwrap().unwrap();
        ids.extend(batch.iter().map(|delivery| delivery.message.id.clone()));
        consumer.ack(batch).await.unwrap();
    }
    ids
}

async fn becomes(bus: &dyn Bus, what: &str, check: impl Fn(&Health) -> bool) {
    eventually(what, PATIENCE, async || check(&bus.health()).then_some(())).await;
}

/// lapin attaches a returned message to whichever confirm comes next: none of them may be taken for a stored one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_is_never_taken_for_a_confirm() {
    const CALLS: usize = 200;
    let subject = VhostSubject::new().await;
    // One channel, so that everything meets there.
    let bus =
        RabbitBus::connect(RabbitConfig { publish_channels: 1, ..RabbitConfig::new(subject.url()) }).await.unwrap();
    bus.declare(&topology()).await.unwrap();
    let nowhere = Address { stream: Stream::Events, key: "nowhere".to_owned() };
    let mut calls = JoinSet::new();
    for call in 0..CALLS {
        let (bus, nowhere) = (bus.clone(), nowhere.clone());
        calls.spawn(async move {
            // The same ids on both addresses: an id alone must not decide.
            let address = |number: usize| if (call + number).is_multiple_of(3) { nowhere.clone() } else { inbound() };
            let batch = (0..5).map(|number| publication(address(number), &format!("{call}.{}", number / 2))).collect();
            let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
            for (number, outcome) in outcomes.into_iter().enumerate() {
                let expected = if (call + number).is_multiple_of(3) { Outcome::Returned } else { Outcome::Confirmed };
                assert_eq!(outcome, expected, "{number} of call {call}");
            }
        });
    }
    calls.join_all().await;
}

#[tokio::test]
async fn other_arguments_are_named_and_never_changed() {
    let subject = VhostSubject::new().await;
    let channel_owner = subject.raw().await;
    let channel = channel_owner.create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(5));
    channel.queue_declare("wa.in.p00".into(), QueueDeclareOptions::durable(), arguments).await.unwrap();

    let bus = subject.connect().await;
    match bus.declare(&topology()).await {
        Err(BusError::TopologyMismatch { queue, difference }) => {
            assert_eq!(queue, "wa.in.p00");
            assert!(difference.contains("x-") && difference.contains("received"), "{difference}");
        }
        other => panic!("a mismatch answered {other:?}"),
    }
    let lines = bus.verify(&topology()).await.unwrap();
    assert!(lines.iter().any(|line| line.starts_with("queue wa.in.p00 differs: 'x-")), "{lines:?}");
    assert!(lines.iter().any(|line| line == "queue wa.in.p01 is missing"), "{lines:?}");
    assert_eq!(bus.depth("wa.in.p00").await.unwrap().unwrap().ready, 0, "it is still there");
}

#[tokio::test]
async fn a_queue_deleted_in_use_returns_publications_and_ends_its_consumer() {
    let subject = VhostSubject::new().await;
    let bus = subject.connect().await;
    bus.declare(&topology()).await.unwrap();
    let mut consumer = bus.consume("wa.in.p00", 10).await.unwrap();
    subject.delete_queue("wa.in.p00").await;
    let end = tokio::time::timeout(PATIENCE, consumer.next_batch(1)).await.unwrap();
    assert!(end.is_err(), "{end:?}");
    assert_eq!(publish_one(&*bus, inbound(), "lost?").await, Outcome::Returned);
    assert_eq!(bus.health(), Health::Up);
}

#[tokio::test]
async fn a_missing_exchange_returns_and_the_channel_is_rebuilt() {
    let subject = VhostSubject::new().await;
    let bus =
        RabbitBus::connect(RabbitConfig { publish_channels: 1, ..RabbitConfig::new(subject.url()) }).await.unwrap();
    let only_parking = Topology {
        queues: topology().queues.into_iter().filter(|queue| queue.address.stream == Stream::Unrouted).collect(),
    };
    bus.declare(&only_parking).await.unwrap();
    assert_eq!(publish_one(&*bus, inbound(), "1").await, Outcome::Returned);
    assert_eq!(publish_one(&*bus, Address::unrouted(), "2").await, Outcome::Confirmed);
    // In one flight nothing is claimed to be stored that is not.
    let batch =
        vec![publication(Address::unrouted(), "3"), publication(inbound(), "4"), publication(Address::unrouted(), "5")];
    let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
    assert_eq!(outcomes[1..], [Outcome::Returned, Outcome::Unknown]);
    let stored = 1 + usize::from(outcomes[0] == Outcome::Confirmed);
    assert_eq!(publish_one(&*bus, Address::unrouted(), "6").await, Outcome::Confirmed);
    let mut consumer = bus.consume("wa.unrouted", 10).await.unwrap();
    let ids = take(&mut *consumer, stored + 1).await;
    assert!(ids.contains(&"2".to_owned()) && !ids.contains(&"4".to_owned()), "{ids:?}");
}

#[tokio::test]
async fn the_in_flight_bound_refuses_at_once() {
    let subject = VhostSubject::new().await;
    let bus = RabbitBus::connect(RabbitConfig { in_flight_max: 10, ..RabbitConfig::new(subject.url()) }).await.unwrap();
    bus.declare(&topology()).await.unwrap();
    let batch = |count: usize| (0..count).map(|number| publication(inbound(), &number.to_string())).collect();
    let (first, second) = tokio::join!(bus.publish(batch(10), PUBLISH_TIMEOUT), bus.publish(batch(1), PUBLISH_TIMEOUT));
    assert_eq!((first, second), (vec![Outcome::Confirmed; 10], vec![Outcome::Unavailable]));
    assert_eq!(bus.publish(batch(11), PUBLISH_TIMEOUT).await, [Outcome::Confirmed; 11], "alone it may be larger");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_permission_are_said_clearly() {
    let subject = VhostSubject::new().await;
    subject.connect().await.declare(&topology()).await.unwrap();
    let wrong = subject.node.amqp_url_of("guest", "hunter2", &subject.vhost);
    let error = RabbitBus::connect(RabbitConfig::new(wrong)).await.err().expect("a wrong password is refused");
    assert!(matches!(&error, BusError::Refused(why) if why.contains("ACCESS_REFUSED")), "{error}");
    assert!(!error.to_string().contains("hunter2"));
    let error = RabbitBus::connect(RabbitConfig::new(subject.node.amqp_url("no-such-vhost"))).await.err();
    assert!(matches!(&error, Some(BusError::Refused(why)) if why.contains("no-such-vhost")), "{error:?}");
}
