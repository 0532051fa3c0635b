//! Bird on the test's desk: takes messages over real HTTP, judges them as Bird's reference says, and tells what became
//! of them, signed over the time, the address and the raw bytes; customers write through it. Its JSON is not what a
//! parser would write again. It knows Bird's documentation and nothing of our client. Ends with the test's runtime.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Map, Value, json};
use waypost_cloud_api::bird::signature::{HEADER_NAME, TIME_HEADER_NAME, sign};

use crate::desk::{Answer, Hook, Poster, Reply, Request, post, serve};
use crate::webhook::http_client;

/// What the workspace is.
#[derive(Debug, Clone)]
pub struct BirdSettings {
    pub workspace_id: String,
    pub channel_id: String,
    pub access_key: String,
    pub signing_key: String,
    pub webhook_url: String,
}

/// The workspace, with one channel.
#[derive(Clone)]
pub struct BirdStandIn {
    pub url: String,
    settings: Arc<BirdSettings>,
    state: Arc<Mutex<State>>,
    poster: Poster,
}

#[derive(Default)]
struct State {
    taken: Vec<Value>,
    refused: Vec<u16>,
    /// Customers outside of their windows.
    closed: BTreeSet<String>,
    /// Answers that do not arrive.
    to_lose: usize,
    /// Whether hooks keep the reference to themselves.
    hides_references: bool,
    received: usize,
    /// What customers sent: the type and the bytes.
    files: Vec<(&'static str, Vec<u8>)>,
}

impl BirdStandIn {
    pub async fn start(settings: BirdSettings) -> anyhow::Result<Self> {
        let (settings, state) = (Arc::new(settings), Arc::default());
        let mut this = Self { url: String::new(), settings, state, poster: Poster::start()? };
        let workspace = this.clone();
        this.url = serve(move |request| workspace.answer(request)).await?;
        Ok(this)
    }

    /// Everything that was taken, in order.
    pub fn taken(&self) -> Vec<Value> {
        self.state().taken.clone()
    }

    /// The statuses of what was refused.
    pub fn refused(&self) -> Vec<u16> {
        self.state().refused.clone()
    }

    /// The next messages are taken, and their answers are lost.
    pub fn lose_answers(&self, count: usize) {
        self.state().to_lose = count;
    }

    /// From now on no hook repeats a reference.
    pub fn hide_references(&self) {
        self.state().hides_references = true;
    }

    /// WhatsApp knows better than we do when the window of `phone` (with its `+`) has closed.
    pub fn close_window(&self, phone: &str) {
        self.state().closed.insert(phone.to_owned());
    }

    /// A customer (with their `+`) writes. Returns the message's id.
    pub fn write(&self, from: &str, text: &str) -> anyhow::Result<String> {
        self.customer_writes(from, |_| json!({"type": "text", "text": {"text": text}}))
    }

    /// A customer (with their `+`) sends a file. Returns the message's id.
    pub fn write_file(&self, from: &str, content_type: &'static str, bytes: Vec<u8>) -> anyhow::Result<String> {
        let number = {
            let mut state = self.state();
            state.files.push((content_type, bytes));
            state.files.len()
        };
        let workspace = &self.settings.workspace_id;
        self.customer_writes(from, |id| {
            let below = format!("workspaces/{workspace}/messages/{id}/media/file-{number}");
            let url = format!("https://media.nest.messagebird.com/{below}");
            let file = json!({"contentType": content_type, "mediaUrl": url, "filename": "../invoice.pdf"});
            json!({"type": "file", "file": {"files": [file]}})
        })
    }

    /// `body`: of the message with this id.
    fn customer_writes(&self, from: &str, body: impl FnOnce(&str) -> Value) -> anyhow::Result<String> {
        let id = {
            let mut state = self.state();
            state.received += 1;
            state.closed.remove(from);
            format!("in-{}", state.received)
        };
        self.poster.post(self.inbound(&id, from, &body(&id))?)?;
        Ok(id)
    }

    /// A message of a stranger's in every way in which it is not signed; the answers' statuses.
    pub async fn forge(&self, from: &str) -> anyhow::Result<Vec<u16>> {
        let BirdSettings { signing_key: key, webhook_url: url, .. } = &*self.settings;
        let text = json!({"type": "text", "text": {"text": "an invoice: ñ"}});
        let (client, good) = (http_client()?, self.inbound("forged", from, &text)?);
        let now = good.headers[1].1.clone();
        let again = serde_json::from_str::<Value>(&good.body)?.to_string();
        let long_ago = (now.parse::<u64>()? - 3_600).to_string();
        let body = good.body.as_bytes();
        let forgeries = [
            (&now, sign(key, &now, "a=1", body)),
            (&now, sign(key, &now, &format!("{url}?a=1"), body)),
            (&now, sign(key, &now, url, again.as_bytes())),
            (&now, sign("another", &now, url, body)),
            (&long_ago, sign(key, &long_ago, url, body)),
            (&now, String::new()),
        ];
        let mut statuses = Vec::new();
        for (time, signature) in forgeries {
            let headers = vec![(HEADER_NAME, signature), (TIME_HEADER_NAME, time.clone())];
            let hook = Hook { url: format!("{url}?a=1"), headers, body: good.body.clone() };
            statuses.push(post(&client, &hook).await.context("nobody answers")?.as_u16());
        }
        Ok(statuses)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbound(&self, id: &str, from: &str, body: &Value) -> anyhow::Result<Hook> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let contact = json!({"id": "c-1", "identifierKey": "phonenumber", "identifierValue": from,
            "annotations": {"name": "A B"}});
        self.hook(
            "whatsapp.inbound",
            json!({
                "id": id,
                "sender": {"contact": contact},
                "receiver": {"connector": {"id": "x", "identifierValue": ""}},
                "body": body,
                "meta": {"extraInformation": {"timestamp": seconds.to_string()}},
                "reference": "",
                "parts": [{"platformReference": format!("wamid.{id}")}],
                "status": "delivered",
                "reason": "",
                "direction": "incoming",
            }),
        )
    }

    fn hook(&self, event: &str, mut payload: Value) -> anyhow::Result<Hook> {
        let BirdSettings { channel_id, signing_key, webhook_url: url, .. } = &*self.settings;
        payload["channelId"] = channel_id.as_str().into();
        let hook = json!({"service": "channels", "event": event, "payload": payload});
        let body = serde_json::to_string_pretty(&hook)?.replace('ñ', "\\u00f1");
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
        let signature = sign(signing_key, &time, url, body.as_bytes());
        let headers = vec![(HEADER_NAME, signature), (TIME_HEADER_NAME, time)];
        Ok(Hook { url: url.clone(), headers, body })
    }

    /// `None`: it is lost.
    fn answer(&self, request: &Request) -> Answer {
        if let Some(path) = request.line.strip_prefix("GET ") {
            return Ok(Some(self.file(path, request)));
        }
        match self.judge(request) {
            Ok(message) => {
                let (id, is_lost) = self.take(&message)?;
                let taken = json!({"id": id, "status": "accepted", "direction": "outgoing"});
                Ok((!is_lost).then(|| Reply::json(202, &taken)))
            }
            Err((status, word)) => {
                self.state().refused.push(status);
                Ok(Some(refusal(status, word)))
            }
        }
    }

    /// A customer's, for whoever has the key.
    fn file(&self, path: &str, request: &Request) -> Reply {
        let BirdSettings { workspace_id, access_key, .. } = &*self.settings;
        if request.header("authorization") != format!("AccessKey {access_key}") {
            return refusal(401, "Unauthorized");
        }
        let below = path.strip_prefix(&format!("/workspaces/{workspace_id}/messages/in-"));
        let number = below.and_then(|below| below.split_once("/media/file-")?.1.parse::<usize>().ok());
        let kept = number.and_then(|number| self.state().files.get(number.checked_sub(1)?).cloned());
        kept.map_or_else(|| refusal(404, "NotFound"), |(content_type, bytes)| Reply::file(content_type, bytes))
    }

    /// The message, or the status and the word of what is wrong with it.
    fn judge(&self, request: &Request) -> Result<Value, (u16, &'static str)> {
        let BirdSettings { workspace_id, channel_id, access_key, .. } = &*self.settings;
        if request.header("authorization") != format!("AccessKey {access_key}") {
            return Err((401, "Unauthorized"));
        }
        if request.line != format!("POST /workspaces/{workspace_id}/channels/{channel_id}/messages") {
            return Err((404, "NotFound"));
        }
        if request.header("content-type") != "application/json" {
            return Err((415, "UnsupportedMediaType"));
        }
        const INVALID: (u16, &str) = (422, "InvalidInput");
        let message: Map<String, Value> = serde_json::from_slice(&request.body).map_err(|_| (400, "BadRequest"))?;
        let is_known = |name: &String| ["receiver", "reference", "body", "template"].contains(&name.as_str());
        let has_one = message.contains_key("body") != message.contains_key("template");
        if !has_one || !message.keys().all(is_known) {
            return Err(INVALID);
        }
        let message = Value::from(message);
        let contacts = message["receiver"]["contacts"].as_array().ok_or(INVALID)?;
        let [contact] = &contacts[..] else { return Err(INVALID) };
        let number = contact["identifierValue"].as_str().and_then(|number| number.strip_prefix('+')).ok_or(INVALID)?;
        let is_number = contact["identifierKey"] == "phonenumber" && number.parse::<u64>().is_ok();
        let (body, template) = (&message["body"], &message["template"]);
        let is_text = body["type"] == "text" && body["text"]["text"].is_string();
        let is_template = ["projectId", "version", "locale"].iter().all(|name| template[*name].is_string());
        let is_image = body["type"] == "image" && body["image"]["images"][0]["mediaUrl"].is_string();
        let file = &body["file"]["files"][0];
        let is_file = body["type"] == "file" && file["mediaUrl"].is_string() && file["contentType"].is_string();
        let is_body = is_text || is_image || is_file;
        let is_good = is_number && (is_body || is_template) && message["reference"].is_string();
        if is_good { Ok(message) } else { Err(INVALID) }
    }

    /// Its id, and whether nobody learns of it. What becomes of it is told by webhooks.
    fn take(&self, message: &Value) -> anyhow::Result<(String, bool)> {
        let mut state = self.state();
        state.taken.push(message.clone());
        let id = format!("out-{}", state.taken.len());
        let is_lost = state.to_lose > 0;
        state.to_lose = state.to_lose.saturating_sub(1);
        let to = message["receiver"]["contacts"][0]["identifierValue"].as_str().unwrap_or_default();
        let is_closed = message["body"].is_object() && state.closed.contains(to);
        let reference = if state.hides_references { Value::from("") } else { message["reference"].clone() };
        drop(state);
        let steps: &[&str] =
            if is_closed { &["accepted", "sending_failed"] } else { &["accepted", "sent", "delivered", "sent"] };
        for step in steps {
            let mut payload = json!({"id": id, "receiver": message["receiver"], "reference": reference,
                "status": step, "reason": "", "direction": "outgoing"});
            if *step == "sending_failed" {
                payload["reason"] = "details: Re-engagement message; reason: outside the window".into();
                payload["failure"] = json!({"code": 15_999, "source": {"name": "whatsapp", "code": "131047"}});
            }
            self.poster.post(self.hook("whatsapp.outbound", payload)?)?;
        }
        if !is_closed {
            let read = json!({"id": format!("i-{id}"), "type": "read", "messageId": id});
            self.poster.post(self.hook("whatsapp.interaction", read)?)?;
        }
        Ok((id, is_lost))
    }
}

fn refusal(status: u16, word: &str) -> Reply {
    Reply::json(status, &json!({"code": word, "message": "nein"}))
}
