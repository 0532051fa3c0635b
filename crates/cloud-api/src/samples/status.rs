//! Samples of statuses: what became of a message of ours.

use serde_json::{Value, json};

use super::{SampleParams, extend, number_change};

pub(super) fn sent(params: &SampleParams) -> Value {
    status(params, "sent", json!({"pricing": pricing()}))
}

pub(super) fn delivered(params: &SampleParams) -> Value {
    status(params, "delivered", json!({"pricing": pricing()}))
}

pub(super) fn read(params: &SampleParams) -> Value {
    status(params, "read", json!({}))
}

pub(super) fn played(params: &SampleParams) -> Value {
    status(params, "played", json!({}))
}

pub(super) fn failed(params: &SampleParams) -> Value {
    let details = "More than 24 hours have passed since the customer last replied";
    let error = json!({"code": 131_047, "title": "Re-engagement message", "error_data": {"details": details}});
    status(params, "failed", json!({"errors": [error]}))
}

pub(super) fn group(params: &SampleParams) -> Value {
    let recipient = json!({
        "recipient_id": "Y2FwaV9ncm91cDpzYW1wbGU",
        "recipient_type": "group",
        "recipient_participant_id": params.from,
    });
    status(params, "read", recipient)
}

fn status(params: &SampleParams, state: &str, more: Value) -> Value {
    let mut status = json!({
        "id": params.wamid,
        "status": state,
        "timestamp": params.timestamp.to_string(),
        "recipient_id": params.from,
        "biz_opaque_callback_data": "sample",
    });
    if let Some(user_id) = &params.user_id {
        status["recipient_user_id"] = json!(user_id);
    }
    extend(&mut status, more);
    number_change(params, "messages", json!({"statuses": [status]}))
}

fn pricing() -> Value {
    json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "service"})
}
