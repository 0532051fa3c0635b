//! What is told and is no work: reactions, deletions, news of the platform, and calls that follow a call. It opens nothing,
//! binds nothing, moves no window, and is never lost.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::{Rig, event};
use waypost_domain::{AliasSet, PartitionId};
use waypost_proto::v1;
use waypost_router::RouterConfig;

const ANA: &str = "34600000001";

/// What Ana does, `seconds` after everything began.
fn does(wamid: &str, seconds: i64, said: Value) -> v1::Event {
    let mut json = json!({ "id": wamid, "from": ANA });
    json.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let json = json.to_string().into();
    let event = event(wamid, ANA, "");
    v1::Event { json, received_at_ms: event.received_at_ms + seconds * 1000, ..event }
}

fn says(wamid: &str, seconds: i64, text: &str) -> v1::Event {
    does(wamid, seconds, json!({ "type": "text", "text": { "body": text } }))
}

fn reacts(wamid: &str, seconds: i64, to: &str) -> v1::Event {
    does(wamid, seconds, json!({ "type": "reaction", "reaction": { "message_id": to, "emoji": "👍" } }))
}

fn calls(wamid: &str, seconds: i64) -> v1::Event {
    does(wamid, seconds, json!({ "event": "terminate", "direction": "USER_INITIATED", "status": "FAILED" }))
}

/// Routes `events`, each in a batch of its own, until that many rows are there.
async fn routed(rig: &Rig, events: impl IntoIterator<Item = v1::Event>) {
    let address = rig.layout.inbound(PartitionId(0));
    for event in events {
        let key = event.key.clone();
        rig.publish(&address, [event]).await;
        rig.route_until(async || {
            rig.ask(&format!("SELECT count(*) || '' FROM inbox WHERE key = '{key}'")) == ["1"]
                && rig.waiting("wa.in.p00").await == 0
        })
        .await;
    }
}

/// Type, rule and summary of what a team was sent.
async fn read(rig: &Rig, team: &str) -> Vec<[String; 3]> {
    let text = |document: &Value, path: &str| document.pointer(path).unwrap().as_str().unwrap().to_owned();
    let documents = rig.documents(team).await;
    let line = |document: &Value| {
        let kind = text(document, "/type").replace("com.waypost.message.", "");
        [kind, text(document, "/data/routing/rule"), text(document, "/data/message/summary")]
    };
    documents.iter().map(line).collect()
}

fn lines<const N: usize>(lines: [[&str; 3]; N]) -> Vec<[String; 3]> {
    lines.map(|line| line.map(str::to_owned)).into()
}

#[tokio::test]
async fn before_a_conversation_it_is_kept_and_shown_once() {
    let rig = Rig::new(RouterConfig::default()).await;
    let identity = json!({ "type": "system", "system": { "type": "customer_identity_changed" } });
    routed(&rig, [reacts("r", 0, "wamid.OURS"), does("s", 1, identity)]).await;
    assert_eq!(rig.ask("SELECT count(*) || '' FROM conversation"), ["0"], "nothing is opened");
    assert_eq!(rig.ask("SELECT kind || coalesce(team, '') FROM inbox ORDER BY seq"), ["notice", "notice"]);
    routed(&rig, [says("m", 2, "my bill"), says("n", 3, "thank you for it")]).await;
    assert_eq!(
        read(&rig, "b").await,
        lines([["routed.v1", "bills", "my bill"], ["routed.v1", "bind", "thank you for it"]]),
        "the first words are decided by the rules"
    );
    let documents = rig.documents("b").await;
    let earlier = documents[0]["data"]["message"]["earlier_notices"].as_array().unwrap();
    let summaries: Vec<_> = earlier.iter().map(|notice| notice["summary"].as_str().unwrap()).collect();
    assert_eq!(summaries, ["👍", "⚙ customer_identity_changed"]);
    assert_eq!(documents[1]["data"]["message"].get("earlier_notices"), None);
}

#[tokio::test]
async fn in_one_batch_it_is_kept_and_shown_too() {
    let rig = Rig::new(RouterConfig::default()).await;
    rig.publish(&rig.layout.inbound(PartitionId(0)), [reacts("r", 0, "x"), says("m", 1, "my bill")]).await;
    rig.route_until(async || !rig.documents("b").await.is_empty()).await;
    let document = rig.documents("b").await.remove(0);
    assert_eq!(document["data"]["message"]["earlier_notices"][0]["summary"], "👍");
}

/// A team that left the rules is told nothing.
#[tokio::test]
async fn where_the_team_is_gone_it_is_shown_with_the_next_message() {
    let rig = Rig::new(RouterConfig::default()).await;
    routed(&rig, [says("m", 0, "my bill")]).await;
    rig.database().execute_batch("UPDATE conversation SET team = 'gone'").unwrap();
    routed(&rig, [reacts("r", 1, "m"), says("n", 2, "that bill")]).await;
    let documents = rig.documents("b").await;
    assert_eq!(documents.len(), 2, "{documents:?}");
    assert_eq!(documents[1]["data"]["message"]["earlier_notices"][0]["summary"], "👍");
}

#[tokio::test]
async fn in_a_conversation_it_is_told_and_changes_nothing() {
    let rig = Rig::new(RouterConfig::default()).await;
    routed(&rig, [says("m", 0, "my bill")]).await;
    let conversation =
        || rig.ask("SELECT state || team || coalesce(binding, '') || active_at || window_ends_at FROM conversation");
    let before = conversation();
    let deletes = json!({ "type": "revoke", "revoke": { "original_message_id": "m" } });
    routed(&rig, [reacts("r", 60, "m"), does("d", 61, deletes)]).await;
    assert_eq!(conversation(), before);
    assert_eq!(
        read(&rig, "b").await,
        lines([
            ["routed.v1", "bills", "my bill"],
            ["notice.v1", "notice", "👍 → “my bill”"],
            ["notice.v1", "notice", "🗑 → “my bill”"],
        ])
    );
    let seqs: Vec<_> =
        rig.documents("b").await.iter().map(|document| document["data"]["conversation_seq"].clone()).collect();
    assert_eq!(seqs, [1, 2, 3]);
}

#[tokio::test]
async fn an_edit_goes_where_its_original_went_and_one_of_nothing_is_routed() {
    let rig = Rig::new(RouterConfig::default()).await;
    let edit = |of: &str, text: &str| {
        json!({ "type": "edit", "edit": { "original_message_id": of,
            "message": { "type": "text", "text": { "body": text } } } })
    };
    routed(&rig, [does("x", 0, edit("never-seen", "my bill"))]).await;
    assert_eq!(read(&rig, "b").await, lines([["routed.v1", "bills", "✏ my bill"]]));
    let rig = Rig::new(RouterConfig::default()).await;
    routed(&rig, [says("m", 0, "hello"), does("e", 1, edit("m", "hello, my bill"))]).await;
    assert_eq!(
        read(&rig, "a").await,
        lines([["routed.v1", "default", "hello"], ["routed.v1", "bind", "✏ hello, my bill ↩ “hello”"]])
    );
    assert_eq!(rig.documents("a").await[1]["data"]["message"]["edit_of"], "m");
}

#[tokio::test]
async fn several_calls_within_a_minute_are_one_piece_of_work() {
    let rig = Rig::new(RouterConfig::default()).await;
    routed(&rig, [calls("c1", 0), calls("c2", 30), calls("c3", 100)]).await;
    assert_eq!(
        read(&rig, "a").await,
        lines([["routed.v1", "default", "📞✕"], ["notice.v1", "notice", "📞✕"], ["routed.v1", "default", "📞✕"],])
    );
    assert_eq!(
        rig.ask("SELECT (window_ends_at IS NOT NULL) || '' FROM conversation"),
        ["1"],
        "a call opens the window"
    );
    // In one batch as well; and a call on another number is another conversation's.
    let rig = Rig::new(RouterConfig::default()).await;
    let elsewhere = |wamid: &str, seconds| v1::Event { phone_number_id: "2".into(), ..calls(wamid, seconds) };
    let events = [calls("c1", 0), elsewhere("c2", 5), calls("c3", 10)];
    rig.publish(&rig.layout.inbound(PartitionId(0)), events).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    let rules: Vec<_> = read(&rig, "a").await.into_iter().map(|[_, rule, _]| rule).collect();
    assert_eq!(rules, ["default", "default", "notice"]);
}

/// The same message, whose wamid has the customer's number in the one webhook and the business-scoped id in the other.
#[tokio::test]
async fn what_is_quoted_is_found_under_either_name_of_the_customer() {
    let rig = Rig::new(RouterConfig::default()).await;
    let by_phone = "wamid.HBgLMzQ2MDAwMDAwMDEVAgASGBQzQUFBQUFBQUFBQUFBQUFBQUFBAA==";
    let by_bsuid = waypost_cloud_api::wamid::with_user(by_phone, "ES.700000001").unwrap();
    let answer = json!({ "type": "text", "text": { "body": "this one" }, "context": { "from": ANA, "id": by_bsuid } });
    let aliases = AliasSet { phone: Some(ANA.into()), bsuid: Some("ES.700000001".into()), parent_bsuid: None };
    let answer = v1::Event { contact: Some(aliases.into()), ..does("m", 1, answer) };
    routed(&rig, [says(by_phone, 0, "my kettle leaks"), answer]).await;
    let quoted = &rig.documents("a").await[1]["data"]["message"]["quoted"];
    assert_eq!(quoted, &json!({ "wamid": by_bsuid, "from": "customer", "text": "my kettle leaks" }));
}
