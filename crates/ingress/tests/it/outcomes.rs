//! What a signed POST becomes on the bus, and what the answer says about it.

use bytes::Bytes;
use serde_json::{Value, json};
use waypost_bus::{Address, Outcome, Publication, Stream, dead_letter};
use waypost_cloud_api::signature::sign;
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_proto::v1::{Event, EventKind};
use waypost_proto::{EVENT_KIND, EVENT_VERSION, bundled_events, decode_event};

use crate::support::{Door, FakeBus, SECRET, config, eventually, layout, request, signed, text_webhook};

const NUMBER: &str = "106540352242922";

fn change(field: &str, value: Value) -> Value {
    json!({"field": field, "value": value})
}

fn with_number(mut value: Value) -> Value {
    value["metadata"] = json!({"display_phone_number": "+1 555 000 1111", "phone_number_id": NUMBER});
    value
}

fn webhook(changes: &[Value]) -> Bytes {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "waba", "time": 1_750_000_000, "changes": changes}]})
        .to_string()
        .into()
}

fn text(wamid: &str, from: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": "1749416383", "type": "text", "text": {"body": "hi"}})
}

/// One of every kind.
fn every_kind() -> Bytes {
    let contacts = json!([{"profile": {"name": "Ana", "username": "ana.b"}, "wa_id": "1555", "user_id": "US.1"}]);
    webhook(&[
        change("messages", with_number(json!({"contacts": contacts, "messages": [text("wamid.M", "1555")]}))),
        change("standby", with_number(json!({"messages": [text("wamid.S", "1556")]}))),
        change(
            "smb_message_echoes",
            with_number(json!({"message_echoes": [{"from": "15550001111", "to": "1557", "id": "wamid.E",
                "timestamp": "1749416383", "type": "text", "text": {"body": "hello"}}]})),
        ),
        change(
            "messages",
            with_number(json!({"statuses": [{"id": "wamid.OUT", "status": "delivered", "timestamp": "1749416383",
                "recipient_id": "1558"}]})),
        ),
        change(
            "user_preferences",
            with_number(json!({"user_preferences": [{"wa_id": "1559", "category": "marketing_messages",
                "value": "stop", "detail": "x", "timestamp": 1_749_416_383}]})),
        ),
        change("account_update", json!({"event": "ACCOUNT_DELETED"})),
    ])
}

fn event(publication: &Publication) -> Event {
    decode_event(publication.message.body.clone()).unwrap()
}

#[tokio::test]
async fn every_part_goes_where_it_belongs_in_one_publish() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = every_kind();
    assert_eq!(door.post(&body).await.status, 200);

    let calls = bus.calls();
    assert_eq!(calls.len(), 1, "one flight of confirms for a POST");
    let batch = &calls[0];
    let layout = layout();
    let inbound = |key: &str| layout.inbound(layout.partitions.of_key(key));
    let want = [
        (EventKind::Message, inbound("US.1"), "wamid.M", "1555"),
        (EventKind::StandbyMessage, inbound("1556"), "wamid.S", "1556"),
        (EventKind::Echo, inbound("1557"), "wamid.E", "1557"),
        (EventKind::Status, layout.statuses(layout.partitions.of_key("wamid.OUT")), "wamid.OUT", "1558"),
        (EventKind::ContactChange, inbound("1559"), "1559", "1559"),
        (EventKind::AccountChange, layout.account(), "ACCOUNT_DELETED", ""),
    ];
    assert_eq!(batch.len(), want.len());
    for (publication, (kind, address, in_json, phone)) in batch.iter().zip(want) {
        let event = event(publication);
        assert_eq!(event.kind(), kind);
        assert_eq!(publication.address, address, "{kind:?}");
        assert_eq!(event.version, EVENT_VERSION);
        assert_eq!(publication.message.kind, EVENT_KIND);
        assert_eq!(publication.message.content_type, "application/protobuf");
        assert!(publication.message.headers.is_empty(), "{kind:?}");
        let json = std::str::from_utf8(&event.json).unwrap();
        assert!(json.contains(in_json) && body.windows(json.len()).any(|w| w == json.as_bytes()), "{kind:?}: {json}");
        assert_eq!(event.aliases().phone.unwrap_or_default(), phone, "{kind:?}");
        assert_eq!(event.waba_id, "waba");
        assert_eq!(event.entry_time, 1_750_000_000);
        assert!(event.received_at_ms > 1_700_000_000_000);
        let id = DecisionId::of_event(&PhoneNumberId::new(&event.phone_number_id), &event.key);
        assert_eq!(publication.message.id, id.to_string(), "{kind:?}");
    }
    let first = event(&batch[0]);
    assert_eq!((first.key.as_str(), first.phone_number_id.as_str()), ("wamid.M", NUMBER));
    assert_eq!((first.profile_name.as_str(), first.username.as_str()), ("Ana", "ana.b"));
    assert_eq!((first.field.as_str(), first.display_phone_number.as_str()), ("messages", "+1 555 000 1111"));
    let places: Vec<_> = batch.iter().map(event).map(|e| (e.post_id, e.entry_index, e.change_index)).collect();
    assert!(places.iter().enumerate().all(|(i, place)| *place == (first.post_id.clone(), 0, i as u32)));
    door.close().await;
}

/// A publication to the opt-in worker: its address, and the keys of its events.
fn bundle(publication: &Publication) -> (Address, Vec<String>) {
    assert_eq!(publication.message.kind, EVENT_KIND);
    let events = bundled_events(&publication.message.body).expect("a bundle, of one event too");
    let keys = events.into_iter().map(|event| decode_event(event).unwrap().key).collect();
    (publication.address.clone(), keys)
}

#[tokio::test]
async fn what_may_speak_of_consent_goes_out_once_more_in_bundles() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    assert_eq!(door.post(&every_kind()).await.status, 200);
    let layout = layout();
    let consent = |key: &str| layout.consent(layout.partitions.of_key(key));
    let mut want = std::collections::BTreeMap::new();
    let sent = bus.published();
    for (contact, kind) in
        [("US.1", EventKind::Message), ("1556", EventKind::StandbyMessage), ("1559", EventKind::ContactChange)]
    {
        let key = event(sent.iter().find(|one| event(one).kind() == kind).unwrap()).key;
        want.entry(consent(contact)).or_insert_with(Vec::new).push(key);
    }
    let found: Vec<_> = bus.of_consent().iter().map(bundle).collect();
    assert_eq!(found.clone().into_iter().collect::<std::collections::BTreeMap<_, _>>(), want);
    assert_eq!(found.len(), want.len(), "one for each partition");

    // The same POST again has the same ids; another has others.
    assert_eq!(door.post(&every_kind()).await.status, 200);
    let ids: Vec<String> = bus.of_consent().iter().map(|one| one.message.id.clone()).collect();
    assert_eq!(ids[..found.len()], ids[found.len()..]);
    assert!(bus.published().iter().all(|one| !ids.contains(&one.message.id)), "under ids of their own");
    door.close().await;
}

#[tokio::test]
async fn what_cannot_speak_of_consent_goes_out_once() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let of = |rest: Value| {
        let mut message = json!({"from": "1555", "id": "wamid.M", "timestamp": "1749416383"});
        message.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        webhook(&[change("messages", with_number(json!({"messages": [message]})))])
    };
    let text = |chars: usize| json!({"type": "text", "text": {"body": "é".repeat(chars)}});
    let tap = json!({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "b"}}});
    let call = json!({"type": "interactive", "interactive": {"type": "call_permission_reply",
        "call_permission_reply": {"response": "accept"}}});
    let edit = json!({"type": "edit", "edit": {"original_message_id": "w", "message": {"type": "text", "text": {"body": "stop"}}}});
    for (rest, want) in [
        (text(160), 1),
        (text(161), 0),
        (text(0), 0),
        (json!({"type": "image", "image": {"id": "1", "caption": "stop"}}), 1),
        (json!({"type": "image", "image": {"id": "1"}}), 0),
        (tap, 1),
        (call, 1),
        (edit, 1),
        (json!({"type": "system", "system": {"type": "customer_identity_changed", "body": "x"}}), 1),
        (json!({"type": "text", "text": {"body": "STOP"}, "group_id": "g1"}), 0),
        (json!({"type": "reaction", "reaction": {"message_id": "w", "emoji": "👍"}}), 0),
    ] {
        let before = bus.of_consent().len();
        assert_eq!(door.post(&of(rest.clone())).await.status, 200);
        assert_eq!(bus.of_consent().len() - before, want, "{rest}");
    }
    door.close().await;
}

#[tokio::test]
async fn a_bundle_has_at_most_64_events_and_64_kb() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let many: Vec<Value> = (0..130).map(|n| text(&format!("wamid.{n:03}"), "1555")).collect();
    let body = webhook(&[change("messages", with_number(json!({"messages": many})))]);
    assert_eq!(door.post(&body).await.status, 200);
    let keys: Vec<Vec<String>> = bus.of_consent().iter().map(|one| bundle(one).1).collect();
    assert_eq!(keys.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
    assert!(keys.concat().is_sorted(), "in the order of the POST");
    // A text is short, and what stands beside it need not be.
    let mut large: Vec<Value> = (0..3).map(|n| text(&format!("wamid.L{n}"), "1555")).collect();
    large.iter_mut().for_each(|message| message["context"] = json!({"id": "x".repeat(30_000)}));
    let before = bus.of_consent().len();
    let body = webhook(&[change("messages", with_number(json!({"messages": large})))]);
    assert_eq!(door.post(&body).await.status, 200);
    let sizes: Vec<usize> = bus.of_consent()[before..].iter().map(|one| bundle(one).1.len()).collect();
    assert_eq!(sizes, [2, 1]);
    door.close().await;
}

#[tokio::test]
async fn only_all_confirmed_is_a_200() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    for outcome in [Outcome::Returned, Outcome::Nacked, Outcome::Refused, Outcome::Unavailable, Outcome::Unknown] {
        // All of it, the first part of it, the last part of it.
        for key_part in ["", "in.p", "optin.p", "ac"] {
            bus.answer(key_part, outcome);
            let answer = door.post(&every_kind()).await;
            assert_eq!(answer.status, 503, "{outcome:?} for {key_part:?}");
            assert!(answer.head.contains("retry-after: 2\r\n"), "{}", answer.head);
            bus.answer_well();
            assert_eq!(door.post(&every_kind()).await.status, 200, "after {outcome:?}");
        }
    }
    // The dead letter of a bad part counts as much as the good parts.
    bus.answer("dead", Outcome::Nacked);
    assert_eq!(door.post(b"no json").await.status, 503);
    door.close().await;
}

#[tokio::test]
async fn what_meta_sends_again_has_the_same_ids() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    bus.hold(true);
    let body = webhook(&[
        change("messages", with_number(json!({"messages": [text("wamid.M", "1"), 7, text("wamid.N", "2")]}))),
        change("account_update", json!({"event": "ACCOUNT_DELETED"})),
    ]);
    let mut clients = vec![door.connect().await, door.connect().await, door.connect().await];
    for client in &mut clients {
        client.send(&signed(&body)).await;
    }
    eventually("all of them are being published at once", async || bus.calls().len() == 3).await;
    bus.hold(false);
    for client in &mut clients {
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    let ids = |batch: &Vec<Publication>| batch.iter().map(|p| p.message.id.clone()).collect::<Vec<_>>();
    let calls = bus.calls();
    let distinct: std::collections::BTreeSet<_> = ids(&calls[0]).into_iter().collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(ids(&calls[0]), ids(&calls[1]));
    assert_eq!(ids(&calls[0]), ids(&calls[2]));
    door.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_as_it_is() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let bomb = format!(r#"{{"entry":{}"#, "[".repeat(1_000_000));
    let huge = format!("\"{}\"", "x".repeat(4 * 1024 * 1024 - 2));
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty", b"", "unparseable-body"),
        ("not JSON", b"{\"entry\": [", "unparseable-body"),
        ("not an object", b"[1]", "unparseable-body"),
        ("without entries", br#"{"object":"page"}"#, "unparseable-body"),
        ("not UTF-8", b"{\"entry\":[\"\xff\"]}", "unparseable-body"),
        ("a bomb", bomb.as_bytes(), "too-deep"),
        ("as large as may be", huge.as_bytes(), "unparseable-body"),
    ];
    for (name, body, reason) in cases {
        let before = bus.calls().len();
        assert_eq!(door.post(body).await.status, 200, "{name}");
        assert_eq!(door.post(body).await.status, 200, "{name}");
        let [first, second] = &bus.calls()[before..] else { panic!("{name}: not two calls") };
        let [dead] = first.as_slice() else { panic!("{name}: not one dead letter") };
        assert_eq!(dead.address.stream, Stream::DeadLetters, "{name}");
        assert_eq!(dead.message.body, body, "{name}");
        assert_eq!(dead.message.content_type, "application/json");
        assert_eq!(dead.message.headers[dead_letter::REASON_HEADER], reason, "{name}");
        assert_eq!(dead.message.headers[dead_letter::ORIGIN_HEADER], "ingress");
        assert_eq!(dead.message.id, second[0].message.id, "{name}: the same dead letter when it comes again");
    }
    door.close().await;
}

#[tokio::test]
async fn a_bad_part_does_not_take_its_neighbours_along() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let messages = json!([text("wamid.M", "1"), "what is this", text("wamid.N", "2")]);
    let body = webhook(&[change("messages", with_number(json!({"messages": messages})))]);
    assert_eq!(door.post(&body).await.status, 200);
    let batch = bus.published();
    assert_eq!(batch.len(), 3);
    let mut keys: Vec<_> = batch.iter().filter(|p| p.address.stream == Stream::Events).map(|p| event(p).key).collect();
    keys.sort();
    assert_eq!(keys, ["wamid.M", "wamid.N"]);
    let dead = batch.iter().find(|p| p.address.stream == Stream::DeadLetters).unwrap();
    assert_eq!(dead.message.body, &b"\"what is this\""[..]);
    assert_eq!(dead.message.headers[dead_letter::REASON_HEADER], "unparseable-part");
    door.close().await;
}

#[tokio::test]
async fn nothing_to_publish_is_a_200() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
    assert_eq!(door.post(body).await.status, 200);
    assert!(bus.calls().is_empty());
    door.close().await;
}

#[tokio::test]
async fn requests_share_a_connection() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let mut client = door.connect().await;
    for i in 0..20 {
        client.send(&signed(&text_webhook(&format!("wamid.{i}"), "1555", "hi"))).await;
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    // Pipelined: three at once, the second of them a bad one.
    let good = text_webhook("wamid.P", "1555", "hi");
    let bad = request(&[("X-Hub-Signature-256", &sign(SECRET, b"x"))], &good);
    client.send(&[signed(&good), bad, signed(&good)].concat()).await;
    for want in [200, 401, 200] {
        assert_eq!(client.answer().await.unwrap().status, want);
    }
    assert_eq!(bus.calls().len(), 22);
    door.close().await;
}

#[tokio::test]
async fn bodies_come_in_any_chunks() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = text_webhook("wamid.C", "1555", &"long ".repeat(50_000));
    let head = format!(
        "POST /webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nx-hub-signature-256: {}\r\n\r\n",
        sign(SECRET, &body)
    );
    let mut client = door.connect().await;
    client.send(head.as_bytes()).await;
    for chunk in body.chunks(9_999) {
        client.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        client.send(chunk).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(event(&bus.published()[0]).key, "wamid.C");
    door.close().await;
}
