//! What policy allowed, in the words of Twilio's form. Twilio carries text, files by their address, and templates that it keeps
//! itself; whatever else is asked for names its field, and nothing is left out that the customer would miss.

use std::collections::BTreeMap;

use waypost_cloud_api::send::{Customer, FieldError, Recipient};
use waypost_cloud_api::twilio::message::{BODY_CHARACTERS_MAX, Content};
use waypost_domain::send::content::{FreeForm, Media, MediaSource};
use waypost_policy::verdict::{Address, Message};

use super::{kept_template, must_be, recipient};

const NOT_CARRIED: &str = "absent: Twilio carries text, files by link, and templates";

/// Which content of Twilio's each of our templates is, by name and language.
pub(crate) type Contents = BTreeMap<(String, String), String>;

/// A number with its `+`, or a business-scoped id.
pub(crate) fn to(address: &Address) -> Result<String, FieldError> {
    match recipient(address)? {
        Recipient::Customer(Customer::Phone(number)) => Ok(number.as_str().to_owned()),
        Recipient::Customer(Customer::User(id)) => Ok(id.as_str().to_owned()),
        Recipient::Customer(Customer::Unprefixed(_)) | Recipient::Group(_) => {
            Err(must_be("address", "a person with a number or an id"))
        }
    }
}

pub(crate) fn content(message: &Message, contents: &Contents) -> Result<Content, FieldError> {
    match message {
        Message::FreeForm(content) => free_form(content),
        Message::Template(message) => {
            let missing = "one that twilio.templates gives a ContentSid in this language";
            let (content_sid, variables) = kept_template::of(message, contents, missing)?;
            Ok(Content::Template { content_sid: content_sid.clone(), variables })
        }
    }
}

fn free_form(content: &FreeForm) -> Result<Content, FieldError> {
    match content {
        FreeForm::Text { body, .. } => Ok(Content::Text(words("body", body)?)),
        FreeForm::Media(media) => self::media(media),
        other => Err(must_be(other.as_str(), NOT_CARRIED)),
    }
}

fn words(field: &str, text: &str) -> Result<String, FieldError> {
    if text.chars().count() > BODY_CHARACTERS_MAX {
        return Err(must_be(field, "at most 1600 characters: Twilio takes no more"));
    }
    Ok(text.to_owned())
}

/// A file's name and whether it is a voice message are not words that the customer would miss.
fn media(media: &Media) -> Result<Content, FieldError> {
    let MediaSource::Link(url) = &media.source else {
        return Err(must_be(format!("{}.id", media.kind.as_str()), "absent: Twilio takes files by their link alone"));
    };
    let caption = media.caption.as_deref().map(|caption| words("caption", caption)).transpose()?;
    Ok(Content::Media { url: url.clone(), caption })
}
