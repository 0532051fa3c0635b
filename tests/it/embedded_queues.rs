//! A team's messages on the embedded bus, taken through the running process: each has one taker at a time, in order, and none
//! is lost with whoever has it in hand.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use waypost_proto::admin_v1::team_queue_service_client::TeamQueueServiceClient;
use waypost_proto::admin_v1::{AcknowledgeMessagesRequest, TakeMessagesRequest};
use waypost_tests::eventually;

use crate::deployment::{Backend, Deployment, ROUTED_DEADLINE, RULES, text};

/// Calls the process as the commands do: by what it has written into its data folder.
async fn queues(deployment: &Deployment) -> anyhow::Result<TeamQueueServiceClient> {
    let written = std::fs::read(deployment.data_folder().join("admin.json"))?;
    let written: Value = serde_json::from_slice(&written)?;
    let field = |name: &str| written[name].as_str().with_context(|| name.to_owned());
    let bearer: MetadataValue<Ascii> = format!("Bearer {}", field("token")?).parse()?;
    let channel = Channel::from_shared(format!("http://{}", field("address")?))?.connect().await?;
    let with_token = move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok(request)
    };
    Ok(TeamQueueServiceClient::new(InterceptedService::new(channel, with_token)))
}

fn take(max_messages: i32) -> TakeMessagesRequest {
    TakeMessagesRequest { team: "teams/frontdesk".to_owned(), max_messages, ..TakeMessagesRequest::default() }
}

/// Accepts messages `from..to`, and waits until all that wait are routed.
async fn post(deployment: &Deployment, numbers: std::ops::Range<u32>) -> anyhow::Result<()> {
    let client = deployment.client()?;
    for number in numbers.clone() {
        let body = text(&wamid(number), "15550001111", "Hello there").to_string();
        ensure!(client.post(body.as_bytes()).await? == 200, "not accepted");
    }
    deployment.reader(&["team.frontdesk.normal"]).await?.wait_for(numbers.len()).await?;
    Ok(())
}

fn wamid(number: u32) -> String {
    format!("wamid.{number:03}")
}

/// `waypost tail frontdesk --json`, to its end.
fn tail(deployment: &Deployment, more: &[&str]) -> anyhow::Result<Command> {
    let mut command = deployment.command(&["tail", "frontdesk", "--json"])?;
    command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

fn wamids(output: &Output) -> anyhow::Result<Vec<String>> {
    ensure!(output.status.success(), "{output:?}");
    let lines = std::str::from_utf8(&output.stdout)?.lines();
    let wamid = |line: &str| -> anyhow::Result<String> {
        let document: Value = serde_json::from_str(line)?;
        Ok(document["data"]["message"]["wamid"].as_str().context("a wamid")?.to_owned())
    };
    lines.map(wamid).collect()
}

#[tokio::test]
async fn what_is_in_hand_when_the_process_is_killed_comes_again() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let mut waypost = deployment.start().await?;
    post(&deployment, 0..5).await?;
    let file = deployment.data_folder().join("admin.json");
    let first_token = std::fs::read(&file)?;
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600, "for the owner alone");
    let client = queues(&deployment).await?;
    let gone = client.take_messages(take(1)).await?.into_inner();
    let message_ids = gone.messages.iter().map(|message| message.message_id.clone()).collect();
    client.acknowledge_messages(AcknowledgeMessagesRequest { lease_id: gone.lease_id, message_ids }).await?;
    let held = client.take_messages(take(2)).await?.into_inner();
    assert_eq!(held.messages.len(), 2);
    waypost.kill()?;
    ensure!(client.take_messages(take(2)).await.is_err(), "it is dead");
    // What it left behind leads nowhere: the files are read, and taken from.
    assert_eq!(wamids(&tail(&deployment, &["--no-follow"])?.output()?)?, [1, 2, 3, 4].map(wamid));

    let mut waypost = deployment.start().await?;
    assert_ne!(std::fs::read(&file)?, first_token, "a token ends with its process");
    assert_eq!(wamids(&tail(&deployment, &["--ack", "--no-follow"])?.output()?)?, [1, 2, 3, 4].map(wamid));
    let status = waypost.terminate(ROUTED_DEADLINE).await?;
    ensure!(status.success(), "{status}");
    assert!(!file.exists(), "nobody listens any more");
    Ok(())
}

/// A tool that asks now and then, and waits for nothing, consumes hardly ever: that it asks is what the router goes by.
#[tokio::test]
async fn a_tool_that_polls_gets_what_is_for_teams_that_are_there() -> anyhow::Result<()> {
    let rules = RULES.replace("[\"invoice\"] }", "[\"invoice\"], team_staffed = \"billing\" }");
    let deployment = Deployment::new(Backend::Embedded, &rules)?;
    let _waypost = deployment.start().await?;
    let (client, queues) = (deployment.client()?, queues(&deployment).await?);
    let mut number = 0;
    let asks = async || {
        let polled = TakeMessagesRequest { team: "teams/billing".to_owned(), ..take(1) };
        let taken = queues.take_messages(polled).await.ok()?.into_inner().messages;
        number += 1;
        let body = text(&wamid(number), &format!("1555000{number:04}"), "my invoice").to_string();
        client.post(body.as_bytes()).await.ok()?;
        (!taken.is_empty()).then_some(())
    };
    eventually("billing is taken to be there", Duration::from_secs(30), asks).await;
    Ok(())
}

#[tokio::test]
async fn several_takers_share_a_queue() -> anyhow::Result<()> {
    const MESSAGES: u32 = 120;
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let mut waypost = deployment.start().await?;
    post(&deployment, 0..MESSAGES).await?;
    let takers = (0..3).map(|_| Ok(tail(&deployment, &["--ack", "--no-follow"])?.spawn()?));
    let takers: Vec<std::process::Child> = takers.collect::<anyhow::Result<_>>()?;
    let mut all = Vec::new();
    for taker in takers {
        let taken = wamids(&taker.wait_with_output()?)?;
        ensure!(taken.is_sorted(), "each gets what it gets in order: {taken:?}");
        all.extend(taken);
    }
    all.sort();
    assert_eq!(all, (0..MESSAGES).map(wamid).collect::<Vec<_>>(), "each once");
    // One that follows takes what comes.
    let mut follower = tail(&deployment, &["--ack", "--messages", "1"])?.spawn()?;
    let client = deployment.client()?;
    ensure!(client.post(text("wamid.900", "15550001111", "Hello").to_string().as_bytes()).await? == 200);
    let ended = async || follower.try_wait().ok().flatten();
    let status = eventually("it has its message", ROUTED_DEADLINE, ended).await;
    ensure!(status.success(), "{status}");
    // A process that ends does not wait for who waits for messages.
    let queues = queues(&deployment).await?;
    let waits = TakeMessagesRequest { wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }), ..take(1) };
    let began = Instant::now();
    let (nothing, status) = tokio::join!(queues.take_messages(waits), waypost.terminate(ROUTED_DEADLINE));
    let status = status?;
    ensure!(status.success() && began.elapsed() < Duration::from_secs(15), "{status}\n{}", waypost.output());
    ensure!(nothing.is_err() || nothing.is_ok_and(|taken| taken.into_inner().messages.is_empty()));
    Ok(())
}
