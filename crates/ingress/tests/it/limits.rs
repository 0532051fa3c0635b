//! Every limit: what is past it is answered or cut off, and nobody else notices.

use std::time::Duration;

use waypost_ingress::Limits;

use crate::support::{Door, FakeBus, config, eventually, signed, text_webhook};

const MIB: usize = 1 << 20;

async fn door(bus: &std::sync::Arc<FakeBus>, limit: impl FnOnce(&mut Limits)) -> Door {
    let mut config = config();
    limit(&mut config.limits);
    Door::open(config, bus).await
}

fn chunked_head() -> &'static [u8] {
    b"POST /webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
}

#[tokio::test]
async fn a_large_body_is_refused_while_it_streams() {
    let bus = FakeBus::new();
    let door = door(&bus, |_| {}).await;
    let five = vec![b' '; 5 * MIB];
    assert_eq!(door.post(&five).await.status, 413);

    let mut client = door.connect().await;
    client.send(chunked_head()).await;
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; MIB], b"\r\n"].concat();
    for _ in 0..5 {
        client.send(&chunk).await;
    }
    client.send(b"0\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 413);

    // Endless: an answer all the same, and an end.
    let mut client = door.connect().await;
    client.send(chunked_head()).await;
    let mut sent = 0;
    while sent < 200 && client.try_send(&chunk).await {
        sent += 1;
    }
    assert!(sent < 200, "a client may not send for ever");

    assert!(bus.calls().is_empty());
    assert_eq!(door.post(&text_webhook("wamid.A", "1555", "hi")).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn whoever_asks_first_is_told_before_sending() {
    let bus = FakeBus::new();
    let door = door(&bus, |_| {}).await;
    let head = "POST /webhook HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ";
    assert_eq!(door.send(format!("{head}{}\r\n\r\n", 5 * MIB).as_bytes()).await.status, 413);
    assert_eq!(door.send(format!("{head}100\r\n\r\n").as_bytes()).await.status, 100);
    door.close().await;
}

#[tokio::test]
async fn large_headers_are_refused() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| limits.header_bytes_max = 8192).await;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(8192));
    assert_eq!(door.send(request.as_bytes()).await.status, 431);
    door.close().await;
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| {
        limits.header_timeout = Duration::from_millis(200);
        limits.body_timeout = Duration::from_millis(200);
        limits.idle_timeout = Duration::from_millis(400);
    })
    .await;
    let mut silent = door.connect().await;
    let mut slow_head = door.connect().await;
    slow_head.send(b"POST /webhook HTTP/1.1\r\nhost: x\r\n").await;
    let mut slow_body = door.connect().await;
    slow_body.send(b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    let mut idle = door.connect().await;
    idle.send(&signed(&text_webhook("wamid.A", "1555", "hi"))).await;
    assert_eq!(idle.answer().await.unwrap().status, 200);
    let mut slow_next = door.connect().await;
    slow_next.send(&signed(&text_webhook("wamid.A", "1555", "hi"))).await;
    assert_eq!(slow_next.answer().await.unwrap().status, 200);
    slow_next.send(b"POST /web").await;

    silent.closed().await;
    slow_head.closed().await;
    slow_next.closed().await;
    assert_eq!(slow_body.answer().await.unwrap().status, 408);
    slow_body.closed().await;
    idle.closed().await;
    assert_eq!(bus.calls().len(), 2);
    door.close().await;
}

#[tokio::test]
async fn a_slow_bus_is_waited_for_and_then_not() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| {
        limits.header_timeout = Duration::from_millis(50);
        limits.idle_timeout = Duration::from_millis(50);
        limits.publish_timeout = Duration::from_millis(400);
    })
    .await;
    bus.hold(true);
    // Waiting for us is not the client's fault: no other limit runs meanwhile.
    assert_eq!(door.post(&text_webhook("wamid.A", "1555", "hi")).await.status, 503);
    door.close().await;
}

#[tokio::test]
async fn too_many_in_flight_are_shed() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| limits.in_flight_max = 1).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    bus.hold(true);
    let mut first = door.connect().await;
    first.send(&signed(&body)).await;
    eventually("the first is being published", async || bus.calls().len() == 1).await;
    let shed = door.post(&body).await;
    assert_eq!(shed.status, 503);
    assert!(shed.head.contains("retry-after: 2\r\n"));
    assert_eq!(bus.calls().len(), 1);
    // A client in the middle of its body has no place yet, and takes none from others.
    let mut dripping = door.connect().await;
    dripping.send(b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    bus.hold(false);
    assert_eq!(first.answer().await.unwrap().status, 200);
    assert_eq!(door.post(&body).await.status, 200);
    drop(dripping);
    door.close().await;
}

#[tokio::test]
async fn all_bodies_together_have_a_limit() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| {
        limits.body_bytes_max = MIB;
        limits.bodies_bytes_max = MIB;
    })
    .await;
    let half = vec![b' '; MIB / 2 + 1];
    let mut first = door.connect().await;
    first.send(format!("POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: {MIB}\r\n\r\n").as_bytes()).await;
    first.send(&half).await;
    eventually("a second one finds no room", async || {
        let answer = door.post(&half).await;
        assert!([200, 503].contains(&answer.status));
        answer.status == 503
    })
    .await;
    drop(first);
    eventually("the room is free again", async || door.post(&half).await.status == 200).await;
    door.close().await;
}

#[tokio::test]
async fn idle_connections_do_not_keep_others_out() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| limits.connections_max = 8).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    let mut regular = door.connect().await;
    let mut idle = vec![];
    for round in 0..20 {
        for _ in 0..5 {
            let mut client = door.connect().await;
            client.send(b"POST /webhook HTTP/1.1\r\n").await;
            idle.push(client);
        }
        regular.send(&signed(&body)).await;
        assert_eq!(regular.answer().await.map(|a| a.status), Some(200), "a talking client is kept, round {round}");
        assert_eq!(door.post(&body).await.status, 200, "a new client finds a place, round {round}");
    }
    drop(idle);
    door.close().await;
}

#[tokio::test]
async fn a_connection_that_waits_for_us_is_not_evicted() {
    let bus = FakeBus::new();
    let door = door(&bus, |limits| limits.connections_max = 2).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    bus.hold(true);
    let mut clients = [door.connect().await, door.connect().await];
    for client in &mut clients {
        client.send(&signed(&body)).await;
    }
    eventually("both are being published", async || bus.calls().len() == 2).await;
    door.connect().await.closed().await;
    bus.hold(false);
    for client in &mut clients {
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    assert_eq!(door.post(&body).await.status, 200);
    door.close().await;
}
