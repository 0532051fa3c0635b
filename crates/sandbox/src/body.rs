//! Webhook bodies as Meta writes them: messages of customers, statuses, echoes and changes.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::SandboxConfig;
use crate::conversations::Step;
use crate::customer::Customer;

/// One message, and who wrote it.
pub(crate) struct Written {
    pub(crate) contact: Value,
    pub(crate) message: Value,
}

pub(crate) fn written(customer: &Customer, wamid: &str, step: Step, clock_seconds: i64) -> Written {
    let mut profile = json!({"name": customer.name});
    let mut contact = json!({});
    let mut message = json!({"id": wamid, "timestamp": clock_seconds.to_string()});
    if let Some(phone) = &customer.phone {
        contact["wa_id"] = json!(phone);
        message["from"] = json!(phone);
    }
    if let Some(bsuid) = &customer.bsuid {
        contact["user_id"] = json!(bsuid);
        message["from_user_id"] = json!(bsuid);
    }
    if let Some(username) = &customer.username {
        profile["username"] = json!(username);
    }
    contact["profile"] = profile;
    let (type_name, content) = content(step, customer.last_wamid.as_deref());
    message["type"] = json!(type_name);
    message[type_name] = content;
    if let Step::InGroup { .. } = step {
        message["group_id"] = json!(GROUP);
    }
    if let Step::Unsupported = step {
        message["errors"] = json!([{"code": 131_051, "title": "Message type unknown"}]);
    }
    Written { contact, message }
}

/// The group that all write in who write in one.
const GROUP: &str = "GROUP.SANDBOX";

/// `last`: the wamid of what the customer wrote before.
fn content(step: Step, last: Option<&str>) -> (&'static str, Value) {
    match step {
        Step::Text(body) | Step::InGroup { text: body } => ("text", json!({"body": body})),
        Step::Edit { text } => {
            let message = json!({"type": "text", "text": {"body": text}});
            ("edit", json!({"original_message_id": last, "message": message}))
        }
        Step::Order { text } => {
            let item = |id: &str, quantity: u32, price: f64| json!({"product_retailer_id": id, "quantity": quantity, "item_price": price, "currency": "EUR"});
            let items = [item("SKU-1", 2, 12.5), item("SKU-2", 1, 30.0)];
            ("order", json!({"catalog_id": "1003383421387258", "text": text, "product_items": items}))
        }
        Step::Button { id, title } => {
            ("interactive", json!({"type": "button_reply", "button_reply": {"id": id, "title": title}}))
        }
        Step::List { id, title, description } => (
            "interactive",
            json!({"type": "list_reply", "list_reply": {"id": id, "title": title, "description": description}}),
        ),
        Step::TemplateButton { payload, text } => ("button", json!({"payload": payload, "text": text})),
        Step::Image { caption } => {
            let sha256 = "29ed500fa64eb55fc19dc4124acb300e5dcc54a0f822a301ae99944db0000000";
            (
                "image",
                json!({"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": sha256, "caption": caption}),
            )
        }
        Step::Audio => {
            ("audio", json!({"id": "1003383421387257", "mime_type": "audio/ogg; codecs=opus", "voice": true}))
        }
        Step::Location => ("location", json!({"latitude": 19.4326, "longitude": -99.1332, "name": "Zócalo"})),
        Step::Reaction { emoji } => ("reaction", json!({"message_id": "wamid.SANDBOX.ANSWER", "emoji": emoji})),
        Step::Unknown { type_name } => (type_name, json!({"new": ["field", 1, null]})),
        Step::Unsupported => ("unsupported", json!({"type": "poll"})),
    }
}

/// How a batch is laid out: Meta promises none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nesting {
    OneChange,
    ManyChanges,
    ManyEntries,
}

pub(crate) fn messages_body(config: &SandboxConfig, batch: Vec<Written>, nesting: Nesting) -> Bytes {
    let value = |batch: Vec<Written>| {
        let mut contacts: Vec<Value> = Vec::new();
        let mut messages = Vec::with_capacity(batch.len());
        for Written { contact, message } in batch {
            if !contacts.contains(&contact) {
                contacts.push(contact);
            }
            messages.push(message);
        }
        change(config, "messages", json!({"contacts": contacts, "messages": messages}))
    };
    let groups = match nesting {
        Nesting::OneChange => vec![vec![value(batch)]],
        Nesting::ManyChanges => vec![batch.into_iter().map(|one| value(vec![one])).collect()],
        Nesting::ManyEntries => batch.into_iter().map(|one| vec![value(vec![one])]).collect(),
    };
    body(config, groups)
}

/// How the life of an answer goes: Meta tells each of these states.
pub(crate) const ANSWER_IS_READ: &[&str] = &["sent", "delivered", "read"];
pub(crate) const ANSWER_FAILS: &[&str] = &["sent", "failed"];

/// The life of an answer that Waypost has not sent.
pub(crate) fn statuses_body(config: &SandboxConfig, customer: &Customer, wamid: &str, states: &[&str]) -> Bytes {
    let statuses: Vec<Value> = states
        .iter()
        .map(|status| {
            let mut value = json!({"id": wamid, "status": status, "timestamp": config.clock_seconds.to_string()});
            if let Some(phone) = &customer.phone {
                value["recipient_id"] = json!(phone);
            }
            if let Some(bsuid) = &customer.bsuid {
                value["recipient_user_id"] = json!(bsuid);
            }
            if *status == "failed" {
                let details = "More than 24 hours have passed since the customer last replied";
                value["errors"] =
                    json!([{"code": 131_047, "title": "Re-engagement message", "error_data": {"details": details}}]);
            }
            value
        })
        .collect();
    body(config, vec![vec![change(config, "messages", json!({"statuses": statuses}))]])
}

/// A customer who does not want to be written to, or does again. `detail` is whatever tells this change from others.
pub(crate) fn preference_body(config: &SandboxConfig, customer: &Customer, detail: &str) -> Bytes {
    let mut contact = json!({"profile": {"name": customer.name}});
    let mut preference = json!({
        "category": "marketing_messages",
        "value": if customer.written.is_multiple_of(2) { "resume" } else { "stop" },
        "detail": detail,
        "timestamp": config.clock_seconds,
    });
    for named in [&mut contact, &mut preference] {
        if let Some(phone) = &customer.phone {
            named["wa_id"] = json!(phone);
        }
        if let Some(bsuid) = &customer.bsuid {
            named["user_id"] = json!(bsuid);
        }
    }
    let value = json!({"contacts": [contact], "user_preferences": [preference]});
    body(config, vec![vec![change(config, "user_preferences", value)]])
}

/// Somebody's business-scoped id is another now: of nobody who writes here, or the customer would be somebody else from
/// now on.
pub(crate) fn user_id_body(config: &SandboxConfig, previous: &str, current: &str, detail: &str) -> Bytes {
    let update = json!({
        "detail": detail,
        "user_id": {"previous": previous, "current": current},
        "timestamp": config.clock_seconds.to_string(),
    });
    body(config, vec![vec![change(config, "user_id_update", json!({"user_id_update": [update]}))]])
}

/// News of the account, which name no number.
pub(crate) fn account_body(config: &SandboxConfig, description: &str) -> Bytes {
    let value = json!({
        "entity_type": "BUSINESS",
        "entity_id": config.waba_id,
        "alert_severity": "INFORMATIONAL",
        "alert_status": "NONE",
        "alert_type": "OBA_APPROVED",
        "alert_description": description,
    });
    body(config, vec![vec![json!({"field": "account_alerts", "value": value})]])
}

/// An answer that somebody gave in the phone app.
pub(crate) fn echo_body(config: &SandboxConfig, customer: &Customer, wamid: &str) -> Bytes {
    let mut echo = json!({
        "from": config.display_phone_number,
        "id": wamid,
        "timestamp": config.clock_seconds.to_string(),
        "type": "text",
        "text": {"body": "One moment please"},
    });
    if let Some(phone) = &customer.phone {
        echo["to"] = json!(phone);
    }
    if let Some(bsuid) = &customer.bsuid {
        echo["to_user_id"] = json!(bsuid);
    }
    body(config, vec![vec![change(config, "smb_message_echoes", json!({"message_echoes": [echo]}))]])
}

fn change(config: &SandboxConfig, field: &str, mut value: Value) -> Value {
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] =
        json!({"display_phone_number": config.display_phone_number, "phone_number_id": config.phone_number_id});
    json!({"field": field, "value": value})
}

/// One entry for each group of changes.
fn body(config: &SandboxConfig, groups: Vec<Vec<Value>>) -> Bytes {
    let entries: Vec<Value> =
        groups.into_iter().map(|changes| json!({"id": config.waba_id, "changes": changes})).collect();
    Bytes::from(json!({"object": "whatsapp_business_account", "entry": entries}).to_string())
}
