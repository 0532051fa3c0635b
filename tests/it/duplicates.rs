//! Meta sends a webhook again and again: each message reaches its team once, under one id, whatever happens meanwhile.

use std::collections::BTreeSet;

use anyhow::ensure;
use waypost_cloud_api::samples::envelope;

use crate::deployment::{Backend, Deployment, Found, QUEUES, RULES, on_each_backend, text};

const OVERLAPPING: usize = 20;

on_each_backend!(
    one_after_the_other,
    overlapping,
    twice_in_one_post,
    among_others_in_another_post,
    after_a_kill_and_a_restart,
    the_same_wamid_on_two_numbers_is_two_messages,
);

/// The team messages of `wamid`. A crash between publishing and marking may bring one more copy: its id is the same.
fn ids_of(found: &[Found], wamid: &str) -> BTreeSet<String> {
    found.iter().filter(|found| found.wamid() == wamid).map(|found| found.message.id.clone()).collect()
}

/// Waits for the last message of the same customer, which cannot overtake, and says what came before it.
async fn routed_until_last(deployment: &Deployment, last: &str) -> anyhow::Result<Vec<Found>> {
    let mut reader = deployment.reader(&QUEUES).await?;
    reader.wait_until(&format!("{last} is routed"), |found| found.iter().any(|found| found.wamid() == last)).await
}

async fn expect_one(deployment: &Deployment, wamid: &str) -> anyhow::Result<()> {
    let client = deployment.client()?;
    let status = client.post(text("wamid.LAST", "15550001111", "bye").to_string().as_bytes()).await?;
    ensure!(status == 200, "the last message: {status}");
    let found = routed_until_last(deployment, "wamid.LAST").await?;
    let copies = found.iter().filter(|found| found.wamid() == wamid).count();
    ensure!(copies == 1, "{copies} copies of {wamid} on the teams' queues");
    Ok(())
}

async fn one_after_the_other(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    for _ in 0..10 {
        assert_eq!(client.post(body.as_bytes()).await?, 200);
    }
    expect_one(&deployment, "wamid.ONE").await
}

async fn overlapping(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..OVERLAPPING {
        let (client, body) = (client.clone(), body.clone());
        posts.spawn(async move { client.post(body.as_bytes()).await });
    }
    while let Some(status) = posts.join_next().await {
        assert_eq!(status??, 200);
    }
    expect_one(&deployment, "wamid.ONE").await
}

async fn twice_in_one_post(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let one = || text("wamid.ONE", "15550001111", "Hello");
    let body = envelope([one(), one()]).to_string();
    assert_eq!(deployment.client()?.post(body.as_bytes()).await?, 200);
    expect_one(&deployment, "wamid.ONE").await
}

async fn among_others_in_another_post(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let [one, two] = ["wamid.ONE", "wamid.TWO"].map(|wamid| text(wamid, "15550001111", "Hello"));
    assert_eq!(client.post(one.to_string().as_bytes()).await?, 200);
    assert_eq!(client.post(envelope([two, one]).to_string().as_bytes()).await?, 200);
    expect_one(&deployment, "wamid.ONE").await
}

async fn after_a_kill_and_a_restart(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let client = deployment.client()?;
    let body = text("wamid.ONE", "15550001111", "Hello").to_string();
    for _ in 0..3 {
        let mut waypost = deployment.start().await?;
        assert_eq!(client.post(body.as_bytes()).await?, 200);
        assert_eq!(client.post(body.as_bytes()).await?, 200);
        waypost.kill()?;
    }
    let _waypost = deployment.start().await?;
    assert_eq!(client.post(body.as_bytes()).await?, 200);
    let last = text("wamid.LAST", "15550001111", "bye").to_string();
    assert_eq!(client.post(last.as_bytes()).await?, 200);
    let found = routed_until_last(&deployment, "wamid.LAST").await?;
    let ids = ids_of(&found, "wamid.ONE");
    ensure!(ids.len() == 1, "wamid.ONE was routed as {ids:?}");
    Ok(())
}

async fn the_same_wamid_on_two_numbers_is_two_messages(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    let one = text("wamid.ONE", "15550001111", "Hello").to_string();
    let other = one.replace("100000000000001", "100000000000002");
    for body in [&one, &other, &one, &other] {
        assert_eq!(client.post(body.as_bytes()).await?, 200);
    }
    let mut reader = deployment.reader(&QUEUES).await?;
    let found = reader.wait_for(2).await?;
    ensure!(ids_of(&found, "wamid.ONE").len() == 2, "{found:?}");
    Ok(())
}
