//! A message of each type, after a text that opens the conversation, as its team reads it. What each file says must be
//! plain to a person who does not look at `raw`. `WAYPOST_REGENERATE=1` writes the files anew: read them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Rig, event};
use waypost_proto::v1;
use waypost_router::RouterConfig;

/// The wamid of the text that opens the conversation; `{n}` is the case.
const OPENING: &str = "wamid.OPENING";

type Case = (&'static str, Value);

/// The answer to a menu of ours.
fn of_menu() -> Value {
    json!({ "from": "15550002222", "id": "wamid.MENU" })
}

fn cases() -> Vec<Case> {
    said().into_iter().chain(done()).collect()
}

/// What a customer says.
fn said() -> Vec<Case> {
    let ours = of_menu();
    let media = |more: Value| {
        let mut media = json!({ "id": "900", "mime_type": "x/y", "sha256": "aa" });
        media.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        media
    };
    vec![
        ("text", json!({ "text": { "body": "and this one?" }, "context": { "from": "1", "id": "ORIGINAL" } })),
        ("image", json!({ "image": media(json!({ "mime_type": "image/jpeg", "caption": "the broken handle" })) })),
        ("video", json!({ "video": media(json!({ "mime_type": "video/mp4" })) })),
        ("audio", json!({ "audio": media(json!({ "mime_type": "audio/ogg", "voice": true })) })),
        (
            "document",
            json!({ "document": media(json!({ "filename": "warranty.pdf", "mime_type": "application/pdf" })) }),
        ),
        ("sticker", json!({ "sticker": media(json!({ "mime_type": "image/webp", "animated": false })) })),
        (
            "location",
            json!({ "location": { "latitude": 41.3851, "longitude": 2.1734, "name": "Workshop", "address": "Example street 1" } }),
        ),
        (
            "contacts",
            json!({ "contacts": [{
            "name": { "formatted_name": "Kim Courier", "first_name": "Kim" },
            "org": { "company": "Parcel Co" },
            "phones": [{ "phone": "+34 600 00 01 99", "wa_id": "34600000199", "type": "CELL" }],
        }] }),
        ),
        (
            "interactive",
            json!({ "context": ours, "interactive": {
            "type": "list_reply", "list_reply": { "id": "plan_b", "title": "Option 2", "description": "By post, 30 days" },
        } }),
        ),
        (
            "form",
            json!({ "type": "interactive", "context": ours, "interactive": { "type": "nfm_reply", "nfm_reply": {
            "name": "flow", "body": "Sent",
            "response_json": r#"{"flow_token":"intake-7","department":"repairs","when":["mon","tue"],"address":{"city":"Lugo"}}"#,
        } } }),
        ),
        (
            "broken-form",
            json!({ "type": "interactive", "interactive": { "type": "nfm_reply", "nfm_reply": {
            "name": "flow", "body": "Sent", "response_json": "{\"department\": ",
        } } }),
        ),
    ]
}

/// What a customer does.
fn done() -> Vec<Case> {
    let ours = of_menu();
    let product = |id: &str, quantity: i64, price: f64| json!({ "product_retailer_id": id, "quantity": quantity, "item_price": price, "currency": "EUR" });
    vec![
        ("button", json!({ "context": ours, "button": { "payload": "yes-1", "text": "Yes, please" } })),
        ("reaction", json!({ "reaction": { "message_id": "ORIGINAL", "emoji": "👍" } })),
        ("reaction-removed", json!({ "type": "reaction", "reaction": { "message_id": "ORIGINAL" } })),
        (
            "order",
            json!({ "order": {
            "catalog_id": "600001", "text": "before Friday, please",
            "product_items": [product("SKU-1", 2, 12.5), product("SKU-2", 1, 30.0)],
        } }),
        ),
        ("system", json!({ "system": { "type": "customer_identity_changed", "body": "The security code changed" } })),
        (
            "edit",
            json!({ "edit": { "original_message_id": "ORIGINAL", "message": {
            "type": "text", "text": { "body": "my kettle leaks at the handle" },
        } } }),
        ),
        ("revoke", json!({ "revoke": { "original_message_id": "ORIGINAL" } })),
        (
            "unsupported",
            json!({
                "unsupported": { "type": "poll" },
                "errors": [{ "code": 131_051, "title": "Message type unknown", "error_data": { "details": "Message type is not currently supported." } }],
            }),
        ),
        ("unknown", json!({ "errors": [{ "code": 131_051, "title": "Unsupported message type" }] })),
        (
            "call-permission",
            json!({ "type": "interactive", "context": of_menu(), "interactive": {
                "type": "call_permission_reply", "call_permission_reply": { "response": "accept", "response_source": "user_action" },
            } }),
        ),
        ("call", json!({ "type": null, "event": "terminate", "direction": "USER_INITIATED", "status": "FAILED" })),
        (
            "forwarded",
            json!({ "type": "text", "text": { "body": "win a prize" }, "context": { "frequently_forwarded": true } }),
        ),
        (
            "advertisement",
            json!({ "type": "text", "text": { "body": "more info?" }, "referral": {
            "source_url": "https://ads.example.com/spring", "source_id": "120", "source_type": "ad",
            "headline": "Spring sale", "body": "Half price", "ctwa_clid": "CLID-1",
        } }),
        ),
        ("group", json!({ "type": "text", "text": { "body": "who brings the keys?" }, "group_id": "GROUP-1" })),
    ]
}

fn message(n: usize, name: &str, said: &Value) -> v1::Event {
    let (wamid, phone) = (format!("wamid.{name}"), phone(n));
    let mut json = json!({ "id": wamid, "from": phone, "timestamp": "1750000000", "type": name });
    json.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let json = json.to_string().replace("ORIGINAL", &format!("{OPENING}{n}"));
    let display_phone_number = "+1 555 000 2222".to_owned();
    v1::Event { json: json.into(), display_phone_number, ..event(&wamid, &phone, "") }
}

fn phone(n: usize) -> String {
    format!("3460000{n:04}")
}

#[tokio::test]
async fn every_type_is_plain_to_a_person() {
    let cases = cases();
    let rig = Rig::new(RouterConfig::default()).await;
    let address = rig.layout.inbound(waypost_domain::PartitionId(0));
    for (n, (name, said)) in cases.iter().enumerate() {
        let opening = event(&format!("{OPENING}{n}"), &phone(n), "my kettle leaks");
        rig.publish(&address, [opening, message(n, name, said)]).await;
    }
    rig.route_until(async || rig.documents("a").await.len() == 2 * cases.len()).await;
    let documents = rig.documents("a").await;
    for (name, _) in &cases {
        let wamid = format!("wamid.{name}");
        let document = documents.iter().find(|document| document["data"]["message"]["wamid"] == *wamid).unwrap();
        check(name, &mut document.clone());
    }
}

/// Compares what differs by type: the message, and what kind of news it is.
fn check(name: &str, document: &mut Value) {
    let message = document["data"]["message"].take();
    assert!(!message["summary"].as_str().unwrap().trim().is_empty(), "{name}: the summary is empty");
    let shown = json!({ "type": document["type"], "why": document["data"]["routing"]["why"], "message": message });
    let file = folder().join(format!("{name}.json"));
    let have = format!("{}\n", serde_json::to_string_pretty(&shown).unwrap());
    if std::env::var_os("WAYPOST_REGENERATE").is_some() {
        std::fs::write(&file, &have).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), have, "{name}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
