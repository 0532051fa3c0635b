//! What customers do when they are told to.

use serde_json::json;
use waypost_sandbox::{Said, Tap};

use crate::support::{ANA, BEA, NUMBER, PATIENCE, World, order_values, template, text};

#[tokio::test]
async fn customers_write_and_tap_what_they_were_sent() {
    let world = World::new().await;
    let wamid = world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.webhook.until("a message", |webhook| webhook.messages().len() == 1).await;
    let message = &world.webhook.messages()[0];
    assert_eq!((&message["id"], &message["from"]), (&json!(wamid), &json!(&BEA[1..])));
    assert_eq!(message["text"]["body"], "Hello?");

    let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    let mut buttons = text(BEA);
    buttons["type"] = json!("interactive");
    let action = json!({"buttons": [button("yes", "Yes"), button("no", "No")]});
    buttons["interactive"] = json!({"type": "button", "body": {"text": "Well?"}, "action": action});
    let asked = world.accepted(&buttons).await;
    world.control.tap(BEA, NUMBER, &Tap::Label("No".to_owned())).unwrap();
    world.webhook.until("a tap", |webhook| webhook.messages().len() == 2).await;
    let message = &world.webhook.messages()[1];
    assert_eq!(message["interactive"]["button_reply"], json!({"id": "no", "title": "No"}));
    assert_eq!(message["context"]["id"], asked.as_str());

    let row = |id: &str| json!({"id": id, "title": format!("Row {id}"), "description": "It"});
    let sections = json!([{"title": "A", "rows": [row("1")]}, {"title": "B", "rows": [row("2")]}]);
    buttons["interactive"] =
        json!({"type": "list", "body": {"text": "?"}, "action": {"button": "Menu", "sections": sections}});
    world.accepted(&buttons).await;
    world.control.tap(BEA, NUMBER, &Tap::Place(1)).unwrap();
    world.webhook.until("a row", |webhook| webhook.messages().len() == 3).await;
    assert_eq!(world.webhook.messages()[2]["interactive"]["list_reply"]["id"], "2");

    world.accepted(&template(BEA, "order", order_values())).await;
    world.control.tap(BEA, NUMBER, &Tap::Place(0)).unwrap();
    world.webhook.until("a quick reply", |webhook| webhook.messages().len() == 4).await;
    assert_eq!(world.webhook.messages()[3]["button"], json!({"payload": "STOP", "text": "Stop"}));
    assert!(world.control.tap(ANA, NUMBER, &Tap::Place(0)).is_err());
    world.end().await;
}

#[tokio::test]
async fn a_tap_opens_the_window_and_a_reaction_does_not() {
    let world = World::new().await;
    let wamid = world.accepted(&template(BEA, "offer", json!([]))).await;
    world.control.say(BEA, NUMBER, &Said::reaction(&wamid, "👍")).unwrap();
    assert_eq!(world.fails(&text(BEA)).await, 131_047);
    world.control.tap(BEA, NUMBER, &Tap::Label("Stop".to_owned())).unwrap();
    world.accepted(&text(BEA)).await;
    world.end().await;
}

#[tokio::test]
async fn a_message_is_read_when_the_customer_reads() {
    let world = World::new().await;
    world.control.set_reads(BEA, false).unwrap();
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    assert!(world.control.wait_until(PATIENCE, |counts| counts.hooks_told == 2).await);
    assert_eq!(world.webhook.words(&wamid), ["sent", "delivered"]);
    assert_eq!(world.control.read(BEA).unwrap(), 1);
    world.webhook.until("read", |webhook| webhook.words(&wamid).len() == 3).await;
    world.end().await;
}

#[tokio::test]
async fn a_phone_that_is_off_gets_its_messages_when_it_is_on_again() {
    let world = World::new().await;
    world.control.set_offline(BEA, true).unwrap();
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    assert!(world.control.wait_until(PATIENCE, |counts| counts.hooks_pending == 0).await);
    assert_eq!(world.webhook.words(&wamid), ["sent"]);
    world.control.set_offline(BEA, false).unwrap();
    world.webhook.until("read", |webhook| webhook.words(&wamid).len() == 3).await;
    world.end().await;
}

#[tokio::test]
async fn a_read_receipt_is_taken_for_what_the_customer_wrote() {
    let world = World::new().await;
    let wamid = world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let typing = json!({"type": "text"});
    let receipt =
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": wamid, "typing_indicator": typing});
    assert_eq!(world.send(&receipt).await, (200, json!({"success": true})));
    let reads = world.control.reads();
    assert_eq!((reads[0].wamid.as_str(), reads[0].typing), (wamid.as_str(), true));
    assert_eq!(world.control.counts().accepted, 0);
    world.end().await;
}

#[tokio::test]
async fn somebody_can_answer_every_message() {
    let world = World::new().await;
    world.control.set_auto_reply(BEA, Some("Who is this?")).unwrap();
    world.accepted(&template(BEA, "plain", json!([]))).await;
    world.webhook.until("an answer", |webhook| webhook.messages().len() == 1).await;
    assert_eq!(world.webhook.messages()[0]["text"]["body"], "Who is this?");
    world.accepted(&text(BEA)).await;
    world.end().await;
}

/// A webhook may come days after what it tells of: the window is as old as the message.
#[tokio::test]
async fn what_is_told_late_was_said_long_ago() {
    let world = World::new().await;
    let hours = |hours: u64| std::time::Duration::from_secs(hours * 3_600);
    world.control.say_late(BEA, NUMBER, &Said::text("Hello?"), hours(25)).unwrap();
    assert_eq!(world.fails(&text(BEA)).await, 131_047);
    world.control.say_late(BEA, NUMBER, &Said::text("Hello?"), hours(23)).unwrap();
    world.accepted(&text(BEA)).await;
    world.webhook.until("both are told", |webhook| webhook.messages().len() == 2).await;
    let times: Vec<i64> =
        world.webhook.messages().iter().map(|one| one["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(times[1] - times[0], 2 * 3_600);
    let said: Vec<i64> = world.control.said().iter().map(|said| said.at_ms / 1_000).collect();
    assert_eq!(said, times);
    world.end().await;
}
