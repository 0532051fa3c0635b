//! Bird's door: who is believed there and for how long, what its JSON becomes on the bus, and what the answer says
//! about it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use waypost_bus::{Outcome, Stream, dead_letter};
use waypost_cloud_api::bird::signature::{AGE_MAX, sign};
use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_ingress::{Carrier, CarrierConfig, IngressConfig, SecretSource};
use waypost_proto::v1::EventKind;

use crate::support::{Answer, Door, FakeBus, config, eventually, inline, layout};

const URL: &str = "https://hooks.example.com/webhook/bird";
const KEY: &str = "a signing key";

fn with_bird() -> IngressConfig {
    with_keys(vec![inline(KEY)], AGE_MAX)
}

fn with_keys(keys: Vec<SecretSource>, age_max: Duration) -> IngressConfig {
    let bird = CarrierConfig {
        carrier: Carrier::Bird { age_max },
        path: "/webhook/bird".to_owned(),
        address: PublicAddress::plain(URL).unwrap(),
        keys,
        numbers: OurNumbers::by_channel([("bd-support", "channel-1")]).unwrap().of_account(Some("w-1".to_owned())),
    };
    IngressConfig { carriers: vec![bird], ..config() }
}

/// With white space and escapes, so that it is not what a parser would write again.
fn hook(event: &str, payload: &Value) -> String {
    format!("{{ \"service\": \"channels\",\n \"event\": \"{event}\", \"payload\": {payload}, \"x\": \"\\u00f1\" }}")
}

fn text() -> String {
    let contact = json!({"identifierKey": "phonenumber", "identifierValue": "+15550100001"});
    let body = json!({"type": "text", "text": {"text": "hi there"}});
    hook(
        "whatsapp.inbound",
        &json!({"id": "m-1", "channelId": "channel-1", "sender": {"contact": contact}, "body": body}),
    )
}

fn status(word: &str) -> String {
    hook("whatsapp.outbound", &json!({"id": "m-2", "channelId": "channel-1", "status": word, "reference": "wp1/one/1"}))
}

/// Now, so many seconds from now.
fn time(off: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(off).unwrap().to_string()
}

fn request(query: &str, time: &str, signature: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /webhook/bird{query} HTTP/1.1\r\nhost: inside\r\ncontent-type: application/json\r\n\
         messagebird-signature: {signature}\r\nmessagebird-request-timestamp: {time}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

async fn post(door: &Door, body: &str) -> Answer {
    let time = time(0);
    let signature = sign(KEY, &time, URL, body.as_bytes());
    door.send(&request("", &time, &signature, body)).await
}

#[tokio::test]
async fn a_message_and_its_repetition_are_one() {
    let bus = FakeBus::new();
    let door = Door::open(with_bird(), &bus).await;
    for _ in 0..2 {
        let answer = post(&door, &text()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let published = bus.published();
    assert_eq!(published.len(), 2);
    assert_eq!(published[0].message.id, published[1].message.id, "told apart by Bird's id alone");
    let first = bus.events().remove(0);
    assert_eq!((first.kind(), first.key.as_str()), (EventKind::Message, "m-1"));
    assert_eq!((first.phone_number_id.as_str(), first.waba_id.as_str()), ("bd-support", "w-1"));
    let id = DecisionId::of_event(&PhoneNumberId::new("bd-support"), "m-1");
    assert_eq!(published[0].message.id, id.to_string());
    assert_eq!(published[0].address, layout().inbound(layout().partitions.of_key("15550100001")));
    let json: Value = serde_json::from_slice(&first.json).unwrap();
    assert_eq!((&json["text"]["body"], &json["from"]), (&"hi there".into(), &"15550100001".into()));
    door.close().await;
}

#[tokio::test]
async fn a_status_has_the_mark_of_its_message() {
    let bus = FakeBus::new();
    let door = Door::open(with_bird(), &bus).await;
    assert_eq!(post(&door, &status("delivered")).await.status, 200);
    let status = bus.events().remove(0);
    assert_eq!((status.kind(), status.key.as_str()), (EventKind::Status, "m-2:delivered"));
    let json: Value = serde_json::from_slice(&status.json).unwrap();
    assert_eq!(json["biz_opaque_callback_data"], "wp1/one/1");
    door.close().await;
}

#[tokio::test]
async fn only_a_good_signature_is_published() {
    let bus = FakeBus::new();
    let keys = vec![inline("new"), inline(KEY)];
    let door = Door::open(with_keys(keys, AGE_MAX), &bus).await;
    let (now, body) = (time(0), text());
    let (early, late) = (time(-310), time(310));
    let again = serde_json::from_str::<Value>(&body).unwrap().to_string();
    let by = |key: &str, time: &str, url: &str, body: &str| sign(key, time, url, body.as_bytes());
    let good = by(KEY, &now, URL, &body);
    let cases = [
        ("good", &now, good.clone(), 200),
        ("of the other key", &now, by("new", &now, URL, &body), 200),
        ("of no key of ours", &now, by("another", &now, URL, &body), 401),
        ("of the query", &now, by(KEY, &now, "a=1", &body), 401),
        ("of the address with the query", &now, by(KEY, &now, &format!("{URL}?a=1"), &body), 401),
        ("of the address that the request says", &now, by(KEY, &now, "https://inside/webhook/bird", &body), 401),
        ("of JSON that was written again", &now, by(KEY, &now, URL, &again), 401),
        ("of another time", &now, by(KEY, &early, URL, &body), 401),
        ("of long ago", &early, by(KEY, &early, URL, &body), 401),
        ("of times to come", &late, by(KEY, &late, URL, &body), 401),
        ("empty", &now, String::new(), 401),
        ("no base64", &now, "!!!".to_owned(), 401),
    ];
    for (name, time, signature, want) in cases {
        let before = bus.calls().len();
        assert_eq!(door.send(&request("?a=1", time, &signature, &body)).await.status, want, "{name}");
        assert_eq!(bus.calls().len() - before, usize::from(want == 200), "{name}");
    }
    let whole = String::from_utf8(request("", &now, &good, &body)).unwrap();
    for header in [format!("messagebird-signature: {good}\r\n"), format!("messagebird-request-timestamp: {now}\r\n")] {
        let twice = whole.replacen(&header, &format!("{header}{header}"), 1);
        assert_eq!(door.send(twice.as_bytes()).await.status, 401);
        let none = whole.replacen(&header, "", 1);
        assert_eq!(door.send(none.as_bytes()).await.status, 401);
    }
    door.close().await;
}

/// Given a carrier that repeats what it signed hours ago, then who allows that age gets it.
#[tokio::test]
async fn the_age_is_as_long_as_somebody_allows() {
    let bus = FakeBus::new();
    let door = Door::open(with_keys(vec![inline(KEY)], Duration::from_secs(86_400)), &bus).await;
    let (long_ago, body) = (time(-4 * 3_600), text());
    let signature = sign(KEY, &long_ago, URL, body.as_bytes());
    assert_eq!(door.send(&request("", &long_ago, &signature, &body)).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn without_the_bus_it_is_a_503() {
    let bus = FakeBus::new();
    let door = Door::open(with_bird(), &bus).await;
    for outcome in [Outcome::Returned, Outcome::Nacked, Outcome::Unavailable, Outcome::Unknown] {
        bus.answer("in.p", outcome);
        let answer = post(&door, &text()).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, ""), "{outcome:?}");
        bus.answer_well();
    }
    assert_eq!(post(&door, &text()).await.status, 200);
    door.close().await;
}

/// Given another channel of Bird's, or one that nobody configured, then a person finds it as it came.
#[tokio::test]
async fn what_is_not_ours_is_kept_apart() {
    let bus = FakeBus::new();
    let door = Door::open(with_bird(), &bus).await;
    for (body, detail) in [
        (text().replace("whatsapp.", "sms."), "of something else than WhatsApp's messages"),
        (text().replace("channel-1", "channel-2"), "of a number that is not configured"),
        ("{\"service\":".to_owned(), "not of the carrier's form"),
    ] {
        assert_eq!(post(&door, &body).await.status, 200);
        let kept = bus.published().pop().unwrap();
        assert_eq!(kept.address.stream, Stream::DeadLetters);
        assert_eq!(kept.message.body, Bytes::from(body));
        assert_eq!(kept.message.headers.get(dead_letter::DETAIL_HEADER).map(String::as_str), Some(detail));
    }
    door.close().await;
}

#[tokio::test]
async fn each_door_has_a_path_of_its_own() {
    let bus = FakeBus::new();
    let only_bird = IngressConfig { app_secrets: vec![], ..with_bird() };
    let door = Door::open(only_bird.clone(), &bus).await;
    assert_eq!(door.get("/webhook?hub.mode=subscribe").await.status, 404, "Meta has no door here");
    assert_eq!(door.get("/webhook/bird").await.status, 405);
    assert_eq!(post(&door, &text()).await.status, 200);
    door.close().await;
    let health = || waypost_ops::Health::new(tokio_util::sync::CancellationToken::new());
    let bound = async |config| waypost_ingress::Ingress::bind(config, bus.clone(), layout(), &health()).await.err();
    let twice =
        IngressConfig { carriers: [&only_bird.carriers[..], &only_bird.carriers].concat(), ..only_bird.clone() };
    let at_metas = IngressConfig { path: "/webhook/bird".to_owned(), ..only_bird };
    for config in [twice, at_metas] {
        let told = bound(config).await.unwrap().to_string();
        assert!(told.contains("carriers.path") && told.contains("another one"), "{told}");
    }
}

#[tokio::test]
async fn a_new_key_is_taken_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "old\n").unwrap();
    let bus = FakeBus::new();
    let door = Door::open(with_keys(vec![SecretSource::File(file.clone())], AGE_MAX), &bus).await;
    assert_eq!(post(&door, &text()).await.status, 401);
    std::fs::write(&file, format!("old\n{KEY}\n")).unwrap();
    eventually("the new key counts", async || post(&door, &text()).await.status == 200).await;
    door.close().await;
}
