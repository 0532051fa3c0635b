//! What policy allowed, in the words of Meta's requests, and below `twilio` and `bird` of those carriers'. What cannot
//! be said there names its field, as policy names fields; no error holds what a field says.

pub(crate) mod bird;
mod content;
mod kept_template;
mod template;
pub(crate) mod twilio;

use waypost_cloud_api::send::{Body, FieldError, Message, NonEmpty, PhoneNumber, Problem, Recipient, UserId};
use waypost_policy::verdict::{self, Address};

use crate::messenger::{Line, Outgoing};

/// The whole request, with our mark on it.
pub fn message(from: &Line, outgoing: &Outgoing<'_>) -> Result<Message, FieldError> {
    let body = match outgoing.message {
        verdict::Message::FreeForm(content) => content::body(content)?,
        verdict::Message::Template(template) => Body::Template(template::template(template)?),
    };
    Ok(Message {
        recipient: recipient(outgoing.address)?,
        body,
        reply_to: outgoing.reply_to.map(str::to_owned),
        callback_data: Some(outgoing.mark.to_string()),
        messaging_account_id: from.messaging_account_id.clone(),
    })
}

/// A number goes out in the one form that it is kept in; another form of it is never tried.
fn recipient(address: &Address) -> Result<Recipient, FieldError> {
    match address {
        Address::Phone(digits) => {
            let number = PhoneNumber::new(digits);
            number.map(Recipient::from).map_err(|_| must_be("address.phone", "a phone number with its country code"))
        }
        Address::Bsuid(id) => {
            let id = UserId::new(id.as_str());
            id.map(Recipient::from).map_err(|_| must_be("address.bsuid", "a business-scoped user id"))
        }
    }
}

fn must_be(field: impl Into<String>, what: &'static str) -> FieldError {
    FieldError { path: field.into(), problem: Problem::MustBe(what) }
}

fn some<T>(field: impl Into<String>, list: Vec<T>) -> Result<NonEmpty<T>, FieldError> {
    NonEmpty::new(list).ok_or_else(|| must_be(field, "a list of at least one"))
}
