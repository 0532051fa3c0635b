//! What the administration does with a broker that shows no queue, and where it may not create any.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_bus::Bus as _;
use waypost_bus::topology::UNROUTED_QUEUE;
use waypost_tests::ports::free_port;
use waypost_tests::{WaypostProcess, eventually};

use crate::deployment::{Backend, Deployment, ROUTED_DEADLINE, RULES, client, text};

/// A deployment on RabbitMQ and PostgreSQL, and the command line of somebody who may operate it.
struct Scene {
    deployment: Deployment,
    _waypost: WaypostProcess,
    server: String,
    token_file: PathBuf,
}

impl Scene {
    /// `may_declare`: whether the process creates queues. Where not, a person has created those of the rules.
    async fn start(may_declare: bool) -> anyhow::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port());
        let deployment = Deployment::new(Backend::Servers, RULES)?.set("grpc.listen", &address);
        let deployment = if may_declare { deployment } else { deployment.set("bus.declare", "false") };
        ensure!(deployment.command(&["migrate"])?.status()?.success());
        ensure!(deployment.command(&["topology", "declare"])?.status()?.success());
        let token_file = deployment.token("operator")?;
        let waypost = deployment.start().await?;
        Ok(Self { deployment, _waypost: waypost, server: format!("http://{address}"), token_file })
    }

    fn run(&self, words: &[&str]) -> anyhow::Result<Result<Value, String>> {
        let output = client(&self.server, &self.token_file, words)?.output()?;
        if output.status.success() {
            return Ok(Ok(serde_json::from_slice(&output.stdout)?));
        }
        Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        self.run(words)?.map_err(|told| anyhow::anyhow!("{words:?}: {told}"))
    }
}

#[tokio::test]
async fn what_nobody_took_is_replayed_to_its_team_and_the_rest_discarded() -> anyhow::Result<()> {
    let scene = Scene::start(true).await?;
    let client = scene.deployment.client()?;
    let servers = scene.deployment.servers().context("servers")?;
    servers.ctl(&["delete_queue", "team.billing.normal"])?;
    for wamid in ["wamid.ONE", "wamid.TWO"] {
        let message = text(wamid, "15550001111", "my invoice").to_string();
        ensure!(client.post(message.as_bytes()).await? == 200, "not accepted");
    }
    let bus = servers.bus().await?;
    let unrouted = async || bus.depth(UNROUTED_QUEUE).await.ok()??.ready.eq(&2).then_some(());
    eventually("both are unrouted", ROUTED_DEADLINE, unrouted).await;

    // A quorum queue cannot be looked into, and says so.
    let refused = scene.run(&["dead-letters", "list", "--from", "unrouted"])?.err().context("a refusal")?;
    assert!(refused.contains("RabbitMQ cannot show messages"), "{refused}");
    // While the queue is missing, nothing is taken from where it is.
    let left = scene.run(&["dead-letters", "replay", "--from", "unrouted"])?.err().context("a failure")?;
    assert!(left.contains("2 not replayed: 2 queue-missing"), "{left}");
    ensure!(scene.deployment.command(&["topology", "declare"])?.status()?.success());
    let replayed = scene.json(&["dead-letters", "replay", "--from", "unrouted"])?;
    assert_eq!((&replayed["replayed"], &replayed["left"]), (&json!("2"), &json!("0")), "{replayed}");
    let mut reader = scene.deployment.reader(&["team.billing.normal", "wa.unrouted"]).await?;
    let found = reader.wait_until("both are with their team", |found| found.len() >= 2).await?;
    let wamids: Vec<_> = found.iter().map(|one| (one.queue.as_str(), one.wamid())).collect();
    let billing = |wamid: &str| ("team.billing.normal", wamid.to_owned());
    assert_eq!(wamids, [billing("wamid.ONE"), billing("wamid.TWO")], "in their order, once");

    for number in 0..3 {
        ensure!(client.post(format!("not json {number}").as_bytes()).await? == 200, "kept as a dead letter");
    }
    let discard = ["dead-letters", "discard", "--reason", "unparseable-body", "--justification", "a scan"];
    let discarded = scene.json(&discard)?;
    assert_eq!((&discarded["discarded"], &discarded["left"]), (&json!("3"), &json!("0")), "{discarded}");
    assert_eq!(scene.json(&discard)?["discarded"], json!("0"), "they are gone");
    Ok(())
}

#[tokio::test]
async fn a_team_without_queues_names_the_command_that_creates_them() -> anyhow::Result<()> {
    let scene = Scene::start(false).await?;
    let made = scene.json(&["teams", "create", "vip", "--title", "VIP"])?;
    assert_eq!(made["state"], "TEAM_STATE_PENDING_TOPOLOGY", "{made}");
    let told = made["pending_command"].as_str().context("a command")?;
    let words = told.strip_prefix("waypost ").context("a command of ours")?.split(" --config ").next().context("it")?;
    let words: Vec<&str> = words.split(' ').collect();
    assert_eq!(words, ["topology", "declare", "--team", "vip"]);
    ensure!(scene.deployment.command(&words)?.status()?.success());
    let after = scene.json(&["teams", "get", "vip"])?;
    assert_eq!((&after["state"], &after["pending_command"]), (&json!("TEAM_STATE_ACTIVE"), &json!("")), "{after}");

    // Whoever the team comes from: what counts is what the broker has.
    let servers = scene.deployment.servers().context("servers")?;
    servers.ctl(&["delete_queue", "team.billing.normal"])?;
    let lost = scene.json(&["teams", "get", "billing"])?;
    let state = (&lost["state"], &lost["missing_queues"]);
    assert_eq!(state, (&json!("TEAM_STATE_PENDING_TOPOLOGY"), &json!(["team.billing.normal"])), "{lost}");
    ensure!(scene.deployment.command(&["topology", "declare", "--team", "billing"])?.status()?.success());
    let listed = scene.json(&["teams", "list"])?;
    let states = listed.as_array().into_iter().flatten().map(|team| &team["state"]);
    assert_eq!(states.collect::<Vec<_>>(), [&json!("TEAM_STATE_ACTIVE"); 4], "{listed}");
    // No rule names the team, and the topology has it all the same.
    let printed = scene.deployment.command(&["topology", "definitions"])?.output()?;
    let definitions: Value = serde_json::from_slice(&printed.stdout)?;
    assert!(definitions["queues"].to_string().contains("team.vip.urgent"), "{definitions}");
    assert!(definitions["permissions"].to_string().contains("team-vip"), "{definitions}");
    servers.ctl(&["delete_queue", "team.vip.urgent"])?;
    let differs = scene.deployment.command(&["topology", "verify"])?.output()?;
    assert_eq!(differs.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&differs.stdout).contains("team.vip.urgent is missing"), "{differs:?}");
    ensure!(scene.deployment.command(&["topology", "declare"])?.status()?.success());
    ensure!(scene.deployment.command(&["topology", "verify"])?.status()?.success());
    Ok(())
}
