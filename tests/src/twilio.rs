//! Twilio on the test's desk: takes messages over real HTTP, judges them as Twilio's reference says, and tells what became of
//! them, signed, with and without the port in the address; customers write through it. It knows Twilio's documentation and
//! nothing of our client. Ends with the test's runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use serde_json::json;
use waypost_cloud_api::twilio::fields::{Fields, Form};
use waypost_cloud_api::twilio::signature::{HEADER_NAME, sign};

use crate::desk::{Answer, Hook, Poster, Reply, Request, serve};

const BODY_CHARACTERS_MAX: usize = 1_600;

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
    poster: Poster,
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
    posted: usize,
    /// What customers sent: the type and the bytes.
    files: Vec<(&'static str, Vec<u8>)>,
}

impl TwilioStandIn {
    pub async fn start(settings: TwilioSettings) -> anyhow::Result<Self> {
        let (settings, state) = (Arc::new(settings), Arc::default());
        let mut this = Self { url: String::new(), settings, state, poster: Poster::start()? };
        let account = this.clone();
        this.url = serve(move |request| account.answer(request)).await?;
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
        self.customer_writes(from, &[("NumMedia", "0"), ("MessageType", "text"), ("Body", text)])
    }

    /// A customer (with their `+`) sends a file. Returns the message's id.
    pub fn write_file(&self, from: &str, content_type: &'static str, bytes: Vec<u8>) -> anyhow::Result<String> {
        let (message, file) = {
            let mut state = self.state();
            state.files.push((content_type, bytes));
            (state.received + 1, state.files.len())
        };
        let below = format!("Accounts/{}/Messages/SMin{message}/Media/ME{file}", self.settings.account_sid);
        let url = format!("https://api.twilio.com/2010-04-01/{below}");
        let file = [("MediaUrl0", &*url), ("MediaContentType0", content_type)];
        self.customer_writes(from, &[&file[..], &[("NumMedia", "1"), ("MessageType", "document")]].concat())
    }

    fn customer_writes(&self, from: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let sid = {
            let mut state = self.state();
            state.received += 1;
            state.closed.remove(from);
            format!("SMin{}", state.received)
        };
        let wa_id = from.trim_start_matches('+');
        let (our, their) = (format!("whatsapp:{}", self.settings.number), format!("whatsapp:{from}"));
        let all: [(&str, &str); 9] = [
            ("SmsMessageSid", &*sid),
            ("ProfileName", "A B"),
            ("SmsSid", &sid),
            ("WaId", wa_id),
            ("SmsStatus", "received"),
            ("To", &our),
            ("MessageSid", &sid),
            ("AccountSid", &self.settings.account_sid),
            ("From", &their),
        ];
        let form = encoded(&[fields, &all].concat())?;
        self.post(&self.settings.webhook_url, form)?;
        Ok(sid)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is lost.
    fn answer(&self, request: &Request) -> Answer {
        if let Some(path) = request.line.strip_prefix("GET ") {
            return Ok(Some(self.file(path, request)));
        }
        match self.judge(request) {
            Ok(form) => {
                let (sid, is_lost) = self.take(form)?;
                let taken = json!({"sid": sid, "status": "queued", "error_code": null, "error_message": null});
                Ok((!is_lost).then(|| Reply::json(201, &taken)))
            }
            Err((status, code)) => {
                self.state().refused.push(code);
                Ok(Some(refusal(status, code)))
            }
        }
    }

    /// Behind the account's credentials is only where the file is kept, and there they must not be shown.
    fn file(&self, path: &str, request: &Request) -> Reply {
        let TwilioSettings { account_sid, basic, .. } = &*self.settings;
        let authorization = request.header("authorization");
        if let Some(file) = path.strip_prefix("/kept/").and_then(|path| path.strip_suffix("?signed=x")) {
            return match self.kept(file) {
                Some((content_type, bytes)) if authorization.is_empty() => Reply::file(content_type, bytes),
                Some(_) => refusal(400, 0),
                None => refusal(404, 20_404),
            };
        }
        if authorization != format!("Basic {basic}") {
            return refusal(401, 20_003);
        }
        let below = path.strip_prefix(&format!("/2010-04-01/Accounts/{account_sid}/Messages/SMin"));
        match below.and_then(|below| below.split_once("/Media/ME")) {
            Some((_, file)) if self.kept(file).is_some() => Reply::leads_to(format!("/kept/{file}?signed=x")),
            _ => refusal(404, 20_404),
        }
    }

    fn kept(&self, number: &str) -> Option<(&'static str, Vec<u8>)> {
        let at = number.parse::<usize>().ok()?.checked_sub(1)?;
        self.state().files.get(at).cloned()
    }

    /// Signed with the port in the address, and then without.
    fn post(&self, url: &str, form: String) -> anyhow::Result<()> {
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let fields = Fields::read(Form::UrlEncoded, form.as_bytes()).context("it is a form")?;
        let count = {
            let mut state = self.state();
            state.posted += 1;
            state.posted
        };
        let signed_url = if count.is_multiple_of(2) { without_port(&url) } else { url.clone() };
        let signature = sign(&self.settings.auth_token, &signed_url, &fields);
        let headers = vec![(HEADER_NAME, signature), ("content-type", Form::UrlEncoded.content_type().to_owned())];
        self.poster.post(Hook { url, headers, body: form })
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
            self.post(callback, form)?;
        }
        Ok((sid, is_lost))
    }
}

fn refusal(status: u16, code: i64) -> Reply {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Reply::json(status, &json!({"code": code, "message": "nein", "more_info": more, "status": status}))
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
