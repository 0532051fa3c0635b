//! Which team a message goes to, and what happens when that team's queue is full or gone: the others do not notice.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};

use crate::database;
use crate::deployment::{Backend, Deployment, Found, on_each_backend, text};

const RULES: &str = r#"
[default]
team = "frontdesk"

[handover]
team = "people"
urgency = "urgent"
words.en = ["an agent"]

[[teams]]
name = "frontdesk"

[[teams]]
name = "people"

[[teams]]
name = "billing"
overflow_team = "people"

[[teams]]
name = "lonely"

[[rules]]
id = "gold"
priority = 100
team = "people"
when = { keyword = ["invoice"], attribute = { tier = ["gold"] } }

[[rules]]
id = "invoices"
priority = 50
team = "billing"
when = { keyword = ["invoice"] }

[[rules]]
id = "buttons"
priority = 50
team = "billing"
when = { reply = ["sample-button", "sample-row", "sample-payload"] }

[[rules]]
id = "pictures"
team = "lonely"
when = { type = ["image"] }

[[rules]]
id = "lonely-words"
team = "lonely"
when = { keyword = ["lonely"] }
"#;
const ALL: [&str; 9] = [
    "team.frontdesk.normal",
    "team.frontdesk.urgent",
    "team.people.normal",
    "team.people.urgent",
    "team.billing.normal",
    "team.billing.urgent",
    "team.lonely.normal",
    "team.lonely.urgent",
    "wa.unrouted",
];
const DIVERTED: &str = "wp-diverted";
const FLOOD: usize = 30;

on_each_backend!(
    each_kind_of_rule,
    an_open_conversation_stays_with_its_team,
    an_attribute_of_the_customer,
    a_full_queue_stops_nobody_else,
    a_missing_queue_stops_nobody_else,
);

async fn post(deployment: &Deployment, body: &Value) -> anyhow::Result<()> {
    let status = deployment.client()?.post(body.to_string().as_bytes()).await?;
    ensure!(status == 200, "answered {status}");
    Ok(())
}

/// A customer of its own for every number.
fn phone(number: usize) -> String {
    format!("1555000{number:04}")
}

fn find<'a>(found: &'a [Found], wamid: &str) -> anyhow::Result<&'a Found> {
    found.iter().find(|found| found.wamid() == wamid).with_context(|| format!("no {wamid} in {found:?}"))
}

/// Queue, rule and phase.
fn routing(found: &Found) -> [String; 3] {
    [found.queue.clone(), found.text("/routing/rule"), found.text("/routing/phase")]
}

async fn each_kind_of_rule(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let cases = [
        (SampleKind::Text, "My INVOICE, please!", ["team.billing.normal", "invoices", "route"]),
        (SampleKind::Text, "an invoiced thing", ["team.frontdesk.normal", "default", "default"]),
        (SampleKind::ButtonReply, "Pay", ["team.billing.normal", "buttons", "route"]),
        (SampleKind::ListReply, "Pay", ["team.billing.normal", "buttons", "route"]),
        (SampleKind::TemplateButton, "Pay", ["team.billing.normal", "buttons", "route"]),
        (SampleKind::Image, "look", ["team.lonely.normal", "pictures", "route"]),
        (SampleKind::Text, "An agent, now. My invoice!", ["team.people.urgent", "handover", "handover"]),
        (SampleKind::Unknown, "", ["team.frontdesk.normal", "default", "default"]),
        (SampleKind::Unsupported, "", ["team.frontdesk.normal", "default", "default"]),
        (SampleKind::Location, "", ["team.frontdesk.normal", "default", "default"]),
    ];
    for (index, (kind, said, _)) in cases.iter().enumerate() {
        let params = SampleParams {
            wamid: format!("wamid.{index}"),
            from: phone(index),
            text: (*said).to_owned(),
            ..SampleParams::default()
        };
        post(&deployment, &sample(*kind, &params)).await?;
    }
    let found = deployment.reader(&ALL).await?.wait_for(cases.len()).await?;
    for (index, (kind, said, expected)) in cases.iter().enumerate() {
        let found = find(&found, &format!("wamid.{index}"))?;
        ensure!(routing(found) == *expected, "{}, {said:?}: {:?}, not {expected:?}", kind.name(), routing(found));
        ensure!(!found.text("/routing/why").is_empty(), "{said:?}: it says why");
        ensure!(found.header(DIVERTED).is_none(), "{said:?}: it was not diverted");
        let raw = &found.document()["data"]["message"]["raw"];
        let is_text = matches!(kind, SampleKind::Text);
        ensure!(raw.is_null() == is_text, "{}: Meta's JSON goes along where it says more: {raw}", kind.name());
    }
    Ok(())
}

async fn an_open_conversation_stays_with_its_team(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let _waypost = deployment.start().await?;
    let cases = [
        ("my invoice", ["team.billing.normal", "route"]),
        ("is wrong, I am lonely", ["team.billing.normal", "bind"]),
        ("I want an agent", ["team.people.urgent", "handover"]),
        ("hello?", ["team.people.urgent", "bind"]),
        ("about that invoice", ["team.people.urgent", "bind"]),
    ];
    for (index, (said, _)) in cases.iter().enumerate() {
        post(&deployment, &text(&format!("wamid.{index}"), &phone(0), said)).await?;
    }
    let found = deployment.reader(&ALL).await?.wait_for(cases.len()).await?;
    for (index, (said, expected)) in cases.iter().enumerate() {
        let [queue, _, phase] = routing(find(&found, &format!("wamid.{index}"))?);
        ensure!([queue.as_str(), &phase] == *expected, "{said:?}: {queue} by {phase}, not {expected:?}");
    }
    Ok(())
}

/// Nothing of ours writes attributes yet: they are in the store when somebody's import has put them there.
async fn an_attribute_of_the_customer(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let waypost = deployment.start().await?;
    let other_number = |body: Value| body.to_string().replace("100000000000001", "100000000000002");
    post(&deployment, &text("wamid.BEFORE", &phone(0), "my invoice")).await?;
    let mut reader = deployment.reader(&ALL).await?;
    let found = reader.wait_for(1).await?;
    ensure!(found[0].text("/routing/rule") == "invoices", "{found:?}");
    drop(waypost); // a kill: the embedded store is one process' own
    set_attributes(&deployment, &json!({"tier": "gold"})).await?;

    let _waypost = deployment.start().await?;
    // On another number of ours, or the open conversation would decide.
    let status = deployment.client()?.post(other_number(text("wamid.AFTER", &phone(0), "invoice")).as_bytes()).await?;
    ensure!(status == 200, "answered {status}");
    let after = |found: &Found| found.wamid() == "wamid.AFTER";
    let found = reader.wait_until("it is routed", |found| found.iter().any(after)).await?;
    let found = find(&found, "wamid.AFTER")?;
    ensure!(found.text("/routing/rule") == "gold", "{:?}", routing(found));
    ensure!(found.text("/contact/attributes/tier") == "gold", "{}", found.document());
    Ok(())
}

async fn set_attributes(deployment: &Deployment, attributes: &Value) -> anyhow::Result<()> {
    let statement = format!("UPDATE contact SET attributes = '{attributes}'");
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        database::session(&servers.postgres_url).await?.batch_execute(&statement).await?;
        return Ok(());
    }
    database::in_file(&deployment.data_folder().join("store.db"), &statement)
}

async fn a_full_queue_stops_nobody_else(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?.set("router.full_queue_patience_ms", "100");
    let deployment = match backend {
        Backend::Embedded => deployment.set("bus.team_queue_messages_max", "40"),
        #[cfg(feature = "servers")]
        Backend::Servers => deployment,
    };
    let _waypost = deployment.start().await?;
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        let definition = r#"{"max-length": 3, "overflow": "reject-publish"}"#;
        servers.ctl(&["set_policy", "small", r"^team\.(billing|lonely)\.", definition, "--priority", "100"])?;
    }
    full_queue(&deployment, backend).await
}

async fn full_queue(deployment: &Deployment, backend: Backend) -> anyhow::Result<()> {
    let (fill, expected_min) = match backend {
        // All teams' queues have the same limit there: people's takes what billing's does not.
        Backend::Embedded => (40 + FLOOD, 40),
        #[cfg(feature = "servers")]
        Backend::Servers => (3 + FLOOD, 3),
    };
    for number in 0..fill {
        post(deployment, &text(&format!("wamid.BILL{number}"), &phone(number), "my invoice")).await?;
        post(deployment, &text(&format!("wamid.LONE{number}"), &phone(1000 + number), "so lonely")).await?;
    }
    // Read only what is not meant to stay full: on a broker, reading is taking.
    let mut others = deployment.reader(&["team.frontdesk.normal"]).await?;
    let count = 20;
    for number in 0..count {
        post(deployment, &text(&format!("wamid.DESK{number}"), &phone(2000 + number), "hello")).await?;
    }
    others.wait_for(count).await?;

    // Diverted first, so that nothing is taken from the full queues before it has been refused there.
    let mut reader = deployment.reader(&["team.people.normal", "wa.unrouted"]).await?;
    let diverted = reader.wait_until("both teams' messages are diverted", |found| {
        let on = |queue: &str| found.iter().any(|found| found.queue == queue);
        on("team.people.normal") && on("wa.unrouted")
    });
    diverted.await?;
    let mut full = deployment.reader(&["team.billing.normal", "team.lonely.normal"]).await?;
    let mut found = Vec::new();
    waypost_tests::eventually("every message is somewhere", crate::deployment::ROUTED_DEADLINE, async || {
        found = [full.look().ok()?, reader.look().ok()?].concat();
        (found.len() >= 2 * fill).then_some(())
    })
    .await;
    for found in &found {
        let expected = match (found.text("/routing/team").as_str(), found.queue.as_str()) {
            ("billing", "team.billing.normal") | ("lonely", "team.lonely.normal") => false,
            ("billing", "team.people.normal") | ("lonely", "wa.unrouted") => true,
            (team, queue) => anyhow::bail!("a message for {team} is on {queue}"),
        };
        ensure!(found.header(DIVERTED).is_some() == expected, "{}: {:?}", found.queue, found.message.headers);
    }
    for queue in ["team.billing.normal", "team.lonely.normal"] {
        let kept = found.iter().filter(|found| found.queue == queue).count();
        ensure!(kept >= expected_min, "{queue} took {kept}");
    }
    Ok(())
}

async fn a_missing_queue_stops_nobody_else(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    let mut waypost = deployment.start().await?;
    let status = waypost.terminate(crate::deployment::ROUTED_DEADLINE).await?;
    ensure!(status.success(), "{status} after SIGTERM");
    delete_queues(&deployment, &["team.billing.normal", "team.lonely.normal"]).await?;
    // Nobody declares them again at the next start.
    let deployment = deployment.set("bus.declare", "false");
    let _waypost = deployment.start().await?;
    let cases = [
        ("my invoice", "team.people.normal", true),
        ("so lonely", "wa.unrouted", true),
        ("hello", "team.frontdesk.normal", false),
        ("an agent", "team.people.urgent", false),
    ];
    for (index, (said, ..)) in cases.iter().enumerate() {
        post(&deployment, &text(&format!("wamid.{index}"), &phone(index), said)).await?;
    }
    let queues = ["team.people.normal", "team.people.urgent", "wa.unrouted", "team.frontdesk.normal"];
    let found = deployment.reader(&queues).await?.wait_for(cases.len()).await?;
    for (index, (said, queue, diverted)) in cases.into_iter().enumerate() {
        let found = find(&found, &format!("wamid.{index}"))?;
        ensure!(found.queue == queue, "{said:?} is on {}", found.queue);
        ensure!(found.header(DIVERTED).is_some() == diverted, "{said:?}: {:?}", found.message.headers);
    }
    Ok(())
}

async fn delete_queues(deployment: &Deployment, queues: &[&str]) -> anyhow::Result<()> {
    #[cfg(feature = "servers")]
    if let Some(servers) = deployment.servers() {
        for queue in queues {
            servers.ctl(&["delete_queue", queue])?;
        }
        return Ok(());
    }
    let bus = waypost_bus_embedded::EmbeddedBus::open(&deployment.data_folder(), Default::default())?;
    for queue in queues {
        ensure!(bus.delete_queue(queue).await?, "{queue} was there");
    }
    waypost_bus::Bus::close(&*bus, crate::deployment::ROUTED_DEADLINE).await;
    Ok(())
}
