//! Media in a message: what was uploaded before, or what Meta fetches from a link.

use serde_json::{Map, Value, json};

use super::object::{FieldError, Object, put};

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// At Meta, under the id that the upload gave. Faster, and fails before the message is accepted.
    Id(String),
    /// Where Meta may fetch it. It keeps what it found there for ten minutes.
    Link(String),
}

/// A file, with what only its kind may have beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// A picture.
    Image { source: MediaSource, caption: Option<String> },
    /// A film.
    Video { source: MediaSource, caption: Option<String> },
    /// A file; its name is what the customer sees.
    Document { source: MediaSource, caption: Option<String>, filename: Option<String> },
    /// A sound. It has no caption.
    Audio {
        source: MediaSource,
        /// A voice note: Opus in Ogg, one channel.
        voice: bool,
    },
    /// A sticker.
    Sticker { source: MediaSource },
}

/// What may stand above a message or a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderMedia {
    /// A picture.
    Image(MediaSource),
    /// A film.
    Video(MediaSource),
    /// A file.
    Document { source: MediaSource, filename: Option<String> },
}

impl MediaSource {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        match (object.optional_text("id")?, object.optional_text("link")?) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(link)) => Ok(Self::Link(link)),
            (None, None) => Err(object.missing("id")),
        }
    }

    fn to_fields(&self) -> Map<String, Value> {
        let (name, value) = match self {
            Self::Id(id) => ("id", id),
            Self::Link(link) => ("link", link),
        };
        Map::from_iter([(name.to_owned(), value.as_str().into())])
    }
}

impl Media {
    pub(super) const KINDS: [&str; 5] = ["image", "video", "document", "audio", "sticker"];

    /// Its type, and the name of the field that it is in.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Image { .. } => "image",
            Self::Video { .. } => "video",
            Self::Document { .. } => "document",
            Self::Audio { .. } => "audio",
            Self::Sticker { .. } => "sticker",
        }
    }

    /// `kind` is one of [`KINDS`](Self::KINDS).
    pub(super) fn read(kind: &str, object: &Object<'_>) -> Result<Self, FieldError> {
        let source = MediaSource::read(object)?;
        let caption = || object.optional_text("caption");
        Ok(match kind {
            "image" => Self::Image { source, caption: caption()? },
            "video" => Self::Video { source, caption: caption()? },
            "document" => Self::Document { source, caption: caption()?, filename: object.optional_text("filename")? },
            "audio" => Self::Audio { source, voice: object.flag("voice")? },
            _ => Self::Sticker { source },
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let (source, caption, filename) = match self {
            Self::Image { source, caption } | Self::Video { source, caption } => (source, caption.as_deref(), None),
            Self::Document { source, caption, filename } => (source, caption.as_deref(), filename.as_deref()),
            Self::Audio { source, .. } | Self::Sticker { source } => (source, None, None),
        };
        let mut fields = source.to_fields();
        put(&mut fields, "caption", caption);
        put(&mut fields, "filename", filename);
        if let Self::Audio { voice: true, .. } = self {
            fields.insert("voice".to_owned(), json!(true));
        }
        Value::Object(fields)
    }
}

impl HeaderMedia {
    /// What `object` holds by its `type`; `None` for another type.
    pub(super) fn read(object: &Object<'_>) -> Result<Option<Self>, FieldError> {
        let kind = object.word("type")?;
        Ok(match kind.as_str() {
            "image" => Some(Self::Image(MediaSource::read(&object.object("image")?)?)),
            "video" => Some(Self::Video(MediaSource::read(&object.object("video")?)?)),
            "document" => {
                let document = object.object("document")?;
                let filename = document.optional_text("filename")?;
                Some(Self::Document { source: MediaSource::read(&document)?, filename })
            }
            _ => None,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let (kind, fields) = match self {
            Self::Image(source) => ("image", source.to_fields()),
            Self::Video(source) => ("video", source.to_fields()),
            Self::Document { source, filename } => {
                let mut fields = source.to_fields();
                put(&mut fields, "filename", filename.as_deref());
                ("document", fields)
            }
        };
        json!({"type": kind, kind: fields})
    }
}
