//! Requests that are put on the queues of `wa.send`: they reach the customer once, whatever breaks; what cannot be taken is
//! parked with its field, and comes back when that is mended.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_bus::{Address, Bus, Message, Outcome, Publication};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::team::Priority;
use waypost_fault::GATEWAY_AFTER_COMMIT;
use waypost_tests::{WaypostProcess, WaypostSettings, eventually};

use super::{CUSTOMERS, Scene, WITHIN};
use crate::deployment::{Backend, Deployment, RULES, on_each_backend};
use crate::outbound::NUMBER_ID;

#[cfg(feature = "servers")]
pub(crate) mod broker;

/// The team that customers of [`RULES`] are routed to.
const TEAM: &str = "frontdesk";

on_each_backend!(a_request_is_sent_once_wherever_its_process_dies, what_is_parked_is_sent_when_it_is_mended,);

pub(crate) fn request(id: &str, phone: &str) -> Value {
    json!({
        "send_id": id, "number": format!("numbers/number-{NUMBER_ID}"), "to": {"phone": format!("+{phone}")},
        "content": {"text": {"body": "It comes today"}},
    })
}

/// Puts them on the queue while no process of the deployment runs, as the team's tool, or where there are no users as the owner.
async fn put(deployment: &Deployment, requests: &[Value]) -> anyhow::Result<()> {
    #[cfg(feature = "servers")]
    if deployment.servers().is_some() {
        let tool = broker::Tool::of_new_user(deployment, TEAM).await?;
        for request in requests {
            tool.ask("normal", request, "").await?;
        }
        return tool.end().await;
    }
    let bus = EmbeddedBus::open(&deployment.data_folder(), Options::default())?;
    let publication = |request: &Value| Publication {
        address: Address::send(Priority::Normal),
        message: Message { body: request.to_string().into(), ..Message::default() },
    };
    let outcomes = bus.publish(requests.iter().map(publication).collect(), WITHIN).await;
    bus.close(WITHIN).await;
    ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    Ok(())
}

/// Both customers have written, and nothing runs.
async fn written(backend: Backend) -> anyhow::Result<Scene> {
    let scene = Scene::on(Deployment::new(backend, RULES)?).await?;
    let process = scene.start(&[]).await?;
    scene.both_write().await?;
    end(process).await?;
    Ok(scene)
}

async fn end(mut process: WaypostProcess) -> anyhow::Result<()> {
    let status = process.terminate(WITHIN).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

fn parked(scene: &Scene) -> anyhow::Result<Vec<Value>> {
    Ok(scene.json(&["dead-letters", "list"])?.as_array().cloned().unwrap_or_default())
}

/// Killed when the requests are kept and not acknowledged: they come again, and stay what they were.
async fn a_request_is_sent_once_wherever_its_process_dies(backend: Backend) -> anyhow::Result<()> {
    let scene = written(backend).await?;
    let all = [request("one", CUSTOMERS[0]), request("two", CUSTOMERS[1]), request("one", CUSTOMERS[0])];
    put(&scene.deployment, &all).await?;
    let point = format!("{GATEWAY_AFTER_COMMIT}:1");
    let variables = vec![("WAYPOST_KILLPOINT".to_owned(), point)];
    // It may be dead before it is ready.
    let mut first = WaypostProcess::spawn(&WaypostSettings { variables, ..scene.deployment.process_settings() })?;
    eventually("it is killed", WITHIN, async || first.exit_status()).await;
    let second = scene.start(&[]).await?;
    for id in ["one", "two"] {
        scene.until(id, "MESSAGE_STATE_READ").await?;
    }
    let once = BTreeMap::from([("one".to_owned(), 1), ("two".to_owned(), 1)]);
    ensure!(scene.taken()? == once, "{:?}", scene.taken()?);
    ensure!(parked(&scene)?.is_empty(), "{:?}", parked(&scene)?);
    // Acknowledged, they do not come a third time.
    end(second).await?;
    let _third = scene.start(&[]).await?;
    let is_empty = async || {
        let status = scene.run(&["status", "--json"]).ok()?;
        let status: Value = serde_json::from_slice(&status.stdout).ok()?;
        let is_request = |queue: &&Value| queue["queue"].as_str().is_some_and(|name| name.starts_with("wa.send."));
        let queues: Vec<&Value> = status["queues"].as_array()?.iter().filter(is_request).collect();
        (queues.len() == 2 && queues.iter().all(|queue| queue["messages"] == 0)).then_some(())
    };
    eventually("both queues are there and empty", WITHIN, is_empty).await;
    ensure!(scene.taken()? == once, "{:?}", scene.taken()?);
    Ok(())
}

async fn what_is_parked_is_sent_when_it_is_mended(backend: Backend) -> anyhow::Result<()> {
    let stranger = "4915100000009";
    let scene = written(backend).await?;
    let mut slip = request("slip", CUSTOMERS[0]);
    slip["content"]["text"]["wording"] = json!("a secret");
    put(&scene.deployment, &[request("early", stranger), slip, request("fine", CUSTOMERS[0])]).await?;
    let _process = scene.start(&[]).await?;
    scene.until("fine", "MESSAGE_STATE_READ").await?;
    let both = async || parked(&scene).ok().filter(|letters| letters.len() == 2);
    let letters = eventually("two are parked", WITHIN, both).await;
    for letter in &letters {
        let (reason, detail) = (&letter["reason"], letter["detail"].as_str().unwrap_or_default());
        ensure!(reason == "bad-send-request" && letter["origin"] == "wa.send.normal", "{letter}");
        ensure!(detail.starts_with("to: ") || detail.starts_with("content.text.wording: "), "{letter}");
        ensure!(!detail.contains(stranger) && !detail.contains("secret"), "{letter}");
    }

    // Known by now, and in a conversation of the team.
    scene.platform.control().add_customer(waypost_sandbox::CustomerSpec::of_phone(stranger));
    scene.platform.control().write(stranger, NUMBER_ID, "where is my parcel?")?;
    let to = format!("+{stranger}");
    eventually("the customer is known", WITHIN, async || scene.json(&["contacts", "get", &to]).ok()).await;
    let replayed = scene.json(&["dead-letters", "replay", "--all"])?;
    ensure!(replayed["replayed"] == "2", "{replayed}");
    scene.until("early", "MESSAGE_STATE_READ").await?;
    let again = async || parked(&scene).ok().filter(|letters| letters.len() == 1 && letters[0]["replays"] == 1);
    eventually("what nobody mended is parked again", WITHIN, again).await;
    Ok(())
}
