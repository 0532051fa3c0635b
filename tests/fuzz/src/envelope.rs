//! Our own messages, read back: from a queue that somebody else wrote to, or from a row that was damaged. What reads
//! well is written again the same; what does not is refused with words, for the dead letters.

use std::collections::BTreeMap;

use bytes::Bytes;
use waypost_domain::message::Mask;
use waypost_domain::team::Priority;
use waypost_domain::{TeamName, Timestamp};
use waypost_proto::route::{INPUT_BYTES_MAX, decode_route_input, encode_route_input, fit_route_input};
use waypost_proto::{EventError, bundled_events, decode_event, encode_event};
use waypost_router::inbound::Inbound;
use waypost_rules::{OpenConversation, RouteInput};

use super::rules::EXAMPLE;
use super::webhook;

/// Field tags with lengths, versions, and what the fields hold.
pub const WORDS: &[&str] = &[
    "\u{8}\u{1}",
    "\u{8}\u{2}",
    "\u{10}\u{1}",
    "\u{1a}\u{1}",
    "\"\u{1}",
    "2\u{1}",
    ":\u{2}",
    "{\"id\":",
    "null",
    "urgent",
    "normal",
    "billing",
    "\u{7f}",
    "\u{0}",
];

pub fn check(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    if let Some(events) = bundled_events(&body) {
        assert!(!events.is_empty(), "a bundle of nothing");
        assert!(matches!(decode_event(body.clone()), Err(EventError::Undecodable(_))), "a bundle taken for an event");
        for event in events {
            // Either is right: it must not panic.
            drop(Inbound::from_encoded(event, &Mask::cards()));
        }
    }
    match decode_event(body.clone()) {
        Ok(event) => {
            let again = decode_event(encode_event(event.clone())).expect("what we wrote is an event");
            assert_eq!(again, event);
        }
        Err(EventError::Undecodable(problem)) => assert!(!problem.is_empty()),
        Err(EventError::NewerVersion { found }) => assert!(found > waypost_proto::BUNDLE_VERSION),
    }
    match Inbound::from_encoded(body.clone(), &Mask::cards()) {
        Ok(inbound) => assert_eq!(inbound.encoded, body),
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
    match decode_route_input(data) {
        Ok(input) => check_input(input),
        Err(error) => assert!(!error.problem.is_empty()),
    }
}

/// What the front door publishes for each kind of webhook, and stored inputs.
pub fn seeds() -> Vec<Vec<u8>> {
    let bodies = webhook::seeds().into_iter().map(Bytes::from);
    let mut seeds: Vec<Vec<u8>> =
        bodies.flat_map(|body| webhook::published(&body)).map(|event| event.message.body.to_vec()).collect();
    let open = TeamName::new("billing").ok().map(|team| OpenConversation::firm(team, Priority::Urgent));
    let input = RouteInput {
        number: "support-es".to_owned(),
        message_type: "text".to_owned(),
        text: Some("Where is my invoice?".to_owned()),
        reply_id: Some("pay".to_owned()),
        attributes: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
        open,
        first_contact: true,
        language: Some("es".to_owned()),
        zone: Some("Europe/Madrid".to_owned()),
        received_at: Some(Timestamp::from_millis(1_700_000_000_000)),
        window_left_s: Some(60),
        contact_key: "c".to_owned(),
        ..RouteInput::default()
    };
    seeds.extend([encode_route_input(&RouteInput::default()), encode_route_input(&input)]);
    seeds.sort();
    seeds.dedup();
    seeds
}

fn check_input(input: RouteInput) {
    assert_eq!(decode_route_input(&encode_route_input(&input)).as_ref(), Ok(&input));
    // Numbers' names are ours, and short.
    let input = RouteInput { number: input.number.chars().take(64).collect(), ..input };
    let rules = &*EXAMPLE;
    let fitted = fit_route_input(input, |name| rules.looks_at(name));
    assert!(encode_route_input(&fitted).len() <= INPUT_BYTES_MAX, "it does not fit");
    assert_eq!(fit_route_input(fitted.clone(), |name| rules.looks_at(name)), fitted, "fitting twice");
    let decision = rules.decide(&fitted);
    assert!(rules.has_team(&decision.team));
    let stored = decode_route_input(&encode_route_input(&fitted)).expect("what we wrote is an input");
    assert_eq!(rules.decide(&stored), decision, "what was stored decides the same");
}
