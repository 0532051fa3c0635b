//! What customers say in every way that WhatsApp has for it, as the teams of the shipped rules read it: on both buses and
//! both stores.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde_json::{Value, json};
use waypost_cloud_api::samples::SampleParams;

use crate::deployment::{Backend, Deployment, Found, on_each_backend};

const SHIPPED: &str = include_str!("../../deploy/rules.toml");
const QUEUES: [&str; 6] = [
    "team.frontdesk.normal",
    "team.frontdesk.urgent",
    "team.billing.normal",
    "team.billing.urgent",
    "team.support.normal",
    "team.support.urgent",
];

on_each_backend!(
    each_kind_is_read_by_the_team_that_it_asks_for,
    one_person_has_one_conversation_however_the_number_is_spelt,
    a_need_behind_a_greeting_moves_and_a_group_stays_together,
);

/// A webhook with one item of a customer's: `messages` or `calls`.
fn body(field: &str, wa_id: &str, item: &Value) -> Value {
    let params = SampleParams::default();
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": params.phone_number_id, "display_phone_number": params.display_phone_number},
        "contacts": [{"wa_id": wa_id, "profile": {"name": "Ada Sample"}}],
        field: [item],
    });
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]})
}

fn item(wamid: &str, from: &str, more: Value) -> Value {
    let mut item = json!({"id": wamid, "from": from, "timestamp": "1767225600"});
    if let (Some(item), Value::Object(more)) = (item.as_object_mut(), more) {
        item.extend(more);
    }
    item
}

fn text(words: &str) -> Value {
    json!({"type": "text", "text": {"body": words}})
}

/// Posts each, and gives what the teams read once all of `wamids` are there: queue and document by wamid.
async fn routed(deployment: &Deployment, bodies: &[Value], wamids: &[&str]) -> anyhow::Result<BTreeMap<String, Found>> {
    let client = deployment.client()?;
    for body in bodies {
        ensure!(client.post(body.to_string().as_bytes()).await? == 200, "not accepted: {body}");
    }
    let mut reader = deployment.reader(&QUEUES).await?;
    let all = |found: &[Found]| wamids.iter().all(|wamid| found.iter().any(|one| one.wamid() == *wamid));
    let found = reader.wait_until("all are routed", all).await?;
    Ok(found.into_iter().map(|one| (one.wamid(), one)).collect())
}

fn told(found: &BTreeMap<String, Found>, wamid: &str) -> (String, String) {
    let one = &found[wamid];
    (one.queue.clone(), one.text("/message/summary"))
}

async fn each_kind_is_read_by_the_team_that_it_asks_for(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, SHIPPED)?;
    let _waypost = deployment.start().await?;
    // (the item, who reads it, in one line)
    let form = json!({"name": "flow", "response_json": "{\"topic\":\"invoice\",\"urgent\":true}"});
    let row = json!({"id": "row-7", "title": "Second", "description": "send me the invoice"});
    let place = json!({"latitude": 41.4, "longitude": 2.2, "name": "Invoice office", "address": "1 Sample Street"});
    let products = json!([{"product_retailer_id": "sku-9", "quantity": 2, "item_price": 5, "currency": "EUR"}]);
    let card = json!([{"name": {"formatted_name": "Bea Sample"}, "phones": [{"phone": "+1 555 000 3333"}]}]);
    let edited = json!({"original_message_id": "wamid.NEVER", "message": text("and my invoice?")});
    let referral = json!({"source_type": "ad", "source_id": "9", "headline": "Spring sale", "ctwa_clid": "click"});
    let interactive =
        |kind: &str, reply: Value| json!({"type": "interactive", "interactive": {"type": kind, kind: reply}});
    let cases = [
        ("form", interactive("nfm_reply", form), "team.billing.normal", "topic: invoice"),
        ("row", interactive("list_reply", row), "team.billing.normal", "Second (send me the invoice)"),
        ("place", json!({"type": "location", "location": place}), "team.billing.normal", "Invoice office"),
        (
            "order",
            json!({"type": "order", "order": {"text": "invoice please", "product_items": products}}),
            "team.billing.normal",
            "2 × sku-9 = 10.00 EUR “invoice please”",
        ),
        ("card", json!({"type": "contacts", "contacts": card}), "team.frontdesk.normal", "Bea Sample +1 555 000 3333"),
        ("edit", json!({"type": "edit", "edit": edited}), "team.billing.normal", "✏ and my invoice?"),
        (
            "forwarded",
            json!({"type": "text", "text": {"body": "your invoice"}, "context": {"forwarded": true}}),
            "team.frontdesk.normal",
            "↪ your invoice",
        ),
        (
            "ad",
            json!({"type": "text", "text": {"body": "info?"}, "referral": referral}),
            "team.frontdesk.normal",
            "📣 Spring sale",
        ),
    ];
    let mut bodies = Vec::new();
    for (n, (wamid, more, _, _)) in cases.iter().enumerate() {
        let from = format!("1555010{n:04}");
        bodies.push(body("messages", &from, &item(wamid, &from, more.clone())));
    }
    let call = json!({"event": "terminate", "direction": "USER_INITIATED", "status": "FAILED"});
    bodies.push(body("calls", "15550200001", &item("call", "15550200001", call)));
    // Nothing is open: it is no work, and stands beside the first words.
    let reaction = json!({"type": "reaction", "reaction": {"message_id": "wamid.OURS", "emoji": "👍"}});
    bodies.push(body("messages", "15550200002", &item("reaction", "15550200002", reaction)));
    bodies.push(body("messages", "15550200002", &item("after", "15550200002", text("my invoice"))));
    let mut wamids: Vec<&str> = cases.iter().map(|case| case.0).collect();
    wamids.extend(["call", "after"]);

    let found = routed(&deployment, &bodies, &wamids).await?;
    for (wamid, _, queue, words) in &cases {
        let (read_by, summary) = told(&found, wamid);
        ensure!(read_by == *queue && summary.contains(words), "{wamid}: {read_by}: {summary}");
    }
    assert_eq!(told(&found, "call"), ("team.frontdesk.normal".to_owned(), "📞✕".to_owned()));
    assert_eq!(told(&found, "after").0, "team.billing.normal", "a reaction binds nothing");
    assert_eq!(found["after"].text("/message/earlier_notices/0/summary"), "👍");
    ensure!(!found.contains_key("reaction"), "a reaction is no work");
    assert_eq!(found["ad"].text("/message/referral/click_id"), "click");
    Ok(())
}

async fn one_person_has_one_conversation_however_the_number_is_spelt(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, SHIPPED)?;
    let _waypost = deployment.start().await?;
    // Where `from` and `wa_id` differ, or the second message is spelt otherwise than the first.
    let spellings = [
        ("br", "5511987654321", "551187654321", "551187654321"),
        ("mx", "5215512345678", "5215512345678", "525512345678"),
        ("ar", "5491123456789", "5491123456789", "541123456789"),
    ];
    let mut bodies = Vec::new();
    for (name, from, wa_id, later) in spellings {
        bodies.push(body("messages", wa_id, &item(&format!("{name}-1"), from, text("my invoice"))));
        bodies.push(body("messages", later, &item(&format!("{name}-2"), later, text("hello again"))));
    }
    let wamids = ["br-1", "br-2", "mx-1", "mx-2", "ar-1", "ar-2"];
    let found = routed(&deployment, &bodies, &wamids).await?;
    for (name, ..) in spellings {
        let of = |n: u32, path: &str| found[&format!("{name}-{n}")].text(path);
        ensure!(!of(1, "/contact/id").is_empty() && !of(1, "/conversation/id").is_empty(), "{name}: nobody");
        assert_eq!(of(1, "/contact/id"), of(2, "/contact/id"), "{name}");
        assert_eq!(of(1, "/conversation/id"), of(2, "/conversation/id"), "{name}");
        assert_eq!(found[&format!("{name}-2")].queue, "team.billing.normal", "{name}: firm");
    }
    Ok(())
}

async fn a_need_behind_a_greeting_moves_and_a_group_stays_together(backend: Backend) -> anyhow::Result<()> {
    let deployment = Deployment::new(backend, SHIPPED)?;
    let _waypost = deployment.start().await?;
    let (ana, bea, cai) = ("15550300001", "15550300002", "15550300003");
    let tap = json!({"type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "billing", "title": "Billing"}}});
    let grouped = |words: &str| {
        let mut message = text(words);
        message["group_id"] = json!("GROUP-7");
        message
    };
    let said = [
        ("hola", ana, text("Hola")),
        ("need", ana, text("necesito mi factura")),
        ("hi", bea, text("hi")),
        ("tap", bea, tap),
        ("group-1", cai, grouped("who pays the invoice?")),
        ("alone", cai, text("only between us")),
        ("group-2", ana, grouped("not me")),
    ];
    let bodies: Vec<Value> =
        said.iter().map(|(wamid, from, more)| body("messages", from, &item(wamid, from, more.clone()))).collect();
    let wamids: Vec<&str> = said.iter().map(|(wamid, ..)| *wamid).collect();
    let found = routed(&deployment, &bodies, &wamids).await?;
    let queue = |wamid: &str| found[wamid].queue.as_str();
    assert_eq!((queue("hola"), queue("need")), ("team.frontdesk.normal", "team.billing.normal"));
    assert_eq!((queue("hi"), queue("tap")), ("team.frontdesk.normal", "team.billing.normal"));
    assert_eq!(queue("group-1"), "team.billing.normal");
    let conversation = |wamid: &str| found[wamid].text("/conversation/id");
    // Whichever member came first: the members' messages may be in different partitions.
    assert_eq!(conversation("group-1"), conversation("group-2"));
    assert_ne!(conversation("group-1"), conversation("alone"));
    assert_ne!(conversation("group-2"), conversation("need"));
    assert_eq!(queue("alone"), "team.frontdesk.normal", "what the group talks of decides nothing");
    Ok(())
}
