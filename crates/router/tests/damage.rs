//! A damaged row of the store costs the event that needs it, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{Log, Rig, event};
use waypost_bus::dead_letter::REPLAY_HEADER;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Bus, Message};
use waypost_domain::{PartitionId, PhoneNumberId};
use waypost_proto::{BUNDLE_VERSION, encode_event, v1};
use waypost_router::RouterConfig;
use waypost_store::EventKey;

/// Each customer has a number of their own, so that no row is anybody else's.
fn phone_of(wamid: &str) -> String {
    format!("1555000{:04}", wamid.trim_start_matches('w').parse::<u32>().unwrap())
}

async fn publish(rig: &Rig, id: &str, body: impl Into<bytes::Bytes>) {
    send(rig, Message { id: id.to_owned(), body: body.into(), ..Message::default() }).await;
}

/// As a person does who wants what was published to be published once more.
async fn publish_again(rig: &Rig, id: &str, body: bytes::Bytes) {
    let headers = [(REPLAY_HEADER.to_owned(), "1".to_owned())].into();
    send(rig, Message { id: id.to_owned(), body, headers, ..Message::default() }).await;
}

async fn send(rig: &Rig, message: Message) {
    rig.send(&rig.layout.inbound(PartitionId(0)), [message]).await;
}

async fn letters(rig: &Rig) -> Vec<Message> {
    let letters = rig.bus.peek(DEAD_LETTERS_QUEUE, None, 10).await.unwrap();
    letters.into_iter().map(|(_, letter)| letter).collect()
}

/// Writes nonsense where a word of ours belongs.
fn damage(rig: &Rig, sql: &str) {
    assert_eq!(rig.database().execute(sql, []).unwrap(), 1, "{sql}");
}

/// Meta sends again what it sent before, and one of the decisions cannot be read any more.
#[tokio::test]
async fn a_damaged_row_parks_one_event_and_nothing_else() {
    let rig = Rig::new(RouterConfig::default()).await;
    let wamids = ["w1", "w2", "w3", "w4", "w5"];
    for wamid in wamids {
        publish(&rig, wamid, encode_event(event(wamid, &phone_of(wamid), "hi"))).await;
    }
    rig.route_until(async || rig.waiting("team.a.normal").await == 5).await;
    damage(&rig, "UPDATE inbox SET priority = 'mauve' WHERE key = 'w3'");
    for wamid in wamids {
        publish(&rig, wamid, encode_event(event(wamid, &phone_of(wamid), "hi"))).await;
    }
    publish(&rig, "w6", encode_event(event("w6", &phone_of("w6"), "hi"))).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0 && rig.waiting("team.a.normal").await == 6).await;
    let letters = letters(&rig).await;
    let [letter] = &letters[..] else { panic!("one dead letter, not {}", letters.len()) };
    assert_eq!((letter.id.as_str(), letter.headers["wp-reason"].as_str()), ("w3", "unreadable-row"));
    assert!(letter.headers["wp-detail"].contains("priority"), "{:?}", letter.headers);
    assert_eq!(letter.headers["wp-origin"], "wa.in.p00");
}

/// The same for what comes as a bundle, of which another event does not decode.
#[tokio::test]
async fn a_damaged_row_costs_a_bundle_one_event() {
    let rig = Rig::new(RouterConfig::default()).await;
    publish(&rig, "w1", encode_event(event("w1", &phone_of("w1"), "hi"))).await;
    rig.route_until(async || rig.waiting("team.a.normal").await == 1).await;
    damage(&rig, "UPDATE conversation SET state = 'mauve'");
    let mut events: Vec<bytes::Bytes> = Vec::new();
    for (wamid, phone) in [("w2", "w2"), ("w3", "w1"), ("w4", "w4")] {
        events.push(encode_event(event(wamid, &phone_of(phone), "hi")));
    }
    events.push(bytes::Bytes::from_static(b"\xff"));
    events.push(encode_event(event("w5", &phone_of("w5"), "hi")));
    let bundle = v1::EventBundle { version: BUNDLE_VERSION, events };
    publish(&rig, "bundle", prost::Message::encode_to_vec(&bundle)).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0 && rig.waiting("team.a.normal").await == 4).await;
    let mut parked: Vec<(String, String)> =
        letters(&rig).await.into_iter().map(|one| (one.id, one.headers["wp-reason"].clone())).collect();
    parked.sort();
    let expected = [("bundle.1", "unreadable-row"), ("bundle.3", "undecodable-event")];
    assert_eq!(parked, expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())));
}

/// The errors that name the decision of this event, since the last time.
fn errors_of(log: &Log, wamid: &str) -> Vec<String> {
    let id = EventKey { number: PhoneNumberId::new("1"), key: wamid.to_owned() }.decision_id().to_string();
    let names_it = |line: &&str| line.contains("ERROR") && line.contains(&id);
    log.take().lines().filter(names_it).map(str::to_owned).collect()
}

/// Of three messages that were kept, one does not decode any more: when they are released, and when the release is
/// repeated.
#[tokio::test]
async fn a_damaged_kept_message_is_named_and_the_others_are_routed() {
    const PHONE: &str = "15550009999";
    let (log, _logging) = Log::collect();
    let rig = Rig::new(RouterConfig::default()).await;
    for wamid in ["w1", "w2", "w3"] {
        let standby = v1::Event { kind: v1::EventKind::StandbyMessage.into(), ..event(wamid, PHONE, "hi") };
        publish(&rig, wamid, encode_event(standby)).await;
    }
    rig.route_until(async || rig.store.counts().await.unwrap().held == 3).await;
    damage(&rig, "UPDATE held SET event = x'ff' WHERE key = 'w2'");
    let control = encode_event(v1::Event {
        kind: v1::EventKind::ContactChange.into(),
        field: "messaging_handovers".to_owned(),
        json: format!(r#"{{"messaging_handovers":[{{"wa_id":"{PHONE}","control_passed":{{}}}}]}}"#).into(),
        ..event("control", PHONE, "hi")
    });
    publish(&rig, "control", control.clone()).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0 && rig.waiting("team.a.normal").await == 2).await;
    let errors = errors_of(&log, "w2");
    let [error] = &errors[..] else { panic!("said once, not {errors:?}") };
    assert!(error.contains("does not decode") && !error.contains(PHONE), "{error}");
    assert_eq!(rig.store.counts().await.unwrap().held, 1, "it stays in the store");

    // Somebody has the release published once more, and another row was damaged meanwhile.
    damage(&rig, "UPDATE held SET event = x'ff' WHERE key = 'w1'");
    publish_again(&rig, "control", control).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0 && rig.waiting("team.a.normal").await == 3).await;
    let errors = errors_of(&log, "w1");
    assert!(errors.len() == 1 && !errors[0].contains(PHONE), "{errors:?}");
    let queue = rig.bus.peek("team.a.normal", None, 10).await.unwrap();
    let of =
        |wamid: &str| EventKey { number: PhoneNumberId::new("1"), key: wamid.to_owned() }.decision_id().to_string();
    let ids: Vec<String> = queue.into_iter().map(|(_, message)| message.id).collect();
    assert_eq!(ids, ["w1", "w3", "w3"].map(of));
}
