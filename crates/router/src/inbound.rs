//! From a delivery to what the router works on. Nothing that was signed is refused here for its content: a message
//! that does not decode as expected is still somebody's message, and goes to the default team as it is.
//!
//! What must not be readable later is masked here, and nowhere else on the way in: rules, store and teams know only what is left.

use bytes::Bytes;
use waypost_bus::Message;
use waypost_bus::dead_letter::REPLAY_HEADER;
use waypost_cloud_api::webhook::{
    ContactChange, Sender, decode_contact_change, decode_echo, decode_message, masked_json,
};
use waypost_domain::message::{Mask, MessageError};
use waypost_domain::{AliasSet, DecisionId, InboundMessage, PhoneNumberId, Timestamp, WabaId};
use waypost_proto::event::InvalidField;
use waypost_proto::{EVENT_KIND, EventError, bundled_events, decode_event, v1};
use waypost_store::EventKey;
use waypost_worker::{Bundle, Event};

/// One event of a batch.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub key: EventKey,
    /// Derived from `key`, once.
    pub decision_id: DecisionId,
    pub waba: WabaId,
    pub display_number: String,
    pub field: String,
    pub received_at: Timestamp,
    pub entry_time: Option<i64>,
    /// The item's own JSON; of what somebody wrote, masked.
    pub json: Bytes,
    pub post_id: String,
    pub replay: bool,
    pub content: Content,
    /// The whole encoded event as it came, to read it once more.
    pub encoded: Bytes,
}

#[derive(Debug, Clone)]
pub enum Content {
    Message(InboundMessage),
    /// Written to whoever holds the thread.
    Standby(InboundMessage),
    /// Somebody answered outside of Waypost.
    Echo(InboundMessage),
    Change(ContactChange),
}

impl Content {
    /// What the customer wrote, to whomever.
    pub const fn message(&self) -> Option<&InboundMessage> {
        match self {
            Self::Message(message) | Self::Standby(message) => Some(message),
            Self::Echo(_) | Self::Change(_) => None,
        }
    }

    const fn message_mut(&mut self) -> Option<&mut InboundMessage> {
        match self {
            Self::Message(message) | Self::Standby(message) | Self::Echo(message) => Some(message),
            Self::Change(_) => None,
        }
    }

    pub fn aliases(&self) -> &AliasSet {
        match self {
            Self::Message(message) | Self::Standby(message) | Self::Echo(message) => &message.contact,
            Self::Change(change) => &change.aliases,
        }
    }

    /// The group that it was written in.
    pub fn group_id(&self) -> Option<&str> {
        match self {
            Self::Message(message) | Self::Standby(message) | Self::Echo(message) => {
                message.group_id.as_deref().filter(|id| !id.is_empty())
            }
            Self::Change(_) => None,
        }
    }
}

/// Why a delivery is not an event that the router handles.
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
        match self {
            Self::Envelope(EventError::NewerVersion { .. }) => true,
            Self::Envelope(EventError::Undecodable(_)) | Self::Field(_) | Self::Elsewhere(_) => false,
        }
    }
}

/// Takes a bundle apart; what is none, or is damaged, stays as it is and is looked at as one event.
pub fn split(message: &Message) -> Option<Bundle> {
    bundled_events(&message.body).map(|events| Bundle { kind: EVENT_KIND, events })
}

impl Inbound {
    pub fn from_event(event: &Event<'_>, mask: &Mask) -> Result<Self, NotAnEvent> {
        let mut inbound = Self::from_encoded(event.body().clone(), mask)?;
        inbound.replay = event.carrier().headers.contains_key(REPLAY_HEADER);
        Ok(inbound)
    }

    /// Reads an encoded event: a bus message's body, or one that was kept.
    pub fn from_encoded(encoded: Bytes, mask: &Mask) -> Result<Self, NotAnEvent> {
        let mut event = decode_event(encoded.clone())?;
        let mut content = content(event.checked_kind()?, &event)?;
        if let Some(message) = content.message_mut() {
            let hidden = mask.message(message);
            // Of a plain text, Meta's JSON says nothing more.
            if (hidden || !message.is_plain_text)
                && let Some(masked) = masked_json(&event.json, mask)
            {
                event.json = masked.into();
            }
        }
        let key = EventKey { number: PhoneNumberId::new(event.phone_number_id), key: event.key };
        Ok(Self {
            decision_id: key.decision_id(),
            key,
            waba: WabaId::new(event.waba_id),
            display_number: event.display_phone_number,
            field: event.field,
            received_at: Timestamp::from_millis(event.received_at_ms),
            entry_time: (event.entry_time != 0).then_some(event.entry_time),
            json: event.json,
            post_id: event.post_id,
            replay: false,
            content,
            encoded,
        })
    }
}

fn content(kind: v1::EventKind, event: &v1::Event) -> Result<Content, NotAnEvent> {
    let sender =
        Sender { aliases: event.aliases(), profile_name: some(&event.profile_name), username: some(&event.username) };
    let json = std::str::from_utf8(&event.json).unwrap_or("null");
    match kind {
        v1::EventKind::Message => Ok(Content::Message(message(decode_message(json, &sender), sender, event))),
        v1::EventKind::StandbyMessage => Ok(Content::Standby(message(decode_message(json, &sender), sender, event))),
        v1::EventKind::Echo => Ok(Content::Echo(message(decode_echo(json, &sender), sender, event))),
        v1::EventKind::ContactChange => {
            let change = decode_contact_change(&event.field, json)
                .unwrap_or_else(|_| ContactChange { aliases: event.aliases(), ..ContactChange::default() });
            Ok(Content::Change(change))
        }
        v1::EventKind::Unspecified | v1::EventKind::Status | v1::EventKind::AccountChange => {
            Err(NotAnEvent::Elsewhere(kind))
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The message, or, of one that does not decode, what the envelope knows.
fn message<E>(decoded: Result<InboundMessage, E>, sender: Sender, event: &v1::Event) -> InboundMessage {
    let mut message = decoded.unwrap_or_else(|_| InboundMessage {
        contact: sender.aliases,
        profile_name: sender.profile_name,
        username: sender.username,
        ..InboundMessage::default()
    });
    // Errors that stood beside the message are not in its own JSON.
    for error in &event.errors {
        let error = MessageError::from(error);
        if !message.errors.contains(&error) {
            message.errors.push(error);
        }
    }
    // What an earlier release published has the codes only.
    for code in &event.error_codes {
        if message.errors.iter().all(|error| error.code != *code) {
            message.errors.push(MessageError { code: *code, ..MessageError::default() });
        }
    }
    message
}
