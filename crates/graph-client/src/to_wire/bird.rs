//! What policy allowed, in the words of Bird's JSON. Bird carries text, files by their address, and templates that it
//! keeps itself; whatever else is asked for names its field, and nothing is left out that the customer would miss.

use std::collections::BTreeMap;

use waypost_cloud_api::bird::message::{Content, Template};
use waypost_cloud_api::send::{Customer, FieldError, Recipient};
use waypost_domain::send::content::{FreeForm, Media, MediaKind, MediaSource};
use waypost_policy::media_limits;
use waypost_policy::verdict::{Address, Message};

use super::{kept_template, must_be, recipient};

const NOT_CARRIED: &str = "absent: by Bird go text, files by link, and templates";

/// What WhatsApp takes, by the end of a file's name.
const TYPES: &[(&str, &str)] = &[
    ("mp4", "video/mp4"),
    ("3gp", "video/3gpp"),
    ("aac", "audio/aac"),
    ("amr", "audio/amr"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("doc", "application/msword"),
    ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

/// A number with its `+`.
pub(crate) fn to(address: &Address) -> Result<String, FieldError> {
    match recipient(address)? {
        Recipient::Customer(Customer::Phone(number)) => Ok(number.as_str().to_owned()),
        Recipient::Customer(Customer::User(_) | Customer::Unprefixed(_)) | Recipient::Group(_) => {
            Err(must_be("address", "a person with a number: Bird is not known to take ids"))
        }
    }
}

pub(crate) fn content(
    message: &Message,
    templates: &BTreeMap<(String, String), Template>,
) -> Result<Content, FieldError> {
    match message {
        Message::FreeForm(FreeForm::Text { body, .. }) => Ok(Content::Text(body.clone())),
        Message::FreeForm(FreeForm::Media(media)) => self::media(media),
        Message::FreeForm(other) => Err(must_be(other.as_str(), NOT_CARRIED)),
        Message::Template(message) => {
            let missing = "one that bird.templates knows in this language";
            let (template, parameters) = kept_template::of(message, templates, missing)?;
            Ok(Content::Template { template: template.clone(), parameters })
        }
    }
}

/// Whether it is a voice message is no word that the customer would miss. A sticker would arrive as a picture.
fn media(media: &Media) -> Result<Content, FieldError> {
    let kind = media.kind.as_str();
    if media.kind == MediaKind::Sticker {
        return Err(must_be(kind, NOT_CARRIED));
    }
    let MediaSource::Link(link) = &media.source else {
        return Err(must_be(format!("{kind}.id"), "absent: Bird takes files by their link alone"));
    };
    let (url, caption) = (link.clone(), media.caption.clone());
    match media.kind {
        MediaKind::Audio if caption.is_some() => Err(must_be("caption", "absent: this kind of media has none")),
        MediaKind::Image => Ok(Content::Image { url, caption }),
        MediaKind::Sticker | MediaKind::Video | MediaKind::Audio | MediaKind::Document => {
            let told = "given: Bird wants a file's type, which neither its name nor its link ends with";
            let content_type = type_of(media, link).ok_or_else(|| must_be("mime_type", told))?;
            Ok(Content::File { url, content_type, filename: media.filename.clone(), caption })
        }
    }
}

/// As it was given, or by the end of its name or link, where that is a type of this kind.
fn type_of(media: &Media, link: &str) -> Option<String> {
    if let Some(given) = &media.mime_type {
        return Some(given.clone());
    }
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let by_end = |name: &str| {
        let (_, end) = name.rsplit_once('.')?;
        let (_, found) = TYPES.iter().find(|(extension, _)| end.eq_ignore_ascii_case(extension))?;
        media_limits(media.kind).types.contains(found).then(|| (*found).to_owned())
    };
    media.filename.as_deref().and_then(by_end).or_else(|| by_end(path))
}
