//! What is said of app, token, account and numbers can be made any word of Meta's; and every answer has the platform's time.

use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use waypost_cloud_api::answer::{AppSubscription, CanSend, Expiry, Number, TokenInfo};
use waypost_sandbox::{Hindrance, Standing};

use crate::support::{NUMBER, World};

#[tokio::test]
async fn what_is_said_is_as_one_likes() {
    let world = World::new().await;
    let number = async || {
        let path = format!("{NUMBER}?fields=status,name_status,account_mode,health_status");
        Number::read(world.ask(Method::GET, &path, &Value::Null).await.1.to_string().as_bytes()).unwrap()
    };
    assert_eq!(number().await.name_status.as_deref(), Some("APPROVED"));
    let hindrance = Hindrance {
        entity: "BUSINESS".to_owned(),
        can_send_message: "LIMITED".to_owned(),
        error_code: 141_010,
        error_description: "The business is not verified".to_owned(),
        possible_solution: "Verify it".to_owned(),
    };
    world.control.set_standing(Standing {
        name_status: "DECLINED".to_owned(),
        hindrances: vec![hindrance],
        scopes: vec!["whatsapp_business_messaging".to_owned()],
        subscribed_fields: vec!["account_update".to_owned()],
        subscription_active: false,
        ..Standing::default()
    });
    let number = number().await;
    assert_eq!((number.name_status.as_deref(), number.status.as_deref()), (Some("DECLINED"), Some("CONNECTED")));
    let health = number.health.unwrap();
    let business = health.entities.iter().find(|entity| entity.kind == "BUSINESS").unwrap();
    assert_eq!((&health.can_send, &business.can_send), (&CanSend::Limited, &CanSend::Limited));
    assert_eq!(business.errors[0].code, Some(141_010));

    world.control.end_token(&SecretString::from("other"), world.control.now_ms() + 5_000);
    let (_, answer) = world.ask(Method::GET, "debug_token?input_token=other", &Value::Null).await;
    let token = TokenInfo::read(answer.to_string().as_bytes()).unwrap();
    assert!(token.is_valid && matches!(token.expires, Expiry::At(_)));
    assert_eq!(token.scopes, ["whatsapp_business_messaging"]);

    let (_, answer) = world.ask(Method::GET, "700000000000001/subscriptions", &Value::Null).await;
    let subscription = AppSubscription::read_page(answer.to_string().as_bytes()).unwrap().items.remove(0);
    assert_eq!((subscription.is_active, subscription.fields), (false, vec!["account_update".to_owned()]));
    world.end().await;
}

#[tokio::test]
async fn it_is_changed_key_by_key_over_http() {
    let world = World::new().await;
    let ask = async |body: Value| {
        let url = format!("{}/_sandbox/standing", world.platform.url());
        let response = world.client.post(url).body(body.to_string()).send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap())
    };
    assert_eq!(ask(json!({"account_mode": "SANDBOX"})).await.0, 200);
    let (_, standing) = ask(json!({"number_status": "FLAGGED"})).await;
    assert_eq!((&standing["account_mode"], &standing["number_status"]), (&json!("SANDBOX"), &json!("FLAGGED")));
    for wrong in [json!({"mood": "good"}), json!({"account_mode": 7}), json!([])] {
        let (status, answer) = ask(wrong).await;
        assert_eq!(status, 400, "{answer}");
    }
    assert_eq!(world.control.standing().account_mode, "SANDBOX");
    world.end().await;
}

#[tokio::test]
async fn an_answer_has_the_platforms_time_and_the_version_that_answered() {
    let world = World::new().await;
    let head = async |version: &str| {
        let url = format!("{}/{version}/{NUMBER}", world.platform.url());
        let response = world.client.get(url).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        (header("date"), header("facebook-api-version"))
    };
    let (before, version) = head("v26.0").await;
    assert_eq!(version, "v26.0");
    world.control.advance(Duration::from_secs(3_600));
    let (after, version) = head("v19.0").await;
    assert_eq!(version, "v21.0", "what has ended is answered by the oldest that has not");
    assert!(before.ends_with(" GMT") && before != after, "{before}, {after}");
    world.end().await;
}
