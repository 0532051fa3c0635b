//! The listener for operators over a real socket: what it answers, and what the metrics page looks like.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use waypost_ops::{Build, Health, MetricsPage, OpsServer, State, describe_build};

async fn request(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer[9..12].parse().unwrap(), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// One test, because a process has one recorder.
#[tokio::test]
async fn operators_see_health_and_metrics() {
    let page = MetricsPage::install().unwrap();
    assert!(MetricsPage::install().is_err(), "there is one recorder");
    describe_build(Build { version: "1.2.3", commit: "abc", rustc: "1.95.0" }, "embedded", "sqlite");
    metrics::histogram!("waypost_test_batch_size").record(100.0);
    metrics::histogram!("waypost_test_batch_seconds").record(0.003);

    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
    let health = Health::new(shutdown.clone());
    let is_up = Arc::new(AtomicBool::new(true));
    let seen = is_up.clone();
    health.register_state("bus", "", move || {
        State::of_problem((!seen.load(Ordering::Relaxed)).then(|| "down".to_owned()))
    });
    let server = OpsServer::bind("127.0.0.1:0".parse().unwrap(), health.clone(), page.clone()).await.unwrap();
    let address = server.local_addr();
    let second = OpsServer::bind(address, health, page).await.err().unwrap().to_string();
    assert!(second.contains(&address.to_string()), "{second}");
    let running = tokio::spawn(server.run(stop.clone()));

    for path in ["/livez", "/healthz"] {
        assert_eq!(request(address, "GET", path).await, (200, "ok\n".to_owned()));
    }
    assert_eq!(request(address, "GET", "/readyz").await, (200, "ready\nbus: ready\n".to_owned()));
    is_up.store(false, Ordering::Relaxed);
    assert_eq!(request(address, "GET", "/readyz").await, (503, "not ready\nbus: not ready: down\n".to_owned()));
    is_up.store(true, Ordering::Relaxed);
    assert_eq!(request(address, "GET", "/").await.0, 404);
    assert_eq!(request(address, "POST", "/metrics").await.0, 405);

    let (status, metrics) = request(address, "GET", "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "waypost_build_info{version=\"1.2.3\",commit=\"abc\",rustc=\"1.95.0\",bus=\"embedded\",store=\"sqlite\"} 1",
        "# HELP waypost_build_info 1, with what runs as its labels: version, commit, rustc, bus and store",
        "waypost_test_batch_size_bucket{le=\"64\"} 0",
        "waypost_test_batch_size_bucket{le=\"128\"} 1",
        "waypost_test_batch_seconds_bucket{le=\"0.002\"} 0",
        "waypost_test_batch_seconds_bucket{le=\"0.005\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }

    // A process that drains says so until all is done.
    shutdown.cancel();
    let unready = request(address, "GET", "/readyz").await;
    assert_eq!(unready, (503, "not ready\nprocess: not ready: shutting down\n".to_owned()));
    assert_eq!(request(address, "GET", "/livez").await.0, 200);
    stop.cancel();
    running.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
}
