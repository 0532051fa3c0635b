//! What policy allowed, in the words of Twilio's form. Twilio carries text, files by their address, and templates that it keeps
//! itself; whatever else is asked for names its field, and nothing is left out that the customer would miss.

use std::collections::BTreeMap;

use waypost_cloud_api::send::{Customer, FieldError, Recipient};
use waypost_cloud_api::twilio::message::{BODY_CHARACTERS_MAX, Content};
use waypost_domain::send::content::{FreeForm, Media, MediaSource};
use waypost_domain::send::{HeaderValue, Parameter, TemplateMessage};
use waypost_policy::verdict::{Address, Message};

use super::{must_be, recipient};

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
        Message::Template(message) => template(message, contents),
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

/// Variables have the names of ours; those that have none are numbered from 1: of the body, of the header, of the buttons in
/// their order.
fn template(message: &TemplateMessage, contents: &Contents) -> Result<Content, FieldError> {
    let values = &message.values;
    let key = (message.name.clone(), message.language.clone());
    let Some(content_sid) = contents.get(&key) else {
        return Err(must_be("template.name", "one that twilio.templates gives a ContentSid in this language"));
    };
    if !values.cards.is_empty() {
        return Err(must_be("template.cards", "absent: Twilio keeps the cards of a template itself"));
    }
    if values.offer_ends_at_ms.is_some() {
        return Err(must_be("template.offer_ends_at_ms", "absent: Twilio has no such variable"));
    }
    let header = match &values.header {
        None => None,
        Some(HeaderValue::Text(parameter)) => Some(parameter),
        Some(HeaderValue::Image(_) | HeaderValue::Video(_) | HeaderValue::Document { .. }) => {
            return Err(must_be("template.header", "absent or text: Twilio keeps the file of a template itself"));
        }
        Some(HeaderValue::Location { .. }) => {
            return Err(must_be("template.header", "absent or text: Twilio has no header with a place"));
        }
    };
    let mut buttons: Vec<_> = values.buttons.iter().collect();
    buttons.sort_by_key(|button| button.index);
    let text = |parameter: &Parameter| (parameter.name.clone(), parameter.value.text().to_owned());
    let of_texts = values.body.iter().chain(header).map(text);
    let of_buttons = buttons.into_iter().map(|button| (None, button.value.text().to_owned()));
    let mut variables = BTreeMap::new();
    let mut number = 0;
    for (name, value) in of_texts.chain(of_buttons) {
        let name = name.unwrap_or_else(|| {
            number += 1;
            number.to_string()
        });
        if variables.insert(name, value).is_some() {
            return Err(must_be("template.body", "a list in which each name is there once"));
        }
    }
    Ok(Content::Template { content_sid: content_sid.clone(), variables })
}
