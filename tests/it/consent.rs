//! A typed stop, whole: from the customer's phone through the real program to the ledger, what goes after it, and the one
//! confirmation on the phone. Outbound cases 20 and 22.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use waypost_domain::AliasSet;
use waypost_sandbox::{CustomerSpec, Tap};
use waypost_store::{Store, StoreOptions};
use waypost_tests::eventually;

use crate::campaigns::agreed;
use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

const ANN: &str = "4915100000001";
const STOP_BUTTON: &str = "Stop promotions";
const WITHIN: Duration = Duration::from_secs(60);

/// A customer who agreed to everything, and a program that has not started.
struct Scene(Outbound);

impl Deref for Scene {
    type Target = Outbound;

    fn deref(&self) -> &Outbound {
        &self.0
    }
}

impl Scene {
    async fn new(backend: Backend) -> anyhow::Result<Self> {
        let template = |name: &str, category: &str| {
            let body = json!({ "type": "BODY", "text": "Hello {{1}}!", "example": { "body_text": [["Ann"]] } });
            let buttons = json!({ "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": STOP_BUTTON }] });
            json!({ "name": name, "language": "en", "category": category, "components": [body, buttons] })
        };
        let templates = vec![template("offer", "MARKETING"), template("update", "UTILITY")];
        let outbound = Outbound::on(Deployment::new(backend, RULES)?, |config| config.templates = templates).await?;
        outbound.platform.control().add_customer(CustomerSpec::of_phone(ANN));
        std::fs::create_dir_all(outbound.deployment.data_folder())?;
        let store = Store::open(&crate::database::store_url(&outbound.deployment)?, StoreOptions::default()).await?;
        store.migrate().await?;
        let aliases = AliasSet { phone: Some(ANN.to_owned()), ..AliasSet::default() };
        let ann = store.upsert_contact(&aliases, &BTreeMap::new(), Some("en")).await?;
        let mut change = store.begin_change().await?;
        change.append_consent(&[agreed(ann, store.now().await?.plus_millis(-60_000))]).await?;
        change.commit(&[]).await?;
        store.close().await;
        Ok(Self(outbound))
    }

    /// The number and its templates are known once somebody wrote and they were listed.
    async fn is_known(&self) -> anyhow::Result<()> {
        self.writes("hello").await?;
        let listed = async || {
            let templates = self.json(&["templates", "list"]).ok()?;
            (templates.as_array()?.len() == 2).then_some(())
        };
        eventually("the templates are listed", WITHIN, listed).await;
        Ok(())
    }

    /// Once it is routed. Returns its wamid.
    async fn writes(&self, text: &str) -> anyhow::Result<String> {
        let wamid = self.platform.control().write(ANN, NUMBER_ID, text)?;
        let routed = async || self.run(&["trace", &wamid]).ok().filter(|trace| trace.status.success());
        eventually("it is routed", WITHIN, routed).await;
        Ok(wamid)
    }

    /// What the worker kept, the newest first: what was said, about what, in which message.
    fn kept(&self) -> anyhow::Result<Vec<[String; 3]>> {
        let entries = self.json(&["consent", "history", &format!("+{ANN}")])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ours = entries
            .as_array()
            .context("a list")?
            .iter()
            .filter(|entry| entry["how"] == "keyword" || entry["how"] == "button");
        Ok(ours.map(|entry| [text(&entry["change"]), text(&entry["category"]), text(&entry["source_id"])]).collect())
    }

    async fn until_kept(&self, count: usize) -> anyhow::Result<Vec<[String; 3]>> {
        let kept = async || self.kept().ok().filter(|kept| kept.len() >= count);
        let kept = eventually("it is in the ledger", WITHIN, kept).await;
        ensure!(kept.len() == count, "{kept:?}");
        Ok(kept)
    }

    fn asks(&self, id: &str, words: &[&str]) -> anyhow::Result<()> {
        let (to, number) = (format!("+{ANN}"), format!("number-{NUMBER_ID}"));
        let sent = self.run(&[&["send"], words, &["--to", &to, "--number", &number, "--id", id]].concat())?;
        ensure!(sent.status.success(), "{sent:?}");
        Ok(())
    }

    /// How it ended, and by which rule.
    async fn ends(&self, id: &str, state: &str) -> anyhow::Result<String> {
        let is_there = async || self.json(&["messages", "show", id]).ok().filter(|message| message["state"] == state);
        let message = eventually(&format!("{id} is {state}"), WITHIN, is_there).await;
        Ok(message["verdict"]["finding"]["rule"].as_str().unwrap_or_default().to_owned())
    }

    /// The confirmations on the phone.
    fn confirmations(&self) -> usize {
        let accepted = self.platform.control().accepted_for(ANN);
        let is_one = |mark: &Option<String>| mark.as_deref().is_some_and(|mark| mark.starts_with("wp1/stop-"));
        accepted.iter().filter(|message| is_one(&message.callback_data)).count()
    }
}

async fn a_typed_stop_is_honoured(backend: Backend) -> anyhow::Result<()> {
    let scene = Scene::new(backend).await?;
    let _waypost = scene.start(&[]).await?;
    scene.is_known().await?;
    let update = ["--template", "update", "--value", "Ann", "--event", "orders/1"];
    scene.asks("before", &update)?;
    scene.ends("before", "MESSAGE_STATE_READ").await?;

    // Case 20: words inside a sentence withdraw nothing, and are routed.
    scene.writes("stop, he is not coming").await?;
    let stop = scene.writes("Stop.").await?;
    let kept = scene.until_kept(1).await?;
    ensure!(kept[0][0].ends_with("WITHDRAWN") && kept[0][2] == stop, "with the message it was said in: {kept:?}");
    scene.asks("offer", &["--template", "offer", "--value", "Ann", "--event", "winter"])?;
    ensure!(scene.ends("offer", "MESSAGE_STATE_REFUSED").await? == "stopped", "marketing is refused");
    scene.asks("after", &update)?;
    ensure!(scene.ends("after", "MESSAGE_STATE_REFUSED").await? == "stopped", "whatever the business begins");
    eventually("the stop is confirmed", WITHIN, async || (scene.confirmations() == 1).then_some(())).await;

    // Case 22: an ordinary message gets its answer, and re-subscribes nothing.
    scene.writes("where is my order?").await?;
    scene.asks("answer", &["It comes today"])?;
    scene.ends("answer", "MESSAGE_STATE_READ").await?;
    scene.asks("still", &update)?;
    ensure!(scene.ends("still", "MESSAGE_STATE_REFUSED").await? == "stopped", "not by an ordinary message");

    scene.writes("STOP please").await?;
    scene.until_kept(2).await?;
    // Meta tells seconds, and of two words in one the stricter counts.
    let control = scene.platform.control();
    let second = control.now_ms() / 1000;
    eventually("a second passes", WITHIN, async || (control.now_ms() / 1000 > second).then_some(())).await;
    scene.writes("START").await?;
    // A grant for each category that had one.
    let kept = scene.until_kept(5).await?;
    ensure!(kept[..3].iter().all(|[change, ..]| change.ends_with("GRANTED")), "{kept:?}");
    scene.asks("again", &update)?;
    scene.ends("again", "MESSAGE_STATE_READ").await?;
    ensure!(scene.confirmations() == 1, "{} confirmations", scene.confirmations());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_stop_is_honoured_on_files() -> anyhow::Result<()> {
    a_typed_stop_is_honoured(Backend::Embedded).await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_stop_is_honoured_on_servers() -> anyhow::Result<()> {
    a_typed_stop_is_honoured(Backend::Servers).await
}

/// A button of an offer that is labelled so narrows the stop to marketing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_labelled_button_stops_marketing_alone() -> anyhow::Result<()> {
    let scene = Scene::new(Backend::Embedded).await?;
    let _waypost = scene.start(&[]).await?;
    scene.is_known().await?;
    let update = ["--template", "update", "--value", "Ann", "--event", "orders/1"];
    scene.asks("before", &update)?;
    scene.ends("before", "MESSAGE_STATE_READ").await?;
    let tap = scene.platform.control().tap(ANN, NUMBER_ID, &Tap::Label(STOP_BUTTON.to_owned()))?;
    let kept = scene.until_kept(1).await?;
    let [change, category, source] = &kept[0];
    ensure!(change.ends_with("WITHDRAWN") && category.ends_with("MARKETING") && *source == tap, "{kept:?}");
    scene.asks("update", &update)?;
    scene.ends("update", "MESSAGE_STATE_READ").await?;
    scene.asks("offer", &["--template", "offer", "--value", "Ann", "--event", "winter"])?;
    ensure!(scene.ends("offer", "MESSAGE_STATE_REFUSED").await? == "consent_withdrawn", "of its category");
    Ok(())
}
