//! A customer's message. Twilio says by its fields what it is: the words of `MessageType` count only where there is nothing else.

use serde_json::{Map, Value, json};

use super::{Fields, Person, put};

/// WhatsApp sends one file a message; a request that speaks of more is no reason to believe any number.
const MEDIA_MAX: usize = 32;

/// One message; where there are several files, one more for each, under the same id with a number behind it.
pub(super) fn messages(fields: &Fields<'_>, id: Option<&str>, from: &Person) -> Vec<Value> {
    let mut files = files(fields).into_iter();
    let mut first = Map::new();
    put(&mut first, "id", id);
    who(&mut first, from);
    if let Some(context) = context(fields) {
        first.insert("context".to_owned(), context);
    }
    if let Some(referral) = referral(fields) {
        first.insert("referral".to_owned(), referral);
    }
    content(&mut first, fields, &mut files);
    let mut messages = vec![first.into()];
    for (at, (kind, file)) in (1..).zip(files) {
        let mut more = Map::new();
        put(&mut more, "id", id.map(|id| format!("{id}.{at}")).as_deref());
        who(&mut more, from);
        more.insert("type".to_owned(), kind.into());
        more.insert(kind.to_owned(), file.into());
        messages.push(more.into());
    }
    messages
}

fn who(message: &mut Map<String, Value>, from: &Person) {
    put(message, "from", from.phone.as_deref());
    put(message, "from_user_id", from.user_id.as_deref());
}

/// What it says, with the first of its files where it is nothing else.
fn content(
    message: &mut Map<String, Value>,
    fields: &Fields<'_>,
    files: &mut impl Iterator<Item = (&'static str, Map<String, Value>)>,
) {
    let body = fields.get("Body");
    let (button, button_text) = (fields.get("ButtonPayload"), fields.get("ButtonText"));
    let (kind, content, shown) = if button.is_some() || button_text.is_some() {
        ("button", object([("payload", button), ("text", button_text)]), button_text)
    } else if let Some(row) = fields.get("ListId") {
        let title = fields.get("ListTitle").or(body);
        let reply = object([("id", Some(row)), ("title", title), ("description", fields.get("ListDescription"))]);
        ("interactive", json!({"type": "list_reply", "list_reply": reply}), title)
    } else if let Some(answers) = fields.get("InteractiveData") {
        ("interactive", json!({"type": "nfm_reply", "nfm_reply": {"response_json": answers}}), None)
    } else if let (Some(north), Some(east)) = (fields.get("Latitude"), fields.get("Longitude")) {
        let (name, address) = (fields.get("Label"), fields.get("Address"));
        let place = [("latitude", Some(north)), ("longitude", Some(east)), ("name", name), ("address", address)];
        ("location", object(place), name)
    } else if let Some((kind, mut file)) = files.next() {
        put(&mut file, "caption", body);
        (kind, file.into(), body)
    } else if let Some(body) = body {
        ("text", json!({"body": body}), Some(body))
    } else {
        let kind = fields.get("MessageType").unwrap_or("unknown");
        ("unsupported", json!({"type": kind}), None)
    };
    message.insert("type".to_owned(), kind.into());
    message.insert(kind.to_owned(), content);
    // What else was written stays words of the message.
    if let Some(body) = body.filter(|body| Some(*body) != shown) {
        message.insert("text".to_owned(), json!({"body": body}));
    }
}

/// Each with Meta's word for its kind. Its id is the last part of its address, which stays beside it.
fn files(fields: &Fields<'_>) -> Vec<(&'static str, Map<String, Value>)> {
    let count = fields.get("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0_usize).min(MEDIA_MAX);
    let file = |at: usize| {
        let url = fields.get(&format!("MediaUrl{at}"))?;
        let mime_type = fields.get(&format!("MediaContentType{at}"));
        let id = url.rsplit('/').find(|part| !part.is_empty());
        let mut file = Map::new();
        put(&mut file, "id", id);
        put(&mut file, "url", Some(url));
        put(&mut file, "mime_type", mime_type);
        Some((kind_of(mime_type.unwrap_or_default()), file))
    };
    (0..count).filter_map(file).collect()
}

fn kind_of(mime_type: &str) -> &'static str {
    match mime_type.split_once('/') {
        Some(("image", "webp")) => "sticker",
        Some(("image", _)) => "image",
        Some(("video", _)) => "video",
        Some(("audio", _)) => "audio",
        _ => "document",
    }
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
    said.iter().any(|(_, value)| value.is_some()).then(|| object(said))
}

fn object<const N: usize>(texts: [(&str, Option<&str>); N]) -> Value {
    let mut object = Map::new();
    for (name, text) in texts {
        put(&mut object, name, text);
    }
    object.into()
}
