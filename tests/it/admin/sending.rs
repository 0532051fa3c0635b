//! Messages to customers and what stands around them, from the command line: consent, templates, policy data.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::commands::post;
use super::server::AdminServer;
use super::terminal::Terminal;
use waypost_tests::eventually;

const PHONE: &str = "15550000021";
const ROUTED_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// A contact and a number are known, without the customer having written.
async fn scene() -> anyhow::Result<(AdminServer, String)> {
    let server = AdminServer::start().await?;
    let path = server.file("crm.csv", &format!("phone,language\n{PHONE},es\n"))?;
    Terminal::new(&server, "editor")?.json(&["contacts", "import", &path])?;
    let publisher = Terminal::new(&server, "publisher")?;
    publisher.json(&["numbers", "set", "support-es", "106540352242922"])?;
    Ok((server, format!("+{PHONE}")))
}

#[tokio::test]
async fn a_message_is_asked_about_sent_looked_at_and_taken_back() -> anyhow::Result<()> {
    let (server, to) = scene().await?;
    let operator = Terminal::new(&server, "operator")?;
    let to_them = ["--to", &to, "--number", "support-es"];
    let send = |more: &[&'static str]| [&["send", "Your parcel is here"], &to_them[..], more].concat();

    let asked = operator.run(&[&send(&["--validate-only"])[..], &["--json"]].concat())?;
    ensure!(asked.status.code() == Some(1), "it would not go: {asked:?}");
    let asked: Value = serde_json::from_slice(&asked.stdout)?;
    assert_eq!(asked["verdict"]["outcome"], "OUTCOME_REFUSED");
    assert_eq!(asked["verdict"]["finding"]["rule"], "window_closed", "they never wrote: {asked}");
    let told = operator.run(&send(&["--validate-only"]))?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("The customer service window is closed.") && told.contains("remedy"), "{told}");
    assert_eq!(operator.json(&["messages", "list"])?, json!([]), "nothing was kept");

    let sent = operator.json(&send(&["--id", "parcels/17", "--expires", "2h"]))?;
    assert_eq!((&sent["name"], &sent["state"]), (&"messages/parcels/17".into(), &"MESSAGE_STATE_QUEUED".into()));
    assert_eq!(sent["author"]["kind"], "AUTHOR_KIND_AGENT");
    assert!(
        operator.fails(&[&["send", "Another"], &to_them[..], &["--id", "parcels/17"]].concat(), 1)?.contains("send_id")
    );
    let shown = operator.json(&["messages", "show", "parcels/17"])?;
    assert_eq!(shown["request"]["content"], sent["request"]["content"]);
    let text = operator.run(&["messages", "list", "--contact", &to])?;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("messages/parcels/17") && text.contains("queued"), "{text}");

    assert!(operator.fails(&["messages", "resend", "parcels/17"], 1)?.contains("has not gone yet"));
    assert_eq!(operator.json(&["messages", "cancel", "parcels/17"])?["state"], "MESSAGE_STATE_CANCELLED");
    let again = operator.json(&["messages", "resend", "parcels/17", "--id", "parcels/17/2"])?;
    assert_eq!((&again["resend_of"], &again["state"]), (&"messages/parcels/17".into(), &sent["state"]));
    let queued = operator.json(&["messages", "list", "--state", "queued"])?;
    assert_eq!(queued.as_array().map(Vec::len), Some(1), "{queued}");

    // As JSON, as over AMQP; and whatever is wrong by its field.
    let mut request = json!({
        "send_id": "json-1", "number": "numbers/support-es", "to": { "phone": to },
        "content": { "text": { "body": "Hello" } },
    });
    let file = server.file("request.json", &request.to_string())?;
    assert_eq!(operator.json(&["send", "--request", &file])?["name"], "messages/json-1");
    request["content"] = json!({ "text": { "words": "Hello" } });
    let file = server.file("wrong.json", &request.to_string())?;
    assert!(operator.fails(&["send", "--request", &file], 3)?.contains("content.text.words: is no field"));
    let unknown = ["send", "Hello", "--to", "+15550000099", "--number", "support-es"];
    assert!(operator.fails(&unknown, 1)?.contains("country code"));
    let unknown = ["send", "Hello", "--to", &to, "--number", "other"];
    assert!(operator.fails(&unknown, 1)?.contains("waypost numbers list"));
    Terminal::new(&server, "viewer")?.fails(&["messages", "list"], 6)?;
    Ok(())
}

#[tokio::test]
async fn an_agent_answers_in_its_team_s_conversations_alone() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    post(&server, "wamid.invoice", "my invoice").await?;
    let viewer = Terminal::new(&server, "viewer")?;
    let get = ["decisions", "get", "wamid.invoice"];
    let decision = eventually("it is decided", ROUTED_WITHIN, async || viewer.json(&get).ok()).await;
    let conversation = decision["conversation_id"].as_str().context("a conversation")?;
    let numbers = viewer.json(&["numbers", "list"])?;
    let number = numbers[0]["name"].as_str().context("a number")?;
    let editor = Terminal::new(&server, "editor")?;
    let contact = editor.json(&["contacts", "get", "wamid.invoice"])?;
    let to = contact["name"].as_str().context("a contact")?;

    let send = ["send", "Here it is", "--to", to, "--number", number, "--last-seen", "wamid.invoice"];
    let billing = Terminal::of_agent(&server, "billing")?;
    let asked = billing.run(&[&send[..], &["--validate-only", "--json"]].concat())?;
    let asked: Value = serde_json::from_slice(&asked.stdout)?;
    // The sample was written long ago.
    assert_eq!(asked["verdict"]["finding"]["rule"], "window_closed", "{asked}");
    let sent = billing.json(&send)?;
    assert!(sent["request"]["conversation"].as_str().is_some_and(|name| name.ends_with(conversation)), "{sent}");
    let list = ["messages", "list", "--conversation", conversation];
    assert_eq!(billing.json(&list)?.as_array().map(Vec::len), Some(1));
    let name = sent["name"].as_str().context("a name")?;

    let other = Terminal::of_agent(&server, "frontdesk")?;
    assert!(other.fails(&send, 1)?.contains("conversations of their teams"));
    assert!(other.fails(&list, 1)?.contains("does not exist"));
    assert!(other.fails(&["messages", "show", name], 1)?.contains("does not exist"));
    assert!(other.fails(&["messages", "cancel", name], 1)?.contains("does not exist"));
    // Nobody sends in this process, so nobody tells WhatsApp that it was read.
    let read = ["messages", "read", "wamid.invoice", "--number", number];
    assert!(billing.fails(&read, 1)?.contains("no way to WhatsApp"));
    assert!(other.fails(&read, 1)?.contains("does not exist"));
    Ok(())
}

#[tokio::test]
async fn consent_is_kept_with_its_proof_and_a_stop_outranks_it() -> anyhow::Result<()> {
    let (server, to) = scene().await?;
    let compliance = Terminal::new(&server, "compliance")?;
    let show = || compliance.json(&["consent", "show", &to]);
    assert_eq!(show()?["consents"], json!([]));
    let grant = ["consent", "grant", &to, "--category", "marketing"];
    let bare = compliance.fails(&grant, 3)?;
    assert!(bare.contains("evidence.wording") && bare.contains("evidence.source"), "{bare}");
    let proof = ["--wording", "Send me offers", "--source", "checkout", "--collector", "Maria Markerson"];
    compliance.json(&[&grant[..], &proof, &["--validate-only"]].concat())?;
    assert_eq!(show()?["consents"], json!([]), "it was only checked");
    let granted = compliance.json(&[&grant[..], &proof].concat())?;
    assert_eq!(granted["consent_entries"][0]["change"], "CONSENT_CHANGE_GRANTED");
    let of = |answer: &Value, category: &str| {
        let all = answer["consents"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["category"] == category).map(|one| one["state"].clone())
    };
    assert_eq!(of(&show()?, "CATEGORY_MARKETING"), Some("CONSENT_STATE_GRANTED".into()));
    assert_eq!(of(&show()?, "CATEGORY_UTILITY"), Some("CONSENT_STATE_UNKNOWN".into()));

    let audience = |category: &str| compliance.json(&["consent", "audience", "--category", category]);
    let members = audience("marketing")?;
    assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
    assert_eq!(members[0]["grant"]["entry"], granted["consent_entries"][0]["name"]);
    assert_eq!((audience("utility")?, audience("authentication")?), (json!([]), json!([])));

    compliance.json(&["consent", "withdraw", &to, "--source", "phone call"])?;
    assert_eq!(audience("marketing")?, json!([]), "a stop");
    let held = show()?;
    assert_eq!(of(&held, "CATEGORY_MARKETING"), Some("CONSENT_STATE_WITHDRAWN".into()), "{held}");
    assert_eq!(held["stops"].as_array().map(Vec::len), Some(1));
    let old = [&grant[..], &proof, &["--at", "2h"]].concat();
    compliance.json(&old)?;
    assert_eq!(of(&show()?, "CATEGORY_MARKETING"), Some("CONSENT_STATE_WITHDRAWN".into()), "it was said before");
    let history = compliance.json(&["consent", "history", &to])?;
    assert_eq!(history.as_array().map(Vec::len), Some(3));
    assert_eq!(history[2]["evidence"]["wording"], "Send me offers");

    let records = compliance.json(&["audit", "list"])?.to_string();
    assert!(records.contains("GrantConsent") && records.contains("WithdrawConsent"), "{records}");
    assert!(!records.contains("Markerson") && !records.contains(PHONE), "{records}");
    Terminal::new(&server, "editor")?.fails(&[&grant[..], &proof].concat(), 6)?;
    Ok(())
}

#[tokio::test]
async fn policy_data_is_changed_by_compliance_alone_and_version_by_version() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let compliance = Terminal::new(&server, "compliance")?;
    let first = compliance.json(&["policy", "show"])?;
    assert_eq!((&first["name"], &first["creator"]), (&"policies/1".into(), &"".into()), "what the release brings");
    let text = compliance.run(&["policy", "show", "--text"])?;
    let text = String::from_utf8(text.stdout)?;
    let second = server.file("second.toml", &text.replacen("version = 1", "version = 2", 1))?;
    let same = server.file("same.toml", &text)?;
    assert!(compliance.fails(&["policy", "set", &same], 3)?.contains("version must be above 1"));
    let wrong = server.file("wrong.toml", &text.replacen("repeat_s = 15", "repeat_s = \"x\"", 1))?;
    assert!(compliance.fails(&["policy", "set", &wrong], 3)?.contains("repeat_s"));
    Terminal::new(&server, "operator")?.fails(&["policy", "set", &second], 6)?;
    let set = ["policy", "set", &second, "--reason", "a look at caps", "--etag", "1"];
    assert_eq!(compliance.json(&[&set[..], &["--validate-only"]].concat())?["name"], "policies/2");
    assert_eq!(compliance.json(&["policy", "show"])?["name"], "policies/1");
    assert_eq!(compliance.json(&set)?["reason"], "a look at caps");
    assert!(compliance.fails(&set, 1)?.contains("read it again"));
    let history = compliance.json(&["policy", "history"])?;
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(history[0]["text"], "");
    assert_eq!(compliance.json(&["policy", "show", "2"])?["version"], 2);
    Ok(())
}

#[tokio::test]
async fn templates_are_looked_for_by_their_names() -> anyhow::Result<()> {
    let server = AdminServer::start().await?;
    let editor = Terminal::new(&server, "editor")?;
    assert_eq!(editor.json(&["templates", "list"])?, json!([]));
    assert!(editor.fails(&["templates", "sync"], 1)?.contains("no way to WhatsApp"));
    assert!(editor.fails(&["templates", "show", "order_update"], 3)?.contains("templates/{account}"));
    let preview = ["templates", "preview", "templates/7/order_update/es", "--value", "17"];
    assert!(editor.fails(&preview, 1)?.contains("does not exist"));
    Ok(())
}
