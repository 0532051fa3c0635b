//! What the front door refuses, and what it takes although nobody can read it. A refusal leaves nothing behind; what was
//! taken is never lost.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;
use waypost_bus::dead_letter::{DeadLetterReason, REASON_HEADER};
use waypost_bus::{Bus, Layout, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_cloud_api::signature::{Provider, sign};
use waypost_domain::PartitionCount;
use waypost_ingress::{Ingress, IngressConfig, Limits, SecretSource};
use waypost_ops::Health;
use waypost_tests::{WaypostProcess, WebhookClient};

use crate::deployment::{APP_SECRET, Backend, Deployment, QUEUES, RULES, on_each_backend, text};

const RSS_GROWTH_MAX_KIB: u64 = 100 << 10;
const READ: [&str; 5] = [QUEUES[0], QUEUES[1], QUEUES[2], QUEUES[3], "wa.dead-letters"];

on_each_backend!(signatures, a_large_body, malformed_bodies_are_kept, nested_bombs_cost_no_memory);

async fn signatures(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    assert_forged_are_refused(&client, "wamid.FORGED").await?;

    // The same customer's next message: nothing can be behind it.
    assert_eq!(client.post(text("wamid.GOOD", "15550001111", "Hello").to_string().as_bytes()).await?, 200);
    let found = deployment.reader(&READ).await?.wait_for(1).await?;
    ensure!(found.len() == 1 && found[0].wamid() == "wamid.GOOD", "{found:?}");
    Ok(())
}

/// Posts `wamid` under every kind of wrong signature.
pub(crate) async fn assert_forged_are_refused(client: &WebhookClient, wamid: &str) -> anyhow::Result<()> {
    let body = text(wamid, "15550001111", "Hello").to_string();
    let right = sign(APP_SECRET, body.as_bytes());
    let other_body = sign(APP_SECRET, b"{}");
    let other_secret = sign("another", body.as_bytes());
    let upper = right.replace("sha256=", "").to_uppercase();
    let cases: [(&str, Vec<&str>); 9] = [
        ("missing", vec![]),
        ("empty", vec![""]),
        ("of another body", vec![&other_body]),
        ("of another secret", vec![&other_secret]),
        ("short", vec![&right[..right.len() - 2]]),
        ("without its prefix", vec![&right["sha256=".len()..]]),
        ("doubled", vec![&right, &right]),
        ("right and wrong", vec![&right, &other_secret]),
        ("only the prefix", vec!["sha256="]),
    ];
    for (name, signatures) in cases {
        assert_eq!(client.post_with(body.as_bytes(), &signatures).await?, 401, "{name}");
    }
    assert_eq!(client.post_with(body.as_bytes(), &[&format!("sha256={upper}")]).await?, 401, "uppercase");
    assert_eq!(client.post_with(body.as_bytes(), &[&format!("{right}{right}")]).await?, 401, "twice as long");
    Ok(())
}

async fn a_large_body(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let large = text("wamid.LARGE", "15550001111", &"x".repeat(5 << 20)).to_string();
    assert_eq!(client.post(large.as_bytes()).await?, 413);
    assert_eq!(client.post(text("wamid.GOOD", "15550001111", "Hello").to_string().as_bytes()).await?, 200);
    let found = deployment.reader(&READ).await?.wait_for(1).await?;
    ensure!(found.len() == 1 && found[0].wamid() == "wamid.GOOD", "{found:?}");
    Ok(())
}

async fn malformed_bodies_are_kept(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let bodies: [&[u8]; 6] = [b"", b"{\"entry\": [", b"hello", b"[]", b"\xff\xfe{}", b"{\"object\": \"x\"}"];
    for body in bodies {
        assert_eq!(client.post(body).await?, 200, "{:?}", String::from_utf8_lossy(body));
    }
    let found = deployment.reader(&["wa.dead-letters"]).await?.wait_for(bodies.len()).await?;
    for body in bodies {
        let shown = String::from_utf8_lossy(body);
        let letter = found.iter().find(|found| found.message.body == body);
        let letter = letter.with_context(|| format!("no dead letter with the bytes of {shown:?}: {found:?}"))?;
        assert_eq!(letter.header(REASON_HEADER), Some(DeadLetterReason::UnparseableBody.code()), "{shown:?}");
    }
    Ok(())
}

async fn nested_bombs_cost_no_memory(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let waypost = deployment.start().await?;
    let client = deployment.client()?;
    assert_eq!(client.post(text("wamid.FIRST", "15550001111", "Hello").to_string().as_bytes()).await?, 200);
    let before = resident_kib(&waypost)?;
    let depth = 4_000_000;
    let half = depth / 2;
    let in_message = text("wamid.BOMB", "15550001111", "Hello")
        .to_string()
        .replace("\"Hello\"", &format!("{}{}", "[".repeat(half), "]".repeat(half)));
    let bombs = [
        "[".repeat(depth),
        format!("{}{}", "[".repeat(half), "]".repeat(half)),
        "{\"entry\":".repeat(depth / 9),
        format!("{{\"entry\":{}{}}}", "[".repeat(half), "]".repeat(half)),
        in_message,
    ];
    for bomb in &bombs {
        assert_eq!(client.post(bomb.as_bytes()).await?, 200);
    }
    let grown = resident_kib(&waypost)?.saturating_sub(before);
    ensure!(grown < RSS_GROWTH_MAX_KIB, "resident memory grew by {grown} KiB");
    assert_eq!(client.post(text("wamid.GOOD", "15550001111", "Hello").to_string().as_bytes()).await?, 200);
    let mut reader = deployment.reader(&READ).await?;
    reader.wait_until("it still routes", |found| found.iter().any(|found| found.wamid() == "wamid.GOOD")).await?;
    Ok(())
}

/// The process' resident memory.
pub(crate) fn resident_kib(waypost: &WaypostProcess) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", waypost.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The program keeps the file to itself: a queue can only vanish under an ingress in this process.
#[tokio::test]
async fn a_deleted_partition_queue_is_never_answered_200() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let layout = Layout::new(PartitionCount::DEFAULT);
    let bus = EmbeddedBus::open(folder.path(), Options::default())?;
    let topology = Topology::new(layout, &std::collections::BTreeSet::new(), false);
    bus.declare(&topology).await?;
    let config = IngressConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        path: "/webhook".to_owned(),
        provider: Provider::Meta,
        app_secrets: vec![SecretSource::Inline(APP_SECRET.into())],
        verify_token: SecretSource::Inline("v".into()),
        carriers: vec![],
        tls: None,
        limits: Limits::default(),
    };
    let stop = CancellationToken::new();
    let ingress = Ingress::bind(config, bus.clone(), layout, &Health::new(stop.clone())).await?;
    let client = WebhookClient::new(format!("http://{}/webhook", ingress.local_addr()), APP_SECRET)?;
    let running = tokio::spawn(ingress.run(stop.clone()));
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    assert_eq!(client.post(body.as_bytes()).await?, 200);
    for partition in layout.partitions.all() {
        ensure!(bus.delete_queue(&layout.inbound_queue(partition)).await?, "{partition} was there");
    }
    assert_eq!(client.post(body.as_bytes()).await?, 503);
    bus.declare(&topology).await?;
    assert_eq!(client.post(body.as_bytes()).await?, 200, "there again");
    stop.cancel();
    running.await?;
    bus.close(Duration::from_secs(5)).await;
    Ok(())
}

#[cfg(feature = "servers")]
#[tokio::test]
async fn a_partition_queue_deleted_on_the_broker_is_never_answered_200() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?.set("ingress.publish_timeout_ms", "2000");
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let servers = deployment.servers().context("servers")?;
    let body = |wamid: &str| text(wamid, "15550001111", "Hello").to_string();
    assert_eq!(client.post(body("wamid.ONE").as_bytes()).await?, 200);
    for partition in 0..4 {
        servers.ctl(&["delete_queue", &format!("wa.in.p{partition:02}")])?;
    }
    for _ in 0..3 {
        assert_eq!(client.post(body("wamid.TWO").as_bytes()).await?, 503);
    }
    let declared = deployment.command(&["topology", "declare"])?.output()?;
    ensure!(declared.status.success(), "{declared:?}");
    assert_eq!(client.post(body("wamid.TWO").as_bytes()).await?, 200, "there again");
    let mut reader = deployment.reader(&QUEUES).await?;
    let what = "the router consumes the new queue";
    reader.wait_until(what, |found| found.iter().any(|found| found.wamid() == "wamid.TWO")).await?;
    Ok(())
}
