//! What becomes of conversations beside their messages: who is told, what goes on after an end, and groups.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use waypost_bus::Message;
use waypost_bus::dead_letter::REPLAY_HEADER;
use waypost_domain::PartitionId;
use waypost_proto::{encode_event, v1};
use waypost_router::RouterConfig;

mod support;

use support::{Log, Rig, event};

const SHIPPED: &str = include_str!("../../../deploy/rules.toml");
const PHONE: &str = "34600000901";
const ROWS: &str = "SELECT concat_ws('|', state, team, binding, seq) FROM conversation ORDER BY opened_at, id";
const REFUSE_DIVERSIONS: &str =
    "CREATE TRIGGER refuse BEFORE UPDATE OF diverted_at ON inbox BEGIN SELECT RAISE(ABORT, 'as asked'); END";

async fn rig() -> Rig {
    Rig::with_rules(RouterConfig::default(), SHIPPED).await
}

/// What billing would get is diverted.
async fn rig_without_billing() -> Rig {
    let config = RouterConfig { full_queue_patience: Duration::from_millis(20), ..RouterConfig::default() };
    let rig = Rig::with_rules(config, SHIPPED).await;
    rig.bus.delete_queue("team.billing.normal").await.unwrap();
    rig
}

fn echo(wamid: &str) -> v1::Event {
    v1::Event { kind: v1::EventKind::Echo.into(), ..event(wamid, PHONE, "hello") }
}

/// What a team is told: kind, who has the conversation, its place.
async fn told(rig: &Rig, team: &str) -> Vec<String> {
    let documents = rig.bus_documents(&format!("team.{team}.urgent")).await;
    let changed = documents.iter().filter(|one| one["type"] == "com.waypost.conversation.changed.v1");
    changed
        .map(|one| {
            let data = &one["data"];
            let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
            assert_eq!(data["team"], team);
            format!("{} {} {}", text("kind"), text("to_team"), data["conversation_seq"])
        })
        .collect()
}

#[tokio::test]
async fn who_loses_a_conversation_is_told_and_told_the_same_again() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hi"), event("w2", PHONE, "my invoice")]).await;
    assert_eq!(told(&rig, "frontdesk").await, ["moved billing 2"]);
    let documents = rig.documents("billing").await;
    assert_eq!(documents[0]["data"]["conversation_seq"], 2);
    let conversation = &documents[0]["data"]["conversation"]["id"];
    let moved = rig.bus_documents("team.frontdesk.urgent").await.remove(0);
    assert_eq!([&documents[0]["subject"], &moved["subject"]], [conversation, conversation]);
    assert_eq!((&documents[0]["time"], &moved["time"]), (&"2025-06-15T15:06:40Z".into(), &documents[0]["time"]));
    // The stored decision, published once more.
    let again = Message {
        id: "again".to_owned(),
        headers: [(REPLAY_HEADER.to_owned(), "1".to_owned())].into(),
        body: encode_event(event("w2", PHONE, "my invoice")),
        ..Message::default()
    };
    rig.send(&rig.layout.inbound(PartitionId(0)), [again]).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    let ids = |documents: Vec<serde_json::Value>| documents.iter().map(|one| one["id"].to_string()).collect::<Vec<_>>();
    let again = rig.documents("billing").await;
    assert_eq!(again[1]["data"]["conversation_seq"], 2);
    let previous = |at: usize| again[at]["data"]["conversation"]["previous_team"].clone();
    assert_eq!([previous(0), previous(1)], ["frontdesk", "frontdesk"]);
    let notices = ids(rig.bus_documents("team.frontdesk.urgent").await);
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[0], notices[1], "consumers take it for the same");
    assert_eq!(told(&rig, "frontdesk").await, ["moved billing 2"; 2]);
}

#[tokio::test]
async fn who_holds_a_conversation_is_told_and_who_would_get_it() {
    let rig = rig().await;
    let after = [event("w3", PHONE, "a real person please"), echo("w4"), event("w5", PHONE, "my invoice")];
    rig.route_each([event("w1", PHONE, "hi"), echo("w2")]).await;
    rig.route_each(after).await;
    assert_eq!(told(&rig, "frontdesk").await, ["asks_for_person frontdesk 2"]);
    assert_eq!(rig.ask(ROWS), ["open|frontdesk|held|3"]);
    assert_eq!(told(&rig, "billing").await, ["suggested_team frontdesk 3"]);
    // Nobody has answered that: what comes on top of it suggests nobody again.
    let later = v1::Event { received_at_ms: 1_750_000_000_001, ..event("w6", PHONE, "hello?") };
    let again = v1::Event { received_at_ms: 1_750_000_000_002, ..event("w7", PHONE, "that invoice") };
    rig.route_each([later, again]).await;
    assert_eq!(told(&rig, "billing").await, ["suggested_team frontdesk 3"]);
}

#[tokio::test]
async fn a_diverted_message_binds_its_conversation_to_who_got_it() {
    let rig = rig_without_billing().await;
    rig.route_each([event("w1", PHONE, "my invoice"), event("w2", PHONE, "is wrong")]).await;
    assert_eq!(rig.ask(ROWS), ["open|frontdesk|firm|2"]);
    assert_eq!(rig.documents("frontdesk").await.len(), 2);
    assert_eq!(told(&rig, "billing").await, ["diverted frontdesk 1"]);
}

/// While the store does not take down where it went, it is not published again; its conversation is bound with that, or
/// not at all.
#[tokio::test]
async fn a_diverted_message_comes_once_whatever_the_store_does() {
    let rig = rig_without_billing().await;
    rig.database().execute_batch(REFUSE_DIVERSIONS).unwrap();
    let (log, _collecting) = Log::collect();
    rig.publish(&rig.layout.inbound(PartitionId(0)), [event("w1", PHONE, "my invoice")]).await;
    let (mut said, mut is_refused) = (String::new(), true);
    rig.route_until(async || {
        said += &log.take();
        if is_refused && said.matches("not written down yet").count() >= 3 {
            assert_eq!(rig.ask(ROWS), ["open|billing|firm|1"]);
            rig.database().execute_batch("DROP TRIGGER refuse").unwrap();
            is_refused = false;
        }
        rig.waiting("wa.in.p00").await == 0
    })
    .await;
    assert!(!said.contains("batch not handled yet"), "{said}");
    assert_eq!(rig.documents("frontdesk").await.len(), 1);
    assert_eq!(rig.ask(ROWS), ["open|frontdesk|firm|1"]);
    assert_eq!(rig.ask("SELECT diverted_why FROM inbox"), ["queue missing"]);
    assert_eq!(told(&rig, "billing").await, ["diverted frontdesk 1"]);
}

/// Whoever takes the partition next does it again.
#[tokio::test]
async fn a_router_that_is_told_to_end_leaves_what_is_not_written_down() {
    let rig = rig_without_billing().await;
    rig.database().execute_batch(REFUSE_DIVERSIONS).unwrap();
    let (log, _collecting) = Log::collect();
    rig.publish(&rig.layout.inbound(PartitionId(0)), [event("w1", PHONE, "my invoice")]).await;
    let mut said = String::new();
    rig.route_until(async || {
        said += &log.take();
        said.contains("not written down yet")
    })
    .await;
    said += &log.take();
    assert!(said.contains("batch not handled yet"), "{said}");
    assert_eq!(rig.waiting("wa.in.p00").await, 1);
}

/// As a person's resolve will leave it.
fn resolve(rig: &Rig, hours_ago: i64) {
    let at = 1_750_000_000_000 - hours_ago * 3_600_000;
    let sql = format!("UPDATE conversation SET state = 'resolved', resolved_at = {at} WHERE state <> 'resolved'");
    rig.database().execute_batch(&sql).unwrap();
}

#[tokio::test]
async fn a_message_soon_after_a_resolve_goes_on_with_the_conversation() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hi"), echo("w2")]).await;
    resolve(&rig, 23);
    rig.route_each([event("w3", PHONE, "one more thing")]).await;
    assert_eq!(rig.ask(ROWS), ["open|frontdesk|firm|2"]);
    resolve(&rig, 25);
    rig.route_each([event("w4", PHONE, "one more thing")]).await;
    assert_eq!(rig.ask(ROWS), ["resolved|frontdesk|firm|2", "open|frontdesk|loose|1"]);
    let linked = "SELECT CAST(count(*) AS TEXT) FROM conversation a JOIN conversation b ON a.previous_id = b.id";
    assert_eq!(rig.ask(linked), ["1"]);
}

#[tokio::test]
async fn closing_words_open_nothing_and_are_no_turn() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hi"), echo("w2")]).await;
    resolve(&rig, 1);
    rig.route_each([event("w3", PHONE, "Muchas gracias!"), event("w4", PHONE, "👍")]).await;
    assert_eq!(rig.ask(ROWS), ["resolved|frontdesk|held|3"]);
    let documents = rig.documents("frontdesk").await;
    assert_eq!(documents.len(), 3, "its team reads them");
    assert_eq!(documents[2]["data"]["routing"]["tags"], serde_json::json!(["closing_words"]));
    assert_eq!(documents[2]["data"]["conversation"]["state"], "resolved");
    rig.route_each([event("w5", PHONE, "gracias, y mi factura?")]).await;
    // It goes on firmly, and nobody waited for an answer: what is new moves it.
    assert_eq!(rig.ask(ROWS), ["open|billing|firm|4"]);
    rig.database().execute_batch("UPDATE conversation SET last_outbound_at = last_inbound_at").unwrap();
    rig.route_each([event("w6", PHONE, "ok")]).await;
    assert_eq!(rig.ask("SELECT CAST(last_outbound_at = last_inbound_at AS TEXT) FROM conversation"), ["1"]);
}

/// A survey is answered days later; whoever answers it wants nothing.
#[tokio::test]
async fn a_rating_opens_nothing() {
    let rig = rig().await;
    let rates = |wamid: &str| {
        let reply = r#"{"type":"button_reply","button_reply":{"id":"csat:5","title":"Great"}}"#;
        let json = format!(r#"{{"id":"{wamid}","type":"interactive","interactive":{reply}}}"#);
        v1::Event { json: json.into(), ..event(wamid, PHONE, "") }
    };
    rig.route_each([event("w1", PHONE, "hi"), echo("w2"), rates("w3")]).await;
    assert_eq!(rig.ask("SELECT CAST(last_outbound_at >= last_inbound_at AS TEXT) FROM conversation"), ["1"]);
    resolve(&rig, 30);
    rig.route_each([rates("w4")]).await;
    assert_eq!(rig.ask(ROWS), ["resolved|frontdesk|held|3"]);
    let documents = rig.documents("frontdesk").await;
    assert_eq!(documents.len(), 3, "its team reads it");
    let routing = &documents[2]["data"]["routing"];
    assert_eq!(
        (&routing["why"], routing.get("tags")),
        (&"the customer rates the conversation with frontdesk".into(), None)
    );
}

fn in_group(wamid: &str, phone: &str, text: &str) -> v1::Event {
    let json = format!(r#"{{"id":"{wamid}","type":"text","group_id":"G1","text":{{"body":"{text}"}}}}"#);
    v1::Event { json: json.into(), ..event(wamid, phone, text) }
}

#[tokio::test]
async fn a_group_has_one_conversation_and_its_members_theirs() {
    let rig = rig().await;
    let other = "34600000902";
    let events =
        [in_group("w1", PHONE, "our invoice"), event("w2", PHONE, "hello"), in_group("w3", other, "and the delivery?")];
    rig.route_each(events).await;
    let rows = ["open|billing|firm|2", "open|frontdesk|loose|1"];
    assert_eq!(rig.ask("SELECT concat_ws('|', state, team, binding, seq) FROM conversation ORDER BY team"), rows);
    let documents = rig.documents("billing").await;
    let of = |place: usize, key: &str| documents[place]["data"]["conversation"][key].clone();
    assert_eq!(of(0, "id"), of(1, "id"), "the same conversation for both members");
    assert_ne!(documents[0]["data"]["contact"]["id"], documents[1]["data"]["contact"]["id"]);
    // In one batch too.
    rig.publish(
        &rig.layout.inbound(PartitionId(0)),
        [in_group("w4", other, "hm"), event("w5", other, "hello"), in_group("w6", PHONE, "yes")],
    )
    .await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    assert_eq!(rig.documents("billing").await.len(), 4);
    assert_eq!(rig.ask("SELECT CAST(count(*) AS TEXT) FROM conversation"), ["3"]);
}

/// What is kept of a group, while another app holds its thread or nothing is open, is none of its members' own.
#[tokio::test]
async fn what_is_kept_of_a_group_waits_for_the_group() {
    let rig = rig().await;
    let other = "34600000902";
    let standby = |event: v1::Event| v1::Event { kind: v1::EventKind::StandbyMessage.into(), ..event };
    let reaction = r#"{"id":"r","type":"reaction","group_id":"G1","reaction":{"message_id":"x","emoji":"👍"}}"#;
    let events = [
        v1::Event { json: reaction.into(), ..event("r", other, "") },
        standby(in_group("g1", other, "our invoice")),
        standby(event("p1", other, "my own invoice")),
        // Theirs alone: it releases what they wrote alone.
        event("p2", other, "are you there?"),
    ];
    rig.route_each(events).await;
    let told = async |team: &str| {
        let text = |document: &serde_json::Value, path: &str| document.pointer(path).unwrap_or_default().clone();
        let documents = rig.documents(team).await;
        let line = |one: &serde_json::Value| {
            let earlier = one["data"]["message"]["earlier_notices"].as_array().map_or(0, Vec::len);
            format!("{} of {}, {earlier}", text(one, "/data/message/wamid"), text(one, "/data/contact/phone"))
        };
        documents.iter().map(line).collect::<Vec<_>>()
    };
    let line = |wamid: &str, phone: &str, earlier: usize| format!("\"{wamid}\" of \"{phone}\", {earlier}");
    assert_eq!(told("billing").await, [line("p1", other, 0), line("p2", other, 0)]);
    assert_eq!(rig.ask("SELECT key FROM held WHERE released_by IS NULL ORDER BY key"), ["g1", "r"]);
    // Another member writes to us: the thread is ours, and each message is its writer's.
    rig.route_each([in_group("g2", PHONE, "hello?")]).await;
    let all = [line("p1", other, 0), line("p2", other, 0), line("g1", other, 0), line("g2", PHONE, 1)];
    assert_eq!(told("billing").await, all);
    assert_eq!(rig.ask("SELECT CAST(count(*) AS TEXT) FROM held WHERE released_by IS NULL"), ["0"]);
    assert_eq!(rig.ask("SELECT CAST(count(*) AS TEXT) FROM conversation"), ["2"]);
    let learnt = rig.ask("SELECT language_sample FROM contact WHERE language_sample LIKE '%our invoice%'");
    assert_eq!(learnt.iter().map(|sample| sample.matches("our invoice").count()).collect::<Vec<_>>(), [1], "once");
}
