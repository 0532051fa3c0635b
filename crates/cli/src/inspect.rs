//! `waypost inspect`: what Waypost sees in a webhook body.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use waypost_cloud_api::webhook::{Content, Quarantined, WebhookEvent, split};
use waypost_domain::{AliasSet, InboundMessage, Status};

use crate::failure::Failure;
use crate::output;
use crate::piped::standard_input;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost inspect body.json
  curl … | waypost inspect | jq 'select(.kind == \"message\")'

Each line has kind (message, status, echo, account or quarantined) and what that kind has: id, type, contact, text,
words (where each stood and what it says), summary (one line for people), reply_id, status, field, … Exit code 4 if
anything was quarantined.")]
pub struct InspectArgs {
    /// The webhook body; - or nothing for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// The ingress' own limit for a body.
const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let body = read(&args.file)?;
    let split = split(&body);
    for event in &split.events {
        output::line(&event_line(event).to_string())?;
    }
    for part in &split.quarantined {
        output::line(&quarantined_line(part).to_string())?;
    }
    if split.quarantined.is_empty() { Ok(()) } else { Err(Failure::Quarantined) }
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if file == Path::new("-") {
        standard_input("a webhook's body", "a FILE that holds it")?.take(BODY_BYTES_MAX + 1).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(BODY_BYTES_MAX + 1).read_to_end(&mut body))
    };
    read.map_err(|error| Failure::config(format!("{}: {error}", file.display())))?;
    if body.len() as u64 > BODY_BYTES_MAX {
        return Err(Failure::config(format!("{}: larger than {BODY_BYTES_MAX} bytes", file.display())));
    }
    Ok(body)
}

fn event_line(event: &WebhookEvent<'_>) -> Value {
    let mut line = Map::new();
    let kind = match &event.content {
        Content::Message(_) | Content::StandbyMessage(_) => "message",
        Content::Status(_) => "status",
        Content::Echo(_) => "echo",
        Content::ContactChange(_) | Content::AccountChange => "account",
    };
    line.insert("kind".into(), kind.into());
    match &event.content {
        Content::Message(message) | Content::Echo(message) => message_fields(&mut line, message),
        Content::StandbyMessage(message) => {
            message_fields(&mut line, message);
            line.insert("standby".into(), true.into());
        }
        Content::Status(status) => status_fields(&mut line, status),
        Content::ContactChange(change) => {
            line.insert("contact".into(), contact(&change.aliases));
        }
        Content::AccountChange => {}
    }
    line.insert("field".into(), event.field.as_ref().into());
    put(&mut line, "phone_number_id", Some(event.number.as_str()).filter(|id| !id.is_empty()));
    put(&mut line, "waba_id", Some(event.waba_id.as_str()).filter(|id| !id.is_empty()));
    line.insert("key".into(), event.key.as_str().into());
    let place = event.position;
    line.insert("position".into(), json!([place.entry, place.change, place.item]));
    Value::Object(line)
}

fn message_fields(line: &mut Map<String, Value>, message: &InboundMessage) {
    put(line, "id", message.id.as_deref());
    put(line, "type", Some(message.kind.as_str()).filter(|kind| !kind.is_empty()));
    put(line, "from", message.from.as_deref());
    line.insert("contact".into(), contact(&message.contact));
    put(line, "name", message.profile_name.as_deref());
    put(line, "username", message.username.as_deref());
    line.insert("summary".into(), message.summary(None).into());
    put(line, "text", message.text.as_deref());
    let words = message.words().into_iter().map(|words| json!({ "in": words.part.as_str(), "text": words.text }));
    let words: Vec<Value> = words.collect();
    if !words.is_empty() {
        line.insert("words".into(), words.into());
    }
    put(line, "reply_id", message.tap.as_ref().map(|tap| tap.id.as_str()));
    put(line, "reply_title", message.tap.as_ref().and_then(|tap| tap.title.as_deref()));
    put(line, "media_id", message.media.as_ref().map(|media| media.id.as_str()));
    put(line, "original_id", message.original());
    put(line, "quoted_id", message.quoted.as_ref().map(|quoted| quoted.id.as_str()));
    put(line, "group_id", message.group_id.as_deref());
    if let Some(at) = message.timestamp {
        line.insert("timestamp_ms".into(), at.as_millis().into());
    }
    if !message.errors.is_empty() {
        let codes: Vec<i64> = message.errors.iter().map(|error| error.code).collect();
        line.insert("errors".into(), json!(codes));
    }
}

fn status_fields(line: &mut Map<String, Value>, status: &Status) {
    put(line, "id", Some(status.id.as_str()));
    put(line, "status", Some(status.state.as_str()));
    line.insert("contact".into(), contact(&status.recipient));
    put(line, "participant", status.participant.as_deref());
    put(line, "callback_data", status.callback_data.as_deref());
    if let Some(pricing) = &status.pricing {
        put(line, "pricing_category", pricing.category.as_deref());
        put(line, "pricing_type", pricing.kind.as_deref());
    }
    if let Some(at) = status.timestamp {
        line.insert("timestamp_ms".into(), at.as_millis().into());
    }
    if !status.errors.is_empty() {
        line.insert("errors".into(), json!(status.error_codes()));
    }
}

fn quarantined_line(part: &Quarantined<'_>) -> Value {
    json!({
        "kind": "quarantined",
        "reason": part.reason.as_str(),
        "detail": part.detail,
        "position": part.position.map(|place| [place.entry, place.change, place.item]),
        "bytes": part.bytes.len(),
    })
}

fn contact(aliases: &AliasSet) -> Value {
    let mut contact = Map::new();
    put(&mut contact, "phone", aliases.phone.as_deref());
    put(&mut contact, "user_id", aliases.bsuid.as_deref());
    put(&mut contact, "parent_user_id", aliases.parent_bsuid.as_deref());
    Value::Object(contact)
}

fn put(line: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line.insert(name.into(), value.into());
    }
}
