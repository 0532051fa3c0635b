//! The Graph API beside messages: templates, files, numbers, the account, blocked customers, threads.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use waypost_cloud_api::answer::{
    Account, BlockAnswer, CanSend, Expiry, MediaUrl, Number, TemplateListed, TokenInfo, Uploaded,
};
use waypost_sandbox::{ActorError, Holder};

use crate::support::{ANA, BEA, NUMBER, World, template, text};

const WABA: &str = "102290129340398";

#[tokio::test]
async fn templates_are_listed_in_pages() {
    let world = World::new().await;
    for place in 0..55 {
        let components = json!([{"type": "BODY", "text": "Your order is on its way."}]);
        let definition = json!({"name": format!("more_{place}"), "language": "en_US", "category": "UTILITY", "components": components});
        world.control.add_template(&definition).unwrap();
    }
    let (mut path, mut names, mut pages) =
        (format!("{WABA}/message_templates?fields=name,status,language"), Vec::new(), 0);
    loop {
        let (status, answer) = world.ask(Method::GET, &path, &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let page = TemplateListed::read_page(answer.to_string().as_bytes()).unwrap();
        assert!(page.items.len() <= 25 && page.unreadable == 0);
        names.extend(page.items.into_iter().map(|template| template.name));
        pages += 1;
        let Some(next) = page.next else { break };
        let base = format!("{}/v26.0/", world.platform.url());
        path = next.url.strip_prefix(&base).unwrap().to_owned();
    }
    assert_eq!((pages, names.len()), (3, 60));
    assert_eq!(names.last().map(String::as_str), Some("more_54"));
    let (_, one) = world.ask(Method::GET, &format!("{WABA}/message_templates?name=more_7&limit=9"), &Value::Null).await;
    assert_eq!(one["data"][0]["components"][0]["type"], "BODY");
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_template_lives_from_its_creation_to_its_deletion() {
    let world = World::new().await;
    let path = format!("{WABA}/message_templates");
    let body = |text: &str| json!([{"type": "BODY", "text": text}]);
    let definition =
        json!({"name": "news", "language": "en_US", "category": "UTILITY", "components": body("Your order is here.")});
    let mut bad = definition.clone();
    bad["components"] = body("{{1}} is here.");
    assert_eq!(world.post(&path, &bad).await.1["error"]["code"], 2_388_299);
    let (status, created) = world.post(&path, &definition).await;
    assert_eq!((status, &created["status"]), (200, &json!("PENDING")));
    assert_eq!(world.post(&path, &definition).await.1["error"]["code"], 2_388_024);
    let send = || template(BEA, "news", json!([]));
    assert_eq!(world.refused(&send()).await, 132_001);
    world.control.decide_template("news", "en_US", "REJECTED", Some("INVALID_FORMAT")).unwrap();
    let id = created["id"].as_str().unwrap();
    let (_, read) = world.ask(Method::GET, &format!("{id}?fields=status,rejected_reason"), &Value::Null).await;
    assert_eq!(read, json!({"id": id, "status": "REJECTED", "rejected_reason": "INVALID_FORMAT"}));
    let edit = json!({"components": body("Your order has arrived.")});
    assert_eq!(world.post(id, &edit).await, (200, json!({"success": true})));
    world.control.decide_template("news", "en_US", "APPROVED", None).unwrap();
    world.accepted(&send()).await;
    assert_eq!(world.post(id, &edit).await.0, 400, "once in 24 hours");
    world.control.decide_template("news", "en_US", "PAUSED", None).unwrap();
    assert_eq!(world.refused(&send()).await, 132_015);
    assert_eq!(world.post(&format!("{id}/unpause"), &Value::Null).await.0, 200);
    world.accepted(&send()).await;
    assert_eq!(world.ask(Method::DELETE, &format!("{path}?name=news"), &Value::Null).await.0, 200);
    assert_eq!(world.refused(&send()).await, 132_001);
    assert_eq!(world.post(&path, &definition).await.1["error"]["code"], 2_388_023);
    let events = ["REJECTED", "APPROVED", "PAUSED", "APPROVED", "DELETED"];
    world.webhook.until("the news", |webhook| webhook.template_events() == events).await;
    world.end().await;
}

#[tokio::test]
async fn files_are_uploaded_sent_downloaded_and_deleted() {
    let world = World::new().await;
    let png = b"\x89PNG\r\n\r\n--and so on".to_vec();
    let upload = |mime: &str, bytes: &[u8]| {
        let field = |name: &str, value: &str| {
            format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"";
        let head = format!("--boundary\r\n{file}\r\nContent-Type: {mime}\r\n\r\n");
        let head = [field("messaging_product", "whatsapp"), field("type", mime), head].concat();
        let form = [head.as_bytes(), bytes, b"\r\n--boundary--\r\n"].concat();
        let request = world.client.post(format!("{}/v26.0/{NUMBER}/media", world.platform.url()));
        let request = request.bearer_auth("token").header("content-type", "multipart/form-data; boundary=boundary");
        request.body(form).send()
    };
    let uploaded = Uploaded::read(&upload("image/png", &png).await.unwrap().bytes().await.unwrap()).unwrap();
    let path = format!("{}?phone_number_id={NUMBER}", uploaded.id);
    let (_, answer) = world.ask(Method::GET, &path, &Value::Null).await;
    let media = MediaUrl::read(answer.to_string().as_bytes()).unwrap();
    let download = |token: &'static str| world.client.get(&media.url).bearer_auth(token).send();
    assert_eq!(download("token").await.unwrap().bytes().await.unwrap(), png);
    assert_eq!(download("another").await.unwrap().status(), 401);
    world.control.advance(Duration::from_secs(301));
    assert_eq!(download("token").await.unwrap().status(), 404);
    assert_eq!(upload("audio/webm", &png).await.unwrap().status(), 400);

    let picture = |id: &str| {
        let image = json!({"type": "image", "image": {"id": id}});
        template(BEA, "picture", json!([{"type": "header", "parameters": [image]}]))
    };
    world.accepted(&picture(&uploaded.id)).await;
    let liar = Uploaded::read(&upload("image/jpeg", &png).await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!(world.fails(&picture(&liar.id)).await, 131_053);
    assert_eq!(world.ask(Method::DELETE, &uploaded.id, &Value::Null).await.0, 200);
    assert_eq!(world.refused(&picture(&uploaded.id)).await, 100);
    assert_eq!(world.ask(Method::GET, &uploaded.id, &Value::Null).await.1["error"]["error_subcode"], 33);
    world.end().await;
}

#[tokio::test]
async fn number_account_and_token_say_how_they_are() {
    let world = World::new().await;
    let fields = "fields=display_phone_number,status,throughput,health_status,whatsapp_business_manager_messaging_limit,webhook_configuration";
    let number = async || {
        let (_, answer) = world.ask(Method::GET, &format!("{NUMBER}?{fields}"), &Value::Null).await;
        Number::read(answer.to_string().as_bytes()).unwrap()
    };
    let healthy = number().await;
    assert_eq!(healthy.status.as_deref(), Some("CONNECTED"));
    assert_eq!(healthy.messaging_limit.as_deref(), Some("TIER_250"));
    assert!(healthy.webhooks.of_app.is_some() && healthy.verified_name.is_none());
    assert_eq!(healthy.health.unwrap().can_send, CanSend::Available);
    let account = async || {
        let path = format!("{WABA}?fields=account_review_status,primary_funding_id,currency");
        Account::read(world.ask(Method::GET, &path, &Value::Null).await.1.to_string().as_bytes()).unwrap()
    };
    assert!(account().await.primary_funding_id.is_some());
    world.control.set_payment(false);
    assert!(account().await.primary_funding_id.is_none());
    assert_eq!(number().await.health.unwrap().can_send, CanSend::Blocked);
    let token = async || {
        let (_, answer) = world.ask(Method::GET, "debug_token?input_token=token", &Value::Null).await;
        TokenInfo::read(answer.to_string().as_bytes()).unwrap()
    };
    let valid = token().await;
    assert!(valid.is_valid && valid.expires == Expiry::Never);
    assert_eq!(valid.granular_scopes[0].target_ids, [WABA]);
    let (_, numbers) = world.ask(Method::GET, &format!("{WABA}/phone_numbers"), &Value::Null).await;
    assert_eq!(numbers["data"][0]["id"], NUMBER);
    world.post(&format!("{NUMBER}/deregister"), &Value::Null).await;
    assert_eq!(world.refused(&text(BEA)).await, 133_010);
    world.post(&format!("{NUMBER}/register"), &json!({"pin": "000000"})).await;
    world
        .post(
            &format!("{NUMBER}/whatsapp_business_profile"),
            &json!({"messaging_product": "whatsapp", "about": "Open"}),
        )
        .await;
    let (_, profile) =
        world.ask(Method::GET, &format!("{NUMBER}/whatsapp_business_profile?fields=about"), &Value::Null).await;
    assert_eq!(profile["data"][0]["about"], "Open");
    assert_eq!(world.ask(Method::GET, "nonsense/path/that/is/none", &Value::Null).await.1["error"]["code"], 2500);
    world.end().await;
}

#[tokio::test]
async fn messages_of_an_account_can_go_to_an_address_of_their_own() {
    let world = World::new().await;
    let other = crate::support::Webhook::start().await;
    let path = format!("{WABA}/subscribed_apps");
    let url = format!("http://{}/other", other.address);
    world.post(&path, &json!({"override_callback_uri": url, "verify_token": "x"})).await;
    let (_, answer) = world.ask(Method::GET, &path, &Value::Null).await;
    assert_eq!(answer["data"][0]["override_callback_uri"], url);
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.control.decide_template("plain", "en_US", "PAUSED", None).unwrap();
    other.until("a message", |webhook| webhook.messages().len() == 1).await;
    world.webhook.until("news of a template", |webhook| webhook.template_events() == ["PAUSED"]).await;
    assert!(world.webhook.messages().is_empty());
    world.post(&path, &Value::Null).await;
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.webhook.until("a message", |webhook| webhook.messages().len() == 1).await;
    world.end().await;
}

#[tokio::test]
async fn customers_who_wrote_can_be_blocked() {
    let world = World::new().await;
    let path = format!("{NUMBER}/block_users");
    let users = json!({"messaging_product": "whatsapp", "block_users": [{"user": BEA}, {"user": ANA}]});
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let (status, answer) = world.post(&path, &users).await;
    assert_eq!(status, 400);
    let blocked = BlockAnswer::read(answer.to_string().as_bytes()).unwrap();
    assert_eq!((blocked.added.len(), blocked.failed.len()), (1, 1));
    assert_eq!(blocked.error.unwrap().code, Some(139_100));
    assert_eq!(blocked.failed[0].error.as_ref().unwrap().code, Some(131_047));
    assert_eq!(world.ask(Method::GET, &path, &Value::Null).await.1["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.refused(&text(BEA)).await, 130_403);
    assert_eq!(world.ask(Method::DELETE, &path, &users).await.0, 200);
    world.accepted(&text(BEA)).await;
    world.end().await;
}

#[tokio::test]
async fn a_thread_goes_from_app_to_app() {
    let world = World::new().await;
    world.control.set_holder(BEA, NUMBER, Holder::Other).unwrap();
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    let fields =
        |webhook: &crate::support::Webhook| webhook.changes().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    world.webhook.until("standby", |webhook| fields(webhook) == ["messaging_handovers", "standby"]).await;
    assert!(world.webhook.changes()[0].1["messaging_handovers"][0].get("control_taken").is_some());
    let path = format!("{NUMBER}/thread_control");
    let take = json!({"messaging_product": "whatsapp", "to": BEA, "action": "take"});
    assert_eq!(world.post(&path, &take).await, (200, json!({"success": true})));
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.webhook.until("a message", |webhook| fields(webhook).last().is_some_and(|field| field == "messages")).await;
    world.control.set_holder(BEA, NUMBER, Holder::OtherKeeps).unwrap();
    assert_eq!(world.post(&path, &take).await.1["error"]["code"], 2_494_191);
    world.accepted(&text(BEA)).await;
    world.control.write(BEA, NUMBER, "Hello?").unwrap();
    world.webhook.until("whoever sends holds it", |webhook| webhook.messages().len() >= 3).await;
    assert_eq!(world.control.tap("+49", NUMBER, &waypost_sandbox::Tap::Place(0)), Err(ActorError::NoCustomer));
    world.end().await;
}
