//! Answers on their way out, whole: from the command line through the real program to WhatsApp's stand-in over HTTP, and back
//! as signed statuses. What breaks in between costs nothing and doubles nothing that is not marked so.

use std::collections::BTreeMap;
use std::ops::Deref;

use anyhow::ensure;
use secrecy::SecretString;
use serde_json::{Value, json};
use waypost_fault::SEND_POINTS;
use waypost_sandbox::{CustomerSpec, Fault, FaultKind};
use waypost_tests::eventually;

use crate::deployment::{Backend, Deployment, RULES};
use crate::outbound::{NUMBER_ID, Outbound};

mod media;
pub(crate) mod requests;
mod transcript;

const CUSTOMERS: [&str; 2] = ["4915100000001", "4915100000002"];
const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Two customers who have a phone, and a program that has not started.
struct Scene(Outbound);

impl Deref for Scene {
    type Target = Outbound;

    fn deref(&self) -> &Outbound {
        &self.0
    }
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        Self::on(Deployment::new(Backend::Embedded, RULES)?).await
    }

    async fn on(deployment: Deployment) -> anyhow::Result<Self> {
        let outbound = Outbound::on(deployment, |_| {}).await?;
        let control = outbound.platform.control();
        CUSTOMERS.iter().for_each(|phone| control.add_customer(CustomerSpec::of_phone(*phone)));
        Ok(Self(outbound))
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
