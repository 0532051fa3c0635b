//! Campaigns, whole: from a file on the command line through the real program to WhatsApp's stand-in, and back as statuses. Outbound
//! cases 24 and 25: whatever is killed, each recipient gets one message, and one bad row stops no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use uuid::Uuid;
use waypost_domain::consent::{Basis, ConsentEntry, Evidence, How, Said};
use waypost_domain::{AliasSet, ConsentEntryId, ContactId, Timestamp};
use waypost_fault::{CAMPAIGN_POINTS, SEND_POINTS};
use waypost_sandbox::CustomerSpec;
use waypost_store::{Store, StoreOptions};
use waypost_tests::eventually;

use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

const WITHIN: Duration = Duration::from_secs(180);
/// As the fault suite: `WAYPOST_FAULTS=full` is the long form, of 3,000 recipients.
const SCALE_ENV: &str = "WAYPOST_FAULTS";
const LONG: usize = 3_000;
const SHORT: usize = 200;

struct Scene {
    outbound: Outbound,
    recipients: usize,
}

impl Deref for Scene {
    type Target = Outbound;

    fn deref(&self) -> &Outbound {
        &self.outbound
    }
}

fn recipients() -> usize {
    if std::env::var(SCALE_ENV).is_ok_and(|scale| scale == "full") { LONG } else { SHORT }
}

fn phone(n: usize) -> String {
    format!("49151{n:08}")
}

/// They agreed to all that the business begins.
pub(crate) fn agreed(contact: ContactId, at: Timestamp) -> ConsentEntry {
    ConsentEntry {
        id: ConsentEntryId::from_uuid(Uuid::now_v7()),
        contact,
        brand: String::new(),
        category: None,
        said: Said::Granted(Basis::Consent),
        at: Some(at),
        recorded_at: at,
        how: How::Api,
        source: None,
        recorded_by: "a test".to_owned(),
        evidence: Evidence::default(),
    }
}

impl Scene {
    /// Customers who have a phone and have agreed, and a program that has not started.
    async fn new(backend: Backend, recipients: usize) -> anyhow::Result<Self> {
        let deployment = Deployment::new(backend, RULES)?.set("sender.rate_per_second", "0");
        let outbound = Outbound::on(deployment, |config| {
            config.log_max = 10_000;
            config.templates = vec![json!({
                "name": "offer", "language": "en", "category": "UTILITY",
                "components": [{ "type": "BODY", "text": "Hello {{1}}!", "example": { "body_text": [["Ann"]] } }],
            })];
        })
        .await?;
        let control = outbound.platform.control();
        (0..recipients).for_each(|n| control.add_customer(CustomerSpec::of_phone(phone(n))));
        let scene = Self { outbound, recipients };
        scene.everybody_agrees().await?;
        Ok(scene)
    }

    /// Known, and asked, before the program starts.
    async fn everybody_agrees(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.deployment.data_folder())?;
        let store = Store::open(&crate::database::store_url(&self.deployment)?, StoreOptions::default()).await?;
        store.migrate().await?;
        let now = store.now().await?;
        let mut entries = Vec::new();
        for n in 0..self.recipients {
            let aliases = AliasSet { phone: Some(phone(n)), ..AliasSet::default() };
            let contact = store.upsert_contact(&aliases, &BTreeMap::new(), Some("en")).await?;
            entries.push(agreed(contact, now));
        }
        let mut change = store.begin_change().await?;
        change.append_consent(&entries).await?;
        change.commit(&[]).await?;
        store.close().await;
        Ok(())
    }

    /// A kill point, and the file that arms it: nobody is to die before being ready.
    fn armed(&self, point: &str, count: u32) -> (PathBuf, [(&'static str, String); 2]) {
        let file = self.deployment.folder.path().join(format!("armed-{point}"));
        let armed_by = file.display().to_string();
        (file, [("WAYPOST_KILLPOINT", format!("{point}:{count}")), ("WAYPOST_KILLPOINT_ARMED_BY", armed_by)])
    }

    /// The number and its templates are known.
    async fn is_known(&self) -> anyhow::Result<()> {
        self.platform.control().write(&phone(0), NUMBER_ID, "hello")?;
        let listed = async || {
            let templates = self.json(&["templates", "list"]).ok()?;
            templates[0]["status"].as_str().filter(|status| *status == "approved").map(drop)
        };
        eventually("the templates are listed", WITHIN, listed).await;
        Ok(())
    }

    /// A draft for everybody, queued within some seconds or, `slow`, minutes; `more`: further rows of its file.
    fn draft(&self, name: &str, slow: bool, more: &str) -> anyhow::Result<Output> {
        let mut rows = "phone,1\n".to_owned();
        for n in 0..self.recipients {
            writeln!(rows, "{},Ann {n}", phone(n))?;
        }
        rows.push_str(more);
        let file = self.deployment.folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, rows)?;
        let number = format!("number-{NUMBER_ID}");
        let file = file.display().to_string();
        let pace = format!("{}/s", if slow { 5 } else { self.recipients / 7 });
        let template = ["--template", "offer", "--pace", &pace, "--file", &file, "--json"];
        self.run(&[&["campaigns", "create", name, "--number", &number], &template[..]].concat())
    }

    fn shown(&self, name: &str) -> anyhow::Result<Value> {
        self.json(&["campaigns", "show", name])
    }

    async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(what, WITHIN, async || self.shown(name).ok().filter(|campaign| holds(campaign))).await
    }
}

/// As a number, which JSON of protobuf has as a text.
fn count(campaign: &Value, what: &str) -> u64 {
    let value = &campaign["progress"][what];
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn is_completed(campaign: &Value) -> bool {
    campaign["state"] == "CAMPAIGN_STATE_COMPLETED"
}

/// Each row stands in one place.
fn add_up(campaign: &Value) -> u64 {
    let of = |list: &str| {
        let all = campaign["progress"][list].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|one| one["count"].as_str().and_then(|count| count.parse::<u64>().ok())).sum::<u64>()
    };
    let plain = ["rejected", "planned", "queued", "attempting", "uncertain", "accepted", "expired", "cancelled"];
    plain.iter().map(|what| count(campaign, what)).sum::<u64>() + of("failed") + of("refused")
        - count(campaign, "failed_after_acceptance")
}

/// Each of these once, or marked where nobody could know.
fn once_each(scene: &Scene, campaign: &Value) -> anyhow::Result<()> {
    let taken = scene.taken()?;
    let twice: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "sent more than once: {twice:?}");
    let everybody = u64::try_from(scene.recipients)?;
    let (accepted, uncertain) = (count(campaign, "accepted"), count(campaign, "uncertain"));
    ensure!(accepted + uncertain == everybody, "{campaign}");
    ensure!(u64::try_from(taken.len())? == accepted, "{} taken: {campaign}", taken.len());
    ensure!(Some(add_up(campaign)) == campaign["recipient_count"].as_u64(), "{campaign}");
    Ok(())
}

/// Killed at each point of the way to the queue and out, and each time again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_each_recipient_gets_one_message() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded, recipients()).await?;
    let mut waypost = scene.start(&[]).await?;
    scene.is_known().await?;
    let more = format!("4915199999999,Nobody\n{},Ann twice\n{}\n", phone(1), phone(2));
    let made = scene.draft("winter", false, &more)?;
    ensure!(made.status.code() == Some(3), "three rows are rejected: {made:?}");
    let added: Value = serde_json::from_slice(&made.stdout)?;
    let problems = added["problems"].as_array().context("problems")?;
    let told = |n: usize| (problems[n]["line"].as_u64(), problems[n]["field"].as_str().unwrap_or_default());
    let first = u64::try_from(scene.recipients + 2)?;
    ensure!(told(0) == (Some(first), "to") && told(1) == (Some(first + 1), "to"), "{added}");
    ensure!(problems.len() == 3 && told(2).0 == Some(first + 2), "{added}");
    waypost.terminate(WITHIN).await?;

    for (n, point) in CAMPAIGN_POINTS.into_iter().chain(SEND_POINTS).enumerate() {
        let (file, variables) = scene.armed(point, 2);
        let mut process = scene.start(&variables.each_ref().map(|(name, value)| (*name, value.as_str()))).await?;
        std::fs::write(file, "")?;
        if n == 0 {
            // It may be killed before it has answered.
            scene.run(&["campaigns", "start", "winter"])?;
        }
        eventually(&format!("{point} is reached"), WITHIN, async || process.exit_status()).await;
    }
    let _last = scene.start(&[]).await?;
    let ended = scene.until("winter", "the campaign is over", is_completed).await;
    once_each(&scene, &ended)?;
    // The row that is too short is no row, and is not kept.
    ensure!(count(&ended, "rejected") == 2 && ended["end_time"].is_string(), "{ended}");
    ensure!(count(&ended, "delivered") == count(&ended, "accepted"), "{ended}");
    let text = String::from_utf8(scene.run(&["campaigns", "show", "winter"])?.stdout)?;
    ensure!(text.contains("###] ") && text.contains("delivered"), "{text}");
    Ok(())
}

/// Two processes send and plan, and one of them dies again and again, at each point; then the other.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_send_each_recipient_one_message() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Servers, recipients()).await?;
    let mut first = scene.start(&[]).await?;
    scene.is_known().await?;
    ensure!(scene.draft("winter", false, "")?.status.success(), "it is a draft");
    scene.json(&["campaigns", "start", "winter"])?;
    for point in SEND_POINTS {
        let (file, variables) = scene.armed(point, 1);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut second = scene.deployment.start_component("sender", "second", &variables).await?;
        std::fs::write(file, "")?;
        let ended = async || {
            let is_over = || scene.shown("winter").ok().filter(is_completed).map(drop);
            second.exit_status().map(drop).or_else(is_over)
        };
        eventually(&format!("{point} is reached, or all is over"), WITHIN, ended).await;
    }
    first.kill()?;
    let _second = scene.deployment.start_component("sender", "second", &[]).await?;
    let _first = scene.start(&[]).await?;
    let ended = scene.until("winter", "the campaign is over", is_completed).await;
    once_each(&scene, &ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_stops_at_once_and_an_end_is_for_good() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded, 60).await?;
    let _waypost = scene.start(&[]).await?;
    scene.is_known().await?;
    ensure!(scene.draft("winter", true, "")?.status.success(), "it is a draft");
    let started = scene.json(&["campaigns", "start", "winter"])?;
    ensure!(started["state"] == "CAMPAIGN_STATE_RUNNING" && started["start_time"].is_string(), "{started}");
    ensure!(scene.run(&["campaigns", "delete", "winter"])?.status.code() == Some(1), "no draft any more");
    scene.until("winter", "some have gone", |campaign| count(campaign, "accepted") >= 5).await;
    let paused = scene.json(&["campaigns", "pause", "winter", "--reason", "a wrong price"])?;
    ensure!(paused["state"] == "CAMPAIGN_STATE_PAUSED" && paused["reason"] == "a wrong price", "{paused}");
    let still = scene.until("winter", "what had gone has landed", |campaign| count(campaign, "attempting") == 0).await;
    ensure!(count(&still, "planned") > 0, "{still}");
    let before = scene.taken()?.len();
    let (to, number) = (format!("+{}", phone(3)), format!("number-{NUMBER_ID}"));
    let to_them = ["--template", "offer", "--value", "Ann", "--to", &to, "--number", &number, "--event", "orders/1"];
    let other = scene.run(&[&["send"], &to_them[..], &["--id", "other", "--wait"]].concat())?;
    ensure!(other.status.success(), "others go on: {other:?}");
    ensure!(scene.taken()?.len() == before + 1, "and nothing of the campaign");
    let resumed = scene.json(&["campaigns", "resume", "winter"])?;
    ensure!(resumed["reason"].as_str().unwrap_or_default().is_empty(), "{resumed}");
    let ended = scene.until("winter", "the campaign is over", is_completed).await;
    ensure!(count(&ended, "accepted") == 60 && scene.taken()?.values().all(|times| *times == 1), "{ended}");

    ensure!(scene.draft("spring", true, "")?.status.success(), "it is a draft");
    scene.json(&["campaigns", "start", "spring"])?;
    scene.until("spring", "some have gone", |campaign| count(campaign, "accepted") >= 3).await;
    scene.json(&["campaigns", "cancel", "spring", "--reason", "sold out"])?;
    let ended = scene.until("spring", "it is over", |campaign| campaign["end_time"].is_string()).await;
    ensure!(ended["state"] == "CAMPAIGN_STATE_CANCELLED" && count(&ended, "cancelled") > 40, "{ended}");
    ensure!(count(&ended, "cancelled") + count(&ended, "accepted") == 60, "{ended}");
    ensure!(scene.run(&["campaigns", "resume", "spring"])?.status.code() == Some(1), "for good");
    paused_with_its_template(&scene).await
}

/// Error 132015 at its source: Meta pauses the template, so the campaign waits for a person, who is told.
async fn paused_with_its_template(scene: &Scene) -> anyhow::Result<()> {
    ensure!(scene.draft("summer", true, "")?.status.success(), "it is a draft");
    scene.json(&["campaigns", "start", "summer"])?;
    scene.until("summer", "some have gone", |campaign| count(campaign, "accepted") >= 3).await;
    scene.platform.control().decide_template("offer", "en", "PAUSED", None)?;
    let paused = |campaign: &Value| campaign["state"] == "CAMPAIGN_STATE_PAUSED";
    let summer = scene.until("summer", "it is paused", paused).await;
    ensure!(summer["reason"] == "Meta paused its template", "{summer}");
    let alerts = scene.json(&["alerts", "list"])?;
    let is_told = |alert: &Value| alert["kind"] == "campaign_paused";
    ensure!(alerts.as_array().is_some_and(|alerts| alerts.iter().any(is_told)), "{alerts}");
    Ok(())
}
