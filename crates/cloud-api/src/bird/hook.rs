//! What Bird posts, as Meta would have posted it: a customer's message (`whatsapp.inbound`), the status of one of ours
//! (`whatsapp.outbound`), or what a customer did with one (`whatsapp.interaction`)
//! (<https://docs.bird.com/api/channels-api/message-status-and-interactions>).
//!
//! A message must never be lost for a field that is missing or new. What is not WhatsApp's, or of a channel that is not
//! ours, is said so, and kept apart by the caller. Bird's id of a message stands where Meta has the wamid: by it Bird
//! answers, and tells every status. Fields are read by what they are seen to hold; nothing of it was tried on a real
//! account.

mod message;

use serde_json::{Map, Value, json};
use waypost_domain::{StatusState, phone};

use super::{NO_CODE, PHONE_KEY};
use crate::carrier::told::{Person, Told, object as texts, put};
use crate::carrier::{NotOurs, OurNumbers};
use crate::error_object::sentence;
use crate::json::{Json, fields, fields_of, first, for_each, integer, object, string, text};
use crate::user_id::IdForm;

/// Codes of WhatsApp's own.
const WHATSAPP_CODES: std::ops::Range<i64> = 130_000..140_000;
/// Bird's own of failed messages. Any other number would be taken for one of Meta's, which stop numbers and accounts.
const BIRD_CODES: std::ops::Range<i64> = 10_000..20_000;

object! {
    Payload {
        id: "id",
        channel: "channelId",
        sender: "sender",
        receiver: "receiver",
        body: "body",
        reply_to: "replyTo",
        meta: "meta",
        status: "status",
        reason: "reason",
        failure: "failure",
        reference: "reference",
        // Of an interaction.
        kind: "type",
        message_id: "messageId",
    }
}

/// Meta's webhook with the same news; made from the same body, it has the same bytes.
pub fn webhook(body: &[u8], ours: &OurNumbers) -> Result<String, NotOurs> {
    let body = std::str::from_utf8(body).map_err(|_| NotOurs::Unreadable)?;
    let read = fields(body, &["service", "event", "payload"]).ok_or(NotOurs::Unreadable)?;
    let [service, event, payload] = read.values;
    let (service, event) = (text(service).unwrap_or_default(), text(event).unwrap_or_default());
    let tell = match (&*service, &*event) {
        ("channels", "whatsapp.inbound") => inbound,
        ("channels", "whatsapp.outbound") => outbound,
        ("channels", "whatsapp.interaction") => interaction,
        _ => return Err(NotOurs::OtherChannel),
    };
    let (payload, oddities) = payload.and_then(|payload| Payload::read(payload.get())).ok_or(NotOurs::Unreadable)?;
    if read.oddities.has_doubles || oddities.has_doubles {
        return Err(NotOurs::Unreadable);
    }
    let channel = text(payload.channel).ok_or(NotOurs::Unreadable)?;
    let id = ours.id_of_channel(&channel).ok_or(NotOurs::UnknownNumber)?;
    tell(&payload, &Told { ours, id, number: "", account: None })
}

fn inbound(payload: &Payload<'_>, told: &Told<'_>) -> Result<String, NotOurs> {
    let [contact] = fields_of(payload.sender, &["contact"]);
    let [annotations] = fields_of(contact, &["annotations"]);
    let [name] = fields_of(annotations, &["name"]);
    let from = person(contact);
    let messages = message::messages(payload, &from);
    Ok(told.messages(&from, text(name).as_deref(), messages))
}

fn outbound(payload: &Payload<'_>, told: &Told<'_>) -> Result<String, NotOurs> {
    let (Some(id), Some(word)) = (text(payload.id), text(payload.status)) else { return Err(NotOurs::Unreadable) };
    let word = status_word(&word);
    let [contacts] = fields_of(payload.receiver, &["contacts"]);
    let mut status = texts([("id", Some(&*id)), ("status", Some(word))]);
    person(first(contacts)).received(&mut status);
    put(&mut status, "biz_opaque_callback_data", text(payload.reference).as_deref());
    if word == StatusState::Failed.as_str() {
        status.insert("errors".to_owned(), json!([error(payload)]));
    }
    Ok(told.status(status))
}

/// `read` is one; whatever else it is stays its own word.
fn interaction(payload: &Payload<'_>, told: &Told<'_>) -> Result<String, NotOurs> {
    let (Some(id), Some(word)) = (text(payload.message_id), text(payload.kind)) else {
        return Err(NotOurs::Unreadable);
    };
    Ok(told.status(texts([("id", Some(&*id)), ("status", Some(&*word))])))
}

/// A word that is new stays as it is.
fn status_word(word: &str) -> &str {
    match word {
        // Bird has it, and WhatsApp not yet.
        "accepted" | "scheduled" | "processing" | "pending" | "queued" => StatusState::ACCEPTED,
        "failed" | "rejected" | "sending_failed" | "delivery_failed" => StatusState::Failed.as_str(),
        other => other,
    }
}

/// WhatsApp's own code where Bird passes it on, else Bird's, with the reason in words.
fn error(payload: &Payload<'_>) -> Map<String, Value> {
    let [code, source] = fields_of(payload.failure, &["code", "source"]);
    let [of_source] = fields_of(source, &["code"]);
    let of_whatsapp = integer(of_source).filter(|code| WHATSAPP_CODES.contains(code));
    let of_bird = integer(code).filter(|code| WHATSAPP_CODES.contains(code) || BIRD_CODES.contains(code));
    let code = of_whatsapp.or(of_bird).unwrap_or(NO_CODE);
    let mut error = Map::from_iter([("code".to_owned(), code.into())]);
    put(&mut error, "title", sentence(payload.reason).as_deref());
    error
}

/// By what its identifiers are: a number, where it is called one or not called anything, and a business-scoped id; or else what it
/// is known by at Bird stands in the number's place. Digits under another name are some other system's, and nobody's number.
fn person(contact: Json<'_>) -> Person {
    let (mut person, mut parent, mut other) = (Person::default(), None, None);
    let mut add = |json, is_contact: bool| {
        let [key, value] = fields_of(json, &["identifierKey", "identifierValue"]);
        let Some(value) = string(value) else { return };
        let is_number = text(key).is_none_or(|key| key.eq_ignore_ascii_case(PHONE_KEY));
        let place = match IdForm::of(&value) {
            IdForm::Bsuid => &mut person.user_id,
            IdForm::ParentBsuid => &mut parent,
            IdForm::Phone if is_number && phone::digits(&value).is_some() => &mut person.phone,
            IdForm::Phone if is_contact => &mut other,
            IdForm::Phone => return,
        };
        place.get_or_insert_with(|| value.trim_start_matches('+').to_owned());
    };
    add(contact, true);
    let [identifiers] = fields_of(contact, &["identifiers"]);
    if let Some(identifiers) = identifiers {
        for_each(identifiers, |identifier| add(Some(identifier), false));
    }
    person.user_id = person.user_id.or(parent);
    if person.phone.is_none() && person.user_id.is_none() {
        person.phone = other;
    }
    person
}
