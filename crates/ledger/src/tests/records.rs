//! What is recorded reads back, from disk and from messages.

use super::*;

#[test]
fn a_ledger_survives_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Ledger::read(folder.path()).is_err(), "an empty folder is no ledger");
    let ledger = good();
    ledger.write(&folder.path().join("all.jsonl")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a ledger").unwrap();
    assert_eq!(Ledger::read(folder.path()).unwrap(), ledger);
    let posts = Ledger { posts: ledger.posts.clone(), ..Ledger::default() };
    let rest = Ledger { posts: vec![], ..ledger.clone() };
    posts.write(&folder.path().join("all.jsonl")).unwrap();
    rest.write(&folder.path().join("rest.jsonl")).unwrap();
    assert_eq!(Ledger::read(folder.path()).unwrap(), ledger);
    std::fs::write(folder.path().join("broken.jsonl"), "{}\n").unwrap();
    let error = format!("{:#}", Ledger::read(folder.path()).unwrap_err());
    assert!(error.contains("broken.jsonl:1"), "{error}");
}

#[test]
fn a_delivery_is_read_off_its_message() {
    let body = format!(
        r#"{{"data":{{"phone_number_id":"{NUMBER}","message":{{"wamid":"m"}},"routing":{{"rule_set":"v","rule":"r","phase":"route","team":null,"priority":"normal"}}}}}}"#
    );
    let mut message = Message { id: "i".into(), kind: "waypost.team-message.v1".into(), ..Message::default() };
    message.body = body.into_bytes().into();
    message.headers.insert("wp-diverted".into(), "why".into());
    let read = DeliveryRecord::new("wa.unrouted", 3, &message, 1, 2);
    assert_eq!((read.key.as_deref(), read.diverted.as_deref(), read.replay), (Some("m"), Some("why"), false));
    assert_eq!(read.routing.map(|note| (note.rule, note.team)), Some(("r".into(), None)));
    let event = v1::Event {
        kind: v1::EventKind::Message.into(),
        phone_number_id: NUMBER.into(),
        key: "m".into(),
        ..v1::Event::default()
    };
    let mut message = Message { id: "i".into(), kind: EVENT_KIND.into(), ..Message::default() };
    message.body = encode_event(event);
    message.headers.insert("wp-reason".into(), "too-deep".into());
    message.headers.insert("wp-replay".into(), "1".into());
    let read = DeliveryRecord::new("wa.dead-letters", 0, &message, 1, 2);
    assert_eq!((read.key.as_deref(), read.phone_number_id.as_deref(), read.replay), (Some("m"), Some(NUMBER), true));
    let note = read.dead_letter.unwrap();
    assert_eq!((note.reason.as_str(), note.quarantined, note.change), ("too-deep", None, None));
    message.headers = [("x-first-death-reason".to_owned(), "delivery_limit".to_owned())].into();
    let note = DeliveryRecord::new("wa.dead-letters", 0, &message, 0, 0).dead_letter.unwrap();
    assert_eq!(note.reason, "delivered-too-often", "the broker's own");
    let change = v1::Event { kind: v1::EventKind::AccountChange.into(), json: "{}".into(), ..v1::Event::default() };
    message.body = encode_event(change);
    let note = DeliveryRecord::new("wa.dead-letters", 0, &message, 0, 0).dead_letter.unwrap();
    assert_eq!(note.change.as_deref(), Some("{}"));
}
