//! What happened to a message, found by whatever people know of it.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_tests::eventually;

use super::server::AdminServer;
use super::terminal::Terminal;

const WITHIN: Duration = Duration::from_secs(20);
const PHONE: &str = "15550001111";
const USER_ID: &str = "US.13491208655302741918";
const NUMBER_ID: &str = "106540352242922";

async fn post_from(server: &AdminServer, kind: SampleKind, wamid: &str, phone: &str, text: &str) -> anyhow::Result<()> {
    let params = SampleParams {
        wamid: wamid.to_owned(),
        text: text.to_owned(),
        from: phone.to_owned(),
        user_id: (phone == PHONE).then(|| USER_ID.to_owned()),
        phone_number_id: NUMBER_ID.to_owned(),
        ..SampleParams::default()
    };
    let body = envelope([sample(kind, &params)]).to_string();
    ensure!(server.webhook()?.post(body.as_bytes()).await? == 200);
    Ok(())
}

/// The trace of a message, once `holds` is true of it.
async fn traced(terminal: &Terminal<'_>, wamid: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let found = async || {
        let traces = terminal.json(&["trace", wamid]).ok()?;
        Some(traces[0].clone()).filter(&holds)
    };
    eventually("the trace shows it", WITHIN, found).await
}

fn step<'a>(trace: &'a Value, kind: &str) -> Option<&'a Value> {
    trace["steps"].as_array()?.iter().find(|step| step["kind"] == kind)
}

fn kinds(trace: &Value) -> Vec<&str> {
    trace["steps"].as_array().into_iter().flatten().filter_map(|step| step["kind"].as_str()).collect()
}

#[tokio::test]
async fn a_message_is_found_by_whatever_is_known_of_it() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    post_from(&server, SampleKind::Text, "wamid.first", PHONE, "my invoice").await?;
    // The mark of what was published is written when nothing follows for a while.
    let first = traced(&viewer, "wamid.first", |trace| step(trace, "published").is_some()).await;
    assert_eq!(kinds(&first), ["received", "decided", "published"], "{first}");
    let [received, decided, published] = ["received", "decided", "published"].map(|kind| step(&first, kind));
    let text = decided.context("decided")?["text"].as_str().context("a text")?;
    ensure!(text.starts_with("team billing (normal), by invoices of phase route, version "), "{text}");
    ensure!(text.contains("invoice"), "it says why: {text}");
    assert_eq!(published.context("published")?["text"], "on team.billing.normal");
    let times = [received, decided, published].map(|step| step.map(|step| step["time"].clone()));
    let times: Vec<String> = times.into_iter().flatten().map(|time| time.to_string()).collect();
    ensure!(times.len() == 3 && times.is_sorted() && !times.contains(&"null".to_owned()), "{times:?}");

    post_from(&server, SampleKind::Text, "wamid.second", PHONE, "and again").await?;
    post_from(&server, SampleKind::Text, "wamid.other", "15550002222", "hello").await?;
    let second = traced(&viewer, "wamid.second", |trace| step(trace, "published").is_some()).await;
    traced(&viewer, "wamid.other", |trace| step(trace, "published").is_some()).await;
    let (name, contact) = (&second["decision"]["name"], &second["decision"]["contact"]);
    let (name, contact) = (name.as_str().context("a name")?, contact.as_str().context("a contact")?);
    let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let of_message = ["wamid.second".to_owned(), name.to_owned(), bare(name)];
    let of_contact = ["+1 (555) 000-1111", "15550001111", USER_ID, contact, &bare(contact)].map(str::to_owned);
    for reference in of_message.iter().chain(&of_contact) {
        let got = viewer.json(&["decisions", "get", reference])?;
        assert_eq!(got["message_id"], "wamid.second", "{reference}");
        let explained = viewer.json(&["rules", "explain", "--decision", reference])?;
        assert_eq!(explained["rule"], second["decision"]["rule"], "{reference}");
        let ids: Vec<Value> = viewer
            .json(&["trace", reference])?
            .as_array()
            .into_iter()
            .flatten()
            .map(|trace| trace["decision"]["message_id"].clone())
            .collect();
        let want = if of_message.contains(reference) {
            json!(["wamid.second"])
        } else {
            json!(["wamid.second", "wamid.first"])
        };
        assert_eq!(Value::from(ids), want, "{reference}");
    }
    assert_eq!(viewer.json(&["trace", contact, "--limit", "1"])?.as_array().map(Vec::len), Some(1));
    let editor = Terminal::new(&server, "editor")?;
    for reference in of_message.iter().chain(&of_contact) {
        assert_eq!(editor.json(&["contacts", "get", reference])?["name"], contact, "{reference}");
    }
    for unknown in ["wamid.never", "+34 600 000 000", "US.0", "decisions/00000000-0000-7000-8000-000000000000"] {
        for verb in [&["trace"][..], &["decisions", "get"], &["rules", "explain", "--decision"]] {
            let told = viewer.fails(&[verb, &[unknown]].concat(), 1)?;
            ensure!(
                told.contains("does not exist: messages are known for 9 days") && !told.contains(unknown),
                "{told}"
            );
        }
        let told = editor.fails(&["contacts", "get", unknown], 1)?;
        ensure!(told.contains("does not exist: a phone number needs its country code"), "{told}");
    }
    ensure!(viewer.fails(&["trace", "decisions/1"], 3)?.contains("reference"));

    // The lines for a person.
    let told = String::from_utf8(viewer.run(&["trace", "wamid.second"])?.stdout)?;
    ensure!(told.contains("wamid.second") && told.contains("  published  on team."), "{told}");
    Ok(())
}

#[tokio::test]
async fn decisions_are_listed_by_what_is_asked() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    let said = [("a", PHONE, "hello"), ("b", "15550002222", "my invoice"), ("c", PHONE, "hello again")];
    for (wamid, phone, text) in said {
        post_from(&server, SampleKind::Text, wamid, phone, text).await?;
        traced(&viewer, wamid, |trace| !trace["decision"]["record_time"].is_null()).await;
    }
    let list = |words: &[&str]| -> anyhow::Result<Vec<String>> {
        let listed = viewer.json(&[&["decisions", "list"], words].concat())?;
        let ids = listed.as_array().into_iter().flatten().filter_map(|one| one["message_id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    };
    let first = viewer.json(&["decisions", "get", "b"])?["record_time"].as_str().context("a time")?.to_owned();
    for (words, want) in [
        (&[][..], &["c", "b", "a"][..]),
        (&["--limit", "2"], &["c", "b"]),
        (&["--team", "billing"], &["b"]),
        (&["--team", "nobody"], &[]),
        (&["--rule", "invoices"], &["b"]),
        (&["--contact", PHONE], &["c", "a"]),
        (&["--contact", "wamid.never"], &[]),
        (&["--since", "1h"], &["c", "b", "a"]),
        (&["--since", &first], &["c", "b"]),
        (&["--since", &first, "--contact", USER_ID], &["c"]),
    ] {
        match list(words) {
            Ok(found) => assert_eq!(found, want, "{words:?}"),
            Err(refused) => {
                ensure!(words.contains(&"wamid.never") || words.contains(&"nobody"), "{words:?}: {refused}")
            }
        }
    }
    // An agent sees its own team's part, as whole pages.
    let (_, secret) = server.token(&["--role", "agent", "--team", "billing"])?;
    let agent = Terminal::with_secret(&server, "billing", &secret)?;
    let listed = agent.json(&["decisions", "list", "--limit", "1"])?;
    assert_eq!((listed[0]["message_id"].as_str(), listed.as_array().map(Vec::len)), (Some("b"), Some(1)));
    ensure!(agent.fails(&["decisions", "list", "--team", "frontdesk"], 3)?.contains("you see: billing"), "not theirs");
    ensure!(agent.fails(&["trace", "a"], 1)?.contains("does not exist"), "not theirs");
    ensure!(agent.fails(&["trace", PHONE], 1)?.contains("does not exist"), "nothing of theirs");
    assert_eq!(agent.json(&["trace", "b"])?.as_array().map(Vec::len), Some(1));
    ensure!(viewer.fails(&["decisions", "list", "--since", "yesterday"], 2)?.contains("--since"));
    Ok(())
}

#[tokio::test]
async fn a_diverted_message_says_where_it_went() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    let publisher = Terminal::new(&server, "publisher")?;
    publisher.json(&["teams", "update", "billing", "--overflow-team", "frontdesk", "--max-waiting", "1"])?;
    // Whether a queue is over its limits is asked once a second.
    let mut number = 0;
    let diverted = async || {
        number += 1;
        let wamid = format!("wamid.{number}");
        let phone = format!("1555000{number:04}");
        post_from(&server, SampleKind::Text, &wamid, &phone, "my invoice").await.ok()?;
        let trace = traced(&viewer, &wamid, |trace| step(trace, "published").is_some()).await;
        step(&trace, "diverted").is_some().then_some(trace)
    };
    let trace = eventually("a message is diverted", WITHIN, diverted).await;
    assert_eq!(kinds(&trace), ["received", "decided", "diverted", "published"], "{trace}");
    let step = step(&trace, "diverted").context("diverted")?;
    assert_eq!(step["text"], "team billing: queue over its limits; to team frontdesk instead");
    assert_eq!((&step["resource"], step["time"].is_string()), (&json!("teams/frontdesk"), true));
    assert_eq!(trace["steps"][3]["text"], "on team.frontdesk.normal");
    let diversion = &trace["decision"]["diversion"];
    assert_eq!((&trace["decision"]["team"], &diversion["team"]), (&json!("teams/billing"), &json!("teams/frontdesk")));
    Ok(())
}

#[tokio::test]
async fn what_was_kept_says_so_until_it_is_shown() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let viewer = Terminal::new(&server, "viewer")?;
    post_from(&server, SampleKind::Reaction, "wamid.reaction", PHONE, "").await?;
    let kept = traced(&viewer, "wamid.reaction", |_| true).await;
    assert_eq!(kinds(&kept), ["received", "held"], "{kept}");
    post_from(&server, SampleKind::Text, "wamid.next", PHONE, "hello").await?;
    let shown = traced(&viewer, "wamid.reaction", |trace| step(trace, "released").is_some()).await;
    let next = viewer.json(&["decisions", "get", "wamid.next"])?;
    assert_eq!(shown["steps"][2]["resource"], next["name"], "{shown}");
    Ok(())
}
