//! A customer's message. Twilio says by its fields what it is: the words of `MessageType` count only where there is nothing else.

use serde_json::{Map, Value, json};

use super::Fields;
use crate::carrier::told::{File, MEDIA_MAX, Person, file, object, put, say, with_files};

/// One message; where there are several files, one more for each, under the same id with a number behind it.
pub(super) fn messages(fields: &Fields<'_>, id: Option<&str>, from: &Person) -> Vec<Value> {
    let mut files = files(fields).into_iter();
    let mut first = object([("id", id)]);
    from.wrote(&mut first);
    if let Some(context) = context(fields) {
        first.insert("context".to_owned(), context);
    }
    if let Some(referral) = referral(fields) {
        first.insert("referral".to_owned(), referral);
    }
    content(&mut first, fields, &mut files);
    with_files(first, id, from, files)
}

/// What it says, with the first of its files where it is nothing else.
fn content(message: &mut Map<String, Value>, fields: &Fields<'_>, files: &mut impl Iterator<Item = File>) {
    let body = fields.get("Body");
    let (button, button_text) = (fields.get("ButtonPayload"), fields.get("ButtonText"));
    let (kind, content, shown) = if button.is_some() || button_text.is_some() {
        ("button", object([("payload", button), ("text", button_text)]).into(), button_text)
    } else if let Some(row) = fields.get("ListId") {
        let title = fields.get("ListTitle").or(body);
        let reply = object([("id", Some(row)), ("title", title), ("description", fields.get("ListDescription"))]);
        ("interactive", json!({"type": "list_reply", "list_reply": reply}), title)
    } else if let Some(answers) = fields.get("InteractiveData") {
        ("interactive", json!({"type": "nfm_reply", "nfm_reply": {"response_json": answers}}), None)
    } else if let (Some(north), Some(east)) = (fields.get("Latitude"), fields.get("Longitude")) {
        let (name, address) = (fields.get("Label"), fields.get("Address"));
        let place = [("latitude", Some(north)), ("longitude", Some(east)), ("name", name), ("address", address)];
        ("location", object(place).into(), name)
    } else if let Some((kind, mut file)) = files.next() {
        put(&mut file, "caption", body);
        (kind, file.into(), body)
    } else if let Some(body) = body {
        ("text", json!({"body": body}), Some(body))
    } else {
        let kind = fields.get("MessageType").unwrap_or("unknown");
        ("unsupported", json!({"type": kind}), None)
    };
    say(message, kind, content, body, shown);
}

/// Of an unknown type they are documents.
fn files(fields: &Fields<'_>) -> Vec<File> {
    let count = fields.get("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0_usize).min(MEDIA_MAX);
    let one = |at: usize| {
        let url = fields.get(&format!("MediaUrl{at}"))?;
        Some(file(url, fields.get(&format!("MediaContentType{at}")), "document"))
    };
    (0..count).filter_map(one).collect()
}

/// The message that it answers, and whether it was handed on.
fn context(fields: &Fields<'_>) -> Option<Value> {
    let mut context = Map::new();
    put(&mut context, "id", fields.get("OriginalRepliedMessageSid"));
    put(&mut context, "from", fields.get("OriginalRepliedMessageSender").map(super::plain).as_deref());
    for (theirs, ours) in [("Forwarded", "forwarded"), ("FrequentlyForwarded", "frequently_forwarded")] {
        if fields.get(theirs).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            context.insert(ours.to_owned(), true.into());
        }
    }
    (!context.is_empty()).then(|| context.into())
}

/// The advertisement that they came from.
fn referral(fields: &Fields<'_>) -> Option<Value> {
    let names = [
        ("source_type", "ReferralSourceType"),
        ("source_id", "ReferralSourceId"),
        ("source_url", "ReferralSourceUrl"),
        ("headline", "ReferralHeadline"),
        ("body", "ReferralBody"),
        ("ctwa_clid", "ReferralCtwaClid"),
    ];
    let said = names.map(|(ours, theirs)| (ours, fields.get(theirs)));
    said.iter().any(|(_, value)| value.is_some()).then(|| object(said).into())
}
