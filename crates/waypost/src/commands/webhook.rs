//! `waypost webhook test`: a signed sample webhook of any kind.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Certificate, Client, ClientBuilder, StatusCode};
use serde_json::{Value, json};
use waypost_bus::topology::UNROUTED_QUEUE as UNROUTED;
use waypost_cloud_api::samples::{SampleKind, SampleParams, sample};
use waypost_cloud_api::signature::{Provider, sign};
use waypost_cloud_api::webhook::{Content, split};
use waypost_domain::WabaId;
use waypost_store::{EventKey, KnownEvent, Store};

use crate::cli::WebhookTestArgs;
use crate::output;
use crate::process::Config;
use crate::process::store::{STORE_FILE, open_store};
use waypost_cli::Failure;

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a decision is waited for, and how often it is asked for.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn test(args: WebhookTestArgs) -> Result<(), Failure> {
    if args.kind == "list" {
        for kind in SampleKind::ALL {
            output::line(kind.name())?;
        }
        return Ok(());
    }
    let Some(kind) = SampleKind::parse(&args.kind) else {
        return Err(Failure::config(format!(
            "no sample kind {:?}; `waypost webhook test list` prints them",
            args.kind
        )));
    };
    let body = checked_body(kind, &args)?;
    let config = Config::of(&args.config)?;
    let secret = secret(&args, &config)?;
    let signature = sign(&secret, body.as_bytes());
    let header = match config.ingress.provider.as_str() {
        "360dialog" => Provider::D360.header_name(),
        _ => Provider::Meta.header_name(),
    };
    if args.print {
        output::note(&format!("{header}: {signature}"));
        return output::line(&body);
    }
    let url = args.to.clone().unwrap_or_else(|| address(&config));
    let client = client(args.ca.as_deref())?;
    let answered = send(&client, &url, header, &signature, body.clone()).await?;
    let mut messages: Vec<SentMessage> = messages(body.as_bytes());
    // Somebody else's Waypost keeps what it decides in a store that is not ours.
    if args.to.is_none() && answered.status.is_success() {
        tell_where(&config, &mut messages).await;
    }
    answered.print(&url, &messages, args.json)
}

/// What the webhook said.
struct Answered {
    status: StatusCode,
    text: String,
}

/// A message that was sent, and what became of it.
struct SentMessage {
    event: EventKey,
    /// As soon as it is decided.
    decided: Option<KnownEvent>,
    /// Whether there was a store to ask.
    was_looked_for: bool,
}

impl Answered {
    fn print(&self, url: &str, messages: &[SentMessage], json: bool) -> Result<(), Failure> {
        if json {
            let messages: Vec<Value> = messages.iter().map(SentMessage::json).collect();
            let all = json!({
                "url": url, "status": self.status.as_u16(), "answer": self.text.trim(), "messages": messages,
            });
            output::line(&all.to_string())?;
        } else {
            output::line(format!("{url}: {} {}", self.status, self.text.trim()).trim_end())?;
            messages.iter().try_for_each(|message| output::line(&message.line()))?;
        }
        if self.status.is_success() {
            return Ok(());
        }
        Err(Failure::failed(format!("the webhook answered {}{}", self.status, remedy(self.status))))
    }
}

impl SentMessage {
    /// Its id; team, rule and reason.
    fn line(&self) -> String {
        let id = &self.event.key;
        let Some(known) = &self.decided else {
            return if self.was_looked_for {
                format!("{id}: not decided yet; later: waypost trace {id}")
            } else {
                id.clone()
            };
        };
        match &known.outcome {
            Some(outcome) => {
                let team = outcome.team.as_ref().map_or_else(|| UNROUTED.to_owned(), |team| format!("team {team}"));
                format!("{id}: {team} ({}), by {}: {}", outcome.priority.as_str(), outcome.rule, outcome.why)
            }
            None if known.kind == "notice" => {
                format!("{id}: kept, and shown with the next message: no conversation is open")
            }
            None => format!("{id}: kept as {}", known.kind),
        }
    }

    fn json(&self) -> Value {
        let mut all = json!({ "message_id": self.event.key, "phone_number_id": self.event.number.as_str() });
        if let Some(known) = &self.decided {
            all["decision"] = format!("decisions/{}", known.decision_id).into();
            all["kind"] = known.kind.clone().into();
            if let Some(outcome) = &known.outcome {
                all["team"] = outcome.team.as_ref().map(ToString::to_string).into();
                all["priority"] = outcome.priority.as_str().into();
                all["rule"] = outcome.rule.clone().into();
                all["why"] = outcome.why.clone().into();
            }
        }
        all
    }
}

/// The messages in a body.
fn messages(body: &[u8]) -> Vec<SentMessage> {
    let events = split(body).events.into_iter();
    let messages = events.filter(|event| matches!(event.content, Content::Message(_) | Content::StandbyMessage(_)));
    let sent = messages.map(|event| SentMessage {
        event: EventKey { number: event.number, key: event.key },
        decided: None,
        was_looked_for: false,
    });
    sent.collect()
}

/// Finds out what becomes of the messages, as soon as it is decided.
async fn tell_where(config: &Config, messages: &mut [SentMessage]) {
    if messages.is_empty() || (config.store.is_embedded() && !config.data_dir.join(STORE_FILE).exists()) {
        return;
    }
    let Ok(store) = open_store(config).await else { return };
    for message in messages {
        message.was_looked_for = true;
        message.decided = decided(&store, &message.event).await;
    }
    store.close().await;
}

async fn decided(store: &Store, message: &EventKey) -> Option<KnownEvent> {
    let deadline = tokio::time::Instant::now() + DECIDED_WITHIN;
    loop {
        let known = store.decision(message).await.ok().flatten();
        if known.is_some() || tokio::time::Instant::now() >= deadline {
            return known;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn checked_body(kind: SampleKind, args: &WebhookTestArgs) -> Result<String, Failure> {
    if args.reply.is_some() && !SampleKind::WITH_REPLY.contains(&kind) {
        let kinds = SampleKind::WITH_REPLY.map(SampleKind::name).join(", ");
        return Err(Failure::config(format!("--reply: {} has nothing to tap on; {kinds} have", kind.name())));
    }
    body(kind, args)
}

fn body(kind: SampleKind, args: &WebhookTestArgs) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let sample_number = SampleParams::default();
    let is_sample = args.phone_number_id == sample_number.phone_number_id;
    // Of a number of one's own nothing is told that it might be believed for.
    let (waba_id, display_phone_number) = match is_sample {
        true => (sample_number.waba_id, sample_number.display_phone_number),
        false => (WabaId::TEST.to_owned(), String::new()),
    };
    let params = SampleParams {
        waba_id,
        display_phone_number,
        phone_number_id: args.phone_number_id.clone(),
        from: args.from.clone(),
        profile_name: args.profile_name.clone(),
        text: args.text.clone(),
        reply_id: args.reply.clone(),
        wamid: format!("wamid.TEST{}", now.as_nanos()),
        timestamp: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        ..SampleParams::default()
    };
    serde_json::to_string(&sample(kind, &params)).map_err(Failure::failed)
}

fn secret(args: &WebhookTestArgs, config: &Config) -> Result<String, Failure> {
    let file = args.secret_file.as_ref().or_else(|| config.ingress.app_secrets_file.first());
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::config(format!("app secret {}: {error}", file.display())))?;
        // As the ingress reads it: one a line.
        let first = text.lines().map(str::trim).find(|line| !line.is_empty());
        let empty = || Failure::config(format!("app secret {}: holds none", file.display()));
        return first.map(str::to_owned).ok_or_else(empty);
    }
    match config.ingress.app_secrets.first() {
        Some(secret) => Ok(secret.expose().to_owned()),
        None => Err(Failure::config("no app secret: give --config, --secret-file or WAYPOST__INGRESS__APP_SECRETS")),
    }
}

fn address(config: &Config) -> String {
    let scheme = if config.ingress.tls_certificate_file.is_some() { "https" } else { "http" };
    format!("{scheme}://{}{}", config.ingress.listen, config.ingress.path)
}

/// `ca`: who signed the webhook's certificate, where the system does not know them.
fn client(ca: Option<&Path>) -> Result<Client, Failure> {
    with_authorities(Client::builder().timeout(TIMEOUT), ca)?.build().map_err(Failure::failed)
}

/// `ca`: certificate authorities, beside the system's.
pub(crate) fn with_authorities(mut builder: ClientBuilder, ca: Option<&Path>) -> Result<ClientBuilder, Failure> {
    if let Some(file) = ca {
        let wrong = |problem: &dyn std::fmt::Display| Failure::config(format!("--ca {}: {problem}", file.display()));
        let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&chain(&error)))?;
        if certificates.is_empty() {
            return Err(wrong(&"holds no certificate"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

async fn send(client: &Client, url: &str, header: &str, signature: &str, body: String) -> Result<Answered, Failure> {
    let request = client.post(url).header("content-type", "application/json").header(header, signature).body(body);
    let response = request.send().await.map_err(|error| Failure::unavailable(chain(&error)))?;
    let status = response.status();
    Ok(Answered { status, text: response.text().await.unwrap_or_default() })
}

/// What to do about that answer.
fn remedy(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => {
            ": it has another app secret than the one that was signed with; give the one of its ingress.app_secrets \
             (--config or --secret-file)"
        }
        StatusCode::NOT_FOUND => {
            ": nobody takes webhooks at this path; give --to with the path of its ingress.path, which is /webhook unless \
             configured otherwise"
        }
        StatusCode::SERVICE_UNAVAILABLE => ": it cannot store messages at the moment; `waypost status` there tells why",
        _ => "",
    }
}

/// An error with all its causes: the outermost alone says little.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, WebhookCommand};

    fn args(more: &[&str]) -> Result<WebhookTestArgs, String> {
        let line = [&["waypost", "webhook", "test"], more].concat();
        let parsed = Cli::try_parse_from(line).map_err(|error| error.to_string())?;
        match parsed.command {
            Command::Webhook(WebhookCommand::Test(args)) => Ok(args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_tap_has_the_id_that_was_asked_for() {
        for kind in SampleKind::ALL {
            let args = args(&[kind.name(), "--reply", "optout", "--profile-name", "Bea"]).unwrap();
            match checked_body(*kind, &args) {
                Ok(body) => {
                    assert!(SampleKind::WITH_REPLY.contains(kind), "{}", kind.name());
                    assert!(body.contains("\"optout\"") && body.contains("\"Bea\""), "{body}");
                }
                Err(refused) => {
                    assert!(!SampleKind::WITH_REPLY.contains(kind), "{}", kind.name());
                    let told = refused.message().unwrap_or_default();
                    assert!(told.contains("--reply") && told.contains("button-reply"), "{told}");
                }
            }
        }
        let without = body(SampleKind::ListReply, &args(&["list-reply"]).unwrap()).unwrap();
        assert!(without.contains("\"sample-row\""), "{without}");
    }

    #[test]
    fn of_a_number_of_one_s_own_nothing_is_made_up() {
        let shown = |more: &[&str]| {
            let body = body(SampleKind::Text, &args(&[&["text"], more].concat()).unwrap()).unwrap();
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let entry = &body["entry"][0];
            let metadata = &entry["changes"][0]["value"]["metadata"];
            (entry["id"].clone(), metadata["display_phone_number"].clone())
        };
        assert_eq!(shown(&["--phone-number-id", "106540352242922"]), (WabaId::TEST.into(), "".into()));
        assert_ne!(shown(&[]).0, WabaId::TEST);
    }

    #[test]
    fn numbers_are_as_meta_writes_them() {
        assert_eq!(args(&["text", "--from", "+34 600 000 107"]).unwrap().from, "34600000107");
        for none in ["abc", "600000004"] {
            let told = args(&["text", "--from", none]).unwrap_err();
            assert!(told.contains("country code") && told.contains("34600000000"), "{told}");
        }
        let told = args(&["text", "--phone-number-id", "support-es"]).unwrap_err();
        assert!(told.contains("Meta's id"), "{told}");
    }

    #[test]
    fn what_a_webhook_refuses_has_a_remedy() {
        let told = |status| {
            let answered = Answered { status, text: String::new() };
            answered
                .print("http://127.0.0.1:1/webhook", &[], true)
                .unwrap_err()
                .message()
                .unwrap_or_default()
                .to_owned()
        };
        assert!(told(StatusCode::UNAUTHORIZED).contains("app secret"));
        assert!(told(StatusCode::NOT_FOUND).contains("/webhook"));
        assert!(told(StatusCode::SERVICE_UNAVAILABLE).contains("waypost status"));
        assert_eq!(told(StatusCode::IM_A_TEAPOT), "the webhook answered 418 I'm a teapot");
    }
}
