//! What the administration does with a broker that shows no queue, and where it may not create any.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_bus::Bus as _;
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

    fn parked_now(&self, place: &str) -> anyhow::Result<Value> {
        self.json(&["dead-letters", "list", "--from", place])
    }

    /// What is parked, once it is so many.
    async fn parked(&self, place: &str, count: usize) -> anyhow::Result<Value> {
        let is_so_many = |letters: &Value| letters.as_array().is_some_and(|all| all.len() == count);
        let look = async || self.parked_now(place).ok().filter(is_so_many);
        Ok(eventually(&format!("{count} are parked: {place}"), ROUTED_DEADLINE, look).await)
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
    // A quorum queue cannot be looked into: they are moved to where they can be seen.
    let unrouted = scene.parked("unrouted", 2).await?;
    let why = |place: usize| (&unrouted[place]["reason"], &unrouted[place]["detail"], &unrouted[place]["origin"]);
    let missing = (&json!("unrouted"), &json!("team billing: queue missing"), &json!("router"));
    assert_eq!((why(0), why(1)), (missing, missing), "{unrouted}");
    let queue = servers.bus().await?.depth("wa.unrouted").await?.context("a queue")?;
    assert_eq!((queue.ready, queue.consumers), (0, 1), "the router reads it");
    let traced = scene.json(&["trace", "wamid.TWO"])?;
    let steps = traced[0]["steps"].as_array().context("steps")?;
    assert_eq!(steps.last().map(|step| &step["kind"]), Some(&json!("parked")), "{traced}");
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
    ensure!(found.iter().all(|one| one.header("wp-diverted").is_none()), "they are where they belong");

    for number in 0..3 {
        ensure!(client.post(format!("not json {number}").as_bytes()).await? == 200, "kept as a dead letter");
    }
    scene.parked("dead-letters", 3).await?;
    let discard = ["dead-letters", "discard", "--reason", "unparseable-body", "--justification", "a scan"];
    let discarded = scene.json(&discard)?;
    assert_eq!((&discarded["discarded"], &discarded["left"]), (&json!("3"), &json!("0")), "{discarded}");
    assert_eq!(scene.json(&discard)?["discarded"], json!("0"), "they are gone");
    Ok(())
}

/// What the broker gives up has no words of ours, and goes back into the queue that it came from.
#[tokio::test]
async fn what_the_broker_gives_up_is_listed_and_replayed() -> anyhow::Result<()> {
    let scene = Scene::start(true).await?;
    let message = text("wamid.ONE", "15550001111", "my invoice").to_string();
    ensure!(scene.deployment.client()?.post(message.as_bytes()).await? == 200, "not accepted");
    let bus = scene.deployment.servers().context("servers")?.bus().await?;
    let queue = "team.billing.normal";
    let has_one = async || bus.depth(queue).await.ok()??.ready.eq(&1).then_some(());
    eventually("its team has it", ROUTED_DEADLINE, has_one).await;
    // A tool that dies with it in hand, again and again, until the broker has had enough.
    let given_up = async || {
        if let Ok(mut tool) = bus.consume(queue, 1).await {
            let taking = tokio::time::timeout(Duration::from_millis(500), tool.next_batch(1));
            drop(taking.await);
        }
        scene.parked_now("dead-letters").ok().filter(|letters| letters.as_array().is_some_and(|all| all.len() == 1))
    };
    let letters = eventually("the broker gives it up", ROUTED_DEADLINE, given_up).await;
    let letter = &letters[0];
    assert_eq!((&letter["reason"], &letter["origin"]), (&json!("delivered-too-often"), &json!(queue)), "{letter}");
    let groups = &scene.json(&["dead-letters", "summary"])?["groups"];
    assert_eq!((&groups[0]["origin"], &groups[0]["count"]), (&json!(queue), &json!("1")), "{groups}");
    let replayed = scene.json(&["dead-letters", "replay", "--all"])?;
    assert_eq!((&replayed["replayed"], &replayed["left"]), (&json!("1"), &json!("0")), "{replayed}");
    let found = scene.deployment.reader(&[queue]).await?.wait_for(1).await?;
    assert_eq!((found[0].wamid(), found[0].header("wp-replay")), ("wamid.ONE".to_owned(), Some("1")));
    assert_eq!(scene.parked_now("dead-letters")?, json!([]));
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
