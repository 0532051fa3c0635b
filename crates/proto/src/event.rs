//! Events on the bus: their version, and their conversion into domain types.

use bytes::Bytes;
use prost::Message;
use waypost_domain::AliasSet;
use waypost_domain::message::MessageError;

use crate::v1;

/// What a bus message's `kind` says when its body is an encoded [`v1::Event`].
pub const EVENT_KIND: &str = "waypost.event.v1";

/// The content type of every protobuf body.
pub const CONTENT_TYPE: &str = "application/protobuf";

/// The version of an event by itself, which is what this release writes.
pub const EVENT_VERSION: u32 = 1;

/// The version of a [`v1::EventBundle`], the highest that this release reads.
pub const BUNDLE_VERSION: u32 = 2;

/// How a bundle begins: its version comes first, as in everything that we write.
const BUNDLE_PREFIX: [u8; 2] = [0x08, BUNDLE_VERSION as u8];

/// Why bytes are not an event that this release can handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Dead-letter it: no release will read it.
    #[error("undecodable event: {0}")]
    Undecodable(String),
    /// Stop consuming and leave it in the queue: a later release wrote it, and a later release will read it.
    #[error("event version {found} is newer than {BUNDLE_VERSION}, the newest that this release reads")]
    NewerVersion { found: u32 },
}

/// Encodes `event` under the version of this release, whatever its `version` field said.
pub fn encode_event(mut event: v1::Event) -> Bytes {
    event.version = EVENT_VERSION;
    event.encode_to_vec().into()
}

/// Encodes several encoded events as one message, in their order.
pub fn encode_bundle(events: Vec<Bytes>) -> Bytes {
    v1::EventBundle { version: BUNDLE_VERSION, events }.encode_to_vec().into()
}

/// Reads an event. `json` shares the memory of `body`.
pub fn decode_event(body: Bytes) -> Result<v1::Event, EventError> {
    // The version comes first, by itself: a later version may give other fields another type.
    let envelope = Envelope::decode(&*body).map_err(|error| EventError::Undecodable(error.to_string()))?;
    match envelope.version {
        0 => Err(EventError::Undecodable("field `version` is missing".to_owned())),
        BUNDLE_VERSION => Err(EventError::Undecodable("a bundle, damaged or inside another".to_owned())),
        1..=EVENT_VERSION => v1::Event::decode(body).map_err(|error| EventError::Undecodable(error.to_string())),
        found => Err(EventError::NewerVersion { found }),
    }
}

/// The encoded events of a bundle, never none, which share the memory of `body`. `None`: it is no bundle, or a damaged
/// one; then [`decode_event`] says what it is.
pub fn bundled_events(body: &Bytes) -> Option<Vec<Bytes>> {
    if !body.starts_with(&BUNDLE_PREFIX) {
        return None;
    }
    let bundle = v1::EventBundle::decode(body.clone()).ok()?;
    (bundle.version == BUNDLE_VERSION && !bundle.events.is_empty()).then_some(bundle.events)
}

/// The one field that every version of [`v1::Event`] has.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Envelope {
    #[prost(uint32, tag = "1")]
    version: u32,
}

/// A field of a wire message holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` of {message}: {problem}")]
pub struct InvalidField {
    /// The protobuf message.
    pub message: &'static str,
    /// Its field.
    pub field: &'static str,
    /// What the field holds.
    pub problem: &'static str,
}

impl v1::Event {
    /// The kind, checked: neither unspecified nor one that this release does not know.
    pub fn checked_kind(&self) -> Result<v1::EventKind, InvalidField> {
        match v1::EventKind::try_from(self.kind) {
            Ok(v1::EventKind::Unspecified) | Err(_) => {
                Err(InvalidField { message: "Event", field: "kind", problem: "unspecified or unknown" })
            }
            Ok(kind) => Ok(kind),
        }
    }

    /// The names of whom it concerns; empty where it names nobody.
    pub fn aliases(&self) -> AliasSet {
        self.contact.clone().map(AliasSet::from).unwrap_or_default()
    }
}

impl From<MessageError> for v1::MessageError {
    fn from(error: MessageError) -> Self {
        Self { code: error.code, title: error.title.unwrap_or_default(), details: error.details.unwrap_or_default() }
    }
}

impl From<&v1::MessageError> for MessageError {
    fn from(error: &v1::MessageError) -> Self {
        let present = |text: &String| (!text.is_empty()).then(|| text.clone());
        Self { code: error.code, title: present(&error.title), details: present(&error.details) }
    }
}

impl From<AliasSet> for v1::Aliases {
    fn from(aliases: AliasSet) -> Self {
        Self {
            phone: aliases.phone.unwrap_or_default(),
            bsuid: aliases.bsuid.unwrap_or_default(),
            parent_bsuid: aliases.parent_bsuid.unwrap_or_default(),
        }
    }
}

impl From<v1::Aliases> for AliasSet {
    fn from(aliases: v1::Aliases) -> Self {
        let present = |text: String| (!text.is_empty()).then_some(text);
        Self {
            phone: present(aliases.phone),
            bsuid: present(aliases.bsuid),
            parent_bsuid: present(aliases.parent_bsuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> v1::Event {
        v1::Event {
            kind: v1::EventKind::Message.into(),
            phone_number_id: "106540352242922".to_owned(),
            key: "wamid.A".to_owned(),
            json: Bytes::from_static(br#"{"id":"wamid.A"}"#),
            ..v1::Event::default()
        }
    }

    #[test]
    fn an_event_survives_the_wire() {
        let want = v1::Event { version: EVENT_VERSION, ..event() };
        assert_eq!(decode_event(encode_event(event())), Ok(want));
    }

    #[test]
    fn the_first_release_s_bytes_are_read_for_ever() {
        let bytes = hex(b"080110011a0f313036353430333532323432393232320777616d69642e41\
            52107b226964223a2277616d69642e41227d");
        assert_eq!(decode_event(bytes.clone()), Ok(v1::Event { version: 1, ..event() }));
        assert_eq!(encode_event(event()), bytes);
    }

    #[test]
    fn a_bundle_is_taken_apart() {
        let events = vec![encode_event(event()), Bytes::from_static(b"\xff")];
        let bundle = |version, events: &[Bytes]| -> Bytes {
            v1::EventBundle { version, events: events.to_vec() }.encode_to_vec().into()
        };
        let body = bundle(BUNDLE_VERSION, &events);
        assert_eq!(bundled_events(&body), Some(events.clone()));
        assert_eq!(encode_bundle(events.clone()), body);
        assert_eq!(bundled_events(&encode_event(event())), None);
        // What cannot be taken apart says what it is when it is taken for an event.
        for damaged in [bundle(BUNDLE_VERSION, &[]), body.slice(..body.len() - 1)] {
            assert_eq!(bundled_events(&damaged), None);
            assert!(matches!(decode_event(damaged), Err(EventError::Undecodable(_))));
        }
        assert!(matches!(decode_event(body), Err(EventError::Undecodable(_))), "a bundle inside a bundle");
        let later = bundle(3, &events);
        assert_eq!(bundled_events(&later), None);
        assert_eq!(decode_event(later), Err(EventError::NewerVersion { found: 3 }));
    }

    #[test]
    fn the_first_bundle_s_bytes_are_read_for_ever() {
        assert_eq!(bundled_events(&hex(b"0802120208011201ff")), Some(vec![hex(b"0801"), hex(b"ff")]));
    }

    #[test]
    fn what_is_not_an_event_says_what_to_do_with_it() {
        let undecodable = |body: &'static [u8]| matches!(decode_event(body.into()), Err(EventError::Undecodable(_)));
        assert!(undecodable(b""), "no version");
        assert!(undecodable(b"\xff"), "not protobuf");
        assert!(undecodable(b"\x08\x01\x1a\x01\xff"), "not UTF-8");
        // Version 7 whose field 3 is a number: only its version can be read.
        assert_eq!(decode_event(Bytes::from_static(b"\x08\x07\x18\x05")), Err(EventError::NewerVersion { found: 7 }));
    }

    #[test]
    fn a_kind_is_checked() {
        assert_eq!(event().checked_kind(), Ok(v1::EventKind::Message));
        for kind in [0, 99, -1] {
            let error = v1::Event { kind, ..event() }.checked_kind().unwrap_err();
            assert_eq!(error.field, "kind");
        }
    }

    #[test]
    fn absent_aliases_stay_absent() {
        let phone = AliasSet { phone: Some("1".into()), ..AliasSet::default() };
        let both = AliasSet { bsuid: Some("US.1".into()), parent_bsuid: Some("US.ENT.1".into()), ..phone.clone() };
        for aliases in [AliasSet::default(), phone, both] {
            let wire = v1::Aliases::from(aliases.clone());
            assert_eq!(AliasSet::from(wire.clone()), aliases);
            assert_eq!(v1::Event { contact: Some(wire), ..event() }.aliases(), aliases);
        }
        assert_eq!(event().aliases(), AliasSet::default());
    }

    fn hex(digits: &[u8]) -> Bytes {
        let nibble = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
        digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect::<Vec<u8>>().into()
    }
}
