//! What a rule decides beside the team: tags, a person, skills, an escalation ladder. The team reads it, and reads the
//! same when a process dies between deciding and publishing and the rules are others by then.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_domain::AliasSet;
use waypost_fault::ROUTER_AFTER_COMMIT;
use waypost_store::{Store, StoreOptions};
use waypost_tests::{WaypostProcess, WaypostSettings, eventually};

use crate::database::store_url;
use crate::deployment::{Backend, Deployment, Found, on_each_backend, text};

const DEADLINE: Duration = Duration::from_secs(60);
const QUEUES: [&str; 4] = ["team.frontdesk.normal", "team.frontdesk.urgent", "team.vip.normal", "team.vip.urgent"];
const GOLD: &str = "15550001111";
const NOBODY: &str = "15550002222";

const RULES: &str = waypost_tests::two_teams!(
    r#"
[[teams]]
name = "vip"
[[calendars]]
name = "office"
zone = "Europe/Madrid"
hours = [{ days = "mon-fri", from = "09:00", to = "18:00" }]
[[rules]]
id = "gold"
team = "vip"
person = "account_manager"
fallback_team = "frontdesk"
tags = ["gold"]
skills = ["contracts"]
escalation = [{ after_minutes = 30, clock = "office", team = "frontdesk" }, { after_minutes = 90, team = "vip" }]
when = { tier = "gold" }
[[rules]]
id = "angry"
phase = "decorate"
urgency = "urgent"
tags = ["angry", "gold"]
when = { keyword = "unacceptable" }
"#
);

on_each_backend!(what_else_was_decided_is_told_and_kept_over_a_crash);

async fn what_else_was_decided_is_told_and_kept_over_a_crash(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, RULES)?;
    drop(deployment.start().await?); // the store
    know_the_customer(&deployment).await?;
    die_after_deciding(&deployment, &text("wamid.ONE", GOLD, "Unacceptable!")).await?;
    let others = RULES.replace("\"gold\"]", "\"shiny\"]").replace("contracts", "poetry").replace("90", "120");
    std::fs::write(
        deployment.rules_file(),
        others.replace("account_manager", "nobody").replace("= \"angry\"", "= \"a\""),
    )?;

    let _waypost = deployment.start().await?;
    let client = deployment.client()?;
    for message in [
        text("wamid.ONE", GOLD, "Unacceptable!"),
        text("wamid.TWO", GOLD, "Where is my order?"),
        text("wamid.THREE", NOBODY, "Hello"),
        text("wamid.FOUR", NOBODY, "Unacceptable."),
    ] {
        ensure!(client.post(message.to_string().as_bytes()).await? == 200, "not accepted");
    }
    let mut reader = deployment.reader(&QUEUES).await?;
    let all = |found: &[Found]| ["ONE", "TWO", "THREE", "FOUR"].iter().all(|one| routing(found, one).is_some());
    let found = reader.wait_until("all are routed", all).await?;

    let one = json!({
        "tags": ["gold", "angry"],
        "person": { "name": "Dana", "fallback_team": "frontdesk" },
        "skills": ["contracts"],
        "escalation": [
            { "after_minutes": 30, "clock": "office", "team": "frontdesk" },
            { "after_minutes": 90, "team": "vip" },
        ],
    });
    let copies = found.iter().filter(|found| found.wamid() == "wamid.ONE").count();
    ensure!(copies == 1 && found.iter().any(|found| found.queue == "team.vip.urgent"), "{found:?}");
    assert_eq!(routing(&found, "ONE"), Some(one), "as it was stored");
    // The conversation is open: its team answers. Without an account manager the rule would send it to another, which is
    // said and nothing more.
    assert_eq!(routing(&found, "TWO"), Some(json!({ "tags": ["suggested_team:frontdesk"] })));
    assert_eq!(routing(&found, "THREE"), Some(json!({})));
    assert_eq!(routing(&found, "FOUR"), Some(json!({ "tags": ["angry", "shiny"] })));
    Ok(())
}

/// What the team message of this wamid says beside team, priority, rule and reason.
fn routing(found: &[Found], name: &str) -> Option<Value> {
    let message = found.iter().find(|found| found.wamid() == format!("wamid.{name}"))?;
    let mut routing = message.document()["data"]["routing"].as_object()?.clone();
    for said in ["rule_set", "rule", "phase", "team", "priority", "why"] {
        routing.remove(said)?;
    }
    Some(Value::Object(routing))
}

async fn know_the_customer(deployment: &Deployment) -> anyhow::Result<()> {
    let store = Store::open(&store_url(deployment)?, StoreOptions::default()).await?;
    let aliases = AliasSet { phone: Some(GOLD.to_owned()), ..AliasSet::default() };
    let attributes = [("tier", "gold"), ("account_manager", "Dana")];
    let attributes: BTreeMap<_, _> = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    store.upsert_contact(&aliases, &attributes, None).await?;
    store.close().await;
    Ok(())
}

/// A process that decides this message, and gets no further.
async fn die_after_deciding(deployment: &Deployment, message: &Value) -> anyhow::Result<()> {
    let variables = vec![("WAYPOST_KILLPOINT".to_owned(), format!("{ROUTER_AFTER_COMMIT}:1"))];
    let settings = WaypostSettings { variables, ..deployment.process_settings() };
    let mut waypost = WaypostProcess::start(&settings).await?;
    // Nobody knows whether it lives long enough to answer.
    let _status = deployment.client()?.post(message.to_string().as_bytes()).await;
    eventually("it is dead", DEADLINE, async || waypost.exit_status()).await;
    Ok(())
}
