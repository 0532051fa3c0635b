//! Samples of changes that are neither messages nor statuses: of a contact, and of the account.

use serde_json::{Value, json};

use super::{SampleParams, account_change, contact, extend, number_change};

pub(super) fn handover(params: &SampleParams) -> Value {
    control(params, "control_passed")
}

pub(super) fn handover_lost(params: &SampleParams) -> Value {
    control(params, "control_taken")
}

/// Meta's page shows no complete example: this is the shape that the decoder assumes.
fn control(params: &SampleParams, what: &str) -> Value {
    let handover = json!({
        "wa_id": params.from,
        "timestamp": params.timestamp.to_string(),
        what: {"previous_owner_app_id": "700000000000001", "metadata": "sample"},
    });
    of_contact(params, "messaging_handovers", handover)
}

pub(super) fn user_id_update(params: &SampleParams) -> Value {
    let update = json!({
        "wa_id": params.from,
        "detail": "The customer's id changed",
        "user_id": {"previous": params.user_id_or_sample(), "current": "US.10000000000000000099"},
        "timestamp": params.timestamp.to_string(),
    });
    of_contact(params, "user_id_update", update)
}

pub(super) fn user_preferences(params: &SampleParams) -> Value {
    let preference = json!({
        "wa_id": params.from,
        "category": "marketing_messages",
        "value": "stop",
        "detail": "User requested to stop marketing messages",
        "timestamp": params.timestamp,
    });
    of_contact(params, "user_preferences", preference)
}

pub(super) fn call(params: &SampleParams) -> Value {
    call_with(params, json!({"event": "connect"}))
}

pub(super) fn missed_call(params: &SampleParams) -> Value {
    call_with(params, json!({"event": "terminate", "status": "FAILED"}))
}

fn call_with(params: &SampleParams, more: Value) -> Value {
    let mut call = json!({
        "id": params.wamid,
        "from": params.from,
        "to": params.display_phone_number,
        "direction": "USER_INITIATED",
        "timestamp": params.timestamp.to_string(),
    });
    extend(&mut call, more);
    of_contact(params, "calls", call)
}

/// The list of items is called like the field.
fn of_contact(params: &SampleParams, field: &str, item: Value) -> Value {
    number_change(params, field, json!({"contacts": [contact(params)], field: [item]}))
}

pub(super) fn history(params: &SampleParams) -> Value {
    let message = json!({
        "from": params.from,
        "id": params.wamid,
        "timestamp": params.timestamp.to_string(),
        "type": "text",
        "text": {"body": params.text},
        "history_context": {"status": "READ"},
    });
    let chunk = json!({
        "metadata": {"phase": 0, "chunk_order": 1, "progress": 55},
        "threads": [{"id": params.from, "messages": [message]}],
    });
    number_change(params, "history", json!({"history": [chunk]}))
}

pub(super) fn state_sync(params: &SampleParams) -> Value {
    let state = json!({
        "type": "contact",
        "action": "add",
        "metadata": {"timestamp": params.timestamp.to_string()},
        "contact": {"full_name": params.profile_name, "phone_number": params.from},
    });
    number_change(params, "smb_app_state_sync", json!({"state_sync": [state]}))
}

pub(super) fn errors(params: &SampleParams) -> Value {
    let error = json!({"code": 130_429, "title": "Rate limit hit", "message": "Rate limit hit"});
    number_change(params, "messages", json!({"errors": [error]}))
}

pub(super) fn unknown_field(params: &SampleParams) -> Value {
    number_change(params, "brand_new_field", json!({"what": "nobody knows yet"}))
}

pub(super) fn template_status(params: &SampleParams) -> Value {
    let more = json!({"event": "APPROVED", "reason": null});
    account_change(params, "message_template_status_update", template(more))
}

pub(super) fn template_paused(params: &SampleParams) -> Value {
    let info = json!({"title": "FIRST_PAUSE", "description": "Sample"});
    account_change(params, "message_template_status_update", template(json!({"event": "LOCKED", "other_info": info})))
}

pub(super) fn template_components(params: &SampleParams) -> Value {
    let more = json!({"message_template_title": "Sample", "message_template_element": "Hello {{1}}"});
    account_change(params, "message_template_components_update", template(more))
}

pub(super) fn template_quality(params: &SampleParams) -> Value {
    let more = json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"});
    account_change(params, "message_template_quality_update", template(more))
}

pub(super) fn template_category(params: &SampleParams) -> Value {
    let more = json!({"previous_category": "UTILITY", "new_category": "MARKETING"});
    account_change(params, "template_category_update", template(more))
}

fn template(more: Value) -> Value {
    let mut template = json!({
        "message_template_id": 800_000_000_000_001_u64,
        "message_template_name": "order_update",
        "message_template_language": "en_US",
    });
    extend(&mut template, more);
    template
}

pub(super) fn account_update(params: &SampleParams) -> Value {
    let restriction = json!({"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": params.timestamp});
    let value = json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [restriction]});
    account_change(params, "account_update", value)
}

pub(super) fn account_violation(params: &SampleParams) -> Value {
    let value = json!({"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}});
    account_change(params, "account_update", value)
}

pub(super) fn account_ban(params: &SampleParams) -> Value {
    let ban = json!({"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "January 31, 2030"});
    account_change(params, "account_update", json!({"event": "DISABLED_UPDATE", "ban_info": ban}))
}

pub(super) fn account_review(params: &SampleParams) -> Value {
    account_change(params, "account_review_update", json!({"decision": "APPROVED"}))
}

pub(super) fn account_alert(params: &SampleParams) -> Value {
    let value = json!({
        "entity_type": "BUSINESS",
        "entity_id": params.waba_id,
        "alert_severity": "INFORMATIONAL",
        "alert_status": "NONE",
        "alert_type": "OBA_APPROVED",
        "alert_description": "Sample",
    });
    account_change(params, "account_alerts", value)
}

pub(super) fn quality(params: &SampleParams) -> Value {
    let value = json!({
        "display_phone_number": params.display_phone_number,
        "event": "THROUGHPUT_UPGRADE",
        "max_daily_conversations_per_business": "TIER_UNLIMITED",
    });
    account_change(params, "phone_number_quality_update", value)
}

pub(super) fn number_name(params: &SampleParams) -> Value {
    let value = json!({
        "display_phone_number": params.display_phone_number,
        "decision": "APPROVED",
        "requested_verified_name": "Sample",
        "rejection_reason": null,
    });
    account_change(params, "phone_number_name_update", value)
}

pub(super) fn business_capability(params: &SampleParams) -> Value {
    let value = json!({"max_daily_conversations_per_business": "TIER_2K", "max_phone_numbers_per_business": 25});
    account_change(params, "business_capability_update", value)
}

pub(super) fn security(params: &SampleParams) -> Value {
    let value = json!({"display_phone_number": params.display_phone_number, "event": "PIN_CHANGED"});
    account_change(params, "security", value)
}
