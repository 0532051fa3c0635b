//! Explanations: a rules file and a server are asked alike and answer alike, what a rules file decided can be explained
//! like a version's, and agents ask about what is theirs.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::eventually;

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

const RULES: &str = waypost_tests::two_teams!(
    r#"
[[calendars]]
name = "office"
zone = "UTC"
hours = [{ days = "mon-tue", from = "09:00", to = "17:00" }]

[[rules]]
id = "gold"
team = "billing"
priority = 5
tags = ["vip"]
when = [{ tier = "gold", language = "pt" }, { country = "BR", reply = "pay" }]

[[rules]]
id = "loose"
team = "billing"
urgency = "urgent"
when = { keyword = "invoice", binding = "loose" }

[[rules]]
id = "open"
team = "billing"
when = { keyword = "hours", open = "office", number = "support" }
"#
);

#[tokio::test]
async fn a_rules_file_and_a_server_are_asked_alike_and_answer_alike() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let rules = server.file("rules.toml", RULES)?;
    publisher.json(&["rules", "push", &rules])?;
    publisher.json(&["rules", "activate", "1"])?;
    let body = envelope([sample(SampleKind::Text, &SampleParams::default())]).to_string();
    let webhook = server.file("body.json", &body)?;
    let monday = "2026-11-30T10:00:00Z";
    let cases: [(&[&str], &str); 8] = [
        (&["--text", "hi", "--attribute", "tier=gold", "--language", "pt"], "billing (normal), by gold of phase route"),
        (&["--reply", "pay", "--country", "BR"], "billing (normal), by gold of phase route"),
        (&["--text", "an invoice", "--open-team", "frontdesk", "--binding", "loose"], "billing (urgent), by loose"),
        (&["--text", "an invoice", "--open-team", "frontdesk"], "frontdesk (normal), by bind of phase bind"),
        (&["--text", "hours?", "--number", "support", "--at", monday], "billing (normal), by open of phase route"),
        (
            &["--text", "hours?", "--number", "support", "--at", "2026-11-29T10:00:00Z"],
            "frontdesk (normal), by default",
        ),
        (&["--input", r#"{"text":"hours?","number":"support"}"#], "frontdesk (normal), by default of phase default"),
        (&["--webhook", &webhook], "frontdesk (normal), by default of phase default"),
    ];
    for (words, expected) in cases {
        for form in [&["--all"][..], &["--rule", "gold"], &["--all", "--json"]] {
            // What arrives now arrives a little later when the server is asked.
            let has_time = words.iter().any(|word| ["--at", "--input"].contains(word));
            let at: &[&str] = if has_time { &[] } else { &["--at", "2026-01-12T22:00:00Z"] };
            let words = [&["rules", "explain"], words, at, form].concat();
            let told = |more: &[&str]| {
                let output = publisher.run(&[&words[..], more].concat())?;
                ensure!(output.status.success(), "{words:?}: {output:?}");
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            };
            let (by_file, by_server) = (told(&["--rules", &rules])?, told(&[])?);
            assert_eq!(by_file, by_server, "{words:?}");
            ensure!(form.contains(&"--json") || by_server.starts_with(expected), "{words:?}: {by_server}");
        }
    }
    let told = publisher.run(&["rules", "explain", "--input", r#"{"text":"hours?"}"#, "--all"])?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let lines = [
        "of the rules, at a time that is not known",
        "gold (route, priority 5): failed",
        "  ✗ tier is \"gold\" (not known, which does not match)",
        "  ✗ reply \"pay\" (there is none)",
        "  ✗ binding is \"loose\" (there is none)",
        "  ✓ keyword \"hours\" (it says \"hours?\")",
        "  ✗ office is open (the time is not known, which does not match)",
    ];
    for line in lines {
        ensure!(told.contains(line), "{line}: {told}");
    }
    let at = ["rules", "explain", "--text", "hours?", "--tier", "Gold", "--at", "2026-11-29T10:00:00Z", "--all"];
    let told = publisher.run(&at)?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let time = "Sun 2026-11-29 10:00 in UTC";
    for line in [format!("of the rules, at {time}"), format!("office is open (it is {time})")] {
        ensure!(told.contains(&line), "{line}: {told}");
    }
    ensure!(told.contains("  ✗ tier is \"gold\" (it is \"Gold\")"), "what somebody gives is theirs to see: {told}");
    Ok(())
}

/// The decision of this message, once it is there.
async fn decision(terminal: &Terminal<'_>, wamid: &str) -> Value {
    eventually("the decision is there", WITHIN, async || terminal.json(&["decisions", "get", wamid]).ok()).await
}

#[tokio::test]
async fn what_a_rules_file_decided_is_explained_when_the_file_is_another() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    post(&server, "wamid.before", "my invoice").await?;
    let before = decision(&viewer, "wamid.before").await;
    let now = viewer.json(&["rules", "explain", "--text", "my invoice"])?;
    assert_eq!(
        (&now["version"], &now["rule"]),
        (&before["rule_set"], &before["rule"]),
        "what decides is the file: {now}"
    );

    server.file("rules.toml", RULES)?;
    let mut number = 0;
    let after = eventually("the new file decides", WITHIN, async || {
        number += 1;
        let wamid = format!("wamid.after.{number}");
        post(&server, &wamid, "hello").await.ok()?;
        Some(decision(&viewer, &wamid).await).filter(|after| after["rule_set"] != before["rule_set"])
    });
    let after = after.await;
    let uuid = |decision: &Value| decision["name"].as_str().unwrap_or_default().replace("decisions/", "");
    for (id, decided) in [("wamid.before".to_owned(), &before), (uuid(&before), &before), (uuid(&after), &after)] {
        let explained = viewer.json(&["rules", "explain", "--decision", &id, "--all"])?;
        let of = |answer: &Value, version: &str| {
            [version, "team", "rule", "phase", "why"].map(|field| answer[field].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(of(&explained, "version"), of(decided, "rule_set"), "{explained}");
    }
    let explained = viewer.json(&["rules", "explain", "--decision", "wamid.before", "--rule", "invoices"])?;
    assert_eq!(explained["rules"][0]["verdict"], "applied", "{explained}");

    // A version asks how often the same rule was hit, and counts what the files decided.
    let publisher = Terminal::new(&server, "publisher")?;
    let first = waypost_tests::two_teams!("[[rules]]\nid='i'\nteam='billing'\nwhen={ keyword='x' }\n");
    publisher.json(&["rules", "push", &server.file("first.toml", first)?])?;
    let coverage = publisher.json(&["rules", "coverage", "1"])?;
    assert_eq!(coverage["unknown_version_messages"], "0", "{coverage}");
    Ok(())
}

#[tokio::test]
async fn an_agent_asks_about_what_its_teams_got() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    post(&server, "wamid.theirs", "my invoice").await?;
    decision(&viewer, "wamid.theirs").await;
    let agent = |team| Terminal::of_agent(&server, team);
    let explain = ["rules", "explain", "--decision", "wamid.theirs"];
    let explained = agent("billing")?.json(&[&explain[..], &["--all"]].concat())?;
    let seen = (&explained["team"], &explained["rules"][0]["verdict"]);
    assert_eq!(seen, (&json!("teams/billing"), &json!("applied")));

    // What the customer wrote is for those who may read contacts.
    let said = |terminal: &Terminal<'_>| -> anyhow::Result<String> {
        let told = terminal.run(&[&explain[..], &["--all"]].concat())?;
        Ok(String::from_utf8_lossy(&told.stdout).into_owned())
    };
    for role in ["editor", "compliance"] {
        let told = said(&Terminal::new(&server, role)?)?;
        ensure!(told.contains("(it says \"my invoice\")"), "{role}: {told}");
    }
    for terminal in [agent("billing")?, Terminal::new(&server, "publisher")?, Terminal::new(&server, "operator")?] {
        let told = said(&terminal)?;
        ensure!(!told.contains("my invoice") && told.contains("editor and compliance may see"), "{told}");
    }

    let name = decision(&viewer, "wamid.theirs").await["name"].as_str().unwrap_or_default().to_owned();
    let hidden = agent("frontdesk")?.fails(&["rules", "explain", "--decision", &name], 1)?;
    ensure!(hidden.contains("does not exist"), "{hidden}");
    for words in [&["--text", "my invoice"][..], &["--decision", &name, "--rule-set", "1"]] {
        let refused = agent("billing")?.fails(&[&["rules", "explain"], words].concat(), 6)?;
        ensure!(refused.contains("none of the roles"), "{words:?}: {refused}");
    }
    Ok(())
}
