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

use super::address::mark_in;
use super::fields::Fields;
use super::{CHANNEL, OurNumbers};

/// Why a request is no news of WhatsApp's for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// A text message, a call, or something else of Twilio's.
    #[error("not of WhatsApp: `From` and `To` are no addresses of its")]
    OtherChannel,
    /// Its number has to be added to the configuration.
    #[error("of a number that is not configured")]
    UnknownNumber,
}

/// Meta's webhook with the same news; made from the same request, it has the same bytes. `query`: of the request's address.
pub fn webhook(fields: &Fields<'_>, query: Option<&str>, ours: &OurNumbers) -> Result<String, NotOurs> {
    let status = fields.get("MessageStatus").and_then(status_word);
    let (our_field, their_field) = if status.is_some() { ("From", "To") } else { ("To", "From") };
    let address = |name| fields.get(name).filter(|address| address.starts_with(CHANNEL));
    let (Some(our), Some(their)) = (address(our_field), address(their_field)) else {
        return Err(NotOurs::OtherChannel);
    };
    let id = ours.id_of(our).ok_or(NotOurs::UnknownNumber)?;
    let person = Person::of(fields, their);
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": our.trim_start_matches(CHANNEL), "phone_number_id": id},
    });
    match status {
        Some(word) => value["statuses"] = json!([self::status(fields, word, query, &person)]),
        None => {
            value["contacts"] = json!([person.contact(fields.get("ProfileName"))]);
            value["messages"] = message::messages(fields, sid(fields), &person).into();
        }
    }
    let account = ours.account.as_deref().or_else(|| fields.get("AccountSid")).unwrap_or_default();
    let change = json!({"field": "messages", "value": value});
    Ok(json!({"object": "whatsapp_business_account", "entry": [{"id": account, "changes": [change]}]}).to_string())
}

/// Who is not us.
struct Person {
    /// Digits, or what stands in their place.
    phone: Option<String>,
    /// Their business-scoped id.
    user_id: Option<String>,
}

/// An address without its channel and sign.
fn plain(address: &str) -> String {
    address.trim_start_matches(CHANNEL).trim_start_matches('+').to_owned()
}

impl Person {
    /// `address`: a number, or for who does not show one a business-scoped id, `whatsapp:US.123`.
    fn of(fields: &Fields<'_>, address: &str) -> Self {
        let address = plain(address);
        let user_id = fields.get("ExternalUserId").map(plain);
        if address.contains('.') {
            return Self { phone: fields.get("WaId").map(plain), user_id: Some(user_id.unwrap_or(address)) };
        }
        Self { phone: Some(fields.get("WaId").map_or(address, plain)), user_id }
    }

    fn contact(&self, name: Option<&str>) -> Value {
        let mut contact = Map::new();
        put(&mut contact, "wa_id", self.phone.as_deref());
        put(&mut contact, "user_id", self.user_id.as_deref());
        if let Some(name) = name {
            contact.insert("profile".to_owned(), json!({"name": name}));
        }
        contact.into()
    }
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

fn status(fields: &Fields<'_>, word: &str, query: Option<&str>, to: &Person) -> Value {
    let mut status = Map::new();
    put(&mut status, "id", sid(fields));
    put(&mut status, "status", Some(word));
    put(&mut status, "recipient_id", to.phone.as_deref());
    put(&mut status, "recipient_user_id", to.user_id.as_deref());
    put(&mut status, "biz_opaque_callback_data", mark_in(query).as_deref());
    if let Some(code) = fields.get("ErrorCode").and_then(|code| code.parse::<i64>().ok()) {
        let mut error = Map::from_iter([("code".to_owned(), code.into())]);
        put(&mut error, "title", fields.get("ErrorMessage").or_else(|| fields.get("ChannelStatusMessage")));
        status.insert("errors".to_owned(), json!([error]));
    }
    status.into()
}

/// All three names are given for one message.
fn sid<'a>(fields: &'a Fields<'_>) -> Option<&'a str> {
    ["MessageSid", "SmsMessageSid", "SmsSid"].into_iter().find_map(|name| fields.get(name))
}

fn put(object: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(name.to_owned(), text.into());
    }
}
