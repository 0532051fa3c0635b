//! Bodies of webhooks, as Meta writes them. Many a second are made: nothing is built that is not written.

use serde::Serialize;
use serde_json::{Value, json};

use super::outbox::{Item, NumberName, Sent, Stage};
use super::person::Person;

/// From this version on statuses have no conversation.
const WITHOUT_CONVERSATION: u32 = 24;

#[derive(Serialize)]
struct Envelope<'a> {
    object: &'static str,
    entry: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    /// Of changes that concern the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    value: ChangeValue<'a>,
    field: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChangeValue<'a> {
    Statuses(Statuses<'a>),
    Other(&'a Value),
}

#[derive(Serialize)]
struct Statuses<'a> {
    messaging_product: &'static str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<Contact<'a>>,
    statuses: Vec<Status<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    display_phone_number: &'a str,
    phone_number_id: &'a str,
}

#[derive(Serialize)]
struct Contact<'a> {
    profile: Profile<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Profile<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
}

#[derive(Serialize)]
struct Status<'a> {
    id: &'a str,
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    /// Of a group, whose member is the participant.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_participant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Value; 1]>,
}

#[derive(Serialize)]
struct Price {
    billable: bool,
    pricing_model: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
}

/// One POST. Statuses of one number that follow each other are one change; news of the account is an entry of its own.
pub(crate) fn body(waba_id: &str, webhook_version: u32, items: &[(i64, Item)]) -> Vec<u8> {
    let mut entry: Vec<Entry<'_>> = Vec::new();
    for (due_ms, item) in items {
        let time = is_of_account(item).then_some(due_ms / 1_000);
        if entry.last().is_none_or(|last| last.time.is_some() || time.is_some()) {
            entry.push(Entry { id: waba_id, time, changes: Vec::new() });
        }
        if let Some(last) = entry.last_mut() {
            add(&mut last.changes, *due_ms, item, webhook_version);
        }
    }
    let envelope = Envelope { object: "whatsapp_business_account", entry };
    // Writing text keys to memory cannot fail.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

fn add<'a>(changes: &mut Vec<Change<'a>>, due_ms: i64, item: &'a Item, webhook_version: u32) {
    let (sent, stage, error) = match item {
        Item::Status { sent, stage, error } => (sent, *stage, error),
        Item::Change { field, value, .. } => {
            changes.push(Change { field, value: ChangeValue::Other(value) });
            return;
        }
    };
    let status = Status {
        errors: error.as_ref().map(|error| [error.to_status()]),
        ..status(sent, stage, due_ms, webhook_version)
    };
    let contact = (stage != Stage::Failed && sent.group.is_none()).then(|| contact_of(&sent.person));
    if let Some(Change { value: ChangeValue::Statuses(last), .. }) = changes.last_mut()
        && last.metadata.phone_number_id == sent.number.phone_number_id
    {
        last.contacts.extend(contact);
        last.statuses.push(status);
        return;
    }
    let value = ChangeValue::Statuses(Statuses {
        messaging_product: "whatsapp",
        metadata: Metadata {
            display_phone_number: &sent.number.display_phone_number,
            phone_number_id: &sent.number.phone_number_id,
        },
        contacts: contact.into_iter().collect(),
        statuses: vec![status],
    });
    changes.push(Change { field: "messages", value });
}

fn status(sent: &Sent, stage: Stage, due_ms: i64, webhook_version: u32) -> Status<'_> {
    let is_priced = matches!(stage, Stage::Sent | Stage::Delivered);
    let user_id = Some(sent.person.user_id.as_str()).filter(|id| !id.is_empty());
    let (phone, group) = (sent.person.phone.as_deref(), sent.group.as_deref());
    let price = sent.pricing.filter(|_| is_priced);
    let conversation = price.filter(|_| webhook_version < WITHOUT_CONVERSATION);
    Status {
        id: &sent.wamid,
        status: stage.as_str(),
        timestamp: (due_ms / 1_000).to_string(),
        recipient_id: group.or(phone),
        recipient_type: group.map(|_| "group"),
        // It was sent once, whoever gets it.
        recipient_participant_id: phone.filter(|_| group.is_some() && stage != Stage::Sent && stage != Stage::Failed),
        // Of what failed, Meta says no more of the customer than it was told.
        recipient_user_id: user_id.filter(|_| group.is_none() && (stage != Stage::Failed || sent.is_to_user_id)),
        biz_opaque_callback_data: sent.callback_data.as_deref(),
        conversation: conversation.map(|price| json!({"id": sent.wamid, "origin": {"type": price.category}})),
        pricing: price.map(|price| Price {
            billable: price.kind == "regular",
            pricing_model: "PMP",
            kind: price.kind,
            category: price.category,
        }),
        errors: None,
    }
}

fn contact_of(person: &Person) -> Contact<'_> {
    Contact {
        profile: Profile { name: &person.name, username: person.username.as_deref() },
        wa_id: person.phone.as_deref(),
        user_id: Some(person.user_id.as_str()).filter(|id| !id.is_empty()),
    }
}

fn is_of_account(item: &Item) -> bool {
    matches!(item, Item::Change { number: None, .. })
}

/// The value of a change that concerns a number: a message, or what a customer decided.
pub(crate) fn number_value(number: &NumberName, person: &Person, name: &str, elements: Value) -> Value {
    let contact = serde_json::to_value(contact_of(person)).unwrap_or_default();
    json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number.display_phone_number, "phone_number_id": number.phone_number_id},
        "contacts": [contact],
        name: elements,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use waypost_cloud_api::webhook::{Content, split};

    use super::super::error::ApiError;
    use super::super::outbox::Pricing;
    use super::*;

    fn sent(wamid: &str, number: &str) -> Arc<Sent> {
        let (phone_number_id, display_phone_number) = (number.to_owned(), "15550783881".to_owned());
        Arc::new(Sent {
            wamid: wamid.to_owned(),
            number: Arc::new(NumberName { phone_number_id, display_phone_number }),
            customer: Some(0),
            person: Arc::new(Person {
                phone: Some("4915100000000".to_owned()),
                user_id: "DE.1".to_owned(),
                username: None,
                name: "Bea".to_owned(),
            }),
            group: None,
            is_to_user_id: false,
            expires_ms: 0,
            callback_data: Some("mark".to_owned()),
            pricing: Some(Pricing { category: "utility", kind: "regular" }),
            is_reaction: false,
            is_voice: false,
        })
    }

    #[test]
    fn statuses_of_a_number_share_a_change_and_read_as_they_were_meant() {
        let status = |wamid, number, stage| (5_000, Item::Status { sent: sent(wamid, number), stage, error: None });
        let failed = Some(Arc::new(ApiError::new(131_026, "nobody")));
        let alert = Item::Change { field: "account_alerts", value: Arc::new(json!({})), number: None };
        let items = [
            status("a", "1", Stage::Sent),
            status("b", "1", Stage::Delivered),
            (5_000, Item::Status { sent: sent("c", "2"), stage: Stage::Failed, error: failed }),
            (7_000, alert),
        ];
        let body: Value = serde_json::from_slice(&body("9", 26, &items)).unwrap();
        assert_eq!(body["entry"][0]["changes"].as_array().unwrap().len(), 2);
        let first = &body["entry"][0]["changes"][0]["value"]["statuses"][0];
        assert_eq!(first["pricing"]["billable"], true);
        assert_eq!(first.get("conversation"), None);
        assert_eq!(body["entry"][1]["time"], 7);
        let failed = &body["entry"][0]["changes"][1]["value"];
        assert_eq!(failed["statuses"][0].get("recipient_user_id"), None);
        assert_eq!(failed.get("contacts"), None);
        let text = body.to_string();
        let events = split(text.as_bytes()).events;
        let statuses = events.iter().filter(|event| matches!(event.content, Content::Status(_))).count();
        assert_eq!(statuses, 3);
    }
}
