//! How firmly a conversation is bound, from one message to the next: with the rules that are shipped.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_proto::v1;
use waypost_router::RouterConfig;

mod support;

use support::{Rig, event};

const SHIPPED: &str = include_str!("../../../deploy/rules.toml");
const BINDINGS: &str = "SELECT concat_ws('|', team, priority, binding) FROM conversation ORDER BY opened_at, id";
const PHONE: &str = "34600000900";

/// Team and rule of each message, in the order of its decision.
const DECIDED: &str = "SELECT concat_ws('|', team, rule) FROM inbox WHERE rule IS NOT NULL ORDER BY seq";

async fn rig() -> Rig {
    Rig::with_rules(RouterConfig::default(), SHIPPED).await
}

fn echo(wamid: &str) -> v1::Event {
    v1::Event { kind: v1::EventKind::Echo.into(), ..event(wamid, PHONE, "buenas") }
}

fn tap(wamid: &str, id: &str) -> v1::Event {
    let json = format!(
        r#"{{"id":"{wamid}","type":"interactive","interactive":{{"type":"button_reply","button_reply":{{"id":"{id}","title":"x"}}}}}}"#
    );
    v1::Event { json: json.into(), ..event(wamid, PHONE, "") }
}

#[tokio::test]
async fn a_greeting_binds_nothing() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "Buenas tardes")]).await;
    assert_eq!(rig.ask(BINDINGS), ["frontdesk|normal|loose"]);
    rig.route_each([event("w2", PHONE, "necesito una factura")]).await;
    assert_eq!(rig.ask(BINDINGS), ["billing|normal|firm"], "the same conversation, and firmly");
    // Another team's word in it takes nothing away.
    rig.route_each([event("w3", PHONE, "la del pedido 12")]).await;
    assert_eq!(rig.ask(BINDINGS), ["billing|normal|firm"]);
    assert_eq!(rig.ask(DECIDED), ["frontdesk|default", "billing|billing-words", "billing|bind"]);
    let documents = rig.documents("billing").await;
    assert_eq!(documents[0]["data"]["conversation"]["previous_team"], "frontdesk");
    assert_eq!(documents[1]["data"]["routing"]["tags"], serde_json::json!(["suggested_team:support"]));
}

#[tokio::test]
async fn a_tap_on_a_menu_is_followed() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hello"), tap("w2", "orders")]).await;
    assert_eq!(rig.ask(BINDINGS), ["support|normal|firm"]);
    rig.route_each([tap("w3", "billing")]).await;
    assert_eq!(rig.ask(DECIDED), ["frontdesk|default", "support|order-button", "billing|billing-button"]);
}

#[tokio::test]
async fn who_answers_holds_the_conversation() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hello"), echo("w2")]).await;
    assert_eq!(rig.ask(BINDINGS), ["frontdesk|normal|held"]);
    let after = [event("w3", PHONE, "mi factura"), tap("w4", "billing"), event("w5", PHONE, "quiero un agente")];
    rig.route_each(after).await;
    assert_eq!(rig.ask(BINDINGS), ["frontdesk|urgent|held"]);
    assert_eq!(rig.ask(DECIDED), ["frontdesk|default", "frontdesk|bind", "frontdesk|bind", "frontdesk|bind"]);
    let urgent = rig.bus_documents("team.frontdesk.urgent").await;
    assert_eq!(urgent[0]["data"]["routing"]["tags"], serde_json::json!(["asks_for_person"]));
}

/// A greeting and a need that come in one batch are decided one after the other.
#[tokio::test]
async fn bindings_are_seen_within_a_batch() {
    let rig = rig().await;
    let events = [event("w1", PHONE, "hi"), event("w2", PHONE, "invoice"), echo("w3"), event("w4", PHONE, "my order")];
    rig.publish(&rig.layout.inbound(waypost_domain::PartitionId(0)), events).await;
    rig.route_until(async || rig.waiting("wa.in.p00").await == 0).await;
    assert_eq!(rig.ask(DECIDED), ["frontdesk|default", "billing|billing-words", "billing|bind"]);
    assert_eq!(rig.ask(BINDINGS), ["billing|normal|held"]);
}

/// Rows of a release that knew no bindings mean what they meant then.
#[tokio::test]
async fn a_conversation_of_before_stays_with_its_team() {
    let rig = rig().await;
    rig.route_each([event("w1", PHONE, "hello")]).await;
    rig.database().execute_batch("UPDATE conversation SET binding = NULL").unwrap();
    rig.route_each([event("w2", PHONE, "mi factura"), tap("w3", "billing")]).await;
    assert_eq!(rig.ask(DECIDED), ["frontdesk|default", "frontdesk|bind", "frontdesk|bind"]);
    rig.route_each([event("w4", PHONE, "hablar con alguien"), event("w5", PHONE, "mi factura")]).await;
    assert_eq!(rig.ask(BINDINGS), ["people|urgent|firm"]);
}
