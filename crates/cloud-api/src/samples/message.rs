//! Samples of messages: the customer's, and echoes of ours.

use serde_json::{Value, json};

use super::{SampleParams, contact, extend, number_change};

/// The message of ours that the samples answer, edit or react to.
const EARLIER: &str = "wamid.SAMPLE0000";
const NEW_USER_ID: &str = "US.10000000000000000099";

pub(super) fn text(params: &SampleParams) -> Value {
    inbound(params, text_content(params))
}

pub(super) fn image(params: &SampleParams) -> Value {
    media(params, "image", "image/jpeg", json!({"caption": params.text}))
}

pub(super) fn video(params: &SampleParams) -> Value {
    media(params, "video", "video/mp4", json!({"caption": params.text}))
}

pub(super) fn document(params: &SampleParams) -> Value {
    media(params, "document", "application/pdf", json!({"caption": params.text, "filename": "invoice.pdf"}))
}

pub(super) fn audio(params: &SampleParams) -> Value {
    media(params, "audio", "audio/ogg; codecs=opus", json!({"voice": true}))
}

pub(super) fn sticker(params: &SampleParams) -> Value {
    media(params, "sticker", "image/webp", json!({"animated": false}))
}

pub(super) fn location(params: &SampleParams) -> Value {
    let place = json!({"latitude": 38.9806, "longitude": -76.9373, "name": "Library", "address": "1 Library Square"});
    inbound(params, json!({"type": "location", "location": place}))
}

pub(super) fn contacts(params: &SampleParams) -> Value {
    let card = json!({
        "name": {"first_name": "Bea", "formatted_name": "Bea Sample"},
        "phones": [{"phone": "+1 555 000 3333", "wa_id": "15550003333", "type": "CELL"}],
    });
    inbound(params, json!({"type": "contacts", "contacts": [card]}))
}

pub(super) fn button_reply(params: &SampleParams) -> Value {
    interactive(params, "button_reply", json!({"id": params.reply_id_or("sample-button"), "title": params.text}))
}

pub(super) fn list_reply(params: &SampleParams) -> Value {
    let row = json!({"id": params.reply_id_or("sample-row"), "title": params.text, "description": "One of the rows"});
    interactive(params, "list_reply", row)
}

pub(super) fn flow_reply(params: &SampleParams) -> Value {
    let reply = json!({"name": "flow", "body": "Sent", "response_json": "{\"flow_token\":\"sample\"}"});
    interactive(params, "nfm_reply", reply)
}

pub(super) fn call_permission_reply(params: &SampleParams) -> Value {
    interactive(params, "call_permission_reply", json!({"response": "accept", "response_source": "user_action"}))
}

/// An answer that Meta could not put into words: no content, and the error beside the message.
pub(super) fn interactive_error(params: &SampleParams) -> Value {
    let mut body = inbound(params, json!({"type": "interactive", "context": answered(params)}));
    let title = "Something went wrong";
    body["entry"][0]["changes"][0]["value"]["errors"] = json!([{"code": 131_000, "title": title, "message": title}]);
    body
}

pub(super) fn template_button(params: &SampleParams) -> Value {
    let button = json!({"payload": params.reply_id_or("sample-payload"), "text": params.text});
    inbound(params, json!({"type": "button", "context": answered(params), "button": button}))
}

pub(super) fn reaction(params: &SampleParams) -> Value {
    inbound(params, json!({"type": "reaction", "reaction": {"message_id": EARLIER, "emoji": "👍"}}))
}

pub(super) fn reaction_removed(params: &SampleParams) -> Value {
    inbound(params, json!({"type": "reaction", "reaction": {"message_id": EARLIER}}))
}

pub(super) fn order(params: &SampleParams) -> Value {
    let item = json!({"product_retailer_id": "sku-1", "quantity": 2, "item_price": 9.5, "currency": "USD"});
    let order = json!({"catalog_id": "300000000000001", "text": params.text, "product_items": [item]});
    inbound(params, json!({"type": "order", "order": order}))
}

pub(super) fn system_number_change(params: &SampleParams) -> Value {
    let system = json!({
        "type": "user_changed_number",
        "body": "The customer changed number",
        "wa_id": "15550009999",
        "user_id": NEW_USER_ID,
    });
    without_contacts(inbound(params, json!({"type": "system", "system": system})))
}

pub(super) fn system_user_id_change(params: &SampleParams) -> Value {
    let system = json!({
        "type": "user_changed_user_id",
        "body": "The customer's id changed",
        "previous_user_id": params.user_id_or_sample(),
        "user_id": NEW_USER_ID,
    });
    without_contacts(inbound(params, json!({"type": "system", "system": system})))
}

pub(super) fn system_identity_change(params: &SampleParams) -> Value {
    let system = json!({"type": "customer_identity_changed", "body": "The customer's security code changed"});
    let identity = json!({"acknowledged": true, "created_timestamp": params.timestamp.to_string(), "hash": "sample"});
    inbound(params, json!({"type": "system", "system": system, "identity": identity}))
}

pub(super) fn edit(params: &SampleParams) -> Value {
    let edit = json!({"original_message_id": EARLIER, "message": text_content(params)});
    inbound(params, json!({"type": "edit", "edit": edit}))
}

pub(super) fn revoke(params: &SampleParams) -> Value {
    inbound(params, json!({"type": "revoke", "revoke": {"original_message_id": EARLIER}}))
}

pub(super) fn unsupported(params: &SampleParams) -> Value {
    let errors = json!([{"code": 131_051, "title": "Message type unknown"}]);
    inbound(params, json!({"type": "unsupported", "unsupported": {"type": "poll"}, "errors": errors}))
}

/// A type that Meta may add one day.
pub(super) fn unknown(params: &SampleParams) -> Value {
    inbound(params, json!({"type": "hologram", "hologram": {"id": "400000000000001"}}))
}

/// A customer who shows a username and no number.
pub(super) fn bsuid_only(params: &SampleParams) -> Value {
    let user_id = params.user_id_or_sample();
    let mut message = json!({"from_user_id": user_id, "id": params.wamid, "timestamp": params.timestamp.to_string()});
    extend(&mut message, text_content(params));
    let profile = json!({"name": params.profile_name, "username": "ada.sample"});
    let contacts = json!([{"profile": profile, "user_id": user_id}]);
    number_change(params, "messages", json!({"contacts": contacts, "messages": [message]}))
}

pub(super) fn group(params: &SampleParams) -> Value {
    text_with(params, json!({"group_id": "Y2FwaV9ncm91cDpzYW1wbGU"}))
}

pub(super) fn reply(params: &SampleParams) -> Value {
    text_with(params, json!({"context": answered(params)}))
}

pub(super) fn forwarded(params: &SampleParams) -> Value {
    text_with(params, json!({"context": {"forwarded": true}}))
}

pub(super) fn referral(params: &SampleParams) -> Value {
    let referral = json!({
        "source_url": "https://fb.me/sample",
        "source_type": "ad",
        "source_id": "500000000000001",
        "headline": "Summer sale",
        "body": "Chat with us",
        "media_type": "image",
        "image_url": "https://example.com/ad.jpg",
        "ctwa_clid": "sample",
    });
    text_with(params, json!({"referral": referral}))
}

pub(super) fn echo(params: &SampleParams) -> Value {
    number_change(params, "smb_message_echoes", json!({"message_echoes": [outbound(params)]}))
}

pub(super) fn standby(params: &SampleParams) -> Value {
    inbound_in(params, "standby", text_content(params))
}

pub(super) fn standby_echo(params: &SampleParams) -> Value {
    number_change(params, "standby", json!({"message_echoes": [outbound(params)]}))
}

/// A body with one message from the customer; `content` is what differs between the types.
fn inbound(params: &SampleParams, content: Value) -> Value {
    inbound_in(params, "messages", content)
}

fn inbound_in(params: &SampleParams, field: &str, content: Value) -> Value {
    let mut message = json!({"from": params.from, "id": params.wamid, "timestamp": params.timestamp.to_string()});
    if let Some(user_id) = &params.user_id {
        message["from_user_id"] = json!(user_id);
    }
    extend(&mut message, content);
    number_change(params, field, json!({"contacts": [contact(params)], "messages": [message]}))
}

fn outbound(params: &SampleParams) -> Value {
    let mut message = json!({
        "from": params.display_phone_number,
        "to": params.from,
        "id": params.wamid,
        "timestamp": params.timestamp.to_string(),
    });
    if let Some(user_id) = &params.user_id {
        message["to_user_id"] = json!(user_id);
    }
    extend(&mut message, text_content(params));
    message
}

fn text_content(params: &SampleParams) -> Value {
    json!({"type": "text", "text": {"body": params.text}})
}

fn text_with(params: &SampleParams, more: Value) -> Value {
    let mut content = text_content(params);
    extend(&mut content, more);
    inbound(params, content)
}

fn interactive(params: &SampleParams, kind: &str, reply: Value) -> Value {
    let interactive = json!({"type": kind, kind: reply});
    inbound(params, json!({"type": "interactive", "context": answered(params), "interactive": interactive}))
}

fn media(params: &SampleParams, kind: &str, mime_type: &str, more: Value) -> Value {
    let sha256 = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
    let mut media = json!({"id": "600000000000001", "mime_type": mime_type, "sha256": sha256});
    extend(&mut media, more);
    inbound(params, json!({"type": kind, kind: media}))
}

fn answered(params: &SampleParams) -> Value {
    json!({"from": params.display_phone_number, "id": EARLIER})
}

/// Meta sends `system` messages without `contacts`.
fn without_contacts(mut body: Value) -> Value {
    if let Some(value) = body.pointer_mut("/entry/0/changes/0/value").and_then(Value::as_object_mut) {
        value.remove("contacts");
    }
    body
}
