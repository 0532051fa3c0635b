//! Versions whose teams have no queues, where a person and not Waypost creates them.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_tests::eventually;

use super::commands::post;
use super::rule_sets::RULES;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

/// Exit code, what a program reads, and what a person does.
fn outcome(terminal: &Terminal<'_>, words: &[&str]) -> anyhow::Result<(Option<i32>, Value, String)> {
    let output = terminal.run(&[words, &["--json"]].concat())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), told))
}

/// With version 1 in force, and one message waiting for billing. From now on the process may create no queues.
async fn start() -> anyhow::Result<AdminServer> {
    let mut server = AdminServer::start_without_rules_with("[bus]\ndeclare = true").await?;
    let publisher = Terminal::new(&server, "publisher")?;
    publisher.json(&["rules", "push", &server.file("first.toml", RULES)?])?;
    publisher.json(&["rules", "activate", "1"])?;
    post(&server, "wamid.waits", "my invoice").await?;
    let billing = || publisher.json(&["teams", "get", "billing"]);
    let waits = async || billing().ok().filter(|team| team["waiting"] == "1");
    let billing = eventually("a message waits", WITHIN, waits).await;
    assert_eq!((&billing["state"], &billing["missing_queues"]), (&json!("TEAM_STATE_ACTIVE"), &json!([])));
    server.restart_with("declare = true", "declare = false").await?;
    Ok(server)
}

#[tokio::test]
async fn teams_without_queues_refuse_their_version_unless_it_is_forced() -> anyhow::Result<()> {
    const COMMAND: &str = "waypost topology declare --team invoices --config ";
    let mut server = start().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let second = server.file("second.toml", &RULES.replace("billing", "invoices"))?;
    for words in [&["rules", "push", &second][..], &["rules", "check", "2"]] {
        let (code, checked, _) = outcome(&publisher, words)?;
        let finding = &checked["findings"][0];
        assert_eq!((code, &finding["severity"]), (Some(1), &json!("SEVERITY_ERROR")), "{words:?}: {checked}");
        let problem = finding["problem"].to_string();
        ensure!(problem.contains("teams/invoices") && problem.contains(COMMAND), "{words:?}: {problem}");
        assert_eq!(checked["rule_set"]["state"], "RULE_SET_STATE_DRAFT");
    }
    let draft = publisher.fails(&["rules", "activate", "2", "--force"], 1)?;
    ensure!(draft.contains("ruleSets/2 is a draft: its check fails: no queues for teams/invoices"), "{draft}");
    ensure!(draft.trim().ends_with("to take it nevertheless, waypost rules check 2 --force first"), "{draft}");
    let (code, checked, _) = outcome(&publisher, &["rules", "check", "2", "--force"])?;
    let (state, severity) = (&checked["rule_set"]["state"], &checked["findings"][0]["severity"]);
    assert_eq!((code, state, severity), (Some(0), &json!("RULE_SET_STATE_CHECKED"), &json!("SEVERITY_WARNING")));

    for words in [&["rules", "activate", "2"][..], &["rules", "activate", "1", "--trial", "2", "--percent", "1"]] {
        let refused = publisher.fails(words, 1)?;
        ensure!(refused.contains("teams/invoices") && refused.contains(COMMAND), "{words:?}: {refused}");
    }
    assert_eq!(publisher.json(&["rules", "active"])?["revision"], "1", "nothing was put in force");
    let (code, active, told) = outcome(&publisher, &["rules", "activate", "2", "--force"])?;
    assert_eq!((code, &active["active"]), (Some(0), &json!("ruleSets/2")), "{told}");
    ensure!(told.contains(&format!("warning: no queues for teams/invoices; whoever may create them runs: {COMMAND}")));
    let left = "warning: teams/billing is not in the rules any more; messages waiting: 1, open conversations: 1";
    ensure!(told.contains(left), "{told}");
    // A version in the shadow routes nothing, so nobody looks whether a team of the others has queues.
    for words in [&["rules", "shadow", "1"][..], &["rules", "shadow", "end"]] {
        let (code, active, told) = outcome(&publisher, words)?;
        assert_eq!((code, &active["active"], &*told), (Some(0), &json!("ruleSets/2"), ""), "{words:?}");
    }

    let invoices = async || publisher.json(&["teams", "get", "invoices"]).ok();
    let team = eventually("the team is there", WITHIN, invoices).await;
    assert_eq!(team["missing_queues"], json!(["team.invoices.urgent", "team.invoices.normal"]), "{team}");
    assert_eq!(team["state"], "TEAM_STATE_PENDING_TOPOLOGY", "it came from the rules, and has no queues");
    server.restart_with("declare = false", "declare = true").await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let listed = publisher.json(&["teams", "list"])?;
    let states: Vec<_> = listed.as_array().into_iter().flatten().map(|team| &team["state"]).collect();
    assert_eq!(states, [&json!("TEAM_STATE_ACTIVE"); 3], "{listed}");
    Ok(())
}
