//! Twilio on the test's desk: takes messages over real HTTP, judges them as Twilio's reference says, and tells what became of
//! them, signed, with and without the port in the address; customers write through it. It knows Twilio's documentation and
//! nothing of our client. Ends with the test's runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use waypost_cloud_api::twilio::fields::{Fields, Form};
use waypost_cloud_api::twilio::signature::{HEADER_NAME, sign};

use crate::webhook::http_client;

const REQUEST_BYTES_MAX: usize = 64 << 10;
const BODY_CHARACTERS_MAX: usize = 1_600;
/// How long a webhook is posted again until it is taken, as with `#rc` in its address.
const RETRY_EVERY: Duration = Duration::from_millis(100);
const RETRIES_MAX: usize = 300;
const HOOKS_MAX: usize = 1_000;

/// What the account is.
#[derive(Debug, Clone)]
pub struct TwilioSettings {
    pub account_sid: String,
    pub auth_token: String,
    /// Of Basic: `account:token` in base64.
    pub basic: String,
    /// With its `+`.
    pub number: String,
    /// Where customers' messages are posted to.
    pub webhook_url: String,
}

/// A form that was taken.
pub type Taken = BTreeMap<String, String>;

/// The account.
#[derive(Clone)]
pub struct TwilioStandIn {
    pub url: String,
    settings: Arc<TwilioSettings>,
    state: Arc<Mutex<State>>,
    hooks: mpsc::Sender<Hook>,
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    refused: Vec<i64>,
    /// Customers outside of their windows.
    closed: BTreeSet<String>,
    /// Answers that do not arrive.
    to_lose: usize,
    received: usize,
}

/// A form that is to be posted.
struct Hook {
    url: String,
    form: String,
}

impl TwilioStandIn {
    pub async fn start(settings: TwilioSettings) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (hooks, to_post) = mpsc::channel(HOOKS_MAX);
        let this = Self { url, settings: Arc::new(settings), state: Arc::default(), hooks };
        tokio::spawn(post_in_order(http_client()?, this.settings.auth_token.clone(), to_post));
        let account = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let account = account.clone();
                // A client that goes away ends its connection.
                tokio::spawn(async move { account.serve(stream).await.unwrap_or_default() });
            }
        });
        Ok(this)
    }

    /// Everything that was taken, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    /// The codes of what was refused.
    pub fn refused(&self) -> Vec<i64> {
        self.state().refused.clone()
    }

    /// The next messages are taken, and their answers are lost.
    pub fn lose_answers(&self, count: usize) {
        self.state().to_lose = count;
    }

    /// Twilio knows better than we do when the window of `phone` (with its `+`) has closed.
    pub fn close_window(&self, phone: &str) {
        self.state().closed.insert(phone.to_owned());
    }

    /// A customer (with their `+`) writes. Returns the message's id.
    pub fn write(&self, from: &str, text: &str) -> anyhow::Result<String> {
        let sid = {
            let mut state = self.state();
            state.received += 1;
            state.closed.remove(from);
            format!("SMin{}", state.received)
        };
        let wa_id = from.trim_start_matches('+');
        let (our, their) = (format!("whatsapp:{}", self.settings.number), format!("whatsapp:{from}"));
        let form = encoded(&[
            ("SmsMessageSid", &sid),
            ("NumMedia", "0"),
            ("ProfileName", "A B"),
            ("MessageType", "text"),
            ("SmsSid", &sid),
            ("WaId", wa_id),
            ("SmsStatus", "received"),
            ("Body", text),
            ("To", &our),
            ("MessageSid", &sid),
            ("AccountSid", &self.settings.account_sid),
            ("From", &their),
        ])?;
        self.hooks
            .try_send(Hook { url: self.settings.webhook_url.clone(), form })
            .ok()
            .context("more than can be posted")?;
        Ok(sid)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        while let Some(request) = Request::read(&mut stream).await? {
            let (status, answer) = match self.judge(&request) {
                Ok(form) => {
                    let (sid, is_lost) = self.take(form)?;
                    if is_lost {
                        return Ok(());
                    }
                    (201, json!({"sid": sid, "status": "queued", "error_code": null, "error_message": null}))
                }
                Err((status, code)) => {
                    self.state().refused.push(code);
                    let more = format!("https://www.twilio.com/docs/errors/{code}");
                    (status, json!({"code": code, "message": "nein", "more_info": more, "status": status}))
                }
            };
            write(&mut stream, status, &answer).await?;
        }
        Ok(())
    }

    /// The form, or the status and the code of what is wrong with it.
    fn judge(&self, request: &Request) -> Result<Taken, (u16, i64)> {
        let TwilioSettings { account_sid, basic, number, .. } = &*self.settings;
        if request.header("authorization") != format!("Basic {basic}") {
            return Err((401, 20_003));
        }
        if request.line != format!("POST /2010-04-01/Accounts/{account_sid}/Messages.json") {
            return Err((404, 20_404));
        }
        if request.header("content-type") != "application/x-www-form-urlencoded" {
            return Err((400, 21_620));
        }
        let fields = Fields::read(Form::UrlEncoded, &request.body).ok_or((400, 21_620))?;
        let names = ["To", "From", "Body", "MediaUrl", "ContentSid", "ContentVariables", "StatusCallback"];
        let form: Taken =
            names.into_iter().filter_map(|name| Some((name.to_owned(), fields.get(name)?.to_owned()))).collect();
        let is_address = |to: &String| to.strip_prefix("whatsapp:+").is_some_and(|to| to.parse::<u64>().is_ok());
        let is_text = |text: &String| text.chars().count() <= BODY_CHARACTERS_MAX;
        let has_content = ["Body", "MediaUrl", "ContentSid"].iter().any(|name| form.contains_key(*name));
        let is_json = |text: &String| serde_json::from_str::<BTreeMap<String, String>>(text).is_ok();
        match &form {
            _ if !form.get("To").is_some_and(is_address) => Err((400, 21_211)),
            _ if form.get("From") != Some(&format!("whatsapp:{number}")) => Err((400, 63_007)),
            _ if !has_content => Err((400, 21_619)),
            _ if !form.get("Body").is_none_or(is_text) => Err((400, 21_617)),
            _ if !form.get("ContentVariables").is_none_or(is_json) => Err((400, 21_656)),
            _ if !form.get("StatusCallback").is_none_or(|url| url.starts_with("http")) => Err((400, 21_609)),
            _ => Ok(form),
        }
    }

    /// Its id, and whether nobody learns of it. What becomes of it is told by webhooks.
    fn take(&self, form: Taken) -> anyhow::Result<(String, bool)> {
        let mut state = self.state();
        state.taken.push(form.clone());
        let sid = format!("SMout{}", state.taken.len());
        let is_lost = state.to_lose > 0;
        state.to_lose = state.to_lose.saturating_sub(1);
        let to = form.get("To").map(String::as_str).unwrap_or_default();
        let is_free = !form.contains_key("ContentSid");
        let is_closed = is_free && state.closed.contains(to.trim_start_matches("whatsapp:"));
        drop(state);
        let steps: &[&str] = if is_closed {
            &["queued", "sent", "undelivered"]
        } else {
            &["queued", "sent", "delivered", "read", "delivered"]
        };
        let Some(callback) = form.get("StatusCallback") else { return Ok((sid, is_lost)) };
        let from = form.get("From").map(String::as_str).unwrap_or_default();
        for step in steps {
            let error = if *step == "undelivered" { "63016" } else { "" };
            let form = encoded(&[
                ("ErrorCode", error),
                ("SmsSid", &sid),
                ("SmsStatus", step),
                ("MessageStatus", step),
                ("To", to),
                ("MessageSid", &sid),
                ("AccountSid", &self.settings.account_sid),
                ("From", from),
            ])?;
            self.hooks.try_send(Hook { url: callback.clone(), form }).ok().context("more than can be posted")?;
        }
        Ok((sid, is_lost))
    }
}

/// One after the other, each until it is taken; signed with the port in the address, and then without.
async fn post_in_order(client: reqwest::Client, token: String, mut hooks: mpsc::Receiver<Hook>) {
    let mut count = 0_usize;
    while let Some(Hook { url, form }) = hooks.recv().await {
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let Some(fields) = Fields::read(Form::UrlEncoded, form.as_bytes()) else { return };
        count += 1;
        let signed_url = if count.is_multiple_of(2) { without_port(&url) } else { url.clone() };
        let signature = sign(&token, &signed_url, &fields);
        let mut ticks = tokio::time::interval(RETRY_EVERY);
        for _ in 0..RETRIES_MAX {
            ticks.tick().await;
            let request = client.post(&url).header(HEADER_NAME, &signature).body(form.clone());
            let answer = request.header("content-type", Form::UrlEncoded.content_type()).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
        }
    }
}

fn without_port(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    format!("{scheme}://{host}{path}")
}

fn encoded(fields: &[(&str, &str)]) -> anyhow::Result<String> {
    // As a query of an address, where reqwest writes forms alike.
    let url = reqwest::Url::parse_with_params("http://x/", fields)?;
    Ok(url.query().unwrap_or_default().to_owned())
}

struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// `None` at the end of the connection.
    async fn read(stream: &mut TcpStream) -> anyhow::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let head_length = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
            ensure!(bytes.len() < REQUEST_BYTES_MAX, "a head that never ends");
        };
        let mut body = bytes.split_off(head_length);
        let head = String::from_utf8(bytes)?;
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let mut request = Self { line, headers: lines.filter_map(header).collect(), body: Vec::new() };
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        ensure!(length < REQUEST_BYTES_MAX, "a body that no message has");
        while body.len() < length {
            ensure!(stream.read_buf(&mut body).await? > 0, "half a body");
        }
        request.body = body;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

async fn write(stream: &mut TcpStream, status: u16, answer: &Value) -> anyhow::Result<()> {
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
    stream.write_all(format!("{head}{answer}").as_bytes()).await?;
    Ok(())
}
