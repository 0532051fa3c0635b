//! The customers against a webhook that does as it is told, over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use waypost_cloud_api::handshake;
use waypost_cloud_api::signature::{AppSecrets, Provider, verify};
use waypost_cloud_api::webhook::{Content, split};
use waypost_sandbox::{Customers, PostRecord, SandboxConfig, SandboxError, check_handshake, post_signed};

const SECRET: &str = "sandbox secret";

/// Given the number of the request (from 0) and its body: the status, and how long to wait before it.
type Script = dyn Fn(usize, &str) -> (u16, Duration) + Send + Sync;

struct Request {
    target: String,
    signature: String,
    body: Bytes,
}

/// A webhook on a free port. It stops with the test's runtime.
struct Webhook {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    /// The most requests that were under way at once.
    under_way_max: Arc<AtomicUsize>,
}

impl Webhook {
    async fn start(script: impl Fn(usize, &str) -> (u16, Duration) + Send + Sync + 'static) -> Self {
        install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook =
            Self { address: listener.local_addr().unwrap(), requests: Arc::default(), under_way_max: Arc::default() };
        let (requests, under_way_max) = (webhook.requests.clone(), webhook.under_way_max.clone());
        let (script, under_way): (Arc<Script>, _) = (Arc::new(script), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = (requests.clone(), under_way_max.clone(), script.clone(), under_way.clone());
                tokio::spawn(async move { serve(stream, shared).await.unwrap_or_default() });
            }
        });
        webhook
    }

    fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// How often each message arrived; every body must be signed and readable.
    fn messages(&self) -> BTreeMap<String, u32> {
        let secrets = AppSecrets::new([SECRET]).unwrap();
        let mut messages = BTreeMap::new();
        for request in self.requests.lock().unwrap().iter() {
            verify(Provider::Meta, &[request.signature.as_bytes()], &request.body, &secrets).unwrap();
            for event in split(&request.body).events {
                if let Content::Message(message) = event.content {
                    *messages.entry(message.id.unwrap()).or_default() += 1;
                }
            }
        }
        messages
    }
}

type Shared = (Arc<Mutex<Vec<Request>>>, Arc<AtomicUsize>, Arc<Script>, Arc<AtomicUsize>);

async fn serve(mut stream: TcpStream, (requests, under_way_max, script, under_way): Shared) -> Option<()> {
    let mut received = Vec::new();
    loop {
        let head_end = loop {
            match received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(position) => break position + 4,
                None => (stream.read_buf(&mut received).await.ok()? > 0).then_some(())?,
            }
        };
        let head = String::from_utf8(received.drain(..head_end).collect()).unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let length: usize = header("content-length: ").parse().unwrap_or(0);
        while received.len() < length {
            (stream.read_buf(&mut received).await.ok()? > 0).then_some(())?;
        }
        let body: Bytes = received.drain(..length).collect::<Vec<_>>().into();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let signature = header("x-hub-signature-256: ");
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(Request { target: target.clone(), signature, body });
            requests.len() - 1
        };
        under_way_max.fetch_max(under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let (status, wait) = script(number, &target);
        tokio::time::sleep(wait).await;
        under_way.fetch_sub(1, Ordering::Relaxed);
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let answer = handshake::verify(query, "the token").unwrap_or_default();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(head.as_bytes()).await.ok()?;
    }
}

fn install_provider() {
    // A second test in this process finds it installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn at_once(status: u16) -> (u16, Duration) {
    (status, Duration::ZERO)
}

fn config(webhook: &Webhook) -> SandboxConfig {
    SandboxConfig {
        retry_backoff: Duration::from_millis(1),
        retry_backoff_max: Duration::from_millis(4),
        ..SandboxConfig::new(webhook.url(), SECRET)
    }
}

#[tokio::test]
async fn everything_arrives_signed_and_is_counted() {
    let webhook = Webhook::start(|_, _| at_once(200)).await;
    let untidy = SandboxConfig {
        messages: 300,
        batch_max: 5,
        duplicate_percent: 30,
        status_percent: 20,
        echo_percent: 20,
        shuffle: true,
        ..config(&webhook)
    };
    let report = Customers::new(untidy).unwrap().run(CancellationToken::new()).await;
    let messages = webhook.messages();
    assert_eq!(messages.len(), 300);
    assert_eq!((report.messages, report.accepted, report.refused, report.retries), (300, 300, 0, 0));
    assert_eq!(report.posts, webhook.requests.lock().unwrap().len() as u64);
    assert_eq!(u64::from(messages.values().sum::<u32>()), 300 + report.duplicates_sent);
    assert!(report.duplicates_sent > 0 && report.other_posts > 0);
}

#[tokio::test]
async fn what_is_not_answered_200_is_sent_again() {
    // Every third request is taken, the others are refused in various ways.
    let statuses = [503, 500, 200, 404, 302, 200];
    let webhook = Webhook::start(move |number, _| at_once(statuses[number % statuses.len()])).await;
    let records: Arc<Mutex<Vec<PostRecord>>> = Arc::default();
    let seen = records.clone();
    let config = SandboxConfig { messages: 50, concurrency: 4, retry_max: 1000, ..config(&webhook) };
    let customers = Customers::new(config).unwrap().on_post(move |record| seen.lock().unwrap().push(record.clone()));
    let report = customers.run(CancellationToken::new()).await;
    assert_eq!((report.accepted, report.refused), (50, 0));
    assert_eq!(report.posts, 50 + report.retries);
    assert!(report.retries >= 90, "{report:?}");

    let records = records.lock().unwrap();
    assert_eq!(records.len() as u64, report.posts);
    let taken: BTreeSet<_> = records.iter().filter(|r| r.status == Some(200)).map(|r| &r.messages[0].wamid).collect();
    assert_eq!(taken.len(), 50);
    assert!(records.iter().all(|r| r.due_at <= r.sent_at && r.sent_at <= r.answered_at));
    assert!(records.iter().any(|r| r.attempt > 1 && r.status == Some(200)));
}

#[tokio::test]
async fn a_retry_has_an_end() {
    let webhook = Webhook::start(|_, _| at_once(401)).await;
    let config = SandboxConfig { messages: 5, retry_max: 2, ..config(&webhook) };
    let report = Customers::new(config).unwrap().run(CancellationToken::new()).await;
    assert_eq!((report.accepted, report.refused, report.posts, report.retries), (0, 5, 15, 10));
}

#[tokio::test]
async fn nobody_there_is_a_refusal_and_no_error() {
    install_provider();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/webhook");
    let config = SandboxConfig { messages: 2, retry_max: 0, ..SandboxConfig::new(&url, SECRET) };
    let report = Customers::new(config).unwrap().run(CancellationToken::new()).await;
    assert_eq!((report.posts, report.accepted, report.refused), (2, 0, 2));
    assert!(matches!(check_handshake(&url, "x").await, Err(SandboxError::NoAnswer(_))));
}

#[tokio::test]
async fn concurrency_is_used_and_bounded() {
    let webhook = Webhook::start(|_, _| (200, Duration::from_millis(20))).await;
    let config = SandboxConfig { messages: 60, concurrency: 6, ..config(&webhook) };
    Customers::new(config).unwrap().run(CancellationToken::new()).await;
    assert_eq!(webhook.under_way_max.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn duplicates_overlap() {
    let webhook = Webhook::start(|_, _| (200, Duration::from_millis(5))).await;
    let both = Arc::new(Mutex::new(Vec::new()));
    let seen = both.clone();
    let config = SandboxConfig { messages: 40, duplicate_percent: 100, ..config(&webhook) };
    let customers = Customers::new(config)
        .unwrap()
        .on_post(move |r| seen.lock().unwrap().push((r.messages[0].wamid.clone(), r.sent_at, r.answered_at)));
    let report = customers.run(CancellationToken::new()).await;
    assert_eq!((report.accepted, report.duplicates_sent), (40, 40));
    let mut by_wamid = BTreeMap::<String, Vec<(Instant, Instant)>>::new();
    for (wamid, sent_at, answered_at) in both.lock().unwrap().drain(..) {
        by_wamid.entry(wamid).or_default().push((sent_at, answered_at));
    }
    let overlapping = by_wamid.values().filter(|two| two[0].0 < two[1].1 && two[1].0 < two[0].1).count();
    assert!(overlapping > 0);
}

#[tokio::test]
async fn the_timetable_does_not_wait_for_answers() {
    let webhook = Webhook::start(|_, _| (200, Duration::from_millis(100))).await;
    let due: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = due.clone();
    let config = SandboxConfig { messages: 50, rate_per_second: Some(200.0), concurrency: 50, ..config(&webhook) };
    let customers = Customers::new(config).unwrap().on_post(move |record| seen.lock().unwrap().push(record.due_at));
    let report = customers.run(CancellationToken::new()).await;
    assert_eq!(report.accepted, 50);
    // 49 intervals of 5 ms; one after the other it would be 5 s.
    assert!(report.elapsed >= Duration::from_millis(245), "{:?}", report.elapsed);
    assert!(webhook.under_way_max.load(Ordering::Relaxed) > 5);
    let mut due = due.lock().unwrap().clone();
    due.sort();
    assert!(due.windows(2).all(|pair| (pair[1] - pair[0]).as_micros().abs_diff(5000) < 5), "every 5 ms");
}

#[tokio::test]
async fn a_shutdown_ends_the_run_and_its_retries() {
    let webhook = Webhook::start(|_, _| at_once(503)).await;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let config = SandboxConfig { retry_backoff: Duration::from_secs(3600), ..config(&webhook) };
    let customers = Customers::new(config).unwrap().on_post(move |_| stop.cancel());
    let report = customers.run(shutdown).await;
    assert!(report.accepted == 0 && report.refused == report.messages && report.messages < 200, "{report:?}");
}

#[tokio::test]
async fn handshakes() {
    let webhook = Webhook::start(|_, target| at_once(if target.contains("the+token") { 200 } else { 403 })).await;
    check_handshake(&webhook.url(), "the token").await.unwrap();
    let refused = check_handshake(&webhook.url(), "another token").await;
    assert!(matches!(refused, Err(SandboxError::HandshakeRefused { status: 403 })));
    let silent = Webhook::start(|_, _| at_once(200)).await;
    assert!(matches!(check_handshake(&silent.url(), "x").await, Err(SandboxError::WrongChallenge)));
}

#[tokio::test]
async fn one_body_can_be_sent_by_hand() {
    let webhook = Webhook::start(|_, _| at_once(202)).await;
    let body = Bytes::from_static(b"{}");
    let status = post_signed(&webhook.url(), Provider::Meta, SECRET, body, Duration::from_secs(5)).await.unwrap();
    assert_eq!(status, 202);
    assert!(webhook.messages().is_empty());
    assert_eq!(webhook.requests.lock().unwrap()[0].target, "/webhook");
}

#[test]
fn mistakes_in_the_configuration_are_named() {
    let good = || SandboxConfig::new("http://127.0.0.1:1/webhook", SECRET);
    let cases = [
        ("webhook_url", SandboxConfig { webhook_url: "127.0.0.1".into(), ..good() }),
        ("webhook_url", SandboxConfig { webhook_url: "ftp://x/".into(), ..good() }),
        ("customers", SandboxConfig { customers: 0, ..good() }),
        ("batch_max", SandboxConfig { batch_max: 1001, ..good() }),
        ("duplicate_percent", SandboxConfig { duplicate_percent: 101, ..good() }),
        ("concurrency", SandboxConfig { concurrency: 0, ..good() }),
        ("rate_per_second", SandboxConfig { rate_per_second: Some(f64::NAN), ..good() }),
        ("app_secret", SandboxConfig::new("http://127.0.0.1:1/webhook", "")),
    ];
    for (field, config) in cases {
        let error = Customers::new(config).err().unwrap().to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
    assert!(!format!("{:?}", good()).contains(SECRET));
}
