//! What was said is read with its conversation: by its team, masked, and with a record of who reads it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_tests::eventually;
use waypost_tests::ports::free_port;

use super::{CUSTOMERS, Scene, WITHIN};
use crate::deployment::{Backend, Deployment, RULES, on_each_backend};
use crate::outbound::NUMBER_ID;

const CARD: &str = "4111 1111 1111 1111";
const MASKED: &str = "•••• •••• •••• 1111";
const ORDER: &str = "ORD-123456";
const COLUMNS: usize = 80;

on_each_backend!(what_was_said_is_read_by_its_team_and_masked);

/// A person with a token of their own.
pub(super) struct Person<'a> {
    scene: &'a Scene,
    server: String,
    token_file: PathBuf,
}

impl<'a> Person<'a> {
    pub(super) fn new(scene: &'a Scene, port: u16, name: &str, role: &[&str]) -> anyhow::Result<Self> {
        let made = scene.json(&[&["token", "create"], role].concat())?;
        let token_file = scene.deployment.folder.path().join(format!("{name}.token"));
        std::fs::write(&token_file, made["secret"].as_str().context("a secret")?)?;
        Ok(Self { scene, server: format!("http://127.0.0.1:{port}"), token_file })
    }

    pub(super) fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.scene.deployment.command(words)?;
        command.args(["--server", &self.server]).arg("--token-file").arg(&self.token_file);
        Ok(command.env("COLUMNS", COLUMNS.to_string()).env("NO_COLOR", "1").output()?)
    }

    pub(super) fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[words, &["--json"]].concat())?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

async fn what_was_said_is_read_by_its_team_and_masked(backend: Backend) -> anyhow::Result<()> {
    let port = free_port();
    let deployment = Deployment::new(backend, RULES)?.set("masking.patterns", r#"["ORD-[0-9]{6}"]"#);
    let mut scene = Scene::on(deployment).await?;
    // The last word on where it listens.
    scene.0.deployment = scene.0.deployment.set("grpc.listen", &format!("127.0.0.1:{port}"));
    let waypost = scene.start(&[]).await?;
    let billing = Person::new(&scene, port, "billing", &["--role", "agent", "--team", "billing"])?;
    let other = Person::new(&scene, port, "other", &["--role", "agent", "--team", "frontdesk"])?;
    let compliance = Person::new(&scene, port, "compliance", &["--role", "compliance"])?;

    // The customer writes, the team answers, and its statuses come.
    let [phone, _] = CUSTOMERS;
    let (to, number) = (format!("+{phone}"), format!("number-{NUMBER_ID}"));
    scene.platform.control().write(phone, NUMBER_ID, &format!("my invoice {ORDER}: {CARD}"))?;
    let is_listed = async || billing.json(&["conversations", "list"]).ok().filter(|all| all[0]["name"].is_string());
    let listed = eventually("the team has the conversation", WITHIN, is_listed).await;
    let name = listed[0]["name"].as_str().context("a name")?;
    let answer = format!("is {CARD} yours?");
    billing.json(&["send", &answer, "--to", &to, "--number", &number, "--id", "one"])?;
    scene.until("one", "MESSAGE_STATE_READ").await?;

    let show = ["conversations", "show", name];
    let shown = billing.json(&show)?;
    let [sent, received] = &shown["entries"].as_array().context("entries")?[..] else { anyhow::bail!("two: {shown}") };
    ensure!(sent["sent"]["preview"]["body"] == format!("is {MASKED} yours?"), "{sent}");
    ensure!(sent["sent"]["state"] == "MESSAGE_STATE_READ" && sent["sent"]["read_time"].is_string(), "{sent}");
    ensure!(sent["team"] == "teams/billing" && sent["sent"]["name"] == "messages/one", "{sent}");
    ensure!(received["received"]["words"][0]["text"] == format!("my invoice •••: {MASKED}"), "{received}");
    ensure!(received["received"]["message_id"].as_str().is_some_and(|id| id.starts_with("wamid.")), "{received}");
    // To the customer it went as it was written.
    let accepted = scene.platform.control().accepted();
    ensure!(format!("{accepted:?}").contains(CARD), "{accepted:?}");

    let text = String::from_utf8(billing.run(&show)?.stdout)?;
    let lines: Vec<&str> = text.lines().collect();
    ensure!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{text}");
    ensure!(!text.contains('\u{1b}') && text.contains(MASKED) && text.contains("(read)"), "{text}");
    let place = |what: &str| lines.iter().position(|line| line.contains(what));
    ensure!(place("my invoice") < place("yours?"), "the oldest first: {text}");

    // For another team there is no such conversation.
    ensure!(other.json(&["conversations", "list"])? == Value::Array(vec![]));
    let hidden = other.run(&show)?;
    ensure!(
        !hidden.status.success() && String::from_utf8_lossy(&hidden.stderr).contains("does not exist"),
        "{hidden:?}"
    );

    who_has_read_is_written_down(&compliance, name)?;

    // Neither the team's queue nor the store has what was masked.
    let mut reader = scene.deployment.reader(&["team.billing.normal"]).await?;
    let found = reader.wait_for(1).await?;
    let document = found[0].document().to_string();
    ensure!(document.contains(MASKED) && !document.contains(CARD) && !document.contains(ORDER), "{document}");
    drop(waypost);
    if matches!(backend, Backend::Embedded) {
        nothing_unmasked_came_in(&scene.deployment.data_folder())?;
    }
    Ok(())
}

/// Once for each reader and hour.
fn who_has_read_is_written_down(compliance: &Person<'_>, name: &str) -> anyhow::Result<()> {
    for _ in 0..2 {
        compliance.json(&["conversations", "show", name])?;
    }
    let records = compliance.json(&["audit", "list", "--resource", name])?;
    let records = records.as_array().context("records")?;
    let is_read = |record: &&Value| record["method"] == "ConversationService/ListEntries";
    let reads: Vec<String> =
        records.iter().filter(is_read).map(|record| format!("{} {}", record["actor"], record["after"])).collect();
    let distinct: BTreeSet<&String> = reads.iter().collect();
    let readers: BTreeSet<&str> = reads.iter().filter_map(|read| read.split(' ').next()).collect();
    ensure!(readers.len() == 2 && distinct.len() == reads.len(), "{reads:?}");
    ensure!(compliance.json(&["audit", "verify"])?["valid"] == true);
    Ok(())
}

/// The store's files have only what was masked. The card number itself is in what was to be sent.
fn nothing_unmasked_came_in(folder: &Path) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    for file in ["store.db", "store.db-wal"] {
        bytes.extend(std::fs::read(folder.join(file)).unwrap_or_default());
    }
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    ensure!(has("my invoice •••") && !has(ORDER), "what came in is stored masked");
    Ok(())
}
