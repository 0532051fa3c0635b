//! What stands above a message that can be tapped.

use serde_json::{Value, json};

use super::super::media::HeaderMedia;
use super::super::object::{FieldError, Object};

/// A line or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InteractiveHeader {
    /// A line.
    Text(String),
    /// A file.
    Media(HeaderMedia),
}

impl InteractiveHeader {
    /// Of an interactive message, which may have none.
    pub(super) fn read(interactive: &Object<'_>) -> Result<Option<Self>, FieldError> {
        let Some(header) = interactive.optional_object("header")? else { return Ok(None) };
        if let Some(media) = HeaderMedia::read(&header)? {
            return Ok(Some(Self::Media(media)));
        }
        text(&header).map(Self::Text).map(Some)
    }

    /// Of a kind that has no file above it.
    pub(super) fn read_text(interactive: &Object<'_>) -> Result<Option<String>, FieldError> {
        interactive.optional_object("header")?.map(|header| text(&header)).transpose()
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Self::text_value(text),
            Self::Media(media) => media.to_value(),
        }
    }

    pub(super) fn text_value(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }
}

fn text(header: &Object<'_>) -> Result<String, FieldError> {
    match header.word("type")?.as_str() {
        "text" => header.text("text"),
        _ => Err(header.must_be("type", "a header of this kind of message")),
    }
}
