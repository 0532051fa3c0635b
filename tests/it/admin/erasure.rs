//! Fault 28: somebody is forgotten while inbox, transcript and ledger hold them, and what comes afterwards brings nothing back.

use anyhow::Context;
use serde_json::{Value, json};
use waypost_tests::eventually;

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;

const PROOF: [&str; 6] = ["--category", "marketing", "--wording", "Send me offers", "--source", "checkout"];
const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

#[tokio::test]
async fn a_person_is_forgotten_and_stays_so() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let compliance = Terminal::new(&server, "compliance")?;
    let editor = Terminal::new(&server, "editor")?;
    post(&server, "wamid.one", "my invoice").await?;
    let known = async || editor.json(&["contacts", "get", "wamid.one"]).ok();
    let contact = eventually("they are known", WITHIN, known).await;
    let phone = contact["phone"].as_str().context("a number")?.to_owned();
    let name = contact["name"].as_str().context("a name")?.to_owned();
    let to = format!("+{phone}");
    compliance.json(&[&["consent", "grant", &to], &PROOF[..]].concat())?;

    // They may ask what is held of them.
    let output = compliance.run(&["contacts", "export", &to])?;
    let lines: Vec<Value> =
        String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kinds: Vec<&String> = lines.iter().filter_map(|line| line.as_object()?.keys().next()).collect();
    assert_eq!(kinds, ["contact", "consents", "consent_entry", "conversation", "entry", "decision"], "{lines:?}");
    assert!(lines[4].to_string().contains("my invoice") && lines[0]["contact"]["phone"] == phone.as_str());

    // A court may still ask.
    let held = server.file("hold.csv", &format!("phone,legal_hold\n{phone},true\n"))?;
    editor.json(&["contacts", "import", &held])?;
    assert!(compliance.fails(&["contacts", "erase", &to], 1)?.contains("legal_hold"));
    let free = server.file("free.jsonl", &json!({ "phone": phone, "legal_hold": "false" }).to_string())?;
    editor.json(&["contacts", "import", &free])?;

    editor.fails(&["contacts", "erase", &to], 6)?;
    let asked = compliance.json(&["contacts", "erase", &to, "--validate-only"])?;
    assert_eq!((&asked["conversations"], &asked["consent_entries"]), (&"1".into(), &"1".into()), "{asked}");
    assert_eq!(editor.json(&["contacts", "get", &to])?["name"], name.as_str(), "it was only counted");
    let erased = compliance.json(&["contacts", "erase", &to])?;
    assert_eq!((&erased["name"], &erased["decisions"]), (&name.as_str().into(), &"1".into()), "{erased}");
    for words in [["contacts", "get", &to], ["contacts", "get", &name], ["consent", "show", &to]] {
        assert!(compliance.fails(&words, 1)?.contains("does not exist"), "{words:?}");
    }
    let trace = compliance.json(&["trace", "wamid.one"])?;
    let told = trace.to_string();
    assert!(!told.contains(&phone) && !told.contains("my invoice"), "the decision stays, and nobody in it: {told}");

    // Asked once more, and for a file after a restore.
    let again = compliance.json(&["contacts", "erase", &name])?;
    assert_eq!((&again["erase_time"], &again["aliases"]), (&erased["erase_time"], &"0".into()));
    let everybody = server.file("erased.txt", &format!("{name}\n\ncontacts/{}\n", uuid::Uuid::nil()))?;
    let output = compliance.run(&["contacts", "erase", "--file", &everybody])?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 erased, 1 not known\n");

    nothing_of_before_comes_back(&server, &editor, &compliance, &phone, &name).await?;
    let records = compliance.json(&["audit", "list"])?.to_string();
    assert!(records.contains("EraseContact") && !records.contains(&phone));
    compliance.json(&["audit", "verify"])?;
    Ok(())
}

async fn nothing_of_before_comes_back(
    server: &AdminServer,
    editor: &Terminal<'_>,
    compliance: &Terminal<'_>,
    phone: &str,
    name: &str,
) -> anyhow::Result<()> {
    let to = format!("+{phone}");
    // Meta repeats a webhook: it is known, and brings nobody back.
    post(server, "wamid.one", "my invoice").await?;
    // They write again, which makes them somebody new, who counts as stopped.
    post(server, "wamid.two", "hello").await?;
    let known = async || editor.json(&["contacts", "get", "wamid.two"]).ok();
    let new = eventually("they are known again", WITHIN, known).await;
    assert_ne!(new["name"], name);
    assert!(
        editor.fails(&["contacts", "get", "wamid.one"], 1)?.contains("does not exist"),
        "the one before is nobody's"
    );
    let state = |answer: &Value| {
        let all = answer["consents"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["category"] == "CATEGORY_MARKETING").map(|one| one["state"].clone())
    };
    let show = || compliance.json(&["consent", "show", &to]);
    let stopped = show()?;
    assert_eq!(stopped["stops"].as_array().map(Vec::len), Some(1), "{stopped}");
    compliance.json(&[&["consent", "grant", &to, "--at", "2h"], &PROOF[..]].concat())?;
    assert_eq!(state(&show()?), Some("CONSENT_STATE_WITHDRAWN".into()), "what they said before does not count");
    compliance.json(&[&["consent", "grant", &to], &PROOF[..]].concat())?;
    assert_eq!(state(&show()?), Some("CONSENT_STATE_GRANTED".into()), "what they say now does");
    Ok(())
}
