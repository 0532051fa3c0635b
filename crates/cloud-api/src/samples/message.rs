//! Samples of messages: the customer's, and echoes of ours.

use serde_json::{Value, json};

use super::{SampleKind, SampleParams, contact, number_change};

pub(super) fn sample(kind: SampleKind, params: &SampleParams) -> Value {
    match kind {
        SampleKind::Echo => number_change(params, "smb_message_echoes", json!({"message_echoes": [echo(params)]})),
        SampleKind::StandbyEcho => number_change(params, "standby", json!({"message_echoes": [echo(params)]})),
        SampleKind::Standby => inbound(params, "standby", content(SampleKind::Text, params)),
        SampleKind::BsuidOnly => bsuid_only(params),
        SampleKind::SystemNumberChange | SampleKind::SystemUserIdChange => {
            // Such messages come without `contacts`.
            let mut body = inbound(params, "messages", content(kind, params));
            if let Some(value) = body.pointer_mut("/entry/0/changes/0/value").and_then(Value::as_object_mut) {
                value.remove("contacts");
            }
            body
        }
        SampleKind::InteractiveError => {
            let mut body = inbound(params, "messages", content(kind, params));
            body["entry"][0]["changes"][0]["value"]["errors"] =
                json!([{"code": 131_000, "title": "Something went wrong", "message": "Something went wrong"}]);
            body
        }
        _ => inbound(params, "messages", content(kind, params)),
    }
}

/// A body with one message from the customer; `content` is what differs between the types.
fn inbound(params: &SampleParams, field: &str, content: Value) -> Value {
    let mut message = json!({"from": params.from, "id": params.wamid, "timestamp": params.timestamp.to_string()});
    if let Some(user_id) = &params.user_id {
        message["from_user_id"] = json!(user_id);
    }
    add(&mut message, content);
    number_change(params, field, json!({"contacts": [contact(params)], "messages": [message]}))
}

fn add(message: &mut Value, content: Value) {
    if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
        message.extend(content);
    }
}

/// A customer who shows a username and no number.
fn bsuid_only(params: &SampleParams) -> Value {
    let user_id = params.user_id_or_sample();
    let profile = json!({"name": params.profile_name, "username": "ada.sample"});
    let message = json!({
        "from_user_id": user_id,
        "id": params.wamid,
        "timestamp": params.timestamp.to_string(),
        "type": "text",
        "text": {"body": params.text},
    });
    let contacts = json!([{"profile": profile, "user_id": user_id}]);
    number_change(params, "messages", json!({"contacts": contacts, "messages": [message]}))
}

fn echo(params: &SampleParams) -> Value {
    let mut message = json!({
        "from": params.display_phone_number,
        "to": params.from,
        "id": params.wamid,
        "timestamp": params.timestamp.to_string(),
        "type": "text",
        "text": {"body": params.text},
    });
    if let Some(user_id) = &params.user_id {
        message["to_user_id"] = json!(user_id);
    }
    message
}

fn content(kind: SampleKind, params: &SampleParams) -> Value {
    let text = &params.text;
    match kind {
        SampleKind::Image => media("image", "image/jpeg", json!({"caption": text})),
        SampleKind::Video => media("video", "video/mp4", json!({"caption": text})),
        SampleKind::Document => {
            media("document", "application/pdf", json!({"caption": text, "filename": "invoice.pdf"}))
        }
        SampleKind::Audio => media("audio", "audio/ogg; codecs=opus", json!({"voice": true})),
        SampleKind::Sticker => media("sticker", "image/webp", json!({"animated": false})),
        SampleKind::Location => json!({"type": "location", "location": {
            "latitude": 38.9806, "longitude": -76.9373, "name": "Main Library", "address": "1 Library Square"}}),
        SampleKind::Contacts => json!({"type": "contacts", "contacts": [{
            "name": {"first_name": "Bea", "formatted_name": "Bea Sample"},
            "phones": [{"phone": "+1 555 000 3333", "wa_id": "15550003333", "type": "CELL"}]}]}),
        SampleKind::ButtonReply => json!({"type": "interactive", "context": answered(params), "interactive": {
            "type": "button_reply", "button_reply": {"id": "sample-button", "title": text}}}),
        SampleKind::ListReply => json!({"type": "interactive", "context": answered(params), "interactive": {
            "type": "list_reply",
            "list_reply": {"id": "sample-row", "title": text, "description": "One of the rows"}}}),
        SampleKind::TemplateButton => json!({"type": "button", "context": answered(params),
            "button": {"payload": "sample-payload", "text": text}}),
        SampleKind::FlowReply => json!({"type": "interactive", "context": answered(params), "interactive": {
            "type": "nfm_reply",
            "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{\"flow_token\":\"sample\"}"}}}),
        SampleKind::CallPermissionReply => {
            json!({"type": "interactive", "context": answered(params), "interactive": {
                "type": "call_permission_reply",
                "call_permission_reply": {"response": "accept", "response_source": "user_action"}}})
        }
        SampleKind::InteractiveError => json!({"type": "interactive", "context": answered(params)}),
        SampleKind::Reaction => {
            json!({"type": "reaction", "reaction": {"message_id": "wamid.SAMPLE0000", "emoji": "👍"}})
        }
        SampleKind::ReactionRemoved => json!({"type": "reaction", "reaction": {"message_id": "wamid.SAMPLE0000"}}),
        SampleKind::Order => json!({"type": "order", "order": {"catalog_id": "300000000000001", "text": text,
            "product_items": [
                {"product_retailer_id": "sku-1", "quantity": 2, "item_price": 9.5, "currency": "USD"}]}}),
        SampleKind::SystemNumberChange => json!({"type": "system", "system": {
            "type": "user_changed_number", "body": "The customer changed number",
            "wa_id": "15550009999", "user_id": "US.10000000000000000099"}}),
        SampleKind::SystemUserIdChange => json!({"type": "system", "system": {
            "type": "user_changed_user_id", "body": "The customer's id changed",
            "previous_user_id": params.user_id_or_sample(), "user_id": "US.10000000000000000099"}}),
        SampleKind::SystemIdentityChange => json!({"type": "system",
            "system": {"type": "customer_identity_changed", "body": "The customer's security code changed"},
            "identity": {"acknowledged": true, "created_timestamp": params.timestamp.to_string(), "hash": "sample"}}),
        SampleKind::Edit => json!({"type": "edit", "edit": {"original_message_id": "wamid.SAMPLE0000",
            "message": {"type": "text", "text": {"body": text}}}}),
        SampleKind::Revoke => json!({"type": "revoke", "revoke": {"original_message_id": "wamid.SAMPLE0000"}}),
        SampleKind::Unsupported => json!({"type": "unsupported", "unsupported": {"type": "poll"},
            "errors": [{"code": 131_051, "title": "Message type unknown"}]}),
        SampleKind::Unknown => json!({"type": "hologram", "hologram": {"id": "400000000000001"}}),
        SampleKind::Group => {
            json!({"type": "text", "text": {"body": text}, "group_id": "Y2FwaV9ncm91cDpzYW1wbGU"})
        }
        SampleKind::Reply => json!({"type": "text", "text": {"body": text}, "context": answered(params)}),
        SampleKind::Forwarded => json!({"type": "text", "text": {"body": text}, "context": {"forwarded": true}}),
        SampleKind::Referral => json!({"type": "text", "text": {"body": text}, "referral": {
            "source_url": "https://fb.me/sample", "source_type": "ad", "source_id": "500000000000001",
            "headline": "Summer sale", "body": "Chat with us", "media_type": "image",
            "image_url": "https://example.com/ad.jpg", "ctwa_clid": "sample"}}),
        _ => json!({"type": "text", "text": {"body": text}}),
    }
}

/// The message of ours that the customer answers.
fn answered(params: &SampleParams) -> Value {
    json!({"from": params.display_phone_number, "id": "wamid.SAMPLE0000"})
}

fn media(kind: &str, mime_type: &str, more: Value) -> Value {
    let mut media = json!({
        "id": "600000000000001",
        "mime_type": mime_type,
        "sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
    });
    add(&mut media, more);
    json!({"type": kind, kind: media})
}
