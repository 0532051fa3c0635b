//! Each code that a request or a message can be refused with.

use std::time::Duration;

use serde_json::{Value, json};
use waypost_sandbox::{CustomerSpec, NumberConfig, Strangers, Unprefixed};

use crate::support::{ANA, BEA, NUMBER, World, order_values, template, text};

#[tokio::test]
async fn a_message_in_an_open_window_is_accepted_as_meta_answers_it() {
    let world = World::new().await;
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let (status, answer) = world.send(&text(BEA)).await;
    assert_eq!(status, 200);
    assert_eq!(answer["messaging_product"], "whatsapp");
    assert_eq!(answer["contacts"][0]["input"], BEA);
    assert_eq!(answer["contacts"][0]["wa_id"], &BEA[1..]);
    assert!(answer["contacts"][0]["user_id"].as_str().unwrap().starts_with("DE."));
    assert!(answer["messages"][0]["id"].as_str().unwrap().starts_with("wamid."));
    assert_eq!(answer["messages"][0].get("message_status"), None);
    let accepted = world.control.accepted();
    assert_eq!((accepted[0].kind, accepted[0].callback_data.as_deref()), ("text", Some("mark")));
    let (_, answer) = world.send(&template(BEA, "plain", json!([]))).await;
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    world.end().await;
}

#[tokio::test]
async fn fields_are_looked_at_and_named() {
    let world = World::new().await;
    let with = |name: &str, value: Value| {
        let mut body = text(BEA);
        body[name] = value;
        body
    };
    let button = json!({"type": "reply", "reply": {"id": "1", "title": "x".repeat(21)}});
    let mut buttons = with("type", json!("interactive"));
    buttons["interactive"] = json!({"type": "button", "body": {"text": "?"}, "action": {"buttons": [button]}});
    let cases = [
        (with("messaging_product", json!(null)), 100),
        (with("type", json!("hologram")), 100),
        (with("to", json!(null)), 100),
        (with("to", json!("somebody")), 131_009),
        (with("text", json!({})), 131_008),
        (with("text", json!({"body": "x".repeat(4097)})), 100),
        (buttons, 131_009),
        (json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.unknown"}), 131_009),
        (with("to", json!("+15550783881")), 131_021),
        (with("category", json!("utility")), 100),
    ];
    for (body, code) in cases {
        assert_eq!(world.refused(&body).await, code, "{body}");
    }
    let (status, answer) = world.try_post(&format!("{NUMBER}/messages"), "token", "{".to_owned()).await.unwrap();
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(100)));
    assert_eq!(world.control.counts().refused, 11);
    assert_eq!(world.control.refused()[5].code, Some(100));
    world.end().await;
}

#[tokio::test]
async fn a_token_and_a_number_must_be_known() {
    let world = World::new().await;
    let path = format!("{NUMBER}/messages");
    let (status, answer) = world.try_post(&path, "another", text(BEA).to_string()).await.unwrap();
    assert_eq!((status, &answer["error"]["code"]), (401, &json!(190)));
    let (status, answer) = world.post("123/messages", &text(BEA)).await;
    assert_eq!((status, &answer["error"]["error_subcode"]), (400, &json!(33)));
    world.control.expire_tokens();
    let (status, answer) = world.send(&text(BEA)).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!(190)));
    world.control.add_token(&"new".to_owned().into());
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let (status, _) = world.try_post(&path, "new", text(BEA).to_string()).await.unwrap();
    assert_eq!(status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_closed_window_is_told_as_a_status_or_in_the_answer() {
    let world = World::new().await;
    assert_eq!(world.fails(&text(BEA)).await, 131_047);
    assert_eq!(world.control.accepted()[0].fails_with, Some(131_047));
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.accepted(&text(BEA)).await;
    world.control.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.fails(&text(BEA)).await, 131_047);
    world.end().await;

    let at_once = World::with(|config| config.late_codes.clear()).await;
    assert_eq!(at_once.refused(&text(BEA)).await, 131_047);
    let reaction = json!({"messaging_product": "whatsapp", "to": BEA, "type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}});
    assert_eq!(at_once.refused(&reaction).await, 131_009);
    at_once.end().await;
}

#[tokio::test]
async fn a_window_is_of_one_number() {
    let world = World::with(|config| config.numbers.push(NumberConfig::new("2", "4930123456"))).await;
    world.control.write(BEA, "2", "Hello?").unwrap();
    assert_eq!(world.fails(&text(BEA)).await, 131_047);
    assert_eq!(world.post("2/messages", &text(BEA)).await.0, 200);
    world.webhook.until("sent", |webhook| webhook.statuses().len() == 4).await;
    world.end().await;
}

#[tokio::test]
async fn a_template_must_be_there_and_be_filled_in() {
    let world = World::new().await;
    let body = |text: &str| json!({"type": "body", "parameters": [{"type": "text", "text": text}]});
    let values = order_values();
    let mut german = template(BEA, "plain", json!([]));
    german["template"]["language"]["code"] = json!("de");
    let cases = [
        (template(BEA, "unknown", json!([])), 132_001),
        (german, 132_001),
        (template(BEA, "order", json!([])), 132_000),
        (template(BEA, "order", json!([body("Bea")])), 131_008),
        (template(BEA, "order", json!([body("Bea\nB."), values[2]])), 132_018),
        (template(BEA, "order", json!([body(&"x".repeat(1020)), values[2]])), 132_005),
        (template(BEA, "picture", json!([])), 132_012),
        (template(BEA, "plain", json!([body("Bea")])), 132_000),
    ];
    for (request, code) in cases {
        assert_eq!(world.refused(&request).await, code, "{request}");
    }
    let (status, _) = world.send(&template(BEA, "unknown", json!([]))).await;
    assert_eq!(status, 404);
    world.accepted(&template(BEA, "order", values)).await;
    for (event, code) in [("PAUSED", 132_015), ("DISABLED", 132_016), ("REJECTED", 132_001)] {
        world.control.decide_template("plain", "en_US", event, None).unwrap();
        assert_eq!(world.refused(&template(BEA, "plain", json!([]))).await, code);
    }
    world.control.decide_template("plain", "en_US", "APPROVED", None).unwrap();
    world.accepted(&template(BEA, "plain", json!([]))).await;
    world
        .webhook
        .until("the news", |webhook| {
            webhook.changes().iter().filter(|(field, _)| field == "message_template_status_update").count() == 4
        })
        .await;
    world.end().await;
}

#[tokio::test]
async fn a_code_goes_to_a_number_and_never_to_a_user_id() {
    let world = World::new().await;
    let code = json!([
        {"type": "body", "parameters": [{"type": "text", "text": "123456"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "123456"}]},
    ]);
    world.accepted(&template(BEA, "code", code.clone())).await;
    let user_id = world.send(&template(BEA, "plain", json!([]))).await.1["contacts"][0]["user_id"].clone();
    let to_user_id = |name: &str, components: Value| {
        let mut request = template(BEA, name, components);
        request["to"] = json!(null);
        request["recipient"] = user_id.clone();
        request
    };
    assert_eq!(world.refused(&to_user_id("code", code)).await, 131_062);
    let (status, answer) = world.send(&to_user_id("plain", json!([]))).await;
    assert_eq!((status, &answer["contacts"][0]["input"]), (200, &user_id));
    world.end().await;
}

#[tokio::test]
async fn who_has_no_whatsapp_or_has_blocked_us_is_not_reached() {
    let world = World::new().await;
    assert_eq!(world.fails(&template("+4915100000099", "plain", json!([]))).await, 131_026);
    world.control.set_blocked(BEA, true).unwrap();
    assert_eq!(world.fails(&template(BEA, "plain", json!([]))).await, 131_026);
    world.control.set_blocked(BEA, false).unwrap();
    world.accepted(&template(BEA, "plain", json!([]))).await;
    world.end().await;

    let open = World::with(|config| config.strangers = Strangers::Join).await;
    open.accepted(&template("+4915100000099", "plain", json!([]))).await;
    open.webhook.until("read", |webhook| webhook.statuses().len() == 3).await;
    open.end().await;
}

#[tokio::test]
async fn a_number_without_plus_may_be_somebody_else() {
    let world = World::new().await;
    assert_eq!(world.fails(&template(&BEA[1..], "plain", json!([]))).await, 131_026);
    world.end().await;
    let lenient = World::with(|config| config.unprefixed = Unprefixed::International).await;
    lenient.accepted(&template(&BEA[1..], "plain", json!([]))).await;
    lenient.webhook.until("read", |webhook| webhook.statuses().len() == 3).await;
    lenient.end().await;
}

#[tokio::test]
async fn marketing_has_rules_of_its_own() {
    let world = World::new().await;
    let offer = |to: &str| template(to, "offer", json!([]));
    world.control.add_customer(CustomerSpec::of_phone("16505550100"));
    world.control.add_customer(CustomerSpec::of_phone("14165550100"));
    assert_eq!(world.fails(&offer("+16505550100")).await, 131_049, "a US number");
    world.accepted(&offer("+14165550100")).await;
    world.accepted(&offer(ANA)).await;
    world.accepted(&offer(ANA)).await;
    assert_eq!(world.fails(&offer(ANA)).await, 131_049, "the cap");
    world.control.write(ANA, NUMBER, "Hello?").unwrap();
    world.accepted(&offer(ANA)).await;
    world.control.set_marketing_stopped(ANA, NUMBER, true).unwrap();
    assert_eq!(world.fails(&offer(ANA)).await, 131_050);
    world.control.set_marketing_stopped(ANA, NUMBER, false).unwrap();
    world.accepted(&offer(ANA)).await;
    let preferences = |webhook: &crate::support::Webhook| {
        let of = webhook.changes().into_iter().filter(|(field, _)| field == "user_preferences");
        of.map(|(_, value)| value["user_preferences"][0]["value"].clone()).collect::<Vec<_>>()
    };
    world.webhook.until("both preferences", |webhook| preferences(webhook) == ["stop", "resume"]).await;
    for _ in 0..3 {
        world.accepted(&offer(BEA)).await;
    }
    world.end().await;
}

#[tokio::test]
async fn limits_are_metas() {
    let fast = World::with(|config| config.limits.throughput = Some(5)).await;
    fast.control.write(BEA, NUMBER, "Hello?").unwrap();
    let mut codes = Vec::new();
    for _ in 0..20 {
        let (status, answer) = fast.send(&text(BEA)).await;
        codes.push((status, answer["error"]["code"].as_i64()));
    }
    assert_eq!(codes[0], (200, None));
    assert!(codes.contains(&(429, Some(130_429))), "{codes:?}");
    fast.end().await;

    let pair = World::new().await;
    pair.control.write(BEA, NUMBER, "Hello?").unwrap();
    for _ in 0..45 {
        pair.accepted(&text(BEA)).await;
    }
    assert_eq!(pair.refused(&text(BEA)).await, 131_056);
    pair.control.advance(Duration::from_secs(45 * 6));
    pair.accepted(&text(BEA)).await;
    pair.end().await;

    let few = World::with(|config| config.limits.messaging = Some(1)).await;
    assert_eq!(few.fails(&template("+4915100000099", "plain", json!([]))).await, 131_026);
    few.accepted(&template(BEA, "plain", json!([]))).await;
    few.accepted(&template(BEA, "plain", json!([]))).await;
    assert_eq!(few.fails(&template(ANA, "plain", json!([]))).await, 131_048);
    few.control.write(ANA, NUMBER, "Hello?").unwrap();
    few.accepted(&template(ANA, "plain", json!([]))).await;
    assert_eq!(few.control.counts().reached, 1);
    few.end().await;
}

#[tokio::test]
async fn the_account_can_stand_in_the_way() {
    let world = World::new().await;
    for code in [368, 131_031] {
        world.control.set_restricted(Some(code));
        let (status, answer) = world.send(&template(BEA, "plain", json!([]))).await;
        assert_eq!((status, &answer["error"]["code"]), (403, &json!(code)));
    }
    world.control.set_restricted(None);
    world.control.set_payment(false);
    assert_eq!(world.fails(&template(BEA, "plain", json!([]))).await, 131_042);
    world.control.set_payment(true);
    world.accepted(&template(BEA, "plain", json!([]))).await;
    let news = |webhook: &crate::support::Webhook| {
        webhook.changes().iter().filter(|(field, _)| field == "account_update").count()
    };
    world.webhook.until("three news", |webhook| news(webhook) == 3).await;
    world.end().await;
}
