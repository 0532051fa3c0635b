//! A webhook's body as a test sees it, without the production code: which parts of its text must become something.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What must come out of one body, as slices of it.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    /// Each must come out exactly once.
    pub(crate) items: Vec<&'a str>,
    /// A change's `value` that may come out besides, because there may be more in it than items.
    pub(crate) rests: Vec<&'a str>,
    /// A change's `value`, and its items, of which each must come out unless the value does.
    pub(crate) calls: Vec<(&'a str, Vec<&'a str>)>,
}

/// `None` for what is not exactly one `entry` list in an object: that is kept as a whole.
pub(crate) fn parts(body: &str) -> Option<Parts<'_>> {
    let mut parts = Parts::default();
    let body = Object::read(body)?;
    for entry in list(body.only("entry").ok()??)? {
        match changes_of(entry) {
            None => parts.items.push(entry.get()),
            Some(changes) => changes.into_iter().for_each(|change| parts.change(change)),
        }
    }
    Some(parts)
}

fn changes_of(entry: &RawValue) -> Option<Vec<&RawValue>> {
    let entry = Object::read(entry.get())?;
    if !entry.are_single(&["id", "time", "changes"]) {
        return None;
    }
    list(entry.only("changes").ok()??)
}

/// Those whose doubling makes a value ambiguous.
const VALUE_FIELDS: [&str; 8] = [
    "metadata",
    "display_phone_number",
    "contacts",
    "messages",
    "statuses",
    "message_echoes",
    "errors",
    "messaging_product",
];

impl<'a> Parts<'a> {
    fn change(&mut self, raw: &'a RawValue) {
        let Some((field, json, value)) = value_of(raw) else {
            return self.items.push(raw.get());
        };
        if field.as_deref() == Some(b"calls") {
            let calls = value.only("calls").ok().flatten().and_then(list).unwrap_or_default();
            self.calls.push((json.get(), calls.into_iter().map(RawValue::get).collect()));
            return;
        }
        let lists: &[&str] = match field.as_deref() {
            None | Some(b"" | b"messages" | b"standby") => &["messages", "statuses", "message_echoes"],
            Some(b"smb_message_echoes") => &["message_echoes"],
            Some(_) => &[],
        };
        let before = self.items.len();
        for name in lists {
            let Ok(Some(items)) = value.only(name) else { continue };
            match list(items) {
                Some(items) => self.items.extend(items.into_iter().map(RawValue::get)),
                None => self.items.push(items.get()),
            }
        }
        // A change without items is an item itself.
        let to = if self.items.len() == before { &mut self.items } else { &mut self.rests };
        to.push(json.get());
    }
}

type Field = Option<Vec<u8>>;

/// The field and the value of a change, if it is one and says each thing once.
fn value_of(raw: &RawValue) -> Option<(Field, &RawValue, Object<'_>)> {
    let change = Object::read(raw.get())?;
    if !change.are_single(&["field", "value"]) {
        return None;
    }
    let json = change.only("value").ok()??;
    let value = Object::read(json.get())?;
    let field = change.only("field").ok()?.map(name);
    value.are_single(&VALUE_FIELDS).then_some((field, json, value))
}

/// The bytes of a text, a number as it is written; nothing else is a name.
fn name(raw: &RawValue) -> Vec<u8> {
    match raw.get().as_bytes() {
        [b'"', ..] => {
            let mut text = serde_json::Deserializer::from_str(raw.get());
            text.deserialize_byte_buf(BytesVisitor).map(|bytes| lossy(&bytes)).unwrap_or_default()
        }
        number @ [b'-' | b'0'..=b'9', ..] => number.to_vec(),
        _ => Vec::new(),
    }
}

fn lossy(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).into_owned().into_bytes()
}

fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::Deserializer::from_str(raw.get()).deserialize_seq(ListVisitor).ok()
}

/// All members of an object, doubles too.
struct Object<'a> {
    members: Vec<(Vec<u8>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut text = serde_json::Deserializer::from_str(text);
        let members = text.deserialize_map(MembersVisitor).ok()?;
        text.end().ok()?;
        Some(Self { members })
    }

    /// The member's value; `null` is none. An error where there are several.
    fn only(&self, name: &str) -> Result<Option<&'a RawValue>, ()> {
        let mut values = self.members.iter().filter(|(key, raw)| key == name.as_bytes() && raw.get() != "null");
        let first = values.next().map(|(_, raw)| *raw);
        if values.next().is_some() { Err(()) } else { Ok(first) }
    }

    fn are_single(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.only(name).is_ok())
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(Vec<u8>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(list)
    }
}

/// A key as bytes: half a surrogate pair is not a `str`.
struct Key(Vec<u8>);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.as_bytes().to_vec())
    }
}
