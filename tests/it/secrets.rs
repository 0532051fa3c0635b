//! Secrets are read again when they change; and what customers are and write is in no log and no metric.

use std::time::Duration;

use anyhow::ensure;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::webhook::split;
use waypost_domain::DecisionId;
use waypost_tests::webhook::http_client;
use waypost_tests::{WebhookClient, eventually};

use crate::deployment::{APP_SECRET, Backend, Deployment, QUEUES, RULES, on_each_backend, text};

const PHONE: &str = "15559876543";
const NAME: &str = "Zebulonmarker";
const USER_ID: &str = "US.98877665544332211009";
/// `invoice` brings it to billing, whose queue is gone on the servers.
const TEXT: &str = "quetzalmarker invoice";
const RELOAD_DEADLINE: Duration = Duration::from_secs(20);

on_each_backend!(nothing_of_a_customer_is_logged_or_counted);

#[tokio::test]
async fn an_app_secret_is_rotated_without_a_restart() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let file = deployment.folder.path().join("app-secret");
    std::fs::write(&file, "first\n")?;
    let deployment = deployment.set("ingress.app_secrets_file", &file.display().to_string());
    let _waypost = deployment.start().await?;
    let [first, second] = ["first", "second"].map(|secret| WebhookClient::new(deployment.webhook_url(), secret));
    let (first, second) = (first?, second?);
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    assert_eq!(first.post(body.as_bytes()).await?, 200);
    assert_eq!(second.post(body.as_bytes()).await?, 401);

    std::fs::write(&file, "second\n")?;
    let taken = async || second.post(body.as_bytes()).await.is_ok_and(|status| status == 200).then_some(());
    eventually("the new secret is taken", RELOAD_DEADLINE, taken).await;
    assert_eq!(first.post(body.as_bytes()).await?, 401, "the old one is out");

    // Whoever rotates may leave the file empty for a moment: the secrets in force stay.
    std::fs::write(&file, "")?;
    std::fs::write(deployment.folder.path().join("another"), "x")?;
    for _ in 0..20 {
        assert_eq!(second.post(body.as_bytes()).await?, 200, "an empty file takes nothing away");
    }
    Ok(())
}

/// One of the ingress and one of the router, with the ids to find the rest by.
fn a_message_has_its_lines(log: &str, body: &[u8]) -> anyhow::Result<()> {
    let events = split(body).events;
    let id = DecisionId::of_event(&events[0].number, &events[0].key).to_string();
    for (says, names) in
        [("accepted", &["post"][..]), ("recorded", &["contact", "conversation", "rule_set", "rule", "team"])]
    {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(says) && line.contains(&id)).collect();
        ensure!(lines.len() == 1 && lines[0].contains("DEBUG"), "{says}: {lines:?}");
        ensure!(names.iter().all(|name| lines[0].contains(name)), "{names:?}: {lines:?}");
    }
    Ok(())
}

async fn nothing_of_a_customer_is_logged_or_counted(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("log.level", "debug");
    let mut waypost = deployment.start().await?;
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        servers.ctl(&["delete_queue", "team.billing.normal"])?;
    }
    let client = deployment.client()?;
    for (index, kind) in SampleKind::ALL.iter().enumerate() {
        let params = SampleParams {
            from: PHONE.to_owned(),
            user_id: Some(USER_ID.to_owned()),
            profile_name: NAME.to_owned(),
            wamid: format!("wamid.{index}"),
            text: TEXT.to_owned(),
            ..SampleParams::default()
        };
        let body = sample(*kind, &params).to_string();
        assert_eq!(client.post(body.as_bytes()).await?, 200, "{}", kind.name());
        assert_eq!(client.post_with(body.as_bytes(), &["sha256=00"]).await?, 401, "{}", kind.name());
        // Broken in the middle: kept as a dead letter, with a reason.
        assert_eq!(client.post(&body.as_bytes()[..body.len() - 9]).await?, 200, "{}", kind.name());
        let part = body.replace("\"messages\":[{", "\"messages\":[7,{");
        assert_eq!(client.post(part.as_bytes()).await?, 200, "{}", kind.name());
    }
    let last = text("wamid.LAST", PHONE, TEXT).to_string();
    assert_eq!(client.post(last.as_bytes()).await?, 200);
    let queues: Vec<&str> = match backend {
        Backend::Embedded => QUEUES.to_vec(),
        #[cfg(feature = "servers")]
        Backend::Servers => QUEUES.into_iter().filter(|queue| *queue != "team.billing.normal").collect(),
    };
    let mut reader = deployment.reader(&queues).await?;
    reader
        .wait_until("the last one is routed", |found| found.iter().any(|found| found.wamid() == "wamid.LAST"))
        .await?;

    let http = http_client()?;
    let mut shown = Vec::new();
    for path in ["/metrics", "/readyz", "/healthz"] {
        shown.push(http.get(deployment.admin_url(path)).send().await?.text().await?);
    }
    ensure!(shown[0].contains("waypost"), "no metrics: {}", shown[0]);
    let status = waypost.terminate(RELOAD_DEADLINE).await?;
    ensure!(status.success(), "{status} after SIGTERM");
    shown.push(waypost.output());
    a_message_has_its_lines(&shown[3], last.as_bytes())?;
    for text in shown {
        for line in text.lines() {
            for marker in [PHONE, NAME, USER_ID, "quetzalmarker", APP_SECRET] {
                ensure!(!line.contains(marker), "{marker} in: {line}");
            }
        }
    }
    Ok(())
}
