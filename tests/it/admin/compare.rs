//! What a version in the shadow or on trial makes of the messages that came meanwhile.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::eventually;

use super::rule_sets::RULES;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

/// A customer's only message, and its decision.
async fn decide(server: &AdminServer, viewer: &Terminal<'_>, customer: u32, text: &str) -> anyhow::Result<Value> {
    let wamid = format!("wamid.compare.{customer}");
    let params = SampleParams {
        wamid: wamid.clone(),
        from: format!("1555000{customer:04}"),
        text: text.to_owned(),
        ..SampleParams::default()
    };
    let body = envelope([sample(SampleKind::Text, &params)]).to_string();
    ensure!(server.webhook()?.post(body.as_bytes()).await? == 200);
    let get = ["decisions", "get", &wamid];
    Ok(eventually("the decision is there", WITHIN, async || viewer.json(&get).ok()).await)
}

/// Version 1 is in force; version 2 knows bills, and invoices by another word.
async fn start() -> anyhow::Result<AdminServer> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let bills = "[[rules]]\nid = \"bills\"\nteam = \"billing\"\nwhen = { keyword = [\"bill\"] }\n";
    let second = format!("{}{bills}", RULES.replace("\"invoice\"", "\"receipt\""));
    for (name, text) in [("first.toml", RULES), ("second.toml", &second)] {
        publisher.json(&["rules", "push", &server.file(name, text)?])?;
    }
    publisher.json(&["rules", "activate", "1"])?;
    Ok(server)
}

#[tokio::test]
async fn a_version_in_the_shadow_is_compared_over_what_came_meanwhile() -> anyhow::Result<()> {
    let server = start().await?;
    let (publisher, viewer) = (Terminal::new(&server, "publisher")?, Terminal::new(&server, "viewer")?);
    let nothing = viewer.fails(&["rules", "compare"], 1)?;
    ensure!(nothing.contains("no version is on trial or in the shadow"), "{nothing}");

    decide(&server, &viewer, 1, "an invoice before").await?;
    let shadow = publisher.json(&["rules", "shadow", "2"])?;
    let invoice = decide(&server, &viewer, 2, "my invoice").await?;
    decide(&server, &viewer, 3, "my bill").await?;
    decide(&server, &viewer, 4, "hello").await?;
    let told = viewer.json(&["rules", "compare"])?;
    assert_eq!((&told["base"], &told["name"]), (&json!("ruleSets/1"), &json!("ruleSets/2")));
    assert_eq!((&told["since_time"], &told["complete"]), (&shadow["create_time"], &json!(true)), "{told}");
    let numbers = ["messages", "moved", "decided_by_base", "decided_by_name", "without_input_messages"];
    assert_eq!(numbers.map(|field| told[field].as_str()), ["3", "2", "3", "0", "0"].map(Some), "{told}");
    let counts = |what: &str| -> Vec<Value> {
        let counts = told[what].as_array().into_iter().flatten();
        counts.map(|one| json!([one["name"], one["base_messages"], one["messages"]])).collect()
    };
    assert_eq!(counts("teams"), [json!(["teams/billing", "1", "1"]), json!(["teams/frontdesk", "2", "2"])]);
    let rules = [json!(["bills", "0", "1"]), json!(["default", "2", "2"]), json!(["invoices", "1", "0"])];
    assert_eq!(counts("rules"), rules);
    let away = told["moves"].as_array().into_iter().flatten().find(|one| one["from"] == "teams/billing");
    let (name, why) = (&invoice["name"], &invoice["why"]);
    let none = "no rule matched";
    let case = json!({ "decision": name, "base_rule": "invoices", "base_why": why, "rule": "default", "why": none });
    assert_eq!(away.context("a move")?["cases"], json!([case]), "{told}");

    // Others are compared over all that is stored, as far as is asked.
    assert_eq!(viewer.json(&["rules", "compare", "1", "--base", "2"])?["messages"], "4");
    for (words, code, field) in
        [(&["--messages", "500001"][..], 3, "messages: "), (&["9"], 1, "ruleSets/9"), (&["--base", "x"], 3, "base: ")]
    {
        let said = viewer.fails(&[&["rules", "compare"], words].concat(), code)?;
        ensure!(said.contains(field), "{words:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trial_is_compared_and_what_it_decided_is_counted() -> anyhow::Result<()> {
    let server = start().await?;
    let (publisher, viewer) = (Terminal::new(&server, "publisher")?, Terminal::new(&server, "viewer")?);
    let shadow = publisher.json(&["rules", "shadow", "2"])?;
    decide(&server, &viewer, 1, "my invoice").await?;
    publisher.json(&["rules", "activate", "1", "--trial", "2", "--percent", "100"])?;
    let version = viewer.json(&["rules", "get", "2"])?["version"].clone();
    let mut customer = 1;
    let tried = eventually("the trial decides", WITHIN, async || {
        customer += 1;
        let decided = decide(&server, &viewer, customer, "a bill").await.ok()?;
        (decided["rule_set"] == version).then_some(decided)
    });
    tried.await;
    // Side by side since one looked on.
    let told = viewer.json(&["rules", "compare"])?;
    assert_eq!((&told["since_time"], &told["decided_by_name"]), (&shadow["create_time"], &json!("1")), "{told}");
    let text = viewer.run(&["rules", "compare"])?;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let lines = [
        format!("ruleSets/2 beside ruleSets/1, over {customer} messages since "),
        format!("in fact, ruleSets/1 decided {} and ruleSets/2 1", customer - 1),
        "  billing → frontdesk: 1".to_owned(),
        "      old  invoices: keyword \"invoice\"".to_owned(),
        "      new  default: no rule matched".to_owned(),
        format!("  default → bills: {}", customer - 1),
    ];
    for line in lines {
        ensure!(text.contains(&line), "{line}: {text}");
    }
    Ok(())
}
