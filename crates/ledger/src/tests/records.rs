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

#[test]
fn what_came_out_so_far_must_be_right() {
    let mut wrong = good();
    wrong.deliveries = vec![DeliveryRecord { message_id: "other".into(), ..delivery("m0", 0) }];
    let verdict = wrong.check_so_far();
    // Nothing is missed yet.
    assert_eq!(verdict.violations.iter().map(|one| one.invariant).collect::<Vec<_>>(), [Invariant::I2], "{verdict}");
    assert_eq!(verdict.counts.posts, 6);
}

#[test]
fn what_cannot_be_checked_is_told() {
    type Damage = fn(&mut Ledger);
    let cases: [(Invariant, Damage); 4] = [
        (Invariant::I9, |ledger| ledger.texts.clear()),
        (Invariant::I9, |ledger| ledger.markers.clear()),
        (Invariant::I10, |ledger| ledger.store = None),
        (Invariant::I10, |ledger| ledger.rule_sets.clear()),
    ];
    for (invariant, damage) in cases {
        let mut ledger = good();
        damage(&mut ledger);
        let verdict = ledger.check();
        let unchecked: Vec<Invariant> = verdict.unchecked.iter().map(|(invariant, _)| *invariant).collect();
        assert!(unchecked.contains(&invariant), "{verdict}");
        assert!(verdict.to_string().contains(&format!("{invariant} not checked: ")), "{verdict}");
    }
}

#[test]
fn a_verdict_lists_what_breaks_an_invariant() {
    let mut ledger = good();
    ledger.deliveries.remove(1);
    ledger.depths = (0..20).map(|n| QueueDepth { queue: format!("q{n:02}"), ready: 1, unacknowledged: None }).collect();
    let verdict = ledger.check();
    assert_eq!((verdict.of(Invariant::I1).count(), verdict.of(Invariant::I7).count()), (1, 20));
    assert!(verdict.of(Invariant::I7).all(|violation| violation.invariant == Invariant::I7));
    // As many as are named: there are no more.
    let text = verdict.to_string();
    assert!(text.contains("q19") && !text.contains("more"), "{text}");
}

#[test]
fn an_item_is_routed_under_the_id_of_its_key() {
    let item = item("m1", ItemKind::Message);
    assert_eq!(item.decision_id(), id("m1"));
    assert_ne!(Item { phone_number_id: "2".into(), ..item }.decision_id(), id("m1"));
}

#[test]
fn of_a_quarantined_body_the_beginning_is_kept() {
    let body = "x".repeat(70_000);
    let message =
        Message { id: "i".into(), kind: "waypost.quarantined.v1".into(), body: body.into(), ..Message::default() };
    let note = DeliveryRecord::new("wa.dead-letters", 0, &message, 0, 0).dead_letter.unwrap();
    assert_eq!(note.quarantined.map(|kept| kept.len()), Some(65_536));
}

#[test]
fn what_was_written_is_read_while_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.jsonl");
    let mut writer = LedgerWriter::create(&file).unwrap();
    writer.write(&Entry::Marker("one".into())).unwrap();
    writer.flush().unwrap();
    assert_eq!(Ledger::read(&file).unwrap().markers, ["one"]);
    writer.finish().unwrap();
    // A full disk shows when the buffer is handed over, at the latest when the file is finished.
    let mut full = LedgerWriter::create(std::path::Path::new("/dev/full")).unwrap();
    full.write(&Entry::Marker("two".into())).unwrap();
    assert!(full.finish().is_err());
}
