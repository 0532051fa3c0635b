//! How statuses come: in order or not, twice, never, in batches, again.

use std::collections::BTreeSet;

use serde_json::json;
use waypost_sandbox::{Limits, Strangers};

use crate::support::{BEA, NUMBER, PATIENCE, World, template, text};

#[tokio::test]
async fn statuses_come_in_order_with_price_mark_and_recipient() {
    let world = World::new().await;
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    world.webhook.until("read", |webhook| webhook.words(&wamid).len() == 3).await;
    assert_eq!(world.webhook.words(&wamid), ["sent", "delivered", "read"]);
    let statuses = world.webhook.statuses();
    for status in &statuses {
        assert_eq!(status["biz_opaque_callback_data"], "mark");
        assert_eq!(status["recipient_id"], &BEA[1..]);
        assert!(status["recipient_user_id"].as_str().unwrap().starts_with("DE."));
        assert!(status["timestamp"].as_str().unwrap().parse::<i64>().is_ok());
    }
    let price = json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility"});
    assert_eq!(statuses[0]["pricing"], price);
    assert_eq!(statuses[2].get("pricing"), None);
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let wamid = world.accepted(&text(BEA)).await;
    world.webhook.until("read", |webhook| webhook.words(&wamid).len() == 3).await;
    assert_eq!(world.webhook.statuses()[3]["pricing"]["type"], "free_customer_service");
    world.end().await;
}

#[tokio::test]
async fn a_webhook_is_told_again_until_it_answers_200() {
    let world = World::with(|config| config.delivery.retry_max = 2).await;
    world.webhook.answer_next(&[500, 503]);
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    assert!(world.control.wait_until(PATIENCE, |counts| counts.hooks_pending == 0).await);
    let words: BTreeSet<String> = world.webhook.words(&wamid).into_iter().collect();
    assert_eq!(words.len(), 3);
    assert_eq!(world.control.counts().hooks_lost, 0);
    assert!(world.webhook.posts() >= 3);
    let posted = world.control.posted_statuses();
    for state in ["sent", "delivered", "read"] {
        let taken: Vec<bool> = posted.iter().filter(|one| one.state == state).map(|one| one.is_taken).collect();
        assert!(taken.ends_with(&[true]) && !taken[..taken.len() - 1].contains(&true), "{state}: {posted:?}");
    }
    assert!(posted.iter().filter(|one| !one.is_taken).count() >= 2, "{posted:?}");
    world.webhook.answer_next(&[500; 9]);
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    assert!(world.control.wait_until(PATIENCE, |counts| counts.hooks_lost == 1).await, "three times, then never");
    world.end().await;
}

#[tokio::test]
async fn statuses_are_batched_when_many_are_due() {
    let world = World::with(|config| {
        config.limits = Limits::lifted();
        config.strangers = Strangers::Join;
        config.delivery.lanes = 1;
        config.delivery.sent_ms = 300..=300;
    })
    .await;
    for customer in 0..60 {
        world.accepted(&template(&format!("+49151000001{customer:02}"), "plain", json!([]))).await;
    }
    assert!(world.control.wait_until(PATIENCE, |counts| counts.hooks_told == 180).await);
    assert!(world.webhook.posts() < 100, "{}", world.webhook.posts());
    world.end().await;
}

#[tokio::test]
async fn statuses_can_come_twice_out_of_order_or_never() {
    let world = World::with(|config| {
        config.delivery.double_percent = 100;
        config.delivery.missing_percent = 100;
    })
    .await;
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    world.webhook.until("four", |webhook| webhook.words(&wamid).len() == 4).await;
    assert_eq!(world.webhook.words(&wamid), ["sent", "sent", "read", "read"]);
    world.end().await;

    let untidy = World::with(|config| {
        config.limits = Limits::lifted();
        config.delivery.out_of_order_percent = 100;
    })
    .await;
    let mut orders = BTreeSet::new();
    for _ in 0..20 {
        let wamid = untidy.accepted(&template(BEA, "plain", json!([]))).await;
        untidy.webhook.until("three", |webhook| webhook.words(&wamid).len() == 3).await;
        orders.insert(untidy.webhook.words(&wamid));
    }
    assert!(orders.len() > 1, "{orders:?}");
    untidy.end().await;
}

#[tokio::test]
async fn messages_of_a_held_template_wait_for_their_verdict() {
    let world = World::new().await;
    world.control.set_template_held("plain", "en_US", true).unwrap();
    let (_, answer) = world.send(&template(BEA, "plain", json!([]))).await;
    assert_eq!(answer["messages"][0]["message_status"], "held_for_quality_assessment");
    assert_eq!(world.control.release_held("plain", "en_US", true).unwrap(), 1);
    world.webhook.until("read", |webhook| webhook.statuses().len() == 3).await;
    world.send(&template(BEA, "plain", json!([]))).await;
    assert_eq!(world.control.release_held("plain", "en_US", false).unwrap(), 1);
    world.webhook.until("dropped", |webhook| webhook.statuses().len() == 4).await;
    assert_eq!(world.webhook.statuses()[3]["errors"][0]["code"], 132_015);
    world.end().await;
}
