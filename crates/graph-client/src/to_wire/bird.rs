//! What policy allowed, in the words of Bird's JSON. Bird carries text, and templates that it keeps itself; whatever
//! else is asked for names its field, and nothing is left out that the customer would miss.

use std::collections::BTreeMap;

use waypost_cloud_api::bird::message::{Content, Template};
use waypost_cloud_api::send::{Customer, FieldError, Recipient};
use waypost_domain::send::content::FreeForm;
use waypost_policy::verdict::{Address, Message};

use super::{kept_template, must_be, recipient};

const NOT_CARRIED: &str = "absent: by Bird go text and templates";

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
        Message::FreeForm(other) => Err(must_be(other.as_str(), NOT_CARRIED)),
        Message::Template(message) => {
            let missing = "one that bird.templates knows in this language";
            let (template, parameters) = kept_template::of(message, templates, missing)?;
            Ok(Content::Template { template: template.clone(), parameters })
        }
    }
}
