//! Faults of the broker and of the way to it: 1, 3, 4, 5 and 6.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use waypost_tests::eventually;
use waypost_tests::load::is_accepted;
use waypost_tests::postgres::PostgresHandle;
use waypost_tests::proxy::{FaultProxy, Flow};
use waypost_tests::rabbitmq::RabbitNode;

use super::run::{RULES, Run, answers};
use super::{Scale, blocking, last};
use crate::deployment::{Backend, Deployment, Servers};

const DEADLINE: Duration = Duration::from_secs(60);
/// What is not confirmed by then is published again, though it may have arrived. The default's.
const PUBLISH_TIMEOUT_S: u64 = 5;
/// Refused at once, and back soon.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// A deployment on a node of its own, which may be broken.
async fn on_own_node() -> anyhow::Result<(RabbitNode, Deployment)> {
    let node = blocking(RabbitNode::start).await?;
    let postgres_url = PostgresHandle::attach_from_env()?.create_database()?;
    let deployment = Deployment::on(Servers::own(node.handle(), postgres_url), RULES)?;
    Ok((node, deployment))
}

/// Waits for a refusal of something sent after `since`, and gives the time from there to its answer.
async fn refused_after(run: &Run<'_>, since: Instant) -> Duration {
    let first_refused = async || {
        let posts = run.load.posts();
        let refused = posts.iter().filter(|post| post.status == Some(503) && post.sent_at >= since);
        refused.map(|post| post.answered_at).min()
    };
    eventually("a POST is answered 503", DEADLINE, first_refused).await - since
}

/// Everything sent from then until now must have been refused, and quickly.
fn refused_since(run: &Run<'_>, from: Instant) -> anyhow::Result<()> {
    let posts = run.load.posts();
    let sent: Vec<_> = posts.iter().filter(|post| post.sent_at >= from).collect();
    ensure!(!sent.is_empty(), "nothing was answered meanwhile");
    for post in sent {
        ensure!(post.status == Some(503), "answered {:?} meanwhile", post.status);
        let took = post.answered_at - post.sent_at;
        ensure!(took <= REFUSED_WITHIN, "refused after {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn fault_01_broker_killed_and_restarted() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (mut node, deployment) = on_own_node().await?;
    let waypost = deployment.start().await?;
    let mut run = Run::start("01 broker killed", &deployment)?;
    for orderly in scale.pick(&[false][..], &[false, true, false, false, true][..]) {
        run.accepted(200).await;
        // Published and not confirmed, then published and not acknowledged.
        run.interrupted("broker lost", 2);
        let lost_at = Instant::now();
        let orderly = *orderly;
        node = blocking(move || {
            if orderly { node.stop() } else { node.kill() }?;
            Ok(node)
        })
        .await?;
        // An orderly end takes a while, and tells everybody before it is over.
        let since = if orderly { Instant::now() } else { lost_at };
        let refused = refused_after(&run, since).await;
        ensure!(refused <= REFUSED_WITHIN, "503 only {refused:?} after the loss");
        last(scale.seconds(2, 20)).await;
        refused_since(&run, since + REFUSED_WITHIN)?;
        node = blocking(move || {
            node.start_again()?;
            Ok(node)
        })
        .await?;
        let back = run.healed().await?;
        ensure!(back <= BACK_WITHIN, "working again only {back:?} after the broker's return");
    }
    run.accepted(200).await;
    run.finish().await?;
    drop(waypost);
    Ok(())
}

#[tokio::test]
async fn fault_03_network_silent_or_cut() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let heartbeat = scale.seconds(1, 10);
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let servers = deployment.servers().context("servers")?;
    let proxy = FaultProxy::start(([127, 0, 0, 1], servers.node.port()).into()).await?;
    let url = servers.amqp_url_through(proxy.port());
    let deployment = deployment.set("bus.url", &url).set("bus.heartbeat_s", &heartbeat.as_secs().to_string());
    let _waypost = deployment.start().await?;
    let mut run = Run::start("03 network silent", &deployment)?;
    let silences = [(Flow::Swallow, Flow::Swallow), (Flow::Pass, Flow::Swallow), (Flow::Swallow, Flow::Pass)];
    for (to_broker, to_us) in silences {
        run.accepted(200).await;
        run.interrupted("network silent", 2 + scale.pick(5, 60) / PUBLISH_TIMEOUT_S);
        let silent_at = Instant::now();
        proxy.set(to_broker, to_us);
        last(scale.seconds(5, 60)).await;
        // Dead within three heartbeats; from then on refused at once.
        refused_since(&run, silent_at + heartbeat * 3)?;
        proxy.heal();
        let back = run.healed().await?;
        ensure!(back <= BACK_WITHIN, "working again only {back:?} after the silence");
    }
    for _ in 0..scale.pick(3, 20) {
        run.accepted(100).await;
        run.interrupted("connection cut", 2);
        proxy.cut();
    }
    run.interrupted("connection half closed", 2);
    proxy.half_close();
    run.accepted(100).await;
    proxy.delay(Duration::from_millis(20));
    run.accepted(200).await;
    proxy.heal();
    run.healed().await?;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_04_broker_takes_nothing() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let (node, deployment) = on_own_node().await?;
    let _waypost = deployment.start().await?;
    let mut run = Run::start("04 disk alarm", &deployment)?;
    for _ in 0..scale.pick(1, 3) {
        run.accepted(200).await;
        run.interrupted("disk alarm", 2 + scale.pick(3, 30) / PUBLISH_TIMEOUT_S);
        let handle = node.handle().clone();
        blocking(move || handle.set_disk_alarm(true)).await?;
        let blocked_at = Instant::now();
        let refused = refused_after(&run, blocked_at).await;
        ensure!(refused <= REFUSED_WITHIN, "503 only {refused:?} after the alarm");
        last(scale.seconds(3, 30)).await;
        refused_since(&run, blocked_at + REFUSED_WITHIN)?;
        let handle = node.handle().clone();
        blocking(move || handle.set_disk_alarm(false)).await?;
        let back = run.healed().await?;
        ensure!(back <= BACK_WITHIN, "working again only {back:?} after the alarm");
    }
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_05_work_queue_full() -> anyhow::Result<()> {
    let scale = Scale::from_env();
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let mut router = deployment.start_component("router", "one", &[]).await?;
    let _sender = deployment.start_component("sender", "sender", &[]).await?;
    let _ingress = deployment.start_component("ingress", "door", &[]).await?;
    let servers = deployment.servers().context("servers")?;
    let definition = r#"{"max-length": 50, "overflow": "reject-publish"}"#;
    servers.ctl(&["set_policy", "small", r"^wa\.in\.", definition, "--priority", "100"])?;
    let mut run = Run::start("05 work queue full", &deployment)?;
    run.accepted(200).await;
    router.terminate(DEADLINE).await?;
    let refused = refused_after(&run, Instant::now());
    refused.await;
    last(scale.seconds(3, 30)).await;
    let _router = deployment.start_component("router", "two", &[]).await?;
    run.healed().await?;
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}

#[tokio::test]
async fn fault_06_work_queue_deleted() -> anyhow::Result<()> {
    work_queue_deleted("wa.in.p03", "06 work queue deleted").await
}

/// What may speak of consent has no 200 either, unless the opt-in worker will see it.
#[tokio::test]
async fn fault_06_consent_queue_deleted() -> anyhow::Result<()> {
    work_queue_deleted("wa.optin.p03", "06 consent queue deleted").await
}

async fn work_queue_deleted(queue: &str, fault: &'static str) -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let _waypost = deployment.start().await?;
    // While nothing is on the way: what a deleted queue held is gone, whoever deleted it.
    let servers = deployment.servers().context("servers")?;
    servers.ctl(&["delete_queue", queue])?;
    let since = Instant::now();
    let mut run = Run::start(fault, &deployment)?;
    refused_after(&run, since).await;
    answers(&deployment.admin_url("/readyz"), 503).await?;
    // The other partitions go on.
    let mut answers_seen = BTreeSet::new();
    for number in 0..40 {
        answers_seen.insert(run.post(&format!("wamid.OWN{number}"), &format!("1555000{number:04}"), "hello").await?);
    }
    ensure!(answers_seen == BTreeSet::from([200, 503]), "{answers_seen:?}");
    let declared = deployment.command(&["topology", "declare"])?.output()?;
    ensure!(declared.status.success(), "{declared:?}");
    run.healed().await?;
    answers(&deployment.admin_url("/readyz"), 200).await?;
    let refused = run.load.posts().into_iter().filter(|post| !is_accepted(post)).count();
    ensure!(refused > 0, "{refused} were refused");
    run.accepted(200).await;
    run.finish().await?;
    Ok(())
}
