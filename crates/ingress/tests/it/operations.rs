//! What an operator sees and does: readiness, metrics, rotation, shutdown, and mistakes in the configuration.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use waypost_bus::Health;
use waypost_cloud_api::signature::sign;
use waypost_ingress::{Ingress, IngressConfig, SecretSource, TlsFiles};
use waypost_ops::Health as Registry;

use crate::support::{Client, Door, FakeBus, config, eventually, inline, layout, request, signed, text_webhook};

#[tokio::test]
async fn readiness_follows_the_bus() {
    let bus = FakeBus::new();
    bus.delete_queue("wa.st.p01");
    let door = Door::open(config(), &bus).await;
    let ready = async |want: bool, reason: &str| {
        eventually(reason, async || {
            let report = door.health.report().await;
            report.is_ready() == want && report.to_string().contains(reason)
        })
        .await;
    };
    ready(false, "ingress queues: not ready: queue wa.st.p01 does not exist").await;
    bus.restore_queues();
    ready(true, "ingress queues: ready").await;
    bus.delete_queue("wa.optin.p00");
    ready(false, "ingress queues: not ready: queue wa.optin.p00 does not exist").await;
    bus.restore_queues();
    ready(true, "ingress queues: ready").await;

    for (health, reason) in [(Health::Down("why".into()), "bus down"), (Health::Blocked("why".into()), "bus blocked")] {
        bus.set_health(health);
        ready(false, reason).await;
        bus.set_health(Health::Up);
        ready(true, "ready").await;
    }
    door.close().await;
}

#[tokio::test]
async fn a_deleted_queue_is_noticed_by_the_first_publication() {
    let bus = FakeBus::new();
    let mut config = config();
    // Too seldom to find it by looking.
    config.limits.ready_interval = Duration::from_secs(2);
    let door = Door::open(config, &bus).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    let is_ready = async || door.health.report().await.is_ready();
    eventually("ready", is_ready).await;
    bus.delete_queue("wa.in.p00");
    bus.delete_queue("wa.in.p01");
    assert!(is_ready().await);
    assert_eq!(door.post(&body).await.status, 503);
    assert!(!is_ready().await);
    bus.restore_queues();
    assert_eq!(door.post(&body).await.status, 200, "unready, but not unwilling");
    eventually("ready again", is_ready).await;
    door.close().await;
}

#[tokio::test]
async fn the_world_sees_the_webhook_alone() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    for target in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(door.get(target).await.status, 404, "{target} is not for the world");
    }
    door.close().await;
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_running() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let mut idle = door.connect().await;
    idle.send(&signed(&text_webhook("wamid.A", "1555", "hi"))).await;
    assert_eq!(idle.answer().await.unwrap().status, 200);
    bus.hold(true);
    let mut busy = door.connect().await;
    busy.send(&signed(&text_webhook("wamid.B", "1555", "hi"))).await;
    eventually("it is being published", async || bus.calls().len() == 2).await;

    door.shutdown.cancel();
    idle.closed().await;
    eventually("nobody new is let in", async || TcpStream::connect(door.address).await.is_err()).await;
    bus.hold(false);
    let answer = busy.answer().await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close\r\n"));
    assert_eq!(door.closed().await.connections_cut, 0);
}

#[tokio::test]
async fn a_shutdown_has_a_deadline() {
    let bus = FakeBus::new();
    let mut config = config();
    config.limits.drain_timeout = Duration::from_millis(50);
    let door = Door::open(config, &bus).await;
    bus.hold(true);
    let mut client = door.connect().await;
    client.send(&signed(&text_webhook("wamid.A", "1555", "hi"))).await;
    eventually("it is being published", async || bus.calls().len() == 1).await;
    assert_eq!(door.close().await.connections_cut, 1);
    client.closed().await;
}

#[tokio::test]
async fn secrets_are_rotated_by_writing_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (secret_file, token_file) = (folder.path().join("secret"), folder.path().join("token"));
    std::fs::write(&secret_file, "old\n").unwrap();
    std::fs::write(&token_file, "old token").unwrap();
    let bus = FakeBus::new();
    let mut config = config();
    config.app_secrets = vec![inline("always"), SecretSource::File(secret_file.clone())];
    config.verify_token = SecretSource::File(token_file.clone());
    let door = Door::open(config, &bus).await;

    let body = text_webhook("wamid.A", "1555", "hi");
    let status =
        async |secret: &str| door.send(&request(&[("x-hub-signature-256", &sign(secret, &body))], &body)).await.status;
    let token_status = async |token: &str| {
        door.get(&format!("/webhook?hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}")).await.status
    };
    assert_eq!((status("always").await, status("old").await, status("new").await), (200, 200, 401));

    std::fs::write(&secret_file, "new\n\n old \n").unwrap();
    eventually("the new secret is believed", async || status("new").await == 200).await;
    assert_eq!((status("always").await, status("old").await), (200, 200));
    std::fs::write(&secret_file, "new").unwrap();
    eventually("the old secret is not", async || status("old").await == 401).await;
    assert_eq!((status("always").await, status("new").await), (200, 200));

    // A bad file, an empty one and none at all: the last good content stays in force, and the next good one is taken.
    for (i, bad) in [Some(&b"\xff"[..]), Some(b" \n"), None].into_iter().enumerate() {
        match bad {
            Some(content) => std::fs::write(&secret_file, content).unwrap(),
            None => std::fs::remove_file(&secret_file).unwrap(),
        }
        std::fs::write(&token_file, format!("token{i}")).unwrap();
        eventually("the other file was looked at later", async || token_status(&format!("token{i}")).await == 200)
            .await;
        assert_eq!(status("new").await, 200, "{bad:?}");
    }
    assert_eq!(token_status("old+token").await, 403);
    std::fs::write(&secret_file, "newest").unwrap();
    eventually("it recovers", async || status("newest").await == 200).await;
    door.close().await;
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let garbage = file("garbage.pem", "no certificate");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap();
    let tls = |certificate_file, key_file| Some(TlsFiles { certificate_file, key_file });
    type Mistake = Box<dyn Fn(&mut IngressConfig)>;
    let cases: Vec<(&str, Mistake)> = vec![
        ("path", Box::new(|c| c.path = "webhook".to_owned())),
        ("path", Box::new(|c| c.path = "/{a}".to_owned())),
        ("app_secrets", Box::new(|c| c.app_secrets.clear())),
        ("app_secrets", Box::new(|c| c.app_secrets = vec![inline("a"), inline("")])),
        ("verify_token", Box::new(|c| c.verify_token = inline(""))),
        ("no-such-file", Box::new(|c| c.verify_token = SecretSource::File("no-such-file".into()))),
        ("limits.connections_max", Box::new(|c| c.limits.connections_max = 0)),
        ("limits.header_bytes_max", Box::new(|c| c.limits.header_bytes_max = 100)),
        ("limits.bodies_bytes_max", Box::new(|c| c.limits.bodies_bytes_max = 100)),
        ("limits.publish_timeout", Box::new(|c| c.limits.publish_timeout = Duration::ZERO)),
        ("garbage.pem", Box::new(move |c| c.tls = tls(garbage.clone(), garbage.clone()))),
        ("cannot listen on 127.0.0.1", Box::new(move |c| c.listen = taken_address)),
    ];
    for (want, mistake) in cases {
        let mut config = config();
        mistake(&mut config);
        let opened = Ingress::bind(config, FakeBus::new(), layout(), &Registry::new(CancellationToken::new())).await;
        let error = opened.err().unwrap_or_else(|| panic!("{want} was accepted")).to_string();
        assert!(error.contains(want), "{want}: {error}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", IngressConfig { verify_token: inline("hush"), ..config() });
    assert!(!shown.contains("hush") && !shown.contains(crate::support::SECRET), "{shown}");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_nobody() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = text_webhook("wamid.A", "15559876543", "my secret text");
    assert_eq!(door.post(&body).await.status, 200);
    assert_eq!(door.send(&request(&[], &body)).await.status, 401);
    assert_eq!(door.post(&body[..body.len() - 3]).await.status, 200, "quarantined");
    bus.answer("", waypost_bus::Outcome::Nacked);
    assert_eq!(door.post(&body).await.status, 503);
    Client::new(TcpStream::connect(door.address).await.unwrap()).send(b"15559876543 my secret text\r\n\r\n").await;
    assert_eq!(door.get("/webhook?hub.mode=subscribe&hub.challenge=15559876543&hub.verify_token=x").await.status, 403);
    door.close().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("quarantined") && text.contains("did not confirm"), "{text}");
    for marker in ["15559876543", "Ana", "my secret text", "test_app_secret", "let me in"] {
        assert!(!text.contains(marker), "{marker} in the log: {text}");
    }
}
