//! Messages that come while another app holds the thread: kept, and routed when control comes to us, before anything
//! newer.

use anyhow::ensure;
use serde_json::Value;
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};

use crate::deployment::{Backend, Deployment, Found, QUEUES, RULES, on_each_backend, text};

const CUSTOMER: &str = "15550001111";
const OTHER_CUSTOMER: &str = "15550003333";

on_each_backend!(
    kept_until_control_comes_to_us,
    an_ordinary_message_releases_what_was_held,
    control_lost_releases_nothing,
    echoes_are_not_routed,
    held_messages_outlive_a_kill,
);

fn of(kind: SampleKind, wamid: &str, from: &str) -> Value {
    let params = SampleParams { wamid: wamid.to_owned(), from: from.to_owned(), ..SampleParams::default() };
    sample(kind, &params)
}

async fn post(deployment: &Deployment, body: &Value) -> anyhow::Result<()> {
    let status = deployment.client()?.post(body.to_string().as_bytes()).await?;
    ensure!(status == 200, "answered {status}");
    Ok(())
}

/// What was routed, in order, until `last` of the same partition was: nothing that came before is still on its way.
async fn routed_until(deployment: &Deployment, last: &str) -> anyhow::Result<Vec<(String, bool)>> {
    let mut reader = deployment.reader(&QUEUES).await?;
    let what = format!("{last} is routed");
    let found = reader.wait_until(&what, |found| found.iter().any(|found| found.wamid() == last)).await?;
    Ok(found.iter().map(|found| (found.wamid(), from_standby(found))).collect())
}

fn from_standby(found: &Found) -> bool {
    found.document()["data"]["from_standby"].as_bool().unwrap_or_default()
}

fn expect(found: &[(String, bool)], expected: &[(&str, bool)]) -> anyhow::Result<()> {
    let found: Vec<(&str, bool)> = found.iter().map(|(wamid, standby)| (wamid.as_str(), *standby)).collect();
    ensure!(found == expected, "found {found:?}, expected {expected:?}");
    Ok(())
}

async fn kept_until_control_comes_to_us(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("partitions", "1");
    let _waypost = deployment.start().await?;
    for wamid in ["wamid.HELD1", "wamid.HELD2"] {
        post(&deployment, &of(SampleKind::Standby, wamid, CUSTOMER)).await?;
    }
    // Somebody else's message shows that the router has been past them.
    post(&deployment, &text("wamid.OTHER", OTHER_CUSTOMER, "Hello")).await?;
    let mut reader = deployment.reader(&QUEUES).await?;
    let found = reader.wait_for(1).await?;
    ensure!(found.len() == 1 && found[0].wamid() == "wamid.OTHER", "{found:?}");
    post(&deployment, &of(SampleKind::Handover, "", CUSTOMER)).await?;
    post(&deployment, &text("wamid.AFTER", CUSTOMER, "Still there?")).await?;
    let found = reader.wait_for(4).await?;
    let found: Vec<_> = found.iter().map(|found| (found.wamid(), from_standby(found))).collect();
    expect(&found, &[("wamid.OTHER", false), ("wamid.HELD1", true), ("wamid.HELD2", true), ("wamid.AFTER", false)])
}

async fn an_ordinary_message_releases_what_was_held(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("partitions", "1");
    let _waypost = deployment.start().await?;
    let bodies = [
        of(SampleKind::Standby, "wamid.HELD1", CUSTOMER),
        of(SampleKind::Standby, "wamid.HELD2", CUSTOMER),
        of(SampleKind::Standby, "wamid.OTHERS", OTHER_CUSTOMER),
        text("wamid.DIRECT", CUSTOMER, "Hello"),
    ];
    post(&deployment, &envelope(bodies)).await?;
    let found = routed_until(&deployment, "wamid.DIRECT").await?;
    expect(&found, &[("wamid.HELD1", true), ("wamid.HELD2", true), ("wamid.DIRECT", false)])
}

async fn control_lost_releases_nothing(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("partitions", "1");
    let _waypost = deployment.start().await?;
    post(&deployment, &of(SampleKind::Standby, "wamid.HELD", CUSTOMER)).await?;
    post(&deployment, &of(SampleKind::HandoverLost, "", CUSTOMER)).await?;
    // Control that comes to another customer's conversation releases nothing here either.
    post(&deployment, &of(SampleKind::Handover, "", OTHER_CUSTOMER)).await?;
    post(&deployment, &text("wamid.LAST", OTHER_CUSTOMER, "Hello")).await?;
    expect(&routed_until(&deployment, "wamid.LAST").await?, &[("wamid.LAST", false)])
}

async fn echoes_are_not_routed(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("partitions", "1");
    let _waypost = deployment.start().await?;
    post(&deployment, &of(SampleKind::Echo, "wamid.ECHO", CUSTOMER)).await?;
    post(&deployment, &of(SampleKind::StandbyEcho, "wamid.STANDBYECHO", CUSTOMER)).await?;
    post(&deployment, &of(SampleKind::Handover, "", CUSTOMER)).await?;
    post(&deployment, &text("wamid.LAST", CUSTOMER, "Hello")).await?;
    expect(&routed_until(&deployment, "wamid.LAST").await?, &[("wamid.LAST", false)])
}

async fn held_messages_outlive_a_kill(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("partitions", "1");
    let mut waypost = deployment.start().await?;
    post(&deployment, &of(SampleKind::Standby, "wamid.HELD", CUSTOMER)).await?;
    post(&deployment, &text("wamid.OTHER", OTHER_CUSTOMER, "Hello")).await?;
    routed_until(&deployment, "wamid.OTHER").await?;
    waypost.kill()?;
    let _waypost = deployment.start().await?;
    // The same again: it is known, and still held.
    post(&deployment, &of(SampleKind::Standby, "wamid.HELD", CUSTOMER)).await?;
    post(&deployment, &of(SampleKind::Handover, "", CUSTOMER)).await?;
    let mut reader = deployment.reader(&QUEUES).await?;
    let held = |found: &Found| found.wamid() == "wamid.HELD" && from_standby(found);
    reader.wait_until("what was held is routed", |found| found.iter().any(held)).await?;
    post(&deployment, &text("wamid.LAST", CUSTOMER, "Hello")).await?;
    let last = |found: &Found| found.wamid() == "wamid.LAST";
    let found = reader.wait_until("the last one is routed", |found| found.iter().any(last)).await?;
    let copies = found.iter().filter(|found| found.wamid() == "wamid.HELD").count();
    ensure!(copies == 1, "{found:?}");
    Ok(())
}
