//! The printed users and roles are enough: every process runs, and every command that touches a server, under the names
//! that the printed table says. On a broker and a database server of the test's own, to which users and roles belong.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_bus::dead_letter::dead_letter;
use waypost_bus::{Bus, DeadLetterReason, Message, Outcome};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::eventually;

use crate::cli_pages;
use crate::deployment::{ROUTED_DEADLINE, text};
use crate::sending::requests::broker::Tool;
use crate::sending::requests::request;

mod administered;
mod scene;

use scene::{Scene, Table};

/// Whom team billing answers.
const INVOICED: &str = "15550009999";
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// For a queue to hold what was just published.
const QUEUED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_and_every_command_works_under_its_printed_names() -> anyhow::Result<()> {
    let mut scene = Scene::prepare().await?;
    scene.make_token()?;
    let admin = scene.start("admin").await?;
    scene.run_ok(&["rules", "push", &scene.file("rules.toml")])?;
    scene.run_ok(&["rules", "activate", "1"])?;
    let router = scene.start("router").await?;
    let sender = scene.start("sender").await?;
    let gateway = scene.start("gateway").await?;
    let ingress = scene.start("ingress").await?;

    every_kind_of_message_is_handled(&mut scene).await?;
    let told = scene.run_ok(&["webhook", "test", "text", "--text", "my invoice", "--from", INVOICED])?;
    ensure!(told.contains("team billing"), "{told}");
    scene.run_ok(&["tail", "billing", "--ack", "--messages", "1"])?;
    a_team_s_request_is_taken(&scene).await?;
    a_bad_request_is_parked_and_put_back(&mut scene).await?;
    what_meta_told_is_known(&mut scene)?;
    scene.run_ok(&["status"])?;
    what_is_not_permitted_is_told(&mut scene).await?;
    parked_messages_are_replayed_and_discarded(&mut scene).await?;
    administered::everything(&mut scene)?;
    drop((ingress, router, sender, gateway, admin));

    let all = scene.start_all().await?;
    a_bad_request_is_parked_and_put_back(&mut scene).await?;
    parked_messages_are_replayed_and_discarded(&mut scene).await?;
    scene.run_ok(&["teams", "create", "second"])?;
    drop(all);
    scene.nothing_was_denied().await?;
    every_verb_was_run(&scene.table, &scene.ran)
}

/// Whatever the platform can send: each writes to tables of its own.
async fn every_kind_of_message_is_handled(scene: &mut Scene) -> anyhow::Result<()> {
    let client = scene.deployment.client()?;
    for (number, kind) in SampleKind::ALL.iter().enumerate() {
        let wamid = format!("wamid.KIND{number}");
        let body = envelope([sample(*kind, &SampleParams { wamid, ..SampleParams::default() })]).to_string();
        ensure!(client.post(body.as_bytes()).await? == 200, "{}", kind.name());
    }
    let bus = scene.bus().await?;
    let queues = ["in", "st"].into_iter().flat_map(|kind| (0..4).map(move |number| format!("wa.{kind}.p{number:02}")));
    for queue in queues.chain(["wa.account".to_owned()]) {
        let is_empty = async || bus.depth(&queue).await.ok()??.ready.eq(&0).then_some(());
        eventually(&format!("{queue} is worked off"), ROUTED_DEADLINE, is_empty).await;
    }
    Ok(())
}

/// Of the team that has the customer's conversation.
async fn a_team_s_request_is_taken(scene: &Scene) -> anyhow::Result<()> {
    let mut tool = Tool::connect(&scene.deployment, "billing").await?;
    let mut good = request("good", INVOICED);
    good["number"] = json!(format!("numbers/number-{}", SampleParams::default().phone_number_id));
    let good = tool.answered(&good, "1").await?;
    ensure!(good == json!({"send_id": "good", "state": "queued"}), "{good}");
    tool.end().await
}

async fn a_bad_request_is_parked_and_put_back(scene: &mut Scene) -> anyhow::Result<()> {
    scene.run_ok(&["dead-letters", "discard", "--all", "--justification", "what was before"])?;
    let mut tool = Tool::connect(&scene.deployment, "billing").await?;
    let bad = tool.answered(&json!({"send_id": "bad"}), "2").await?;
    ensure!(bad["error"]["field"] == "number", "{bad}");
    tool.end().await?;
    scene.parked("dead-letters", 1).await?;
    let replayed = scene.json(&["dead-letters", "replay"])?;
    ensure!(replayed["replayed"] == "1", "{replayed}");
    let again = scene.parked("dead-letters", 1).await?;
    ensure!(again[0]["replays"] == 1 && again[0]["reason"] == "bad-send-request", "{again}");
    scene.run_ok(&["dead-letters", "discard", "--all", "--justification", "a test"]).map(drop)
}

/// Among the samples are alerts.
fn what_meta_told_is_known(scene: &mut Scene) -> anyhow::Result<()> {
    let limits = scene.json(&["limits", "show"])?;
    ensure!(limits["places"].as_u64().is_some_and(|places| places >= 250), "{limits}");
    scene.run_ok(&["limits", "bars"])?;
    scene.run_ok(&["limits", "spend"])?;
    scene.attempt(&["limits", "lift", "number/support/templates/answer"])?;
    let alerts = scene.json(&["alerts", "list"])?;
    for alert in alerts.as_array().into_iter().flatten() {
        scene.run_ok(&["alerts", "acknowledge", alert["name"].as_str().context("a name")?])?;
    }
    Ok(())
}

/// A message that nobody takes, parked, whose team has its queue again.
async fn one_is_unrouted(scene: &mut Scene) -> anyhow::Result<()> {
    scene.ctl(&["delete_queue", "team.billing.normal"])?;
    let wamid = format!("wamid.UNROUTED{}", scene.ran.len());
    let message = text(&wamid, "15550007777", "my invoice").to_string();
    ensure!(scene.deployment.client()?.post(message.as_bytes()).await? == 200, "not accepted");
    scene.parked("unrouted", 1).await?;
    scene.run_ok(&["topology", "declare"])?;
    scene.run_ok(&["topology", "verify"]).map(drop)
}

/// While the administration may not publish to the teams, a replay leaves what it was to take, and says why.
async fn what_is_not_permitted_is_told(scene: &mut Scene) -> anyhow::Result<()> {
    one_is_unrouted(scene).await?;
    let narrow = ["waypost-admin", r"^team\.", r"^(team\..+|wa\.dead-letters)$", r"^(wa|team)\..+$"];
    scene.ctl(&[&["set_permissions"], &narrow[..]].concat())?;
    let left = scene.run(&["dead-letters", "replay", "--from", "unrouted"], 1)?;
    ensure!(left.contains("1 not replayed: 1 no-permission"), "{left}");
    scene.import_definitions()?;
    scene.parked("unrouted", 1).await?;
    let replayed = scene.json(&["dead-letters", "replay", "--from", "unrouted"])?;
    ensure!(replayed["replayed"] == "1", "{replayed}");
    scene.run_ok(&["tail", "billing", "--ack", "--messages", "1"]).map(drop)
}

async fn parked_messages_are_replayed_and_discarded(scene: &mut Scene) -> anyhow::Result<()> {
    one_is_unrouted(scene).await?;
    let replayed = scene.json(&["dead-letters", "replay", "--from", "unrouted"])?;
    ensure!(replayed["replayed"] == "1" && replayed["left"] == "0", "{replayed}");
    scene.run_ok(&["tail", "billing", "--ack", "--messages", "1"])?;

    // Back to a partition, where the router cannot read it and parks it once more.
    scene.run_ok(&["dead-letters", "discard", "--all", "--justification", "what the samples left"])?;
    let message = Message { id: "0".to_owned(), body: "no event".into(), ..Message::default() };
    let letter = dead_letter(message, DeadLetterReason::UndecodableEvent, "wa.in.p00", 1, "");
    ensure!(scene.bus().await?.publish(vec![letter], PUBLISH_TIMEOUT).await == [Outcome::Confirmed]);
    scene.parked("dead-letters", 1).await?;
    let replayed = scene.json(&["dead-letters", "replay"])?;
    ensure!(replayed["replayed"] == "1", "{replayed}");
    let again = scene.parked("dead-letters", 1).await?;
    ensure!(again[0]["replays"] == 1, "{again}");
    let summary = scene.json(&["dead-letters", "summary"])?;
    ensure!(summary["groups"][0]["origin"] == "wa.in.p00", "{summary}");
    let discarded = scene.json(&["dead-letters", "discard", "--justification", "a test"])?;
    ensure!(discarded["discarded"] == "1", "{discarded}");
    let jobs = scene.json(&["dead-letters", "replays"])?;
    scene.run_ok(&["dead-letters", "stop", jobs[0]["name"].as_str().context("a job")?])?;
    Ok(())
}

/// A verb that is new must be run above, or have a row that says that it touches no server.
fn every_verb_was_run(table: &Table, ran: &[String]) -> anyhow::Result<()> {
    let verbs: Vec<String> = cli_pages::verbs()?.into_iter().map(|words| words.join(" ")).collect();
    let leads_on = |verb: &str| verbs.iter().any(|other| other.starts_with(&format!("{verb} ")));
    let leaves = verbs.iter().filter(|verb| !verb.is_empty() && !leads_on(verb));
    let mut missing = Vec::new();
    for verb in leaves {
        let row = table.row_of(verb).with_context(|| format!("{verb} has no row in the printed table"))?;
        let was_run = ran.iter().any(|one| one == verb || one.starts_with(&format!("{verb} ")));
        if !was_run && !row.touches_nothing {
            missing.push(verb);
        }
    }
    ensure!(missing.is_empty(), "run these under their names too: {missing:?}");
    Ok(())
}

fn parse(stdout: &str) -> anyhow::Result<Value> {
    serde_json::from_str(stdout).with_context(|| stdout.to_owned())
}
