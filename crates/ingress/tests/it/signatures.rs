//! Who is believed, and that nothing else is even looked at.

use waypost_cloud_api::signature::{Provider, sign};

use crate::support::{Door, FakeBus, SECRET, config, inline, request, text_webhook};

const HEADER: &str = "X-Hub-Signature-256";

#[tokio::test]
async fn only_a_good_signature_is_published() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = text_webhook("wamid.A", "1555", r"äöå 👋 \/ @ \u00e4");
    let good = sign(SECRET, &body);
    let other = sign(SECRET, b"another body");
    let wrong_key = sign("another secret", &body);
    let upper = format!("sha256={}", good["sha256=".len()..].to_uppercase());
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(&str, Headers<'_>, u16)> = vec![
        ("good", vec![(HEADER, &good)], 200),
        ("the header's name is of no case", vec![("x-hub-signature-256", &good)], 200),
        ("missing", vec![], 401),
        ("empty", vec![(HEADER, "")], 401),
        ("of another body", vec![(HEADER, &other)], 401),
        ("of another secret", vec![(HEADER, &wrong_key)], 401),
        ("short", vec![(HEADER, &good[..good.len() - 1])], 401),
        ("only the digits", vec![(HEADER, &good["sha256=".len()..])], 401),
        ("uppercase", vec![(HEADER, &upper)], 401),
        ("doubled", vec![(HEADER, &good), (HEADER, &good)], 401),
        ("doubled, one of them wrong", vec![(HEADER, &good), (HEADER, &other)], 401),
        ("tripled", vec![(HEADER, &good), (HEADER, &good), (HEADER, &good)], 401),
        ("the old header", vec![("X-Hub-Signature", &good)], 401),
        ("of another provider", vec![("X-360dialog-Signature", &good)], 401),
    ];
    for (name, headers, want) in cases {
        let before = bus.calls().len();
        let answer = door.send(&request(&headers, &body)).await;
        assert_eq!(answer.status, want, "{name}");
        assert_eq!(answer.body, "", "{name}");
        assert_eq!(bus.calls().len() - before, usize::from(want == 200), "{name}");
    }
    door.close().await;
}

#[tokio::test]
async fn an_unsigned_body_is_not_looked_at() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let bomb = "[".repeat(1_000_000);
    for body in [b"".as_slice(), b"not json", b"\xff\xfe", bomb.as_bytes()] {
        let answer = door.send(&request(&[(HEADER, &format!("sha256={}", "0".repeat(64)))], body)).await;
        assert_eq!(answer.status, 401);
    }
    assert!(bus.calls().is_empty());
    door.close().await;
}

#[tokio::test]
async fn each_provider_has_its_header_and_each_app_its_secret() {
    let bus = FakeBus::new();
    let mut config = config();
    config.provider = Provider::D360;
    config.app_secrets = vec![inline("first"), inline("second")];
    let door = Door::open(config, &bus).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    for (header, secret, want) in [
        ("x-360dialog-signature", "first", 200),
        ("x-360dialog-signature", "second", 200),
        ("x-360dialog-signature", "third", 401),
        (HEADER, "first", 401),
    ] {
        let answer = door.send(&request(&[(header, &sign(secret, &body))], &body)).await;
        assert_eq!(answer.status, want, "{header} {secret}");
    }
    door.close().await;
}

#[tokio::test]
async fn the_handshake_is_answered_to_whoever_knows_the_token() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let target =
        |mode: &str, token: &str| format!("/webhook?hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={token}");
    for (target, want, body) in [
        (target("subscribe", "let+me%20in"), 200, "1158201444"),
        (target("subscribe", "let+me+out"), 403, ""),
        (target("subscribe", ""), 403, ""),
        (target("unsubscribe", "let+me+in"), 400, ""),
        ("/webhook".to_owned(), 400, ""),
    ] {
        let answer = door.get(&target).await;
        assert_eq!((answer.status, answer.body.as_str()), (want, body), "{target}");
    }
    door.close().await;
}

#[tokio::test]
async fn everything_else_is_not_here() {
    let bus = FakeBus::new();
    let door = Door::open(config(), &bus).await;
    let body = text_webhook("wamid.A", "1555", "hi");
    let signed = String::from_utf8(crate::support::signed(&body)).unwrap();
    for (line, want) in [
        ("PUT /webhook", 405),
        ("DELETE /webhook", 405),
        ("PATCH /webhook", 405),
        ("POST /", 404),
        ("POST /webhook/", 404),
        ("POST /Webhook", 404),
        ("POST /webhook/../webhook", 404),
        ("POST /metrics", 404),
        ("POST /healthz", 404),
    ] {
        let answer = door.send(signed.replacen("POST /webhook", line, 1).as_bytes()).await;
        assert_eq!(answer.status, want, "{line}");
    }
    assert!(bus.calls().is_empty());
    door.close().await;
}
