//! A number at another carrier than Meta, beside one at Meta: what the tests of every such carrier do with the real
//! program.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_sandbox::CustomerSpec;
use waypost_tests::eventually;

use crate::deployment::Deployment;
use crate::outbound::{NUMBER_ID, Outbound};

pub(crate) const CUSTOMER: &str = "+4915100000001";
/// Of WhatsApp's stand-in, which lists its templates.
pub(crate) const WABA: &str = "102290129340398";
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// A program that has not started.
pub(crate) struct Elsewhere {
    pub(crate) outbound: Outbound,
    /// Our name for the number.
    number: &'static str,
}

impl Elsewhere {
    /// `number`: our name for the number; the deployment is then to be told of its carrier. Meta has the template
    /// `offer`.
    pub(crate) async fn new(deployment: Deployment, number: &'static str) -> anyhow::Result<Self> {
        let outbound = Outbound::on(deployment, |config| {
            config.templates = vec![json!({
                "name": "offer", "language": "en", "category": "UTILITY",
                "components": [{ "type": "BODY", "text": "Hello {{1}}!", "example": { "body_text": [["Ann"]] } }],
            })];
        })
        .await?;
        Ok(Self { outbound, number })
    }

    /// With these keys of the configuration.
    pub(crate) fn set(self, keys: &[(&str, &str)]) -> Self {
        let Outbound { deployment, .. } = self.outbound;
        let deployment = keys.iter().fold(deployment, |deployment, (key, value)| deployment.set(key, value));
        Self { outbound: Outbound { deployment, ..self.outbound }, ..self }
    }

    /// [`CUSTOMER`] has written, so that they can be answered.
    pub(crate) async fn is_known(&self) {
        let known = async || self.outbound.json(&["contacts", "get", CUSTOMER]).ok();
        eventually("the customer is known", WITHIN, known).await;
    }

    /// Keeps a request to [`CUSTOMER`]; whether the program took it.
    pub(crate) fn send(&self, what: &[&str], id: &str) -> anyhow::Result<bool> {
        let words = [&["send"], what, &["--to", CUSTOMER, "--number", self.number, "--id", id, "--json"]].concat();
        let output = self.outbound.run(&words)?;
        Ok(output.status.success())
    }

    /// The file of a customer's message, as `waypost media download` writes it, and what that says of it.
    pub(crate) async fn downloaded(&self, message: &str) -> anyhow::Result<(Vec<u8>, Value)> {
        let output = self.outbound.deployment.folder.path().join(message).display().to_string();
        let words = ["media", "download", message, "--number", self.number, "--output", &output];
        let shown = async || self.outbound.json(&words).ok();
        let shown = eventually("the file is there", WITHIN, shown).await;
        Ok((std::fs::read(&output)?, shown))
    }

    /// [`CUSTOMER`], who agrees to it, reads the template `offer` with the value Ann.
    pub(crate) async fn gets_an_offer(&self, id: &str) -> anyhow::Result<()> {
        let proof =
            ["--category", "utility", "--wording", "Tell me of my orders", "--source", "checkout", "--collector", "A"];
        let granted = self.outbound.run(&[&["consent", "grant", CUSTOMER], &proof[..]].concat())?;
        ensure!(granted.status.success(), "{granted:?}");
        let listed = async || {
            let templates = self.outbound.json(&["templates", "list"]).ok()?;
            templates.to_string().contains("approved").then_some(())
        };
        eventually("Meta's list is read", WITHIN, listed).await;
        let offer = ["--template", "offer", "--language", "en", "--value", "Ann", "--event", "orders/1"];
        ensure!(self.send(&offer, id)?, "it is kept");
        let is_over = |message: &Value| {
            ["READ", "REFUSED", "FAILED"].iter().any(|end| message["state"] == format!("MESSAGE_STATE_{end}"))
        };
        let message = self.until_message(&format!("{id} has come to an end"), id, is_over).await;
        ensure!(message["state"] == "MESSAGE_STATE_READ", "{message}");
        Ok(())
    }

    pub(crate) async fn until(&self, id: &str, state: &str) -> Value {
        self.until_message(&format!("{id} is {state}"), id, |message| message["state"] == state).await
    }

    async fn until_message(&self, what: &str, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let is_there = async || self.outbound.json(&["messages", "show", id]).ok().filter(&is_so);
        eventually(what, WITHIN, is_there).await
    }

    /// A number at Meta goes Meta's way.
    pub(crate) async fn metas_number_goes_its_way(&self) -> anyhow::Result<()> {
        let control = self.outbound.platform.control();
        control.add_customer(CustomerSpec::of_phone("4915100000002"));
        control.write("4915100000002", NUMBER_ID, "hello")?;
        let to = "+4915100000002";
        eventually("they are known", WITHIN, async || self.outbound.json(&["contacts", "get", to]).ok()).await;
        let number = format!("number-{NUMBER_ID}");
        let sent = self.outbound.run(&["send", "Hello", "--to", to, "--number", &number, "--id", "meta"])?;
        ensure!(sent.status.success(), "{sent:?}");
        self.until("meta", "MESSAGE_STATE_READ").await;
        ensure!(self.outbound.taken()?.len() == 1, "by its own carrier");
        Ok(())
    }

    /// A file of the deployment's with this secret.
    pub(crate) fn secret_file(&self, name: &str, secret: &str) -> anyhow::Result<String> {
        let file = self.outbound.deployment.folder.path().join(name);
        std::fs::write(&file, secret)?;
        Ok(file.display().to_string())
    }
}
