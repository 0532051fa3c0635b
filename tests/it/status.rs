//! `waypost status`: what is wrong, since when, and what to do; on files through the running process, and without one.

use std::process::{Output, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_tests::eventually;
use waypost_tests::process::waypost;

use crate::deployment::{Backend, Deployment, ROUTED_DEADLINE, RULES, on_each_backend, text};

mod both {
    use super::*;

    on_each_backend!(
        an_owner_that_was_killed_is_gone,
        a_team_out_of_the_rules_keeps_its_row,
        what_nobody_can_handle_is_unhealthy,
    );
}

fn run(deployment: &Deployment, words: &[&str]) -> anyhow::Result<Output> {
    Ok(deployment.command(words)?.stdin(Stdio::null()).output()?)
}

fn status(deployment: &Deployment) -> anyhow::Result<Value> {
    let output = run(deployment, &["status", "--json"])?;
    let status: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
    let code = if status["healthy"] == true { 0 } else { 1 };
    ensure!(output.status.code() == Some(code), "{output:?}");
    Ok(status)
}

async fn until(deployment: &Deployment, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, ROUTED_DEADLINE, async || status(deployment).ok().filter(|status| holds(status))).await
}

fn is_healthy(status: &Value) -> bool {
    status["healthy"] == true
}

fn team<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["teams"].as_array()?.iter().find(|team| team["team"] == name)
}

/// Its leases last a minute, and it is seen to be gone long before.
async fn an_owner_that_was_killed_is_gone(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("worker.lease_ttl_ms", "60000").set("instance", "one");
    let mut process = deployment.start().await?;
    until(&deployment, "it is healthy", is_healthy).await;
    process.kill()?;
    let is_gone = |status: &Value| {
        let routers = status["partitions"].as_array().into_iter().flatten().filter(|row| row["component"] == "router");
        let gone = routers.filter(|row| row["owner"].is_null() && row["gone"] == "one");
        gone.count() == 4
    };
    let status = until(&deployment, "its owner is gone", is_gone).await;
    let first = &status["problem_details"][0];
    let what =
        "one is gone: nobody works on its 15 partitions of router, sender-statuses, sender-account, optin, parking";
    ensure!(first["what"] == what, "{status}");
    ensure!(first["remedy"].as_str().is_some_and(|remedy| remedy.contains("takes over within ")), "{status}");
    let shown = String::from_utf8(run(&deployment, &["status"])?.stdout)?;
    ensure!(shown.starts_with("unhealthy: one is gone: ") && shown.contains("one (gone)"), "{shown}");
    Ok(())
}

async fn a_team_out_of_the_rules_keeps_its_row(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _process = deployment.start().await?;
    let body = text("wamid.WAITS", "15550001111", "my invoice").to_string();
    ensure!(deployment.client()?.post(body.as_bytes()).await? == 200);
    let waits = |status: &Value| is_healthy(status) && team(status, "billing").is_some_and(|team| team["waiting"] == 1);
    until(&deployment, "a message waits", waits).await;

    let without = RULES.split("[[teams]]\nname = \"billing\"").next().context("rules")?;
    std::fs::write(deployment.rules_file(), without)?;
    let is_out = |status: &Value| team(status, "billing").is_some_and(|team| team["in_rules"] == false);
    let status = until(&deployment, "the team is out", is_out).await;
    let problem = status["problems"][0].as_str().context("a problem")?;
    ensure!(problem == "team billing is not in the rules, and has 1 waiting", "{status}");
    let output = run(&deployment, &["status"])?;
    let shown = String::from_utf8(output.stdout)?;
    ensure!(shown.lines().any(|line| line.contains("billing") && line.ends_with("not in rules")), "{shown}");

    let taken = run(&deployment, &["tail", "billing", "--ack", "--messages", "1"])?;
    ensure!(taken.status.success(), "{taken:?}");
    let status = until(&deployment, "it is healthy again", is_healthy).await;
    ensure!(team(&status, "billing").is_some_and(|team| team["waiting"] == 0), "{status}");
    Ok(())
}

async fn what_nobody_can_handle_is_unhealthy(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _process = deployment.start().await?;
    until(&deployment, "it is healthy", is_healthy).await;
    ensure!(deployment.client()?.post(b"not json").await? == 200, "kept as a dead letter");
    let status = until(&deployment, "it is unhealthy", |status| !is_healthy(status)).await;
    let parked = &status["parked"][0];
    ensure!(parked["messages"] == 1, "{status}");
    let first = &status["problem_details"][0];
    ensure!(first["what"] == "wa.dead-letters: 1 message that could not be handled", "{status}");
    ensure!(first["remedy"].as_str().is_some_and(|remedy| remedy.contains("dead-letters list")), "{status}");
    // Once it is in the store, it is known since when, and can be listed.
    let is_moved = |status: &Value| status["parked"][0]["queued"] == 0;
    let status = until(&deployment, "it is in the store", is_moved).await;
    ensure!(status["problem_details"][0]["since"].is_string(), "{status}");
    Ok(())
}

/// Without a process the files say as much, but for who consumes.
#[tokio::test]
async fn files_are_read_where_nothing_runs() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let empty = status(&deployment)?;
    ensure!(empty["problems"][0].as_str().is_some_and(|problem| problem.contains("no store.db in")), "{empty}");
    let mut process = deployment.start().await?;
    let through = until(&deployment, "it is healthy", is_healthy).await;
    let ended = process.terminate(ROUTED_DEADLINE).await?;
    ensure!(ended.success(), "{ended}");
    let files = status(&deployment)?;
    for part in ["queues", "teams", "parked", "numbers_without_answers"] {
        assert_eq!(files[part], through[part], "{part}");
    }
    assert_eq!(
        files["problems"][0],
        "nobody owns 15 of 15 partitions of router, sender-statuses, sender-account, optin, parking"
    );
    Ok(())
}

#[test]
fn a_configuration_that_lies_beside_is_said() -> anyhow::Result<()> {
    let deployment = Deployment::new(Backend::Embedded, RULES)?;
    let show = |words: &[&str], folder: &std::path::Path| -> anyhow::Result<(String, String)> {
        let output = waypost()?.args(["config", "show"]).args(words).current_dir(folder).output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok((String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
    };
    let folder = deployment.folder.path();
    let (shown, told) = show(&[], folder)?;
    ensure!(shown.contains("partitions = 4") && told.contains("configuration: waypost.toml, found here"), "{told}");
    let (shown, told) = show(&["--data-dir", "elsewhere"], folder)?;
    ensure!(shown.contains("partitions = 8") && told.contains("waypost.toml is here and not read"), "{told}");
    let (shown, told) = show(&["--config", "waypost.toml"], folder)?;
    ensure!(shown.contains("partitions = 4") && told.is_empty(), "{told}");
    let (_, told) = show(&[], &folder.join(".."))?;
    ensure!(told.is_empty(), "{told}");
    Ok(())
}
