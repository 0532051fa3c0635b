//! Twilio's door: who is believed there, what its forms become on the bus, and what the answer says about it.

use bytes::Bytes;
use waypost_bus::{Outcome, Stream, dead_letter};
use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::twilio::fields::{Fields, Form};
use waypost_cloud_api::twilio::signature::{body_digest, sign};
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_ingress::{Carrier, CarrierConfig, IngressConfig, SecretSource};
use waypost_proto::v1::EventKind;

use crate::support::{Answer, Door, FakeBus, config, eventually, inline, layout, text_webhook};

const URL: &str = "https://hooks.example.com/webhook/twilio";
const AUTH_TOKEN: &str = "an auth token";
const TEXT: &str =
    "MessageSid=SM1&AccountSid=AC1&From=whatsapp%3A%2B15550100001&To=whatsapp%3A%2B15550199&Body=hi+there";
const STATUS: &str = "MessageSid=SM2&AccountSid=AC1&From=whatsapp%3A%2B15550199&To=whatsapp%3A%2B15550100001\
    &MessageStatus=delivered";

fn with_twilio() -> IngressConfig {
    with_tokens(vec![inline(AUTH_TOKEN)])
}

fn with_tokens(keys: Vec<SecretSource>) -> IngressConfig {
    let twilio = CarrierConfig {
        carrier: Carrier::Twilio,
        path: "/webhook/twilio".to_owned(),
        address: PublicAddress::new(URL).unwrap(),
        keys,
        numbers: OurNumbers::by_phone([("tw-support", "+15550199")]).unwrap(),
    };
    IngressConfig { carriers: vec![twilio], ..config() }
}

fn signature(token: &str, query: &str, form: &str) -> String {
    sign(token, &format!("{URL}{query}"), &Fields::read(Form::UrlEncoded, form.as_bytes()).unwrap())
}

/// A POST with this query, `content-type` and signature.
fn request(query: &str, content_type: &str, signature: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /webhook/twilio{query} HTTP/1.1\r\nhost: inside\r\ncontent-type: {content_type}\r\n\
         x-twilio-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

async fn post(door: &Door, query: &str, form: &str) -> Answer {
    let signature = signature(AUTH_TOKEN, query, form);
    door.send(&request(query, "application/x-www-form-urlencoded", &signature, form)).await
}

#[tokio::test]
async fn a_message_and_its_repetition_are_one_and_the_answer_says_nothing_to_the_customer() {
    let bus = FakeBus::new();
    let door = Door::open(with_twilio(), &bus).await;
    for _ in 0..2 {
        let answer = post(&door, "", TEXT).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "<Response/>"));
        assert!(answer.head.contains("content-type: text/xml\r\n"), "{}", answer.head);
    }
    let published = bus.published();
    assert_eq!(published.len(), 2);
    assert_eq!(published[0].message.id, published[1].message.id, "told apart by its MessageSid alone");
    let first = bus.events().remove(0);
    assert_eq!((first.kind(), first.key.as_str()), (EventKind::Message, "SM1"));
    assert_eq!((first.phone_number_id.as_str(), first.waba_id.as_str()), ("tw-support", "AC1"));
    let id = DecisionId::of_event(&PhoneNumberId::new("tw-support"), "SM1");
    assert_eq!(published[0].message.id, id.to_string());
    assert_eq!(published[0].address, layout().inbound(layout().partitions.of_key("15550100001")));
    let json: serde_json::Value = serde_json::from_slice(&first.json).unwrap();
    assert_eq!((&json["text"]["body"], &json["from"]), (&"hi there".into(), &"15550100001".into()));
    door.close().await;
}

#[tokio::test]
async fn a_status_has_the_mark_of_its_address() {
    let bus = FakeBus::new();
    let door = Door::open(with_twilio(), &bus).await;
    assert_eq!(post(&door, "?wp=wp1%2Fone%2F1", STATUS).await.status, 200);
    let status = bus.events().remove(0);
    assert_eq!((status.kind(), status.key.as_str()), (EventKind::Status, "SM2:delivered"));
    let json: serde_json::Value = serde_json::from_slice(&status.json).unwrap();
    assert_eq!(json["biz_opaque_callback_data"], "wp1/one/1");
    door.close().await;
}

#[tokio::test]
async fn json_is_believed_with_its_digest() {
    let bus = FakeBus::new();
    let door = Door::open(with_twilio(), &bus).await;
    let body = r#"{"MessageSid":"SM3","AccountSid":"AC1","From":"whatsapp:+15550100001","To":"whatsapp:+15550199","Body":"ñ"}"#;
    let query = format!("?{}", body_digest(body.as_bytes()));
    let signature = sign(AUTH_TOKEN, &format!("{URL}{query}"), &Fields::default());
    assert_eq!(door.send(&request(&query, "application/json", &signature, body)).await.status, 200);
    assert_eq!(bus.events()[0].key, "SM3");
    let other = body.replace('ñ', "n");
    assert_eq!(door.send(&request(&query, "application/json", &signature, &other)).await.status, 401);
    door.close().await;
}

#[tokio::test]
async fn only_a_good_signature_is_published() {
    let bus = FakeBus::new();
    let door = Door::open(with_tokens(vec![inline("new"), inline(AUTH_TOKEN)]), &bus).await;
    let form = "application/x-www-form-urlencoded";
    let good = signature(AUTH_TOKEN, "", TEXT);
    let new = signature("new", "", TEXT);
    let unknown = signature("another", "", TEXT);
    let more = format!("{TEXT}&x=y");
    for (name, signature, query, body, want) in [
        ("good", good.as_str(), "", TEXT, 200),
        ("of the other token", &new, "", TEXT, 200),
        ("of no token of ours", &unknown, "", TEXT, 401),
        ("of another query", &good, "?x=1", TEXT, 401),
        ("of another body", &good, "", &more, 401),
        ("empty", "", "", TEXT, 401),
        ("no base64", "!!!", "", TEXT, 401),
    ] {
        let before = bus.calls().len();
        assert_eq!(door.send(&request(query, form, signature, body)).await.status, want, "{name}");
        assert_eq!(bus.calls().len() - before, usize::from(want == 200), "{name}");
    }
    let doubled = String::from_utf8(request("", form, &good, TEXT)).unwrap();
    let header = format!("x-twilio-signature: {good}\r\n");
    let twice = doubled.replacen(&header, &format!("{header}{header}"), 1);
    assert_eq!(door.send(twice.as_bytes()).await.status, 401);
    let none = doubled.replacen(&header, "", 1);
    assert_eq!(door.send(none.as_bytes()).await.status, 401);
    door.close().await;
}

#[tokio::test]
async fn without_the_bus_it_is_a_503() {
    let bus = FakeBus::new();
    let door = Door::open(with_twilio(), &bus).await;
    for outcome in [Outcome::Returned, Outcome::Nacked, Outcome::Unavailable, Outcome::Unknown] {
        bus.answer("in.p", outcome);
        let answer = post(&door, "", TEXT).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, ""), "{outcome:?}");
        assert!(answer.head.contains("retry-after: 2\r\n"), "{}", answer.head);
        bus.answer_well();
    }
    assert_eq!(post(&door, "", TEXT).await.status, 200);
    door.close().await;
}

/// Given a text message, or a number that nobody configured, then a person finds it as it came.
#[tokio::test]
async fn what_is_not_ours_is_kept_apart() {
    let bus = FakeBus::new();
    let door = Door::open(with_twilio(), &bus).await;
    for (form, detail) in [
        (TEXT.replace("whatsapp%3A", ""), "of something else than WhatsApp's messages"),
        (TEXT.replace("15550199", "15550198"), "of a number that is not configured"),
    ] {
        assert_eq!(post(&door, "", &form).await.status, 200);
        let kept = bus.published().pop().unwrap();
        assert_eq!(kept.address.stream, Stream::DeadLetters);
        assert_eq!(kept.message.body, Bytes::from(form));
        assert_eq!(kept.message.content_type, "application/x-www-form-urlencoded");
        assert_eq!(kept.message.headers.get(dead_letter::DETAIL_HEADER).map(String::as_str), Some(detail));
    }
    door.close().await;
}

#[tokio::test]
async fn each_carrier_has_its_own_door() {
    let bus = FakeBus::new();
    let only_twilio = IngressConfig { app_secrets: vec![], ..with_twilio() };
    let door = Door::open(only_twilio, &bus).await;
    assert_eq!(door.post(&text_webhook("wamid.A", "1555", "hi")).await.status, 404, "Meta has no door here");
    assert_eq!(door.get("/webhook?hub.mode=subscribe").await.status, 404);
    assert_eq!(post(&door, "", TEXT).await.status, 200);
    assert_eq!(door.get("/webhook/twilio").await.status, 405);
    door.close().await;

    let door = Door::open(with_twilio(), &bus).await;
    assert_eq!(door.post(&text_webhook("wamid.A", "1555", "hi")).await.status, 200);
    door.close().await;

    let door = Door::open(config(), &bus).await;
    assert_eq!(post(&door, "", TEXT).await.status, 404, "nobody has configured it");
    door.close().await;
}

#[tokio::test]
async fn a_new_token_is_taken_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "old\n").unwrap();
    let bus = FakeBus::new();
    let door = Door::open(with_tokens(vec![SecretSource::File(file.clone())]), &bus).await;
    assert_eq!(post(&door, "", TEXT).await.status, 401);
    std::fs::write(&file, format!("old\n{AUTH_TOKEN}\n")).unwrap();
    eventually("the new token counts", async || post(&door, "", TEXT).await.status == 200).await;
    door.close().await;
}
