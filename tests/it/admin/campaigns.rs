//! Campaigns from the command line, as far as nobody sends: drafts and their recipients, and who may do what.

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_domain::template::{Layout, ParameterFormat, Quality, TemplateStatus};
use waypost_domain::{Category, Template};

use super::server::AdminServer;
use super::terminal::Terminal;

const FIRST: &str = "15550000031";
const SECOND: &str = "15550000032";
const THIRD: &str = "15550000033";

/// Two golden customers, of whom one has no name, and a silver one; a number, and a template of its account.
async fn scene() -> anyhow::Result<AdminServer> {
    let server = AdminServer::start().await?;
    let rows =
        format!("phone,language,tier,first_name\n{FIRST},es,gold,Ana\n{SECOND},es-MX,gold,\n{THIRD},en,silver,Bob\n");
    let path = server.file("crm.csv", &rows)?;
    Terminal::new(&server, "editor")?.json(&["contacts", "import", &path])?;
    Terminal::new(&server, "publisher")?.json(&["numbers", "set", "support-es", "106540352242922"])?;
    let template = Template {
        name: "offer".to_owned(),
        language: "es".to_owned(),
        status: TemplateStatus::Approved,
        category: Category::Marketing,
        announced_category: None,
        parameter_format: ParameterFormat::Positional,
        quality: Quality::Green,
        ttl_s: None,
        paused_until: None,
        layout: Layout { body: "Hola {{1}}".to_owned(), ..Layout::default() },
        cards: vec![],
        has_offer_end: false,
    };
    let json: String = serde_json::to_vec(&template)?.iter().map(|byte| format!("{byte:02x}")).collect();
    // No webhook has told of the number's account yet.
    let insert = format!(
        "INSERT INTO template (updated_at, waba_id, name, key, meta_id, json) VALUES (1, '', 'offer', 'es', '', x'{json}')"
    );
    crate::database::in_file(&server.folder().join("data/store.db"), &insert)?;
    Ok(server)
}

const CREATE: [&str; 4] = ["--number", "support-es", "--template", "offer"];

fn create(name: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    [&["campaigns", "create", name], &CREATE[..], more].concat()
}

#[tokio::test]
async fn a_draft_says_of_each_row_what_does_not_fit() -> anyhow::Result<()> {
    let server = scene().await?;
    let editor = Terminal::new(&server, "editor")?;
    for (words, want) in [
        (create("Winter", &[]), "campaign_id"),
        (vec!["campaigns", "create", "winter", "--number", "support-es", "--template", "other"], "template.name"),
        (create("winter", &["--expires", "2020-01-01T00:00:00Z"]), "expire_time"),
        (create("winter", &["--pace", "2000/s"]), "pace_per_minute"),
    ] {
        let told = editor.fails(&words, 3)?;
        assert!(told.contains(want), "{words:?}: {told}");
    }
    let unknown = ["campaigns", "create", "winter", "--number", "other", "--template", "offer"];
    assert!(editor.fails(&unknown, 1)?.contains("waypost numbers list"));
    editor.json(&create("winter", &["--pace", "20/s", "--language", "es", "--validate-only"]))?;
    let made = editor.json(&create("winter", &["--pace", "20/s", "--language", "es"]))?;
    assert_eq!((&made["state"], &made["pace_per_minute"]), (&"CAMPAIGN_STATE_DRAFT".into(), &1200.into()), "{made}");
    assert!(editor.fails(&create("winter", &[]), 1)?.contains("already"), "its name is taken");

    let rows = format!("phone,1,2\n{FIRST},Ana,\n{FIRST},Ana,\n15559999999,Eve,\n{SECOND},,\n{THIRD},Bob,x\n12,Joe,\n");
    let file = server.file("rows.csv", &rows)?;
    let add = ["campaigns", "add", "winter", "--file", &file];
    let told = editor.run(&add)?;
    assert_eq!(told.status.code(), Some(3));
    let told = String::from_utf8(told.stdout)?;
    for want in [
        "line 3: to: is the contact of row 1",
        "line 4: to: nobody is known by it",
        "line 5: values.body.1: ",
        "line 6: values.body.2: ",
        "line 7: to.phone: ",
        "1 added, 5 rejected, 0 there already",
    ] {
        assert!(told.contains(want), "{want}: {told}");
    }
    assert!(![FIRST, SECOND, THIRD, "15559999999"].iter().any(|phone| told.contains(phone)), "{told}");
    let shown = editor.json(&["campaigns", "show", "winter"])?;
    assert_eq!((&shown["progress"]["planned"], &shown["progress"]["rejected"]), (&"1".into(), &"5".into()), "{shown}");
    assert_eq!(shown["category"], "CATEGORY_MARKETING");
    let rejected = editor.json(&["campaigns", "recipients", "winter", "--state", "rejected"])?;
    assert_eq!(rejected[1]["problem"]["description"], "nobody is known by it", "{rejected}");
    editor.json(&["campaigns", "list", "--state", "draft"])?;
    ensure!(editor.run(&["campaigns", "delete", "winter"])?.status.success(), "a draft can go");
    assert!(editor.fails(&["campaigns", "show", "winter"], 1)?.contains("does not exist"));
    Ok(())
}

#[tokio::test]
async fn a_query_finds_contacts_and_fills_in_what_they_have() -> anyhow::Result<()> {
    let server = scene().await?;
    let editor = Terminal::new(&server, "editor")?;
    let words = create("gold", &["--language", "es", "--tier", "gold", "--value", "{{first_name}}"]);
    let told = editor.run(&words)?;
    assert_eq!(told.status.code(), Some(3), "one has no name: {told:?}");
    let told = String::from_utf8(told.stdout)?;
    assert!(told.contains("values.body[0]: the contact has no attribute \"first_name\""), "{told}");
    let add = |more: &[&'static str]| editor.run(&[&["campaigns", "add", "gold", "--value", "amigo"], more].concat());
    let again = String::from_utf8(add(&["--everybody"])?.stdout)?;
    assert!(again.contains("2 added, 0 rejected, 1 there already"), "{again}");
    assert!(editor.fails(&["campaigns", "add", "gold"], 3)?.contains("--file"), "nobody is named");

    // The contact's own language, and none that it could go in.
    let words = create("own", &["--reads", "es", "--value", "amigo"]);
    let told = String::from_utf8(editor.run(&words)?.stdout)?;
    assert!(told.contains("1 added, 1 rejected") && told.contains("language: "), "es-MX has no fallback: {told}");
    let words = create("declared", &["--reads", "es", "--value", "amigo", "--fallback", "es"]);
    let told = String::from_utf8(editor.run(&words)?.stdout)?;
    assert!(told.contains("2 added, 0 rejected"), "{told}");
    Ok(())
}

#[tokio::test]
async fn editors_plan_and_publishers_start() -> anyhow::Result<()> {
    let server = scene().await?;
    let (editor, publisher) = (Terminal::new(&server, "editor")?, Terminal::new(&server, "publisher")?);
    let viewer = Terminal::new(&server, "viewer")?;
    viewer.fails(&create("winter", &[]), 6)?;
    editor.json(&create("winter", &["--language", "es"]))?;
    assert!(publisher.fails(&["campaigns", "start", "winter"], 1)?.contains("add recipients"));
    publisher.fails(&["campaigns", "add", "winter", "--everybody"], 6)?;
    editor.json(&["campaigns", "add", "winter", "--everybody", "--value", "Maria Markerson"])?;
    for verb in ["start", "pause", "resume", "cancel"] {
        editor.fails(&["campaigns", verb, "winter"], 6)?;
        Terminal::new(&server, "operator")?.fails(&["campaigns", verb, "winter"], 6)?;
    }
    viewer.fails(&["campaigns", "recipients", "winter"], 6)?;
    assert_eq!(viewer.json(&["campaigns", "list"])?[0]["recipient_count"], 3);

    let stale = publisher.fails(&["campaigns", "start", "winter", "--etag", "1"], 1)?;
    assert!(stale.contains("read it again"), "{stale}");
    publisher.json(&["campaigns", "start", "winter", "--validate-only"])?;
    let scheduled = publisher.json(&["campaigns", "start", "winter", "--at", "1h"])?;
    assert_eq!(scheduled["state"], "CAMPAIGN_STATE_SCHEDULED", "{scheduled}");
    assert!(editor.fails(&["campaigns", "add", "winter", "--everybody"], 1)?.contains("only drafts"));
    let state = |words: &[&str]| anyhow::Ok(publisher.json(words)?["state"].as_str().context("a state")?.to_owned());
    assert_eq!(state(&["campaigns", "pause", "winter", "--reason", "a wrong price"])?, "CAMPAIGN_STATE_PAUSED");
    assert!(publisher.fails(&["campaigns", "pause", "winter"], 1)?.contains("is paused"));
    assert_eq!(state(&["campaigns", "resume", "winter"])?, "CAMPAIGN_STATE_SCHEDULED", "its time has not come");
    assert_eq!(state(&["campaigns", "cancel", "winter"])?, "CAMPAIGN_STATE_CANCELLED");
    assert!(publisher.fails(&["campaigns", "resume", "winter"], 1)?.contains("is cancelled"));

    let records = Terminal::new(&server, "compliance")?.json(&["audit", "list"])?;
    let methods: Vec<&str> =
        records.as_array().context("a list")?.iter().filter_map(|one| one["method"].as_str()).collect();
    for method in ["Create", "Start", "Pause", "Resume", "Cancel"] {
        let method = format!("CampaignService/{method}Campaign");
        assert!(methods.contains(&method.as_str()), "{method}: {methods:?}");
    }
    assert!(methods.contains(&"CampaignService/AddCampaignRecipients"), "{methods:?}");
    let records: Value = records;
    assert!(!records.to_string().contains("Markerson") && !records.to_string().contains(FIRST), "{records}");
    Ok(())
}
