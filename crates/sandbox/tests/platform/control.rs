//! Control over HTTP, as a test in another language uses it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BEA, NUMBER, World, template, text};

#[tokio::test]
async fn a_test_in_any_language_can_play() {
    let world = World::new().await;
    let ask = async |method: Method, path: &str, body: Value| {
        let url = format!("{}/_sandbox/{path}", world.platform.url());
        let response = world.client.request(method, url).body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap())
    };
    let (status, _) = ask(Method::POST, "customers", json!({"phone": "4915100000007", "name": "Ida"})).await;
    assert_eq!(status, 200);
    let (_, written) = ask(Method::POST, "customers/+4915100000007", json!({"do": "write", "text": "Hello?"})).await;
    assert!(written["wamid"].as_str().unwrap().starts_with("wamid."));
    let (_, customers) = ask(Method::GET, "customers", Value::Null).await;
    assert_eq!(customers["customers"].as_array().unwrap().len(), 3);
    world.accepted(&text("+4915100000007")).await;
    let said = json!({"do": "say", "type": "location", "content": {"latitude": 1.5, "longitude": 2.5}});
    assert_eq!(ask(Method::POST, "customers/4915100000007", said).await.0, 200);
    assert_eq!(ask(Method::POST, "customers/4915100000007", json!({"do": "tap", "on": {"place": 0}})).await.0, 409);
    for act in ["read", "block", "unblock", "stop_marketing", "resume_marketing", "offline", "online"] {
        let (status, answer) = ask(Method::POST, "customers/4915100000007", json!({"do": act})).await;
        assert_eq!(status, 200, "{act}: {answer}");
    }
    let (_, fault) = ask(Method::POST, "faults", json!({"kind": "refuse", "code": 131_016, "times": 1})).await;
    assert_eq!(fault["id"], 1);
    assert_eq!(ask(Method::GET, "faults", Value::Null).await.1["faults"][0]["code"], 131_016);
    assert_eq!(world.refused(&text(BEA)).await, 131_016);
    let decision = json!({"name": "plain", "language": "en_US", "event": "PAUSED"});
    assert_eq!(ask(Method::POST, "templates/decide", decision).await.0, 200);
    assert_eq!(world.refused(&template(BEA, "plain", json!([]))).await, 132_015);
    assert_eq!(ask(Method::POST, "account", json!({"restriction": 368})).await.0, 200);
    assert_eq!(world.refused(&text(BEA)).await, 368);
    ask(Method::POST, "account", json!({"restriction": 0, "expire_tokens": true, "add_token": "new"})).await;
    assert_eq!(world.refused(&text(BEA)).await, 190);
    let (_, clock) = ask(Method::POST, "clock", json!({"advance_s": 86_400})).await;
    assert!(clock["now_ms"].as_i64().is_some_and(|now_ms| now_ms <= world.control.now_ms()));
    let (_, back) = ask(Method::POST, "clock", json!({"advance_s": -86_400})).await;
    assert!(back["now_ms"].as_i64() < clock["now_ms"].as_i64().map(|now_ms| now_ms - 80_000_000), "{back}");
    let (_, said) = ask(Method::GET, "said?limit=1", Value::Null).await;
    assert_eq!(
        (&said["said"][0]["customer"], &said["said"][0]["opens_window"]),
        (&json!("4915100000007"), &json!(true))
    );
    let (_, accepted) = ask(Method::GET, "accepted?customer=%2B4915100000007", Value::Null).await;
    assert_eq!(accepted["accepted"][0]["body"]["text"]["body"], "Hello");
    assert_eq!(accepted["accepted"][0]["category"], "service");
    assert_eq!(ask(Method::GET, "refused?limit=2", Value::Null).await.1["refused"].as_array().unwrap().len(), 2);
    let (_, state) = ask(Method::GET, "state", Value::Null).await;
    assert_eq!((&state["numbers"][0]["phone_number_id"], &state["counts"]["accepted"]), (&json!(NUMBER), &json!(1)));
    for (path, body, status) in [
        ("customers/+49", json!({"do": "read"}), 404),
        ("customers/4915100000007", json!({"do": "dance"}), 400),
        ("faults", json!({"kind": "earthquake"}), 400),
        ("nowhere", Value::Null, 404),
    ] {
        let (got, answer) = ask(Method::POST, path, body).await;
        assert_eq!(got, status, "{path}");
        assert!(answer["error"].is_string());
    }
    world.end().await;
}
