//! The fields of a request of Twilio's: a form (`application/x-www-form-urlencoded`), or a flat object of JSON. Each is text.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A request with more is none of Twilio's.
const FIELDS_MAX: usize = 1_000;

/// How a body is written, by its `content-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `name=value&…`
    UrlEncoded,
    /// An object of JSON.
    Json,
}

/// Names and values in the order of the body.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Form {
    /// By the header; whatever is no JSON is read as a form.
    pub fn of(content_type: Option<&[u8]>) -> Self {
        let kind = content_type.and_then(|value| value.split(|byte| *byte == b';').next()).unwrap_or_default();
        if kind.trim_ascii().eq_ignore_ascii_case(b"application/json") { Self::Json } else { Self::UrlEncoded }
    }

    /// Its `content-type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::UrlEncoded => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }
}

impl<'a> Fields<'a> {
    /// `None`: it is not of this form, or of more fields than Twilio has.
    pub fn read(form: Form, body: &'a [u8]) -> Option<Self> {
        let fields: Vec<_> = match form {
            Form::UrlEncoded => form_urlencoded::parse(body).take(FIELDS_MAX + 1).collect(),
            Form::Json => {
                let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
                let text = |(name, value)| Some((Cow::Owned(name), Cow::Owned(scalar(value)?)));
                object.into_iter().take(FIELDS_MAX + 1).filter_map(text).collect()
            }
        };
        (fields.len() <= FIELDS_MAX).then_some(Self(fields))
    }

    /// The first of this name that says anything.
    pub fn get(&self, name: &str) -> Option<&str> {
        let is_it = |(key, value): &&(Cow<'_, str>, Cow<'_, str>)| key == name && !value.is_empty();
        self.0.iter().find(is_it).map(|(_, value)| value.as_ref())
    }
}

/// Lists and objects are passed over.
fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
