//! The adapter while the broker or the network is in trouble.

#![allow(clippy::unwrap_used)]

use tokio::net::TcpListener;

use super::*;

/// Disk alarm: publications are refused at once, consumers go on, and all is well again afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_refuses_publications_and_lets_consumers_go_on() {
    let node = Arc::new(own_node().await);
    let ctl = async |arguments: &'static [&'static str]| {
        let node = node.clone();
        tokio::task::spawn_blocking(move || node.ctl(arguments)).await.unwrap().unwrap()
    };
    let subject = VhostSubject::on(node.handle().clone()).await;
    let bus = subject.connect().await;
    bus.declare(&topology()).await.unwrap();
    for number in 0..20 {
        assert_eq!(publish_one(&*bus, inbound(), &number.to_string()).await, Outcome::Confirmed);
    }
    let mut consumer = bus.consume("wa.in.p00", 4).await.unwrap();
    let first = take(&mut *consumer, 4).await;

    ctl(&["set_disk_free_limit", "9000GB"]).await;
    // The broker says so when somebody publishes.
    eventually("health blocked", PATIENCE, async || {
        let outcome = publish_one(&*bus, inbound(), "during").await;
        assert!(matches!(outcome, Outcome::Confirmed | Outcome::Unknown | Outcome::Unavailable), "{outcome:?}");
        matches!(bus.health(), Health::Blocked(_)).then_some(())
    })
    .await;
    let begin = Instant::now();
    assert_eq!(publish_one(&*bus, inbound(), "refused").await, Outcome::Unavailable);
    assert!(begin.elapsed() < Duration::from_millis(500), "refused after {:?}", begin.elapsed());
    let rest = take(&mut *consumer, 16).await;
    let ids: Vec<String> = first.into_iter().chain(rest).collect();
    assert_eq!(ids, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());

    ctl(&["set_disk_free_limit", "1MB"]).await;
    becomes(&*bus, "health up", |health| *health == Health::Up).await;
    assert_eq!(publish_one(&*bus, inbound(), "after").await, Outcome::Confirmed);
    eventually("the message after the alarm", PATIENCE, async || {
        (take(&mut *consumer, 1).await == ["after"]).then_some(())
    })
    .await;
}

/// SIGKILL of the broker under load: nothing confirmed is lost, order holds, and we come back by ourselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_costs_nothing_that_was_confirmed() {
    let subject = NodeSubject::new().await;
    let bus = subject.vhost.connect().await;
    bus.declare(&topology()).await.unwrap();
    let mut consumer = bus.consume("wa.in.p00", 8).await.unwrap();
    let held = consumer.next_batch(1);
    assert_eq!(publish_one(&*bus, inbound(), "before").await, Outcome::Confirmed);
    let held = held.await.unwrap();

    let publisher = bus.clone();
    let (outcomes, mut seen) = tokio::sync::mpsc::channel(64);
    let load = tokio::spawn(async move {
        let mut confirmed = Vec::new();
        for number in 0_usize.. {
            // As a caller does it: again, under the same id, until it is confirmed.
            loop {
                let outcome = publish_one(&*publisher, inbound(), &number.to_string()).await;
                if outcomes.send(outcome).await.is_err() {
                    return confirmed;
                }
                match outcome {
                    Outcome::Confirmed => break,
                    Outcome::Unknown | Outcome::Unavailable => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Outcome::Returned | Outcome::Nacked | Outcome::Refused => panic!("{outcome:?}"),
                }
            }
            confirmed.push(number.to_string());
        }
        confirmed
    });
    let until = async |seen: &mut tokio::sync::mpsc::Receiver<Outcome>, wanted: Outcome| {
        while tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap() != Some(wanted) {}
    };
    until(&mut seen, Outcome::Confirmed).await;
    let watch_seen = async {
        until(&mut seen, Outcome::Unavailable).await;
        assert!(matches!(bus.health(), Health::Down(_)));
    };
    tokio::join!(watch_seen, subject.on_node(|node| node.kill().unwrap()));
    assert!(consumer.ack(held).await.is_err(), "acknowledged on a dead connection");
    assert!(consumer.next_batch(1).await.is_err());
    drop(consumer);

    let restart = subject.on_node(|node| node.start_again().unwrap());
    let confirmed_again = async {
        until(&mut seen, Outcome::Confirmed).await;
        for _ in 0..50 {
            until(&mut seen, Outcome::Confirmed).await;
        }
    };
    tokio::join!(restart, confirmed_again);
    becomes(&*bus, "health up", |health| *health == Health::Up).await;
    drop(seen);
    let confirmed = load.await.unwrap();

    let mut consumer = bus.consume("wa.in.p00", 64).await.unwrap();
    let first = consumer.next_batch(1).await.unwrap();
    assert_eq!(first[0].message.id, "before");
    assert!(first[0].redelivered, "it was in our hands before");
    consumer.ack(first).await.unwrap();
    let stored = take_until(&mut *consumer, confirmed.last()).await;
    assert_eq!(stored, confirmed);
}

/// What was in doubt may be there twice, side by side: each id once, up to `last`.
async fn take_until(consumer: &mut dyn Consumer, last: Option<&String>) -> Vec<String> {
    let mut stored: Vec<String> = Vec::new();
    while stored.last() != last {
        let id = take(consumer, 1).await.remove(0);
        if stored.last() != Some(&id) {
            stored.push(id);
        }
    }
    stored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_restart_keeps_everything() {
    conformance::a_restart_keeps_everything(&NodeSubject::new().await).await;
}

/// A broker that accepts the connection and then says nothing.
#[tokio::test]
async fn a_silent_broker_is_given_up_in_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = RabbitConfig {
        connect_timeout: Duration::from_millis(300),
        ..RabbitConfig::new(format!("amqp://guest:guest@127.0.0.1:{port}/x"))
    };
    let begin = Instant::now();
    let error = RabbitBus::connect(config).await.err().expect("nobody answers");
    assert!(matches!(error, BusError::Unavailable(_)), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5), "after {:?}", begin.elapsed());
}

/// A network that swallows everything: publications end by their time-out, and soon there is a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_costs_one_time_out() {
    let subject = VhostSubject::new().await;
    let proxy = subject.proxy().await;
    // The heartbeat is not what saves us.
    let config = RabbitConfig { heartbeat: Duration::from_secs(60), ..RabbitConfig::new(subject.url_of(&proxy)) };
    let bus = RabbitBus::connect(config).await.unwrap();
    bus.declare(&topology()).await.unwrap();
    assert_eq!(publish_one(&*bus, inbound(), "1").await, Outcome::Confirmed);
    proxy.black_hole_open();
    let begin = Instant::now();
    let swallowed = bus.publish(vec![publication(inbound(), "2")], Duration::from_millis(300)).await;
    assert_eq!(swallowed, [Outcome::Unknown]);
    assert!(begin.elapsed() < Duration::from_secs(2), "ended after {:?}", begin.elapsed());
    eventually("a confirm on a new connection", PATIENCE, async || {
        (publish_one(&*bus, inbound(), "3").await == Outcome::Confirmed).then_some(())
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(20), "back after {:?}", begin.elapsed());
    drop(bus);
    let bus = subject.connect().await;
    let mut consumer = bus.consume("wa.in.p00", 10).await.unwrap();
    assert_eq!(take(&mut *consumer, 2).await, ["1", "3"]);
}

/// The same for a consumer: the heartbeat finds out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_in_a_black_hole_ends_by_the_heartbeat() {
    let subject = VhostSubject::new().await;
    let proxy = subject.proxy().await;
    let config = RabbitConfig { heartbeat: Duration::from_secs(1), ..RabbitConfig::new(subject.url_of(&proxy)) };
    let bus = RabbitBus::connect(config).await.unwrap();
    bus.declare(&topology()).await.unwrap();
    let mut consumer = bus.consume("wa.in.p00", 1).await.unwrap();
    proxy.black_hole_open();
    let ended = tokio::time::timeout(Duration::from_secs(20), consumer.next_batch(1)).await.unwrap();
    assert!(ended.is_err(), "{ended:?}");
    drop(consumer);
    let consumer = eventually("a new subscription", PATIENCE, async || bus.consume("wa.in.p00", 1).await.ok()).await;
    consumer.close().await;
}
