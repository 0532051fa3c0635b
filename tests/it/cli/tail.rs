//! `waypost tail`: what it shows, and that it takes nothing unless it is asked to.

use std::process::Output;

use anyhow::ensure;
use serde_json::Value;

use super::{expect, json_lines, stderr, stdout, stop};
use crate::deployment::{Backend, Deployment, RULES, text};

#[tokio::test]
async fn tail_looks_without_taking() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let waypost = deployment.start().await?;
    for number in 0..3 {
        let body = text(&format!("wamid.{number}"), "15550001111", "Hello there").to_string();
        assert_eq!(deployment.client()?.post(body.as_bytes()).await?, 200);
    }
    deployment.reader(&["team.frontdesk.normal"]).await?.wait_for(3).await?;
    let tail = |more: &[&str], code: i32| -> anyhow::Result<Output> {
        let mut command = deployment.command(&["tail", "frontdesk"])?;
        command.arg("--no-follow").args(more);
        expect(command, code)
    };
    for _ in 0..2 {
        let documents = json_lines(&tail(&["--json"], 0)?)?;
        let wamids: Vec<_> = documents.iter().map(|document| document["data"]["message"]["wamid"].clone()).collect();
        assert_eq!(wamids, ["wamid.0", "wamid.1", "wamid.2"].map(Value::from));
    }
    assert_eq!(json_lines(&tail(&["--json", "--messages", "2"], 0)?)?.len(), 2);
    let shown = stdout(&tail(&[], 0)?);
    ensure!(shown.contains("Hello there") && shown.contains("default"), "{shown}");
    // Beside the process that works there.
    assert_eq!(json_lines(&tail(&["--json", "--ack", "--messages", "1"], 0)?)?.len(), 1);
    assert_eq!(json_lines(&tail(&["--json"], 0)?)?.len(), 2, "each is taken once");
    let unknown = |more: &[&str]| -> anyhow::Result<()> {
        let mut unknown = deployment.command(&["tail", "nobody", "--no-follow"])?;
        unknown.args(more);
        let told = stderr(&expect(unknown, 3)?);
        ensure!(told.contains("team.nobody"), "{told}");
        Ok(())
    };
    unknown(&[])?;
    unknown(&["--ack"])?;
    stop(waypost).await?;
    unknown(&[])?;
    unknown(&["--ack"])?;
    assert_eq!(json_lines(&tail(&["--json", "--ack", "--messages", "1"], 0)?)?.len(), 1);
    assert_eq!(json_lines(&tail(&["--json", "--ack"], 0)?)?.len(), 1, "each is taken once");
    assert_eq!(json_lines(&tail(&["--json"], 0)?)?.len(), 0);
    Ok(())
}

/// Then the files are all there is, and who takes from them must be alone.
#[tokio::test]
async fn a_process_that_lets_no_command_in_keeps_its_messages() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?.set("grpc.local", "false");
    let _waypost = deployment.start().await?;
    ensure!(!deployment.data_folder().join("admin.json").exists(), "nobody is to read it");
    let told = stderr(&expect(deployment.command(&["tail", "frontdesk", "--ack"])?, 5)?);
    ensure!(told.contains("in use by another process") && told.contains("grpc.local"), "{told}");
    assert_eq!(json_lines(&expect(deployment.command(&["tail", "frontdesk", "--no-follow"])?, 0)?)?.len(), 0);
    Ok(())
}

#[cfg(feature = "servers")]
#[tokio::test]
async fn tail_takes_from_rabbitmq_only_when_told() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Servers, RULES)?;
    let _waypost = deployment.start().await?;
    let body = text("wamid.ONE", "15550001111", "Hello there").to_string();
    assert_eq!(deployment.client()?.post(body.as_bytes()).await?, 200);
    let mut look = deployment.command(&["tail", "frontdesk"])?;
    look.arg("--no-follow");
    let told = stderr(&expect(look, 1)?);
    ensure!(told.contains("--ack"), "{told}");
    let mut take = deployment.command(&["tail", "frontdesk"])?;
    take.args(["--json", "--ack", "--messages", "1"]);
    let documents = json_lines(&expect(take, 0)?)?;
    ensure!(documents.len() == 1 && documents[0]["data"]["message"]["wamid"] == "wamid.ONE", "{documents:?}");
    let mut again = deployment.command(&["tail", "frontdesk"])?;
    again.args(["--ack", "--no-follow"]);
    ensure!(stdout(&expect(again, 0)?).is_empty(), "it was taken");
    Ok(())
}
