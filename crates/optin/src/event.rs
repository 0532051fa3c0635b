//! From an event on the queue to what the customer said in it, as far as it may concern consent.

use bytes::Bytes;
use serde_json::Value;
use waypost_bus::Message;
use waypost_cloud_api::webhook::{Sender, decode_message};
use waypost_domain::message::{Forwarded, Tap};
use waypost_domain::{AliasSet, InboundMessage, PhoneNumberId, Timestamp, WabaId, country, phone};
use waypost_proto::event::InvalidField;
use waypost_proto::{EVENT_KIND, EventError, bundled_events, decode_event, v1};
use waypost_worker::Bundle;

/// The field of WhatsApp's own switch, and the category that it is about:
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference>.
const PREFERENCES: &str = "user_preferences";
const MARKETING: &str = "marketing_messages";

/// One event.
#[derive(Debug, Clone)]
pub struct Said {
    pub number: PhoneNumberId,
    pub display_number: String,
    pub waba: WabaId,
    /// What makes it unique under its number: the wamid, of a message.
    pub key: String,
    /// Who said it, as it is written there.
    pub by: AliasSet,
    /// ISO 3166 alpha-2, of their number or user id.
    pub country: Option<String>,
    pub received_at: Timestamp,
    /// By the customer's clock, or when it was received where that is earlier, or nothing is told.
    pub at: Timestamp,
    pub what: What,
}

/// How it was said.
#[derive(Debug, Clone)]
pub enum What {
    Words {
        /// What there is to read: a text, a caption, a button's label.
        text: String,
        tap: Option<Tap>,
        is_forwarded: bool,
        message: Box<InboundMessage>,
    },
    /// WhatsApp's own switch.
    Preference(Preference),
}

/// To what it was switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    Stop,
    /// Also where the customer signs up for it.
    Resume,
}

/// Why a delivery is not an event that is handled here.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    #[error(transparent)]
    Envelope(#[from] EventError),
    #[error(transparent)]
    Field(#[from] InvalidField),
    #[error("a {} does not belong on this queue", .0.as_str_name())]
    Elsewhere(v1::EventKind),
}

impl NotAnEvent {
    /// Stop then, and leave it where it is; everything else is a dead letter.
    pub const fn is_of_a_later_release(&self) -> bool {
        matches!(self, Self::Envelope(EventError::NewerVersion { .. }))
    }
}

/// Takes a bundle apart; what is none, or is damaged, stays as it is and is looked at as one event.
pub fn split(message: &Message) -> Option<Bundle> {
    bundled_events(&message.body).map(|events| Bundle { kind: EVENT_KIND, events })
}

/// What is said in an encoded event, and when it was received. Nothing, where it speaks of something else or cannot be read:
/// whatever it is, the router handles it.
pub fn read(encoded: Bytes) -> Result<(Vec<Said>, Timestamp), NotAnEvent> {
    let event = decode_event(encoded)?;
    let received_at = Timestamp::from_millis(event.received_at_ms);
    let json = std::str::from_utf8(&event.json).unwrap_or("null");
    let said = match event.checked_kind()? {
        v1::EventKind::Message | v1::EventKind::StandbyMessage => {
            let some = |text: &String| (!text.is_empty()).then(|| text.clone());
            let (profile_name, username) = (some(&event.profile_name), some(&event.username));
            let sender = Sender { aliases: event.aliases(), profile_name, username };
            let message = decode_message(json, &sender).ok();
            message.and_then(|message| words(&event, message, received_at)).into_iter().collect()
        }
        v1::EventKind::ContactChange => preferences(&event, json, received_at),
        kind @ (v1::EventKind::Unspecified
        | v1::EventKind::Echo
        | v1::EventKind::Status
        | v1::EventKind::AccountChange) => return Err(NotAnEvent::Elsewhere(kind)),
    };
    Ok((said, received_at))
}

/// `None` of what has no words, and of what was said to a group.
fn words(event: &v1::Event, message: InboundMessage, received_at: Timestamp) -> Option<Said> {
    if message.group_id.as_deref().is_some_and(|group| !group.is_empty()) {
        return None;
    }
    let now = message.as_it_is_now();
    let tap = now.tap.clone();
    let label = tap.as_ref().and_then(|tap| tap.title.clone());
    let text = label.or_else(|| now.text.clone()).or_else(|| tap.as_ref().map(|tap| tap.id.clone()))?;
    let is_forwarded = message.how_often_forwarded() != Forwarded::Never;
    let at = message.timestamp.map_or(received_at, |at| at.min(received_at));
    let by = message.contact.clone();
    Some(said(event, by, at, What::Words { text, tap, is_forwarded, message: Box::new(message) }))
}

fn said(event: &v1::Event, by: AliasSet, at: Timestamp, what: What) -> Said {
    Said {
        number: PhoneNumberId::new(event.phone_number_id.clone()),
        display_number: event.display_phone_number.clone(),
        waba: WabaId::new(event.waba_id.clone()),
        key: event.key.clone(),
        country: country_of(&by).map(str::to_owned),
        by,
        received_at: Timestamp::from_millis(event.received_at_ms),
        at,
        what,
    }
}

fn country_of(by: &AliasSet) -> Option<&str> {
    let of_phone = by.phone.as_deref().and_then(|phone| country::of_phone(&phone::canonical(phone)));
    of_phone.or_else(|| country::of_bsuid(by.bsuid.as_deref()?))
}

/// Each of the list's items names a person, or means the one that the event names.
fn preferences(event: &v1::Event, json: &str, received_at: Timestamp) -> Vec<Said> {
    if event.field != PREFERENCES {
        return Vec::new();
    }
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let items = value[PREFERENCES].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |item: &Value, field: &str| item[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let preference = |item: &Value| {
        if item["category"].as_str().is_some_and(|category| category != MARKETING) {
            return None;
        }
        let preference = match item["value"].as_str()? {
            "stop" => Preference::Stop,
            "resume" | "signup" => Preference::Resume,
            _ => return None,
        };
        let own = AliasSet { phone: text(item, "wa_id"), bsuid: text(item, "user_id"), ..AliasSet::default() };
        let by = if own.is_empty() || items.len() == 1 { event.aliases() } else { own };
        let at = seconds(&item["timestamp"]).map_or(received_at, |at| at.min(received_at));
        Some(said(event, by, at, What::Preference(preference)))
    };
    items.iter().filter_map(preference).collect()
}

/// Meta writes times as numbers and as texts.
fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (seconds > 0).then(|| Timestamp::from_millis(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use waypost_proto::encode_event;

    use super::*;

    fn event(kind: v1::EventKind, field: &str, json: &str) -> Bytes {
        encode_event(v1::Event {
            kind: kind.into(),
            phone_number_id: "1".to_owned(),
            field: field.to_owned(),
            key: "wamid.A".to_owned(),
            json: json.to_owned().into(),
            contact: Some(v1::Aliases { phone: "4915100000001".to_owned(), ..v1::Aliases::default() }),
            received_at_ms: 2_000_000,
            ..v1::Event::default()
        })
    }

    /// `text` of a message, or `+` and `-` of a switch, and the second when it was said.
    fn check(kind: v1::EventKind, field: &str, json: &str, want: &[(&str, i64)]) {
        let (said, received_at) = read(event(kind, field, json)).unwrap();
        let shown = |said: &Said| {
            let text = match &said.what {
                What::Words { text, .. } => text.clone(),
                What::Preference(Preference::Stop) => "-".to_owned(),
                What::Preference(Preference::Resume) => "+".to_owned(),
            };
            (text, said.at.as_millis() / 1000)
        };
        let want: Vec<_> = want.iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
        assert_eq!(said.iter().map(shown).collect::<Vec<_>>(), want, "{json}");
        assert_eq!(received_at.as_millis(), 2_000_000);
    }

    #[test]
    fn what_was_said_is_read_wherever_it_stands() {
        use v1::EventKind::{ContactChange, Message, StandbyMessage};
        let of = |rest: &str| format!(r#"{{"from":"4915100000001","id":"wamid.A","timestamp":"1500",{rest}}}"#);
        check(Message, "messages", &of(r#""type":"text","text":{"body":"STOP"}"#), &[("STOP", 1500)]);
        check(StandbyMessage, "standby", &of(r#""type":"text","text":{"body":"STOP"}"#), &[("STOP", 1500)]);
        check(Message, "messages", &of(r#""type":"image","image":{"id":"1","caption":"stop"}"#), &[("stop", 1500)]);
        let edit =
            r#""type":"edit","edit":{"original_message_id":"w","message":{"type":"text","text":{"body":"stop"}}}"#;
        check(Message, "messages", &of(edit), &[("stop", 1500)]);
        let tap = r#""type":"button","button":{"payload":"P1","text":"Stop promotions"}"#;
        check(Message, "messages", &of(tap), &[("Stop promotions", 1500)]);
        let group = r#""type":"text","text":{"body":"STOP"},"group_id":"g1""#;
        check(Message, "messages", &of(group), &[]);
        check(Message, "messages", &of(r#""type":"location","location":{"latitude":1,"longitude":1}"#), &[]);
        check(Message, "messages", "[]", &[]);
        // Meta's clock may be ahead of ours; what comes later must not seem older.
        let ahead = r#"{"id":"wamid.A","timestamp":"9000","type":"text","text":{"body":"STOP"}}"#;
        check(Message, "messages", ahead, &[("STOP", 2000)]);
        let (said, _) = read(event(Message, "messages", ahead)).unwrap();
        assert_eq!(said[0].country.as_deref(), Some("DE"));

        let switch = |items: &str| format!(r#"{{"user_preferences":[{items}]}}"#);
        let stop = r#"{"wa_id":"4915100000001","category":"marketing_messages","value":"stop","timestamp":1500}"#;
        check(ContactChange, "user_preferences", &switch(stop), &[("-", 1500)]);
        let resume = r#"{"wa_id":"4915100000001","value":"resume","timestamp":"1501"}"#;
        check(ContactChange, "user_preferences", &switch(&format!("{stop},{resume}")), &[("-", 1500), ("+", 1501)]);
        check(ContactChange, "user_preferences", &switch(r#"{"category":"calls","value":"stop"}"#), &[]);
        check(ContactChange, "user_preferences", &switch(r#"{"value":"perhaps"}"#), &[]);
        check(ContactChange, "messaging_handovers", &switch(stop), &[]);
    }

    #[test]
    fn what_belongs_elsewhere_is_no_event_of_ours() {
        assert!(matches!(read(event(v1::EventKind::Status, "", "{}")), Err(NotAnEvent::Elsewhere(_))));
        assert!(!read(Bytes::from_static(b"\xff")).unwrap_err().is_of_a_later_release());
        assert!(read(Bytes::from_static(b"\x08\x07")).unwrap_err().is_of_a_later_release());
    }
}
