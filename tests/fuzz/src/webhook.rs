//! A signed body, from the front door to what the router works on: every message, status and change in it comes out
//! exactly once, as an event or as a dead letter with its very bytes, and the router reads what the front door saw.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;
use waypost_bus::dead_letter::REASON_HEADER;
use waypost_bus::{Layout, Message, Publication, Topology};
use waypost_cloud_api::samples::{SampleKind, SampleParams, envelope, sample};
use waypost_cloud_api::webhook::{
    Content, ITEMS_MAX, Quarantined, Split, WebhookEvent, decode_contact_change, decode_status, split,
};
use waypost_domain::PartitionCount;
use waypost_domain::message::Mask;
use waypost_ingress::QUARANTINE_KIND;
use waypost_ingress::outgoing::{Post, publications};
use waypost_proto::{EVENT_KIND, bundled_events, decode_event};
use waypost_router::inbound;

use super::tree::{self, Parts};

const LAYOUT: Layout = Layout::new(PartitionCount::DEFAULT);
static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| Topology::new(LAYOUT, &BTreeSet::new(), false));
const CROWD_MAX: usize = 4;
const RECEIVED_AT_MS: i64 = 1_767_225_600_000;

/// Besides these, the samples' own words are at hand.
pub const WORDS: &[&str] = &[
    "\"entry\":[",
    "\"changes\":[",
    "\"field\":",
    "\"value\":{",
    "\"metadata\":{",
    "\"contacts\":[{",
    "\"messages\":[",
    "\"statuses\":[",
    "\"message_echoes\":[",
    "\"errors\":[{\"code\":",
    "\"standby\"",
    "\"messages\"",
    "\"history\"",
    "\"smb_message_echoes\"",
    "\"messaging_handovers\"",
    "\"user_id_update\":",
    "\"control_passed\":{",
    "\"system\":{",
    "\"user_changed_number\"",
    "\"user_changed_user_id\"",
    "\"previous\":",
    "\"current\":",
    "\"wa_id\":",
    "\"user_id\":",
    "\"parent_user_id\":",
    "\"from\":",
    "\"to\":",
    "\"id\":",
    "\"type\":",
    "\"timestamp\":",
    "\"interactive\":{",
    "\"button_reply\":{",
    "\"context\":{",
    "\"referral\":{",
    "\"group_id\":",
    "\"recipient_id\":",
    "\"recipient_type\":\"group\"",
    "\"pricing\":{",
    "null",
    "{}",
    "[]",
    "\"\"",
    "\\ud83d",
    "\\u0000",
    "\\u006d",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "1e999",
    "-0",
    ".0",
    "9223372036854775808",
    "US.1",
    "US.ENT.1",
    "\u{feff}",
];

pub fn check(data: &[u8]) {
    let parts = split(data);
    nothing_is_lost(data, &parts);
    let body = Bytes::copy_from_slice(data);
    let published = published(&body);
    let parts_count = parts.events.len() + parts.quarantined.len();
    assert!(published.len() >= parts_count, "a part is not published");
    let (of_parts, bundles) = published.split_at(parts_count);
    let (events, letters) = of_parts.split_at(parts.events.len());
    check_bundles(bundles, events);
    for (event, publication) in parts.events.iter().zip(events) {
        check_event(event, publication);
    }
    for (part, letter) in parts.quarantined.iter().zip(letters) {
        check_letter(part, &letter.message);
    }
    for Publication { address, .. } in &published {
        assert!(TOPOLOGY.queues.iter().any(|queue| queue.address == *address), "no queue for {address:?}");
    }
}

/// A body of each kind, one with all of them, and one with many items in one change.
pub fn seeds() -> Vec<Vec<u8>> {
    let params = SampleParams { user_id: Some("US.13491208655302741918".to_owned()), ..SampleParams::default() };
    let mut bodies: Vec<Value> = SampleKind::ALL.iter().map(|kind| sample(*kind, &params)).collect();
    bodies.push(envelope(bodies.clone()));
    bodies.push(crowded(&bodies));
    bodies.iter().map(|body| body.to_string().into_bytes()).collect()
}

/// The messages, statuses and echoes of all `bodies` in one change.
fn crowded(bodies: &[Value]) -> Value {
    let value = |body: &Value| body["entry"][0]["changes"][0]["value"].clone();
    let mut crowd = value(&bodies[0]);
    for list in ["messages", "statuses", "message_echoes", "contacts"] {
        let all = bodies.iter().flat_map(|body| value(body)[list].as_array().cloned().unwrap_or_default());
        crowd[list] = all.take(CROWD_MAX).collect();
    }
    let mut body = bodies[0].clone();
    body["entry"][0]["changes"][0]["value"] = crowd;
    body
}

/// What the front door publishes for a body.
pub(super) fn published(body: &Bytes) -> Vec<Publication> {
    let content_type = "application/json";
    publications(&Post { body, content_type, id: Uuid::nil(), received_at_ms: RECEIVED_AT_MS }, LAYOUT, split(body))
}

/// Compares with what another reader of the same text finds.
fn nothing_is_lost(data: &[u8], split: &Split<'_>) {
    let parts = std::str::from_utf8(data).ok().and_then(tree::parts);
    if let [Quarantined { position: None, bytes, .. }] = split.quarantined.as_slice() {
        assert!(split.events.is_empty(), "quarantined as a whole, and in parts besides");
        assert_eq!(place(data, bytes), (0, data.len()), "not the whole body");
        assert!(parts.is_none() || may_be_too_many(data), "a good webhook is refused");
        return;
    }
    let parts = parts.expect("what is no webhook is kept as a whole");
    let mut positions: Vec<_> = split.events.iter().map(|event| Some(event.position)).collect();
    positions.extend(split.quarantined.iter().map(|part| part.position));
    positions.sort_unstable();
    assert!(positions.windows(2).all(|pair| pair[0] != pair[1]), "two parts at one position");
    compare(data, split, &parts);
}

/// Items and contacts are parted by these; contacts may count twice.
fn may_be_too_many(data: &[u8]) -> bool {
    2 * data.iter().filter(|byte| matches!(byte, b',' | b'[')).count() > ITEMS_MAX
}

fn compare(data: &[u8], split: &Split<'_>, parts: &Parts<'_>) {
    let mut got: Vec<(usize, usize)> = split.events.iter().map(|event| place(data, event.json.as_bytes())).collect();
    got.extend(split.quarantined.iter().map(|part| place(data, part.bytes)));
    got.sort_unstable();
    let mut want: Vec<(usize, usize)> = parts.items.iter().map(|item| place(data, item.as_bytes())).collect();
    want.sort_unstable();
    let mut rests: Vec<(usize, usize)> = parts.rests.iter().map(|rest| place(data, rest.as_bytes())).collect();
    rests.sort_unstable();
    let mut more = got.clone();
    for item in &want {
        let found = more.binary_search(item).unwrap_or_else(|_| panic!("the part at {item:?} is lost; got {got:?}"));
        more.remove(found);
    }
    for (value, calls) in &parts.calls {
        let mut take = |part: &str| more.binary_search(&place(data, part.as_bytes())).map(|found| more.remove(found));
        // Calls that somebody is asked to answer come out beside the others' change.
        let is_whole = take(value).is_ok();
        let lost = calls.iter().filter(|call| take(call).is_err()).count();
        assert!(is_whole || (lost == 0 && !calls.is_empty()), "{lost} calls are lost of {value}");
    }
    for one in more {
        let found = rests.binary_search(&one).unwrap_or_else(|_| panic!("the part at {one:?} came out too often"));
        rests.remove(found);
    }
}

/// Where a slice of the body lies.
fn place(body: &[u8], part: &[u8]) -> (usize, usize) {
    let range = part.as_ptr_range();
    let body = body.as_ptr_range();
    assert!(body.start <= range.start && range.end <= body.end, "not a part of the body");
    (range.start.addr() - body.start.addr(), part.len())
}

/// The event as the router gets it.
fn check_event(event: &WebhookEvent<'_>, publication: &Publication) {
    let message = &publication.message;
    assert!(!event.key.is_empty(), "an event without a key");
    assert_eq!(message.kind, EVENT_KIND);
    let wire = decode_event(message.body.clone()).expect("what we wrote is an event");
    assert_eq!((&wire.key, &*wire.json), (&event.key, event.json.as_bytes()));
    let read = inbound::Inbound::from_encoded(message.body.clone(), &Mask::cards());
    match &event.content {
        Content::Status(status) => assert_eq!(decode_status(event.json).as_ref(), Ok(status)),
        Content::AccountChange => assert!(read.is_err(), "not for the router"),
        content => {
            let read = read.expect("the router reads what the front door wrote");
            assert_eq!(read.key.key, event.key);
            assert_eq!(read.entry_time, event.entry_time.filter(|time| *time != 0));
            match (content, read.content) {
                (Content::Message(sent), inbound::Content::Message(read))
                | (Content::StandbyMessage(sent), inbound::Content::Standby(read))
                | (Content::Echo(sent), inbound::Content::Echo(read)) => {
                    let mut sent = sent.clone();
                    Mask::cards().message(&mut sent);
                    assert_eq!(read, sent);
                }
                (Content::ContactChange(sent), inbound::Content::Change(read)) => {
                    assert_eq!(read, *sent);
                    assert_eq!(decode_contact_change(&event.field, event.json).as_ref(), Ok(sent));
                }
                (sent, read) => panic!("sent {sent:?}, read {read:?}"),
            }
        }
    }
}

/// What may speak of consent goes out once more, as it went out first.
fn check_bundles(bundles: &[Publication], events: &[Publication]) {
    let mut seen = BTreeSet::new();
    for bundle in bundles {
        let parts = bundled_events(&bundle.message.body).expect("what we wrote is a bundle");
        for part in parts {
            let mut places = events.iter().enumerate().filter(|(_, event)| event.message.body == part);
            let place = places.find(|(place, _)| !seen.contains(place)).expect("an event that was not published first");
            seen.insert(place.0);
        }
    }
}

fn check_letter(part: &Quarantined<'_>, letter: &Message) {
    assert_eq!(letter.kind, QUARANTINE_KIND);
    assert_eq!(&*letter.body, part.bytes);
    assert!(letter.headers.contains_key(REASON_HEADER));
}
