//! What must hold for every body, however strange.

use proptest::prelude::*;
use serde_json::{Value, json};
use waypost_cloud_api::webhook::{Content, Sender, decode_contact_change, decode_message, decode_status, split};

/// Words that the decoder looks for, so that random JSON reaches its inner parts.
const WORDS: [&str; 30] = [
    "object",
    "entry",
    "changes",
    "field",
    "value",
    "metadata",
    "contacts",
    "messages",
    "statuses",
    "message_echoes",
    "errors",
    "standby",
    "calls",
    "user_id_update",
    "messaging_handovers",
    "control_passed",
    "system",
    "user_changed_number",
    "id",
    "type",
    "text",
    "body",
    "from",
    "wa_id",
    "user_id",
    "timestamp",
    "interactive",
    "button_reply",
    "image",
    "status",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Decodes everything of a body again, as the router does.
fn decode_all_again(body: &[u8]) {
    for event in split(body).events {
        match event.content {
            Content::Message(_) | Content::StandbyMessage(_) | Content::Echo(_) => {
                assert!(decode_message(event.json, &Sender::default()).is_ok());
            }
            Content::Status(status) => assert_eq!(decode_status(event.json), Ok(status)),
            Content::ContactChange(change) => {
                assert_eq!(decode_contact_change(&event.field, event.json), Ok(change));
            }
            Content::AccountChange => {
                assert!(event.json.starts_with('{'));
            }
        }
    }
}

/// One element of a list of items: mostly an object.
fn item() -> impl Strategy<Value = Value> {
    let object =
        prop::collection::vec((word(), json()), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect()));
    prop_oneof![4 => object, 1 => json()]
}

#[derive(Debug, Clone)]
struct Change {
    field: &'static str,
    messages: Vec<Value>,
    statuses: Vec<Value>,
    echoes: Vec<Value>,
}

fn change() -> impl Strategy<Value = Change> {
    let items = || prop::collection::vec(item(), 0..4);
    let field = prop::sample::select(&["messages", "standby", ""][..]);
    (field, items(), items(), items()).prop_map(|(field, messages, statuses, echoes)| Change {
        field,
        messages,
        statuses,
        echoes,
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_quarantined_whole_or_split(body in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all_again(&body);
    }

    #[test]
    fn arbitrary_json_never_panics(body in json()) {
        decode_all_again(body.to_string().as_bytes());
    }

    #[test]
    fn arbitrary_values_of_a_change_never_panic(field in word(), value in json()) {
        let body = json!({"entry": [{"id": "W", "changes": [{"field": field, "value": value}]}]}).to_string();
        let got = split(body.as_bytes());
        prop_assert!(!got.events.is_empty() || !got.quarantined.is_empty());
        decode_all_again(body.as_bytes());
    }

    #[test]
    fn a_body_cut_short_is_quarantined_whole(changes in prop::collection::vec(change(), 1..3), cut in 1..1000_usize) {
        let body = envelope(&changes);
        let body = &body.as_bytes()[..body.len() - 1 - cut % body.len()];
        let got = split(body);
        prop_assert!(got.events.is_empty());
        prop_assert_eq!(got.quarantined.len(), 1);
        prop_assert_eq!(got.quarantined[0].bytes, body);
    }

    #[test]
    fn every_item_is_one_event_or_one_quarantine_record(changes in prop::collection::vec(change(), 0..4)) {
        let body = envelope(&changes);
        let got = split(body.as_bytes());
        // Everything that came out, in the order of its place in the body.
        let mut parts: Vec<(_, &str, bool)> = vec![];
        for event in &got.events {
            parts.push((event.position, event.json, true));
        }
        for part in &got.quarantined {
            parts.push((part.position.unwrap(), std::str::from_utf8(part.bytes).unwrap(), false));
        }
        parts.sort_by_key(|part| part.0);
        let got: Vec<(u32, String, bool)> =
            parts.into_iter().map(|(at, json, is_event)| (at.change, json.to_owned(), is_event)).collect();
        let mut want = vec![];
        for (at, change) in (0..).zip(&changes) {
            let items = change.messages.iter().chain(&change.statuses).chain(&change.echoes);
            let before = want.len();
            want.extend(items.map(|item| (at, item.to_string(), item.is_object())));
            if want.len() == before {
                want.push((at, value(change).to_string(), true));
            }
        }
        prop_assert_eq!(got, want);
    }
}

fn value(change: &Change) -> Value {
    json!({"messages": change.messages, "statuses": change.statuses, "message_echoes": change.echoes})
}

fn envelope(changes: &[Change]) -> String {
    let changes: Vec<Value> =
        changes.iter().map(|change| json!({"field": change.field, "value": value(change)})).collect();
    json!({"object": "whatsapp_business_account", "entry": [{"id": "W", "changes": changes}]}).to_string()
}
