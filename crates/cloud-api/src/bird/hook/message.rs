//! A customer's message. Bird says by its body what it is, and what is no text has its words beside it.

use serde_json::{Map, Value, json};

use super::Payload;
use crate::carrier::told::{File, MEDIA_MAX, Person, file, object, put, say, with_files};
use crate::json::{Json, fields_of, first, for_each, integer, text};

/// One message; where there are several files, one more for each, under the same id with a number behind it.
pub(super) fn messages(payload: &Payload<'_>, from: &Person) -> Vec<Value> {
    let id = text(payload.id);
    let mut first = object([("id", id.as_deref())]);
    from.wrote(&mut first);
    let [extra] = fields_of(payload.meta, &["extraInformation"]);
    let [time] = fields_of(extra, &["timestamp"]);
    put(&mut first, "timestamp", integer(time).map(|seconds| seconds.to_string()).as_deref());
    let [quoted] = fields_of(payload.reply_to, &["id"]);
    if let Some(quoted) = text(quoted) {
        first.insert("context".to_owned(), json!({"id": quoted}));
    }
    let [kind] = fields_of(payload.body, &["type"]);
    let kind = text(kind).unwrap_or("unknown".into());
    let [content] = fields_of(payload.body, &[&*kind]);
    let mut files = files(&kind, content).into_iter();
    fill(&mut first, &kind, content, &mut files);
    with_files(first, id.as_deref(), from, files)
}

/// What it says, with the first of its files where it is nothing else.
fn fill(message: &mut Map<String, Value>, kind: &str, content: Json<'_>, files: &mut impl Iterator<Item = File>) {
    let [words, actions] = fields_of(content, &["text", "actions"]);
    let words = text(words);
    let words = words.as_deref();
    if let Some((tap, label)) = tap(actions) {
        say(message, "button", tap, words, label.as_deref());
    } else if let Some((place, name)) = place(content) {
        say(message, "location", place, words, name.as_deref());
    } else if let Some((kind, mut file)) = files.next() {
        put(&mut file, "caption", words);
        say(message, kind, file, words, words);
    } else if let Some(words) = words.filter(|_| kind == "text") {
        say(message, "text", json!({"body": words}), Some(words), Some(words));
    } else {
        say(message, "unsupported", json!({"type": kind}), words, None);
    }
}

/// What a customer tapped, on a button or in a list, and the words on it. An action holds it under its own type:
/// `{"type": "postback", "postback": {"text", "payload"}}`.
fn tap(actions: Json<'_>) -> Option<(Map<String, Value>, Option<String>)> {
    let action = first(actions);
    let [kind] = fields_of(action, &["type"]);
    let [tapped] = fields_of(action, &[&*text(kind)?]);
    let [payload, id, label] = fields_of(tapped, &["payload", "id", "text"]);
    let (payload, label) = (text(payload.or(id)), text(label));
    let tap = object([("payload", payload.as_deref()), ("text", label.as_deref())]);
    (!tap.is_empty()).then(|| (tap, label.map(String::from)))
}

/// `{"coordinates": {"latitude", "longitude"}, "location": {"label", "address"}}`
fn place(content: Json<'_>) -> Option<(Map<String, Value>, Option<String>)> {
    let [coordinates, location] = fields_of(content, &["coordinates", "location"]);
    let [north, east] = fields_of(coordinates, &["latitude", "longitude"]);
    let (north, east) = (text(north)?, text(east)?);
    let [name, address] = fields_of(location, &["label", "address"]);
    let (name, address) = (text(name), text(address));
    let place = [
        ("latitude", Some(&*north)),
        ("longitude", Some(&*east)),
        ("name", name.as_deref()),
        ("address", address.as_deref()),
    ];
    Some((object(place), name.map(String::from)))
}

/// Of `images` or `files`, or the one that the content is.
fn files(kind: &str, content: Json<'_>) -> Vec<File> {
    let mut found = Vec::new();
    let mut add = |json, else_kind| {
        let [url, other_url, mime_type, name] = fields_of(json, &["mediaUrl", "url", "contentType", "filename"]);
        if let Some(url) = text(url.or(other_url)).filter(|_| found.len() < MEDIA_MAX) {
            let (kind, mut one) = file(&url, text(mime_type).as_deref(), else_kind);
            put(&mut one, "filename", text(name).as_deref());
            found.push((kind, one));
        }
    };
    let else_kind = match kind {
        "image" => "image",
        "video" => "video",
        "audio" => "audio",
        "sticker" => "sticker",
        _ => "document",
    };
    let [images, files] = fields_of(content, &["images", "files"]);
    for list in [images, files].into_iter().flatten() {
        for_each(list, |one| add(Some(one), else_kind));
    }
    if images.or(files).is_none() {
        add(content, else_kind);
    }
    found
}
