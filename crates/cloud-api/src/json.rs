//! Reading JSON one level at a time, tolerantly: an absent, null or wrong-typed value is `None`.
//!
//! Values stay slices of the input until somebody asks what they hold. Nothing here recurses, and a list of entries is as
//! long as its reader says, so no depth or breadth of hostile JSON can hurt.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value that may be absent. `null` counts as absent.
pub(crate) type Json<'a> = Option<&'a RawValue>;

/// Declares what is read of one kind of object: each field's own name, and Meta's. `read` gives `None` when the JSON is
/// not an object, and else the object and whether a field was given twice or was not declared and holds something.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        struct $name<'a> {
            $($field: $crate::json::Json<'a>),+
        }

        impl<'a> $name<'a> {
            fn read(json: &'a str) -> Option<(Self, $crate::json::Oddities)> {
                let fields = $crate::json::fields(json, &[$($key),+])?;
                let [$($field),+] = fields.values;
                Some((Self { $($field),+ }, fields.oddities))
            }
        }
    };
}
pub(crate) use object;

/// The values of an object's fields, in the order of the names asked for.
pub(crate) struct Fields<'a, const N: usize> {
    pub(crate) values: [Json<'a>; N],
    pub(crate) oddities: Oddities,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Oddities {
    /// A field asked for was given twice; the last one is reported.
    pub(crate) has_doubles: bool,
    /// There is a field that was not asked for, and it holds something.
    pub(crate) has_others: bool,
}

/// The named fields of the object that `json` is; `None` when it is not an object, or not JSON.
pub(crate) fn fields<'a, const N: usize>(json: &'a str, names: &[&str; N]) -> Option<Fields<'a, N>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let fields = deserializer.deserialize_map(FieldsVisitor { names }).ok()?;
    deserializer.end().ok()?;
    Some(fields)
}

/// [`fields`] of a value that may be absent or something else: then all are absent.
pub(crate) fn fields_of<'a, const N: usize>(json: Json<'a>, names: &[&str; N]) -> [Json<'a>; N] {
    let object = json.filter(|raw| raw.get().starts_with('{'));
    object.and_then(|raw| fields(raw.get(), names)).map_or([None; N], |fields| fields.values)
}

/// The first `count_max` fields of the object that `json` is, those left out that hold nothing; `None` when it is not an
/// object, or not JSON.
pub(crate) fn entries(json: &str, count_max: usize) -> Option<Vec<(String, &RawValue)>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let entries = deserializer.deserialize_map(EntriesVisitor { count_max }).ok()?;
    deserializer.end().ok()?;
    Some(entries)
}

/// Calls `each` with every element; `false` when `json` is not a list.
pub(crate) fn for_each<'a>(json: &'a RawValue, each: impl FnMut(&'a RawValue)) -> bool {
    let is_list = json.get().starts_with('[');
    is_list && serde_json::Deserializer::from_str(json.get()).deserialize_seq(ElementsVisitor { each }).is_ok()
}

/// The first element of a list, or the value itself when it is an object.
pub(crate) fn first(json: Json<'_>) -> Json<'_> {
    let json = json?;
    if json.get().starts_with('{') {
        return Some(json);
    }
    let mut first = None;
    for_each(json, |element| {
        first.get_or_insert(element);
    });
    first
}

/// Text that is not empty. A number counts as its digits: Meta writes ids and timestamps both ways.
pub(crate) fn text(json: Json<'_>) -> Option<Cow<'_, str>> {
    let raw = json?.get();
    let text = match raw.as_bytes().first()? {
        b'"' => {
            let inner = raw.get(1..raw.len().checked_sub(1)?)?;
            if inner.contains('\\') { Cow::Owned(unescape(raw)?) } else { Cow::Borrowed(inner) }
        }
        b'-' | b'0'..=b'9' => Cow::Borrowed(raw),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

pub(crate) fn string(json: Json<'_>) -> Option<String> {
    text(json).map(Cow::into_owned)
}

/// A whole number, also when written as text or with a fraction of nothing.
pub(crate) fn integer(json: Json<'_>) -> Option<i64> {
    let text = text(json)?;
    let text = text.trim();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// Whether there is anything in `json`: not null, not an empty list or object.
pub(crate) fn is_something(json: Json<'_>) -> bool {
    let Some(raw) = json else { return false };
    let inner = raw.get().strip_prefix(['[', '{']);
    inner.is_none_or(|inner| !inner.trim_start().starts_with([']', '}']))
}

/// Whether brackets are nested deeper than `depth_max` anywhere. Looks at bytes outside strings only, and does not
/// care whether the rest is JSON.
pub(crate) fn is_deeper_than(bytes: &[u8], depth_max: usize) -> bool {
    let mut depth = 0_usize;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut rest),
            _ => {}
        }
    }
    false
}

/// Calls `each` with the runs of bytes that matter: everything but the white space between values.
pub(crate) fn for_each_significant(json: &str, mut each: impl FnMut(&[u8])) {
    let bytes = json.as_bytes();
    let mut rest = bytes.iter();
    let mut start = 0;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => skip_string(&mut rest),
            b' ' | b'\t' | b'\r' | b'\n' => {
                let here = bytes.len() - rest.len();
                each(&bytes[start..here - 1]);
                start = here;
            }
            _ => {}
        }
    }
    each(&bytes[start..]);
}

fn skip_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                rest.next();
            }
            _ => {}
        }
    }
}

/// Half a surrogate pair (a text cut in the middle of an emoji) becomes U+FFFD instead of spoiling the whole text.
fn unescape(raw: &str) -> Option<String> {
    let bytes = serde_json::Deserializer::from_str(raw).deserialize_byte_buf(BytesVisitor).ok()?;
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

struct FieldsVisitor<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> Visitor<'de> for FieldsVisitor<'_, N> {
    type Value = Fields<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Fields { values: [None; N], oddities: Oddities::default() };
        while let Some(index) = map.next_key_seed(NameSeed { names: self.names })? {
            let value: &'de RawValue = map.next_value()?;
            let value = Some(value).filter(|raw| raw.get() != "null");
            match index {
                Some(index) => {
                    let before = found.values[index];
                    found.oddities.has_doubles |= before.is_some() && value.is_some();
                    found.values[index] = value.or(before);
                }
                None => found.oddities.has_others |= is_something(value),
            }
        }
        Ok(found)
    }
}

struct EntriesVisitor {
    count_max: usize,
}

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let value: &'de RawValue = map.next_value()?;
            if value.get() != "null" && entries.len() < self.count_max {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

/// A key of any name; half a surrogate pair in it becomes U+FFFD.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let bytes = deserializer.deserialize_byte_buf(BytesVisitor)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Which of the names a key is. Keys are read as bytes, because one of half a surrogate pair is not a `str`.
struct NameSeed<'n> {
    names: &'n [&'n str],
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.names.iter().position(|name| name.as_bytes() == key))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        self.visit_bytes(key.as_bytes())
    }
}

struct ElementsVisitor<F> {
    each: F,
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for ElementsVisitor<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.each)(element);
        }
        Ok(())
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

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.as_bytes().to_vec())
    }
}
