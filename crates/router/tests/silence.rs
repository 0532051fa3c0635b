//! A conversation ends when both sides were silent for long enough: with the customer's next word, or by the janitor.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, SystemTime};

use waypost_domain::{AliasSet, NumberName, PartitionId, Timestamp};
use waypost_proto::v1;
use waypost_router::{JanitorConfig, RouterConfig};
use waypost_store::{Answered, Sequence};

mod support;

use support::{Rig, event};

const IDLE: Duration = Duration::from_secs(3600);
const IDLE_MS: i64 = 3_600_000;

fn said(wamid: &str, phone: &str, text: &str, at: Timestamp) -> v1::Event {
    v1::Event { received_at_ms: at.as_millis(), ..event(wamid, phone, text) }
}

/// The janitor looks at the real clock: to keep it out of the first test, nothing there lies in the past.
fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

#[tokio::test]
async fn the_next_word_after_a_silence_begins_a_new_conversation() {
    let rig = Rig::new(RouterConfig { conversation_idle: IDLE, ..RouterConfig::default() }).await;
    let begun = now();
    let just_in_time = begun.plus_millis(IDLE_MS - 1);
    let too_late = just_in_time.plus_millis(IDLE_MS);
    let words = [("w1", "my bill", begun), ("w2", "hello?", just_in_time), ("w3", "hello", too_late)];
    let events = words.map(|(wamid, text, at)| said(wamid, "15550001", text, at));
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;

    let (open, anew) = (rig.documents("b").await, rig.documents("a").await);
    let told = |documents: &[serde_json::Value], path: &str| -> Vec<Option<String>> {
        let read = |document: &serde_json::Value| document["data"].pointer(path)?.as_str().map(str::to_owned);
        documents.iter().map(read).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told(&open, "/message/wamid"), [some("w1"), some("w2")], "the team keeps it");
    assert_eq!(told(&open, "/routing/phase"), [some("route"), some("bind")]);
    assert_eq!(told(&anew, "/message/wamid"), [some("w3")], "it is routed afresh");
    assert_eq!(told(&anew, "/routing/phase"), [some("default")]);
    assert_eq!(told(&anew, "/conversation/previous_team"), [some("b")]);
    let ids = told(&open, "/conversation/id");
    assert!(ids[0] == ids[1] && !told(&anew, "/conversation/id").contains(&ids[0]), "{ids:?}");
    assert_eq!(rig.ask("SELECT state FROM conversation ORDER BY active_at"), ["resolved", "open"]);
}

/// Of two customers, one was silent for a little longer than that, the other for a little less.
#[tokio::test]
async fn the_janitor_ends_what_is_silent_and_nothing_else() {
    let janitor = JanitorConfig { every: Duration::from_millis(20), ..JanitorConfig::default() };
    let rig = Rig::new(RouterConfig { conversation_idle: IDLE, janitor, ..RouterConfig::default() }).await;
    let minute = 60_000;
    let long_ago = now().plus_millis(-IDLE_MS - minute);
    let lately = now().plus_millis(-IDLE_MS + 10 * minute);
    let events = [said("lately", "15550002", "hello", lately), said("long ago", "15550001", "hello", long_ago)];
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    let states = || rig.ask("SELECT state FROM conversation ORDER BY active_at");
    rig.route_until(async || states().first().is_some_and(|state| state == "resolved")).await;
    assert_eq!(states(), ["resolved", "open"]);
}

/// Where answers are seen, only a conversation whose last word is ours ends by silence.
#[tokio::test]
async fn who_waits_for_an_answer_is_not_forgotten() {
    let janitor = JanitorConfig { every: Duration::from_millis(20), ..JanitorConfig::default() };
    let rig = Rig::new(RouterConfig { conversation_idle: IDLE, janitor, ..RouterConfig::default() }).await;
    let long_ago = now().plus_millis(-3 * IDLE_MS);
    let echo = |wamid: &str, phone: &str| v1::Event {
        kind: v1::EventKind::Echo.into(),
        ..said(wamid, phone, "hello", long_ago.plus_millis(1))
    };
    let events = [
        said("w1", "15550001", "my bill", long_ago),
        said("w2", "15550002", "hello", long_ago),
        echo("w3", "15550002"),
    ];
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    let states = || rig.ask("SELECT concat_ws('|', team, state) FROM conversation ORDER BY team");
    rig.route_until(async || states().contains(&"a|resolved".to_owned())).await;
    let reaction = r#"{"id":"w4","type":"reaction","reaction":{"message_id":"w1","emoji":"🙏"}}"#;
    let reaction = v1::Event { json: reaction.into(), ..said("w4", "15550001", "", now()) };
    rig.publish(&rig.layout.inbound(PartitionId(0)), [reaction, said("w5", "15550001", "hello?", now())]).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    assert_eq!(states(), ["a|resolved", "b|open"]);
    let kinds: Vec<_> = rig.documents("b").await.iter().map(|document| document["type"].clone()).collect();
    let [routed, notice] = ["routed", "notice"].map(|kind| format!("com.waypost.message.{kind}.v1"));
    assert_eq!(kinds, [routed.as_str(), notice.as_str(), routed.as_str()], "the same conversation, hours later");
}

/// What left for a customer was sent by somebody, so the last word is ours.
#[tokio::test]
async fn what_others_sent_is_an_answer() {
    let rig = Rig::new(RouterConfig { conversation_idle: IDLE, ..RouterConfig::default() }).await;
    let begun = now();
    let later = begun.plus_millis(3 * IDLE_MS);
    rig.route_each([said("w1", "15550001", "my bill", begun), said("w2", "15550002", "hello", begun)]).await;
    let to = AliasSet { phone: Some("15550002".to_owned()), ..AliasSet::default() };
    let number = NumberName::new(rig.ask("SELECT DISTINCT number FROM conversation").remove(0)).unwrap();
    // As the sender's recorder does with a status.
    rig.store.answer_seen(&number, begun).await.unwrap();
    let lease = rig.store.acquire_lease("statuses", PartitionId(0), "a test", IDLE, Sequence::None).await;
    let mut tx = rig.store.begin_record(&lease.unwrap().unwrap().fence(0, None)).await.unwrap();
    let answered = Answered { to, number, at: begun.plus_millis(1_000) };
    assert_eq!(tx.record_answers(&[answered]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    rig.route_each([said("w3", "15550001", "hello?", later), said("w4", "15550002", "hello?", later)]).await;
    let states = rig.ask("SELECT concat_ws('|', team, state, binding) FROM conversation ORDER BY team, state");
    assert_eq!(states, ["a|open|loose", "a|resolved|loose", "b|open|firm"]);
}
