//! Answers on their way out, whole: from the command line through the real program to WhatsApp's stand-in over HTTP, and back
//! as signed statuses. What breaks in between costs nothing and doubles nothing that is not marked so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use waypost_domain::send::Mark;
use waypost_fault::SEND_POINTS;
use waypost_sandbox::{CustomerSpec, Fault, FaultKind, Limits, Platform, PlatformConfig};
#[cfg(feature = "servers")]
use waypost_tests::ports::free_port;
use waypost_tests::webhook::http_client;
use waypost_tests::{WaypostProcess, eventually};

use crate::deployment::{APP_SECRET, Backend, Deployment, RULES};

pub(crate) mod requests;
mod transcript;

const TOKEN: &str = "test-token";
const NUMBER_ID: &str = "106540352242922";
const CUSTOMERS: [&str; 2] = ["4915100000001", "4915100000002"];
const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

struct Scene {
    deployment: Deployment,
    platform: Platform,
}

impl Scene {
    /// Customers who have a phone, and a program that has not started.
    async fn new() -> anyhow::Result<Self> {
        Self::on(Deployment::new(Backend::Embedded, RULES)?).await
    }

    async fn on(deployment: Deployment) -> anyhow::Result<Self> {
        http_client()?; // installs the TLS provider
        let mut config = PlatformConfig::new(APP_SECRET, TOKEN);
        config.webhook_url = Some(deployment.webhook_url());
        config.limits = Limits::lifted();
        config.delivery.retry_max = 1_000;
        let platform = Platform::start(config).await?;
        CUSTOMERS.iter().for_each(|phone| platform.control().add_customer(CustomerSpec::of_phone(*phone)));
        let file = deployment.folder.path().join("token");
        std::fs::write(&file, TOKEN)?;
        #[cfg(feature = "servers")]
        let deployment = match deployment.servers() {
            // Commands of the machine find their process by its files, which there are none of.
            Some(_) => deployment.set("grpc.listen", &format!("127.0.0.1:{}", free_port())),
            None => deployment,
        };
        let deployment = deployment
            .set("graph.base_url", &platform.url().to_string())
            .set("graph.token_file", &file.display().to_string())
            .set("sender.uncertain_wait_s", "2")
            .set("sender.pair_pace", "false");
        Ok(Self { deployment, platform })
    }

    fn token_file(&self) -> PathBuf {
        self.deployment.folder.path().join("token")
    }

    async fn start(&self, variables: &[(&str, &str)]) -> anyhow::Result<WaypostProcess> {
        let process = self.deployment.start_with(variables).await?;
        #[cfg(feature = "servers")]
        if self.deployment.servers().is_some() && !self.callers_file().exists() {
            let roles = ["viewer", "editor", "publisher", "compliance", "operator"];
            let roles: Vec<&str> = roles.into_iter().flat_map(|role| ["--role", role]).collect();
            let made = self.deployment.command(&[&["token", "create"], &roles[..]].concat())?.output()?;
            ensure!(made.status.success(), "{made:?}");
            std::fs::write(self.callers_file(), made.stdout)?;
        }
        Ok(process)
    }

    /// Of whoever runs commands, where the process has no files to find it by.
    fn callers_file(&self) -> PathBuf {
        self.deployment.folder.path().join("caller")
    }

    fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.deployment.command(words)?;
        if self.callers_file().exists() {
            command.env("WAYPOST_TOKEN_FILE", self.callers_file());
        }
        Ok(command.output()?)
    }

    fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[words, &["--json"]].concat())?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{words:?}: {told}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Both customers have written, so that they can be answered.
    async fn both_write(&self) -> anyhow::Result<()> {
        for phone in CUSTOMERS {
            self.platform.control().write(phone, NUMBER_ID, "where is my parcel?")?;
        }
        for phone in CUSTOMERS {
            let to = format!("+{phone}");
            let known = async || self.json(&["contacts", "get", &to]).ok();
            eventually("the customer is known", WITHIN, known).await;
        }
        Ok(())
    }

    /// Keeps a request; whether the program took it.
    fn send(&self, id: &str, phone: &str) -> anyhow::Result<bool> {
        let (to, number) = (format!("+{phone}"), format!("number-{NUMBER_ID}"));
        let output = self.run(&["send", "It comes today", "--to", &to, "--number", &number, "--id", id, "--json"])?;
        Ok(output.status.success())
    }

    fn message(&self, id: &str) -> anyhow::Result<Value> {
        self.json(&["messages", "show", id])
    }

    async fn until(&self, id: &str, state: &str) -> anyhow::Result<Value> {
        let is_there = async || self.message(id).ok().filter(|message| message["state"] == state);
        Ok(eventually(&format!("{id} is {state}"), WITHIN, is_there).await)
    }

    /// How often the platform has taken each send.
    fn taken(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut taken = BTreeMap::new();
        for message in self.platform.control().accepted() {
            let mark = message.callback_data.as_deref().and_then(Mark::parse).context("it bears our mark")?;
            *taken.entry(mark.send.to_string()).or_default() += 1;
        }
        Ok(taken)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_reaches_the_customer_and_its_statuses_come_back() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.start(&[]).await?;
    ensure!(!scene.send("early", CUSTOMERS[0])?, "nobody has written yet");
    scene.both_write().await?;
    ensure!(scene.send("one", CUSTOMERS[0])?, "they have written");
    let read = scene.until("one", "MESSAGE_STATE_READ").await?;
    for time in ["accept_time", "sent_time", "deliver_time", "read_time"] {
        ensure!(read[time].is_string(), "{time}: {read}");
    }
    let accepted = scene.platform.control().accepted();
    let [message] = &accepted[..] else { anyhow::bail!("one message, not {}", accepted.len()) };
    ensure!(message.callback_data.as_deref() == Some("wp1/one/1") && read["message_id"] == message.wamid, "{read}");
    ensure!(message.to == format!("+{}", CUSTOMERS[0]), "with its country code");
    Ok(())
}

/// Outbound case 1, and fault 18: the platform accepts, then the connection is reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_is_settled_by_its_statuses() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.start(&[]).await?;
    scene.both_write().await?;
    scene.platform.control().add_fault(Fault::new(FaultKind::ResetAfterAccept).times(1));
    ensure!(scene.send("one", CUSTOMERS[0])?, "it is kept");
    let read = scene.until("one", "MESSAGE_STATE_READ").await?;
    ensure!(read["attempts"] == 1 && read["maybe_duplicate"] != true, "{read}");
    ensure!(scene.taken()? == BTreeMap::from([("one".to_owned(), 1)]), "{:?}", scene.taken()?);
    Ok(())
}

/// Whoever waits for a second connection with one in hand waits for ever where there is no second one.
#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_to_the_database_is_enough() -> anyhow::Result<()> {
    // Commands find the process by its bus.
    let deployment =
        Deployment::new(Backend::Servers, RULES)?.set("bus.url", "embedded").set("store.connections_max", "1");
    let scene = Scene::on(deployment).await?;
    let _waypost = scene.start(&[]).await?;
    scene.both_write().await?;
    let [phone, _] = CUSTOMERS;
    let wamid = scene.platform.control().write(phone, NUMBER_ID, "hello?")?;
    let routed = async || scene.run(&["trace", &wamid]).ok().filter(|trace| trace.status.success());
    eventually("it is routed", WITHIN, routed).await;
    let (to, number) = (format!("+{phone}"), format!("number-{NUMBER_ID}"));
    let sent = scene.run(&["send", "Hello", "--to", &to, "--number", &number, "--id", "one", "--last-seen", &wamid])?;
    ensure!(sent.status.success(), "{sent:?}");
    scene.until("one", "MESSAGE_STATE_READ").await?;
    Ok(())
}

/// Fault 21, outbound case 7: the token ends; another one lies in the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ended_stops_the_number_until_there_is_another() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let _waypost = scene.start(&[]).await?;
    scene.both_write().await?;
    scene.platform.control().expire_tokens();
    for n in 0..5 {
        ensure!(scene.send(&format!("s{n}"), CUSTOMERS[n % 2])?, "it is kept");
    }
    let refused = async || (!scene.platform.control().refused().is_empty()).then_some(());
    eventually("the token is refused", WITHIN, refused).await;
    let told = async || scene.json(&["alerts", "list"]).ok().filter(|alerts| alerts[0].is_object());
    let alerts = eventually("a person is told", WITHIN, told).await;
    let of = format!("number/number-{NUMBER_ID}/code_190");
    ensure!(alerts[0]["name"] == format!("alerts/{of}"), "{alerts}");
    let is_in_status = || {
        let status = scene.run(&["status"])?;
        anyhow::Ok(String::from_utf8_lossy(&status.stdout).contains(&format!("waypost alerts acknowledge {of}")))
    };
    ensure!(is_in_status()?, "status must say it");
    scene.platform.control().add_token(&SecretString::from("another"));
    std::fs::write(scene.token_file(), "another")?;
    for n in 0..5 {
        scene.until(&format!("s{n}"), "MESSAGE_STATE_READ").await?;
    }
    ensure!(scene.taken()?.values().all(|times| *times == 1), "{:?}", scene.taken()?);

    let known = scene.json(&["alerts", "acknowledge", &of])?;
    ensure!(known["acknowledger"] == "local" && known["acknowledge_time"].is_string(), "{known}");
    ensure!(!is_in_status()?, "somebody knows it");
    ensure!(scene.json(&["alerts", "list"])? == json!([]) && scene.json(&["alerts", "list", "--all"])?[0] == known);
    let stale = scene.run(&["alerts", "acknowledge", &of, "--etag", "1"])?;
    ensure!(String::from_utf8_lossy(&stale.stderr).contains("read it again"), "{stale:?}");
    let unknown = scene.run(&["alerts", "acknowledge", "number/nobody/code_190"])?;
    ensure!(String::from_utf8_lossy(&unknown.stderr).contains("does not exist"), "{unknown:?}");
    let records = scene.json(&["audit", "list"])?;
    ensure!(records[0]["method"] == "AlertService/AcknowledgeAlert", "{records}");
    Ok(())
}

/// Fault 8 for the way out: killed at each of its points, and again at the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_killed_anywhere_sends_nothing_twice_unmarked() -> anyhow::Result<()> {
    for point in SEND_POINTS {
        let scene = Scene::new().await?;
        let mut first = scene.start(&[("WAYPOST_KILLPOINT", &format!("{point}:2"))]).await?;
        scene.both_write().await?;
        let ids: Vec<String> = (0..6).map(|n| format!("s{n}")).collect();
        for (n, id) in ids.iter().enumerate() {
            // The process may be dead by now: whether it was kept is seen afterwards.
            scene.send(id, CUSTOMERS[n % 2])?;
        }
        eventually(&format!("{point} is reached"), WITHIN, async || first.exit_status()).await;
        let _second = scene.start(&[]).await?;
        for (n, id) in ids.iter().enumerate() {
            // Whoever got no answer asks again, under the same id.
            ensure!(scene.send(id, CUSTOMERS[n % 2])?, "{point}: {id} is refused");
            scene.until(id, "MESSAGE_STATE_READ").await?;
        }
        for (id, times) in scene.taken()? {
            let message = scene.message(&id)?;
            let is_marked = message["maybe_duplicate"] == true;
            ensure!(times == 1 || is_marked && times == 2, "{point}: {id} was sent {times} times: {message}");
        }
    }
    Ok(())
}
