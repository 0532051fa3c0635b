//! News of a carrier's in Meta's words. Made from the same news, they have the same bytes: what is sent again is known
//! by them.

use serde_json::{Map, Value, json};

use super::OurNumbers;
use super::file_id::FileId;

/// WhatsApp sends one file a message; a request that speaks of more is no reason to believe any number.
pub(crate) const MEDIA_MAX: usize = 32;

/// Who is not us.
#[derive(Default)]
pub(crate) struct Person {
    /// Digits, or what stands in their place.
    pub(crate) phone: Option<String>,
    /// Their business-scoped id.
    pub(crate) user_id: Option<String>,
}

/// Which of our numbers is told of, and under which account.
pub(crate) struct Told<'a> {
    pub(crate) ours: &'a OurNumbers,
    /// That the number has here.
    pub(crate) id: &'a str,
    /// The number, where the carrier says it.
    pub(crate) number: &'a str,
    /// That the carrier says.
    pub(crate) account: Option<&'a str>,
}

impl Told<'_> {
    /// Customers' messages.
    pub(crate) fn messages(&self, from: &Person, name: Option<&str>, messages: Vec<Value>) -> String {
        self.webhook(|value| {
            value.insert("contacts".to_owned(), json!([from.contact(name)]));
            value.insert("messages".to_owned(), messages.into());
        })
    }

    /// What became of a message of ours.
    pub(crate) fn status(&self, status: Map<String, Value>) -> String {
        self.webhook(|value| {
            value.insert("statuses".to_owned(), json!([status]));
        })
    }

    fn webhook(&self, fill: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut value = Map::new();
        put(&mut value, "messaging_product", Some("whatsapp"));
        let metadata = json!({"display_phone_number": self.number, "phone_number_id": self.id});
        value.insert("metadata".to_owned(), metadata);
        fill(&mut value);
        let account = self.ours.account.as_deref().or(self.account).unwrap_or_default();
        let change = json!({"field": "messages", "value": value});
        json!({"object": "whatsapp_business_account", "entry": [{"id": account, "changes": [change]}]}).to_string()
    }
}

impl Person {
    fn contact(&self, name: Option<&str>) -> Value {
        let mut contact = object([("wa_id", self.phone.as_deref()), ("user_id", self.user_id.as_deref())]);
        if let Some(name) = name {
            contact.insert("profile".to_owned(), json!({"name": name}));
        }
        contact.into()
    }

    /// Says of a message whom it is from.
    pub(crate) fn wrote(&self, message: &mut Map<String, Value>) {
        put(message, "from", self.phone.as_deref());
        put(message, "from_user_id", self.user_id.as_deref());
    }

    /// Says of a status whom its message was for.
    pub(crate) fn received(&self, status: &mut Map<String, Value>) {
        put(status, "recipient_id", self.phone.as_deref());
        put(status, "recipient_user_id", self.user_id.as_deref());
    }
}

/// A file, with Meta's word for its kind.
pub(crate) type File = (&'static str, Map<String, Value>);

/// Its id is what its address says of it; the address stays beside it.
pub(crate) fn file(url: &str, mime_type: Option<&str>, else_kind: &'static str) -> File {
    let id = FileId::of_address(url).map(|id| id.to_string());
    let file = object([("id", id.as_deref()), ("url", Some(url)), ("mime_type", mime_type)]);
    (mime_type.map_or(else_kind, kind_of), file)
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

/// `first` as a whole message; where there are more files, one more for each, under the same id with a number behind
/// it.
pub(crate) fn with_files(
    first: Map<String, Value>,
    id: Option<&str>,
    from: &Person,
    files: impl Iterator<Item = File>,
) -> Vec<Value> {
    // Of one moment, where that is told.
    let moment = first.get("timestamp").cloned();
    let mut messages = vec![first.into()];
    for (at, (kind, file)) in (1..).zip(files) {
        let mut more = Map::new();
        put(&mut more, "id", id.map(|id| format!("{id}.{at}")).as_deref());
        from.wrote(&mut more);
        more.extend(moment.clone().map(|moment| ("timestamp".to_owned(), moment)));
        put(&mut more, "type", Some(kind));
        more.insert(kind.to_owned(), file.into());
        messages.push(more.into());
    }
    messages
}

/// What a message is, and what else was written in it, which stays words of the message.
pub(crate) fn say(
    message: &mut Map<String, Value>,
    kind: &str,
    content: impl Into<Value>,
    words: Option<&str>,
    shown: Option<&str>,
) {
    put(message, "type", Some(kind));
    message.insert(kind.to_owned(), content.into());
    if let Some(words) = words.filter(|words| Some(*words) != shown) {
        message.insert("text".to_owned(), json!({"body": words}));
    }
}

/// Of the texts that are there.
pub(crate) fn object<const N: usize>(texts: [(&str, Option<&str>); N]) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, text) in texts {
        put(&mut object, name, text);
    }
    object
}

pub(crate) fn put(object: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(name.to_owned(), text.into());
    }
}
