//! Versions of the rules: pushed, checked, compared, put in force, taken back; and what the router makes of them.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_tests::eventually;

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);

pub(super) const RULES: &str = waypost_tests::two_teams!(
    r#"
[[rules]]
id = "invoices"
team = "billing"
when = { keyword = ["invoice"] }
"#
);

struct Scene<'a> {
    server: &'a AdminServer,
    editor: Terminal<'a>,
    publisher: Terminal<'a>,
    viewer: Terminal<'a>,
}

impl<'a> Scene<'a> {
    fn new(server: &'a AdminServer) -> anyhow::Result<Self> {
        let terminal = |role| Terminal::new(server, role);
        Ok(Self { server, editor: terminal("editor")?, publisher: terminal("publisher")?, viewer: terminal("viewer")? })
    }

    fn push(&self, name: &str, text: &str) -> anyhow::Result<Value> {
        let file = self.server.file(name, text)?;
        let pushed = self.editor.json(&["rules", "push", &file, "--reason", name])?;
        Ok(pushed["rule_set"].clone())
    }

    async fn decision(&self, wamid: &str) -> Value {
        let get = ["decisions", "get", wamid];
        eventually("the decision is there", WITHIN, async || self.viewer.json(&get).ok()).await
    }

    /// Posts messages until one is decided by this version; gives its decision.
    async fn decided_by(&self, version: &Value, prefix: &str) -> anyhow::Result<Value> {
        let mut number = 0;
        let decided = eventually("the version decides", WITHIN, async || {
            number += 1;
            let wamid = format!("wamid.{prefix}.{number}");
            post(self.server, &wamid, "my invoice").await.ok()?;
            Some(self.decision(&wamid).await).filter(|decision| decision["rule_set"] == *version)
        });
        Ok(decided.await)
    }
}

/// Version 1 has [`RULES`], and version 2 those in `changed`: a version against a file, in either order, prints the same lines.
fn files_differ_as_versions_do(server: &AdminServer, viewer: &Terminal<'_>, changed: &str) -> anyhow::Result<()> {
    let (first_file, second_file) = (server.file("one.toml", RULES)?, server.file("two.toml", changed)?);
    viewer.json(&["rules", "diff", "1", &first_file])?;
    viewer.json(&["rules", "diff", &first_file, "1"])?;
    for json in [&["--json"][..], &[]] {
        let told = |old: &str, new: &str| -> anyhow::Result<String> {
            let output = viewer.run(&[&["rules", "diff", old, new][..], json].concat())?;
            ensure!(output.status.code() == Some(1), "{output:?}");
            Ok(String::from_utf8(output.stdout)?)
        };
        assert_eq!(told("1", &second_file)?, told("1", "2")?);
        assert_eq!(told(&second_file, "ruleSets/1")?, told("2", "1")?);
    }
    ensure!(viewer.fails(&["rules", "diff", "9", &first_file], 1)?.contains("ruleSets/9"));
    Ok(())
}

#[tokio::test]
async fn a_version_is_pushed_checked_activated_compared_and_taken_back() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let scene = Scene::new(&server)?;
    let (editor, publisher, viewer) = (&scene.editor, &scene.publisher, &scene.viewer);
    post(&server, "wamid.early", "my invoice").await?;
    let told = viewer.fails(&["rules", "active"], 1)?;
    assert!(told.contains("does not exist: no version is in force"), "nothing is active: {told}");

    let first = scene.push("first.toml", RULES)?;
    assert_eq!((&first["name"], &first["state"]), (&json!("ruleSets/1"), &json!("RULE_SET_STATE_CHECKED")));
    assert_eq!(scene.push("again.toml", &format!("# a comment\n{RULES}"))?["name"], first["name"], "the same rules");
    editor.fails(&["rules", "activate", "1"], 6)?;
    let active = publisher.json(&["rules", "activate", "1", "--reason", "go"])?;
    assert_eq!((&active["active"], &active["revision"]), (&json!("ruleSets/1"), &json!("1")));
    let early = scene.decision("wamid.early").await;
    assert_eq!((&early["team"], &early["rule_set"]), (&json!("teams/billing"), &first["version"]));

    let changed = RULES.replace("team = \"billing\"\nwhen", "team = \"frontdesk\"\nwhen");
    let second = scene.push("second.toml", &changed)?;
    let differ = viewer.run(&["rules", "diff", "1", "ruleSets/2", "--json"])?;
    ensure!(differ.status.code() == Some(1), "{differ:?}");
    let differ: Value = serde_json::from_slice(&differ.stdout)?;
    assert_eq!(differ["changed"], json!([{ "rule": "invoices", "parts": ["team"] }]));
    let change = json!({ "part": "rules.invoices", "before": "team = \"billing\"", "after": "team = \"frontdesk\"" });
    assert_eq!(differ["changes"], json!([change]));
    viewer.json(&["rules", "diff", "1", "1"])?;
    files_differ_as_versions_do(&server, viewer, &changed)?;
    let run = editor.json(&["rules", "dry-run", "2"])?;
    assert_eq!((&run["messages"], &run["moved"]), (&json!("1"), &json!("1")), "{run}");
    let (name, why) = (&early["name"], &early["why"]);
    let case = json!({ "decision": name, "base_rule": "invoices", "base_why": why, "rule": "invoices", "why": why });
    let (from, to) = ("teams/billing", "teams/frontdesk");
    let moved = json!([{ "from": from, "to": to, "messages": "1", "examples": [name], "cases": [case] }]);
    assert_eq!(run["moves"], moved);

    let stale = publisher.fails(&["rules", "activate", "2", "--etag", "0"], 1)?;
    assert!(stale.contains("read it again") && stale.contains("etag"), "{stale}");
    publisher.json(&["rules", "activate", "2", "--etag", "1"])?;
    let moved = scene.decided_by(&second["version"], "second").await?;
    // The conversation stays with its team, whatever the new rules say.
    assert_eq!((&moved["team"], &moved["phase"]), (&json!("teams/billing"), &json!("bind")));

    let id = early["name"].as_str().context("a name")?;
    let explained = viewer.json(&["rules", "explain", "--decision", id, "--all"])?;
    assert_eq!((&explained["version"], &explained["team"]), (&first["version"], &json!("teams/billing")));
    assert_eq!(explained["rules"][0]["verdict"], "applied", "{explained}");
    let by_wamid = viewer.json(&["rules", "explain", "--decision", "wamid.early", "--rule-set", "2"])?;
    assert_eq!((&by_wamid["team"], &by_wamid["rules"]), (&json!("teams/frontdesk"), &json!([])), "{by_wamid}");
    let text = viewer.json(&["rules", "explain", "--text", "hello", "--rule", "invoices"])?;
    assert_eq!((&text["version"], &text["rules"][0]["verdict"]), (&second["version"], &json!("failed")));

    let back = publisher.json(&["rules", "rollback"])?;
    assert_eq!((&back["active"], &back["revision"]), (&json!("ruleSets/1"), &json!("3")));
    scene.decided_by(&first["version"], "back").await?;
    let history = viewer.json(&["rules", "history"])?;
    let reasons: Vec<_> = history.as_array().into_iter().flatten().map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, [Some("back to revision 1"), Some(""), Some("go")]);
    let text = viewer.run(&["rules", "get", "1", "--text"])?;
    assert_eq!(String::from_utf8_lossy(&text.stdout).trim(), RULES.trim());

    let compliance = Terminal::new(&server, "compliance")?;
    let records = compliance.json(&["audit", "list", "--resource", "activation"])?;
    assert_eq!(records.as_array().map(Vec::len), Some(3), "{records}");
    assert_eq!(compliance.json(&["audit", "verify"])?["valid"], true);
    Ok(())
}

#[tokio::test]
async fn a_version_is_tried_on_some_and_looks_on_for_all() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let scene = Scene::new(&server)?;
    let publisher = &scene.publisher;
    let first = scene.push("first.toml", RULES)?;
    let second = scene.push("second.toml", &RULES.replace("\"invoice\"", "\"invoice\", \"bill\""))?;
    let active = publisher.json(&["rules", "activate", "1", "--trial", "2", "--percent", "100"])?;
    assert_eq!(active["trial"]["percent"], 100);
    scene.decided_by(&second["version"], "all").await?;
    publisher.json(&["rules", "activate", "1"])?;
    scene.decided_by(&first["version"], "none").await?;
    let number = scene.decision("wamid.none.1").await["phone_number_id"].clone();
    let name = format!("number-{}", number.as_str().context("an id")?);
    publisher.json(&["rules", "activate", "1", "--trial", "2", "--number", &name])?;
    scene.decided_by(&second["version"], "number").await?;

    let shadowed = publisher.json(&["rules", "shadow", "2"])?;
    assert_eq!((&shadowed["shadow"], &shadowed["trial"]["rule_set"]), (&json!("ruleSets/2"), &json!("ruleSets/2")));
    let ended = publisher.json(&["rules", "shadow", "end"])?;
    assert_eq!((&ended["shadow"], &ended["trial"]["rule_set"]), (&json!(""), &json!("ruleSets/2")), "{ended}");
    let told = publisher.run(&["rules", "trial", "end", "--reason", "good enough"])?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let lines = ["active    ruleSets/1", &format!("trial     ruleSets/2 for 0 %, numbers/{name} → none")];
    ensure!(lines.iter().all(|line| told.lines().any(|found| found == *line)), "{told}");
    let active = publisher.json(&["rules", "active"])?;
    assert_eq!((&active["trial"], &active["reason"]), (&Value::Null, &json!("good enough")), "{active}");
    for (words, refusal) in [(["trial", "end"], "no trial"), (["shadow", "end"], "no version decides")] {
        let refused = publisher.fails(&[&["rules"], &words[..]].concat(), 1)?;
        ensure!(refused.contains(refusal), "{words:?}: {refused}");
    }
    Ok(())
}

/// A trial routes as the active version does, so nobody may delete the teams of either.
#[tokio::test]
async fn the_teams_of_both_versions_are_in_the_rules_while_one_is_tried() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let scene = Scene::new(&server)?;
    let publisher = &scene.publisher;
    scene.push("first.toml", RULES)?;
    scene.push("second.toml", &RULES.replace("billing", "invoices"))?;
    publisher.json(&["rules", "activate", "1", "--trial", "2", "--percent", "1"])?;
    let in_rules = |team: &str| publisher.json(&["teams", "get", team]).map(|team| team["in_rules"].clone());
    eventually("the trial's team is there", WITHIN, async || in_rules("invoices").ok()).await;
    for team in ["billing", "frontdesk", "invoices"] {
        assert_eq!(in_rules(team)?, true, "{team}");
        assert!(publisher.fails(&["teams", "delete", team], 1)?.contains("the rules in force name"), "{team}");
    }
    publisher.json(&["rules", "activate", "1"])?;
    eventually("the trial is over", WITHIN, async || (in_rules("invoices").ok()? == false).then_some(())).await;
    publisher.json(&["teams", "delete", "invoices"])?;
    Ok(())
}

#[tokio::test]
async fn what_is_pushed_again_keeps_its_reason_and_the_audit_log_has_the_other() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let scene = Scene::new(&server)?;
    let first = scene.push("first", RULES)?;
    let again = scene.push("again", &format!("# a comment\n{RULES}"))?;
    assert_eq!((&again, &again["reason"]), (&first, &json!("first")));
    let file = server.file("again", &format!("# a comment\n{RULES}"))?;
    let told = scene.editor.run(&["rules", "push", &file])?;
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.contains("ruleSets/1 says the same"), "{told}");

    let compliance = Terminal::new(&server, "compliance")?;
    let records = compliance.json(&["audit", "list", "--resource", "ruleSets/1"])?;
    let pushes = records.as_array().into_iter().flatten();
    let pushes =
        pushes.filter(|record| record["method"].as_str().is_some_and(|method| method.ends_with("CreateRuleSet")));
    let mut reasons: Vec<[Option<String>; 2]> = pushes
        .map(|record| {
            ["before", "after"].map(|side| {
                let version: Value = serde_json::from_str(record[side].as_str()?).ok()?;
                Some(version["reason"].as_str().unwrap_or_default().to_owned())
            })
        })
        .collect();
    reasons.sort();
    let reason = |reason: &str| Some(reason.to_owned());
    let expected = [[None, reason("first")], [reason("first"), reason("")], [reason("first"), reason("again")]];
    assert_eq!(reasons, expected, "{records}");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_kept() -> anyhow::Result<()> {
    let server = AdminServer::start_without_rules().await?;
    let scene = Scene::new(&server)?;
    let (editor, publisher) = (&scene.editor, &scene.publisher);
    let push = |name: &str, text: &str, code| -> anyhow::Result<String> {
        let file = server.file(name, text)?;
        editor.fails(&["rules", "push", &file], code)
    };
    assert!(push("syntax.toml", "[default", 3)?.contains("text: line 1"));
    let wrong = push("type.toml", &RULES.replace("[\"invoice\"]", "7"), 3)?;
    assert!(wrong.contains("text: ") && wrong.contains("keyword"), "{wrong}");
    let twice = push("twice.toml", &format!("colour = 'red'\nshape = 'round'\n{RULES}"), 3)?;
    let lines: Vec<_> = twice.lines().map(|line| line.split(": unknown key").next().unwrap_or(line)).collect();
    assert_eq!(lines, ["error: text: line 1: colour", "error: text: line 2: shape"], "{twice}");
    let nobody = RULES.replace("team = \"billing\"\nwhen", "team = \"nobody\"\nwhen");
    let broken = push("draft.toml", &nobody, 3)?;
    assert!(broken.contains("text: ") && broken.contains("nobody"), "{broken}");
    assert_eq!(editor.json(&["rules", "list"])?, json!([]), "nothing was kept");

    // Who wants to keep a draft with errors may; it cannot be activated.
    let draft = server.file("draft.toml", &nobody)?;
    editor.fails(&["rules", "push", &draft, "--allow-errors"], 1)?;
    assert_eq!(editor.json(&["rules", "list"])?[0]["state"], "RULE_SET_STATE_DRAFT");
    for words in [&["rules", "activate", "1"][..], &["rules", "activate", "1", "--force"]] {
        let draft = publisher.fails(words, 1)?;
        let why = "ruleSets/1 is a draft: its check fails, and nothing forces that: line ";
        ensure!(draft.contains(why) && draft.contains("team nobody is not declared"), "{draft}");
        ensure!(draft.trim().ends_with("mend it, and push it again"), "{draft}");
    }
    scene.push("good.toml", RULES)?;
    scene.push("other.toml", &RULES.replace("[\"invoice\"]", "[\"invoice\", \"bill\"]"))?;
    let cases: [(&[&str], i32, &str); 11] = [
        (&["rules", "activate", "x"], 3, "activation.active"),
        (&["rules", "activate", "9"], 1, "ruleSets/9"),
        (&["rules", "activate", "2", "--trial", "2"], 3, "--trial"),
        (&["rules", "activate", "2", "--trial", "3", "--percent", "101"], 3, "activation.trial.percent"),
        (&["rules", "activate", "2", "--trial", "3", "--number", "nowhere"], 3, "activation.trial.numbers"),
        (&["rules", "explain", "--text", "x", "--rule-set", "2", "--rule", "none"], 3, "rules"),
        (&["rules", "rollback"], 1, "nothing to go back to"),
        (&["rules", "dry-run", "9"], 1, "ruleSets/9"),
        (&["rules", "dry-run", "good.toml"], 3, "--rules good.toml"),
        (&["rules", "diff", "1", "9"], 1, "ruleSets/9"),
        (&["rules", "get", "rules.toml"], 3, "must be ruleSets/{number}: give a version's number"),
    ];
    for (words, code, told) in cases {
        let said = publisher.fails(words, code)?;
        assert!(said.contains(told), "{words:?}: {said}");
    }
    assert!(publisher.fails(&["rules", "active"], 1)?.contains("does not exist"), "nothing was activated");
    Ok(())
}
