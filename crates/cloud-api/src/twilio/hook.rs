//! What Twilio posts, as Meta would have posted it: a customer's message
//! (<https://www.twilio.com/docs/messaging/guides/webhook-request>), or the status of one of ours
//! (<https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks>).
//!
//! A message must never be lost for a field that is missing or new. What is not WhatsApp's, or of a number that is not ours, is
//! said so, and kept apart by the caller. The account (`AccountSid`, unless the configuration knows Meta's id of it) stands where
//! Meta has the WhatsApp Business Account, the message's `MessageSid` where Meta has the wamid.

mod message;

use serde_json::{Map, Value, json};
use waypost_domain::StatusState;

use super::CHANNEL;
use super::fields::Fields;
use crate::carrier::address::mark_in;
use crate::carrier::told::{Person, Told, object, put};
use crate::carrier::{NotOurs, OurNumbers};

/// Meta's webhook with the same news; made from the same request, it has the same bytes. `query`: of the request's address.
pub fn webhook(fields: &Fields<'_>, query: Option<&str>, ours: &OurNumbers) -> Result<String, NotOurs> {
    let status = fields.get("MessageStatus").and_then(status_word);
    let (our_field, their_field) = if status.is_some() { ("From", "To") } else { ("To", "From") };
    let address = |name| fields.get(name)?.strip_prefix(CHANNEL);
    let (Some(our), Some(their)) = (address(our_field), address(their_field)) else {
        return Err(NotOurs::OtherChannel);
    };
    let id = ours.id_of_phone(our).ok_or(NotOurs::UnknownNumber)?;
    let person = person(fields, their);
    let told = Told { ours, id, number: our, account: fields.get("AccountSid") };
    Ok(match status {
        Some(word) => told.status(self::status(fields, word, query, &person)),
        None => {
            let messages = message::messages(fields, sid(fields), &person);
            told.messages(&person, fields.get("ProfileName"), messages)
        }
    })
}

/// An address without its channel and sign.
fn plain(address: &str) -> String {
    address.trim_start_matches(CHANNEL).trim_start_matches('+').to_owned()
}

/// `address`: a number, or for who does not show one a business-scoped id, `US.123`.
fn person(fields: &Fields<'_>, address: &str) -> Person {
    let address = plain(address);
    let user_id = fields.get("ExternalUserId").map(plain);
    if address.contains('.') {
        return Person { phone: fields.get("WaId").map(plain), user_id: Some(user_id.unwrap_or(address)) };
    }
    Person { phone: Some(fields.get("WaId").map_or(address, plain)), user_id }
}

/// Of a message that came in, `received` is said, too.
fn status_word(word: &str) -> Option<&str> {
    match word {
        "received" | "receiving" => None,
        // Twilio has it, and WhatsApp not yet.
        "accepted" | "scheduled" | "queued" | "sending" => Some(StatusState::ACCEPTED),
        "undelivered" | "failed" | "canceled" => Some("failed"),
        other => Some(other),
    }
}

fn status(fields: &Fields<'_>, word: &str, query: Option<&str>, to: &Person) -> Map<String, Value> {
    let mut status = object([("id", sid(fields)), ("status", Some(word))]);
    to.received(&mut status);
    put(&mut status, "biz_opaque_callback_data", mark_in(query).as_deref());
    if let Some(code) = fields.get("ErrorCode").and_then(|code| code.parse::<i64>().ok()) {
        let mut error = Map::from_iter([("code".to_owned(), code.into())]);
        put(&mut error, "title", fields.get("ErrorMessage").or_else(|| fields.get("ChannelStatusMessage")));
        status.insert("errors".to_owned(), json!([error]));
    }
    status
}

/// All three names are given for one message.
fn sid<'a>(fields: &'a Fields<'_>) -> Option<&'a str> {
    ["MessageSid", "SmsMessageSid", "SmsSid"].into_iter().find_map(|name| fields.get(name))
}
