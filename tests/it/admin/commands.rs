//! The commands that call the administration, and what becomes of parked messages.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_proto::admin_v1::ListTeamsRequest;
use waypost_tests::eventually;
use waypost_tests::process::waypost;

use super::server::{AdminServer, teams};
use super::terminal::Terminal;

const ROUTED_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn post(server: &AdminServer, wamid: &str, text: &str) -> anyhow::Result<()> {
    let params = SampleParams { wamid: wamid.to_owned(), text: text.to_owned(), ..SampleParams::default() };
    let body = envelope([sample(SampleKind::Text, &params)]).to_string();
    ensure!(server.webhook()?.post(body.as_bytes()).await? == 200);
    Ok(())
}

#[tokio::test]
async fn every_verb_works_and_tells_its_failures_apart() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let publisher = Terminal::new(&server, "publisher")?;
    let made = publisher.json(&["teams", "create", "vip", "--title", "VIP", "--staffed", "true"])?;
    assert_eq!((&made["name"], &made["state"]), (&"teams/vip".into(), &"TEAM_STATE_ACTIVE".into()));
    let after = publisher.json(&["teams", "update", "vip", "--overflow-team", "billing", "--max-waiting", "5"])?;
    assert_eq!((&after["title"], &after["max_waiting"]), (&"VIP".into(), &5.into()));
    let etag = made["etag"].as_str().context("an etag")?;
    let stale = publisher.fails(&["teams", "update", "vip", "--title", "x", "--etag", etag], 1)?;
    assert!(stale.contains("read it again"), "{stale}");
    assert!(publisher.fails(&["teams", "create", "VIP"], 3)?.contains("team_id"));
    assert!(publisher.fails(&["teams", "update", "vip"], 3)?.contains("--title"));
    publisher.fails(&["audit", "list"], 6)?;
    let listed = publisher.run(&["teams", "list"])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("teams/vip") && listed.contains("teams/billing"), "{listed}");
    assert_eq!(publisher.json(&["teams", "delete", "vip"])?, serde_json::json!({}));
    assert!(publisher.fails(&["teams", "get", "vip"], 1)?.contains("does not exist"));

    let compliance = Terminal::new(&server, "compliance")?;
    let records = compliance.json(&["audit", "list", "--resource", "teams/vip"])?;
    assert_eq!(records.as_array().map(Vec::len), Some(3), "{records}");
    let verdict = compliance.json(&["audit", "verify"])?;
    assert_eq!((&verdict["valid"], &verdict["broken_record"]), (&true.into(), &"".into()), "{verdict}");

    let mut unreachable = waypost()?;
    unreachable.args(["teams", "list", "--server", "https://localhost:1"]);
    assert_eq!(unreachable.output()?.status.code(), Some(5));
    Ok(())
}

#[tokio::test]
async fn tokens_are_made_and_revoked_over_the_server() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let operator = Terminal::new(&server, "operator")?;
    let made = operator.json(&["token", "create", "--role", "viewer", "--title", "wall", "--expires", "90d"])?;
    let name = made["name"].as_str().context("a name")?;
    let caller = server.caller_with(made["secret"].as_str().map(str::to_owned)).await?;
    assert!(teams(&caller).list_teams(ListTeamsRequest::default()).await.is_ok(), "the secret works");
    let token = operator.json(&["token", "get", name])?;
    assert_eq!((&token["roles"], &token["title"]), (&serde_json::json!(["ROLE_VIEWER"]), &"wall".into()));
    assert!(token["expire_time"].is_string() && token["revoke_time"].is_null(), "{token}");
    let listed = operator.json(&["token", "list"])?;
    assert!(listed.as_array().is_some_and(|tokens| tokens.contains(&token)), "{listed}");
    let revoked = operator.run(&["token", "revoke", name])?;
    ensure!(revoked.status.success(), "{revoked:?}");
    assert!(operator.json(&["token", "get", name])?["revoke_time"].is_string());
    assert!(operator.fails(&["token", "create", "--role", "agent"], 3)?.contains("token.teams"));
    Terminal::new(&server, "viewer")?.fails(&["token", "list"], 6)?;

    // At the store itself, whatever server the environment names; and over that one where nothing else is named.
    let elsewhere = |words: &[&str]| -> anyhow::Result<Output> {
        let mut command = waypost()?;
        command.args(words).env("WAYPOST_SERVER", "https://localhost:1");
        Ok(command.output()?)
    };
    let folder = server.data_dir().display().to_string();
    for words in [&["token", "get", name][..], &["token", "list"]] {
        let at_store = elsewhere(&[words, &["--json", "--data-dir", &folder]].concat())?;
        assert_eq!(serde_json::from_slice::<Value>(&at_store.stdout)?, operator.json(words)?, "{words:?}: one form");
    }
    assert_eq!(elsewhere(&["token", "list"])?.status.code(), Some(5));
    Ok(())
}

#[tokio::test]
async fn a_decision_says_why() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    post(&server, "wamid.why", "my invoice").await?;
    let viewer = Terminal::new(&server, "viewer")?;
    let get = ["decisions", "get", "wamid.why"];
    let decision = eventually("the decision is there", ROUTED_WITHIN, async || viewer.json(&get).ok()).await;
    assert_eq!((&decision["team"], &decision["rule"]), (&"teams/billing".into(), &"invoices".into()));
    assert!(decision["why"].as_str().is_some_and(|why| !why.is_empty()), "{decision}");
    assert!(!decision.to_string().contains("my invoice"), "{decision}");
    let extras = ["tags", "skills", "escalation"].map(|field| decision[field].clone());
    let step = serde_json::json!({ "after_minutes": 30, "clock": "", "team": "teams/frontdesk" });
    assert_eq!(extras, [["money"].into(), ["accounting"].into(), vec![step].into()] as [Value; 3], "{decision}");
    let name = decision["name"].as_str().context("a name")?;
    assert_eq!(viewer.json(&["decisions", "get", name])?["message_id"], "wamid.why");
    assert_eq!(viewer.json(&["decisions", "list"])?.as_array().map(Vec::len), Some(1));
    viewer.fails(&["decisions", "get", "wamid.other"], 1)?;
    viewer.fails(&["decisions", "get", "decisions/1"], 3)?;
    Ok(())
}

#[tokio::test]
async fn parked_messages_are_listed_and_discarded() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let client = server.webhook()?;
    for number in 0..3 {
        ensure!(client.post(format!("not json {number}").as_bytes()).await? == 200, "kept as a dead letter");
    }
    let operator = Terminal::new(&server, "operator")?;
    let listed = || operator.json(&["dead-letters", "list"]);
    let all = |letters: &Value| letters.as_array().is_some_and(|letters| letters.len() == 3);
    let letters = eventually("they are in the store", ROUTED_WITHIN, async || listed().ok().filter(all)).await;
    let names: Vec<&str> =
        letters.as_array().into_iter().flatten().filter_map(|letter| letter["name"].as_str()).collect();
    assert_eq!(names.len(), 3, "{letters}");
    assert_eq!(letters[0]["reason"], "unparseable-body");
    let reasons = || operator.json(&["dead-letters", "summary"]).map(|summary| summary["reasons"].clone());
    assert_eq!(reasons()?, serde_json::json!([{ "reason": "unparseable-body", "count": "3" }]));

    // They came from no queue, so they stay.
    let left = operator.fails(&["dead-letters", "replay"], 1)?;
    assert!(left.contains("3 not replayed: 3 no-way-back"), "{left}");
    let jobs = operator.json(&["dead-letters", "replays"])?;
    let job = &jobs[0];
    assert_eq!((&job["total"], &job["replayed"], &job["stopped"]), (&"3".into(), &"0".into(), &false.into()), "{jobs}");
    let name = job["name"].as_str().context("a name")?;
    for name in [name, name.trim_start_matches("replays/")] {
        let stopped = operator.json(&["dead-letters", "stop", name])?;
        assert_eq!(
            (&stopped["stopped"], &stopped["end_time"]),
            (&false.into(), &job["end_time"]),
            "it has ended before"
        );
    }
    assert!(operator.fails(&["dead-letters", "discard", "--justification", " "], 3)?.contains("justification"));
    let id = names[1].rsplit('/').next().context("an id")?;
    let discarded = operator.json(&["dead-letters", "discard", "--id", names[1], "--justification", "a scan"])?;
    assert_eq!((&discarded["discarded"], &discarded["left"]), (&"1".into(), &"0".into()));
    assert!(
        operator.fails(&["dead-letters", "discard", "--id", id, "--justification", "a"], 1)?.contains("1 not-found")
    );
    let rest = operator.json(&["dead-letters", "list"])?;
    assert!(rest.as_array().map(Vec::len) == Some(2) && !rest.to_string().contains(id), "{rest}");

    let records = operator.json(&["audit", "list", "--resource", "deadLetters"])?;
    let after = records[0]["after"].as_str().context("what was done")?;
    assert!(after.contains(id) && after.contains("a scan"), "{after}");
    Ok(())
}

#[tokio::test]
async fn contacts_are_imported_and_rejects_listed() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let editor = Terminal::new(&server, "editor")?;
    let file = |name: &str| server.folder().join(name);
    let csv = "phone,tier,time_zone,country,city\n15550000001,gold,Europe/Madrid,ES,\nnone,gold,,,\n+1 (555) 000-0002,,,,\"A, B\"\n";
    std::fs::write(file("crm.csv"), csv)?;
    let path = file("crm.csv").display().to_string();
    let told = editor.run(&["contacts", "import", &path, "--json"])?;
    ensure!(told.status.code() == Some(3), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout)?;
    assert_eq!((&told["rows"], &told["created"], &told["updated"]), (&3.into(), &2.into(), &0.into()), "{told}");
    assert_eq!((&told["rejects"][0]["line"], &told["rejects"][0]["field"]), (&3.into(), &"phone".into()), "{told}");
    assert_eq!(told["rejected"], 1);

    let get = |phone: &str| editor.json(&["contacts", "get", "--phone", phone]);
    let first = get("15550000001")?;
    assert_eq!((&first["tier"], &first["time_zone"]), (&"gold".into(), &"Europe/Madrid".into()));
    assert_eq!(first["attributes"], serde_json::json!({ "country": "ES" }));
    assert_eq!(get("15550000002")?["attributes"]["city"], "A, B");
    assert_eq!(get("001 555-000-0002")?["phone"], "15550000002");
    let name = first["name"].as_str().context("a name")?.to_owned();

    // What is empty changes nothing, an attribute that is given as empty goes, and the first line is passed over.
    let lines =
        "not looked at\n{\"phone\":\"+15550000001\",\"language\":\"es\",\"attributes\":{\"country\":\"\",\"crm\":7}}\n";
    std::fs::write(file("crm.jsonl"), lines)?;
    let path = file("crm.jsonl").display().to_string();
    let told = editor.json(&["contacts", "import", &path, "--from-line", "2"])?;
    assert_eq!((&told["created"], &told["updated"]), (&0.into(), &1.into()), "{told}");
    let after = editor.json(&["contacts", "get", &name])?;
    assert_eq!((&after["tier"], &after["language"]), (&"gold".into(), &"es".into()));
    assert_eq!(after["attributes"], serde_json::json!({ "crm": "7" }));

    // The audit log names nobody.
    let records = Terminal::new(&server, "compliance")?.json(&["audit", "list", "--resource", &name])?;
    assert_eq!(records.as_array().map(Vec::len), Some(2), "{records}");
    let records = records.to_string();
    assert!(records.contains("pseudonym:") && !records.contains("15550000001"), "{records}");
    assert!(editor.fails(&["contacts", "get", "--phone", "15550000009"], 1)?.contains("does not exist"));
    Ok(())
}

#[tokio::test]
async fn contacts_are_taken_apart_and_vouched_for() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let editor = Terminal::new(&server, "editor")?;
    let path = server.folder().join("crm.csv").display().to_string();
    let import = |text: &str| -> anyhow::Result<Value> {
        std::fs::write(&path, text)?;
        editor.json(&["contacts", "import", &path])
    };
    import("phone,bsuid,tier\n15550000011,,gold\n,US.11,\n")?;
    import("phone,bsuid\n15550000011,US.11\n")?;
    let one = editor.json(&["contacts", "get", "--phone", "15550000011"])?;
    let (name, merged) = (one["name"].as_str().context("a name")?, &one["merged_contacts"][0]);
    let aliases = one["aliases"].as_array().map(|all| all.iter().map(|one| one["kind"].clone()).collect::<Vec<_>>());
    assert_eq!(aliases, Some(vec!["phone".into(), "bsuid".into()]), "{one}");

    let checked = editor.json(&["contacts", "split", name, "--validate-only"])?;
    assert_eq!(&checked["split_contact"], merged);
    let split = editor.json(&["contacts", "split", name])?;
    assert_eq!(&split["split_contact"], merged);
    let [phone, bsuid] = [["--phone", "15550000011"], ["--bsuid", "US.11"]]
        .map(|by| editor.json(&[&["contacts", "get"], &by[..]].concat()).map(|one| one["name"].clone()));
    ensure!(phone? != bsuid?, "they are two again");
    assert!(editor.fails(&["contacts", "split", name], 1)?.contains("does not exist"));
    // Who claims nobody is only not doubted.
    let told = editor.json(&["contacts", "confirm", name])?;
    assert_eq!((&told["name"], &told["merged_contact"]), (&name.into(), &"".into()));
    assert!(editor.fails(&["contacts", "confirm", name, "--claimed", name], 3)?.contains("does not claim"));
    assert!(editor.fails(&["contacts", "refuse", name], 3)?.contains("no such claim"));

    let records = Terminal::new(&server, "compliance")?.json(&["audit", "list", "--resource", name])?;
    let methods: Vec<_> = records.as_array().into_iter().flatten().map(|record| record["method"].to_string()).collect();
    assert!(methods.iter().any(|method| method.contains("SplitContact")), "{methods:?}");
    assert!(methods.iter().any(|method| method.contains("ConfirmContact")), "{methods:?}");
    Ok(())
}

/// Neither what is imported nor what is asked about, not even where it is refused.
#[tokio::test]
async fn nothing_of_a_customer_is_logged_by_the_administration() -> anyhow::Result<()> {
    const MARKERS: [&str; 4] = ["15559876543", "Zebulonmarker", "quetzalmarker", "US.98877665544332211009"];
    let [phone, name, note, bsuid] = MARKERS;
    let mut server = AdminServer::start_with("[log]\nlevel = \"debug\"").await?;
    let operator = Terminal::new(&server, "operator")?;
    let editor = Terminal::new(&server, "editor")?;
    let csv = format!("phone,bsuid,note\n{phone},{bsuid},{name}\n{note},,{name}\n{phone}{phone}{phone},,{note}\n");
    let path = server.folder().join("crm.csv").display().to_string();
    std::fs::write(&path, csv)?;
    ensure!(editor.run(&["contacts", "import", &path])?.status.code() == Some(3));
    assert_eq!(editor.json(&["contacts", "get", "--phone", phone])?["attributes"]["note"], name);
    editor.fails(&["contacts", "get", "--phone", &format!("{phone}1")], 1)?;
    post(&server, "wamid.MARKED", note).await?;
    let listed =
        async || operator.json(&["decisions", "list"]).is_ok_and(|all| all != Value::Array(vec![])).then_some(());
    eventually("it is decided", ROUTED_WITHIN, listed).await;
    operator.run(&["decisions", "list"])?;
    let said = server.end().await?;
    ensure!(said.contains("DEBUG"), "it logs at debug level: {said}");
    for line in said.lines() {
        ensure!(MARKERS.iter().all(|marker| !line.contains(marker)), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn an_import_that_broke_off_goes_on() -> anyhow::Result<()> {
    // A batch has 200 rows; the second one is too large for this server.
    let limit = "request_bytes_max = 20000";
    let mut server = AdminServer::start_with(limit).await?;
    let file = |server: &AdminServer, name: &str| server.folder().join(name).display().to_string();
    let (csv, rejects) = (file(&server, "crm.csv"), file(&server, "rejects.csv"));
    let mut text = "phone,note\n".to_owned();
    for number in 0..450 {
        let note = if number == 300 { "x".repeat(250).repeat(100) } else { String::new() };
        let phone = if [7, 407].contains(&number) { "none".to_owned() } else { format!("1555{number:07}") };
        text.push_str(&format!("{phone},{note}\n"));
    }
    // A row that is no text at all, and one that is too short.
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xff\xff,\nshort\n");
    std::fs::write(&csv, bytes)?;
    let import = ["contacts", "import", &csv, "--rejects", &rejects];
    let told = Terminal::new(&server, "editor")?.fails(&import, 3)?;
    assert!(told.contains("lines before 202 are done; the same command goes on there"), "{told}");

    server.restart_without(limit).await?;
    let editor = Terminal::new(&server, "editor")?;
    let output = editor.run(&[&import[..], &["--json"]].concat())?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("going on at line 202"), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout)?;
    // The row with the note is refused as well, but alone.
    let tally = ["rows", "created", "updated", "rejected"].map(|field| told[field].clone());
    assert_eq!(tally, [452, 447, 0, 5].map(Value::from), "{told}");
    let lines: Vec<String> = std::fs::read_to_string(&rejects)?.lines().map(str::to_owned).collect();
    let place = |line: &String| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",");
    assert_eq!(
        lines[..4].iter().map(place).collect::<Vec<_>>(),
        ["line,field", "9,phone", "302,attributes", "409,phone"],
        "{lines:?}"
    );
    assert_eq!(lines[4..], ["452,,is not UTF-8", "453,,\"1 columns, not 2\""], "{lines:?}");
    assert!(!std::path::Path::new(&format!("{csv}.progress")).exists(), "it is done");
    let again = editor.run(&[&import[..], &["--json"]].concat())?;
    let again: Value = serde_json::from_slice(&again.stdout)?;
    assert_eq!((&again["rows"], &again["created"], &again["updated"]), (&452.into(), &0.into(), &447.into()));
    Ok(())
}
