//! What goes wrong on demand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waypost_sandbox::{Fault, FaultKind, NumberConfig};

use crate::support::{ANA, BEA, NUMBER, World, template};

fn refuse(code: i64) -> FaultKind {
    FaultKind::Refuse { code, http_status: None, message: None, details: None, retry_after_s: None }
}

#[tokio::test]
async fn any_code_can_be_answered_with_any_status_and_text() {
    let world = World::new().await;
    let translated = FaultKind::Refuse {
        code: 131_047,
        http_status: Some(429),
        message: Some("Nachricht zur erneuten Kontaktaufnahme".to_owned()),
        details: None,
        retry_after_s: Some(7),
    };
    world.control.add_fault(Fault::new(translated).times(1)).unwrap();
    let (status, answer) = world.send(&template(BEA, "plain", json!([]))).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &json!(131_047)));
    assert_eq!(answer["error"]["message"], "Nachricht zur erneuten Kontaktaufnahme");
    world.accepted(&template(BEA, "plain", json!([]))).await;
    world.control.add_fault(Fault::new(FaultKind::Html { http_status: 502 }).times(1)).unwrap();
    let (status, answer) = world.send(&template(BEA, "plain", json!([]))).await;
    assert_eq!(status, 502);
    assert!(matches!(answer, Value::String(html) if html.starts_with("<!DOCTYPE html>")));
    world.control.add_fault(Fault::new(FaultKind::FailLater { code: 131_053 }).times(1)).unwrap();
    assert_eq!(world.fails(&template(BEA, "plain", json!([]))).await, 131_053);
    world.end().await;
}

#[tokio::test]
async fn a_fault_is_for_a_number_or_a_customer() {
    let world = World::with(|config| config.numbers.push(NumberConfig::new("2", "4930123456"))).await;
    let plain = |to: &str| template(to, "plain", json!([]));
    world.control.add_fault(Fault::new(refuse(131_016)).of_number("2")).unwrap();
    world.accepted(&plain(BEA)).await;
    let (status, answer) = world.post("2/messages", &plain(BEA)).await;
    assert_eq!((status, &answer["error"]["is_transient"]), (500, &json!(true)));
    assert_eq!(world.control.clear_faults(None), 1);
    assert_eq!(world.post("2/messages", &plain(BEA)).await.0, 200);
    world.control.add_fault(Fault::new(refuse(130_472)).to_customer(ANA)).unwrap();
    assert_eq!(world.refused(&plain(ANA)).await, 130_472);
    world.accepted(&plain(BEA)).await;
    assert_eq!(world.control.faults().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_connection_can_be_reset_before_and_after_the_message_is_accepted() {
    let world = World::new().await;
    let path = format!("{NUMBER}/messages");
    let body = template(BEA, "plain", json!([])).to_string();
    world.control.add_fault(Fault::new(FaultKind::ResetBeforeAccept).times(1)).unwrap();
    assert!(world.try_post(&path, "token", body.clone()).await.is_err());
    assert_eq!(world.control.counts().accepted, 0);
    world.control.add_fault(Fault::new(FaultKind::ResetAfterAccept).times(1)).unwrap();
    assert!(world.try_post(&path, "token", body).await.is_err());
    let accepted = world.control.accepted();
    assert_eq!(accepted.len(), 1);
    world.webhook.until("read", |webhook| webhook.words(&accepted[0].wamid).len() == 3).await;
    assert_eq!(world.webhook.statuses()[0]["biz_opaque_callback_data"], "mark");
    world.end().await;
}

#[tokio::test]
async fn an_answer_can_be_slow_or_never_come() {
    let world = World::new().await;
    let slow = FaultKind::Slow { delay_ms: 200 };
    world.control.add_fault(Fault::new(slow).times(1)).unwrap();
    let asked_at = Instant::now();
    let wamid = world.accepted(&template(BEA, "plain", json!([]))).await;
    assert!(asked_at.elapsed() >= Duration::from_millis(200));
    assert_eq!(world.webhook.words(&wamid).first().map(String::as_str), Some("sent"), "statuses did not wait");
    for accepted in [true, false] {
        world.control.add_fault(Fault::new(FaultKind::BlackHole { accepted }).times(1)).unwrap();
        let path = format!("{NUMBER}/messages");
        let request = world.try_post(&path, "token", template(BEA, "plain", json!([])).to_string());
        assert!(tokio::time::timeout(Duration::from_millis(300), request).await.is_err());
    }
    assert_eq!(world.control.counts().accepted, 2);
    world.end().await;
}
