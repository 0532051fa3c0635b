//! Samples of statuses and of changes that are no messages.

use serde_json::{Value, json};

use super::{SampleKind, SampleParams, account_change, contact, number_change};

pub(super) fn sample(kind: SampleKind, params: &SampleParams) -> Value {
    match kind {
        SampleKind::StatusSent => status(params, "sent", json!({"pricing": pricing()})),
        SampleKind::StatusDelivered => status(params, "delivered", json!({"pricing": pricing()})),
        SampleKind::StatusRead => status(params, "read", json!({})),
        SampleKind::StatusPlayed => status(params, "played", json!({})),
        SampleKind::StatusFailed => status(
            params,
            "failed",
            json!({"errors": [{"code": 131_047, "title": "Re-engagement message",
                "error_data": {"details": "More than 24 hours have passed since the customer last replied"}}]}),
        ),
        SampleKind::StatusGroup => status(
            params,
            "read",
            json!({"recipient_id": "Y2FwaV9ncm91cDpzYW1wbGU", "recipient_type": "group",
                "recipient_participant_id": params.from}),
        ),
        SampleKind::Handover
        | SampleKind::HandoverLost
        | SampleKind::UserIdUpdate
        | SampleKind::UserPreferences
        | SampleKind::Call => of_contact(kind, params),
        SampleKind::History => number_change(
            params,
            "history",
            json!({"history": [{
            "metadata": {"phase": 0, "chunk_order": 1, "progress": 55},
            "threads": [{"id": params.from, "messages": [{
                "from": params.from, "id": params.wamid, "timestamp": params.timestamp.to_string(), "type": "text",
                "text": {"body": params.text}, "history_context": {"status": "READ"}}]}]}]}),
        ),
        SampleKind::StateSync => number_change(
            params,
            "smb_app_state_sync",
            json!({"state_sync": [{
            "type": "contact", "action": "add", "metadata": {"timestamp": params.timestamp.to_string()},
            "contact": {"full_name": params.profile_name, "phone_number": params.from}}]}),
        ),
        SampleKind::Errors => number_change(
            params,
            "messages",
            json!({"errors": [{
            "code": 130_429, "title": "Rate limit hit", "message": "Rate limit hit"}]}),
        ),
        SampleKind::UnknownField => number_change(params, "brand_new_field", json!({"what": "nobody knows yet"})),
        _ => of_account(kind, params),
    }
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
    if let (Some(status), Value::Object(more)) = (status.as_object_mut(), more) {
        status.extend(more);
    }
    number_change(params, "messages", json!({"statuses": [status]}))
}

fn pricing() -> Value {
    json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "service"})
}

fn of_contact(kind: SampleKind, params: &SampleParams) -> Value {
    let contacts = json!([contact(params)]);
    match kind {
        SampleKind::UserIdUpdate => number_change(
            params,
            "user_id_update",
            json!({"contacts": contacts,
            "user_id_update": [{"wa_id": params.from, "detail": "The customer's id changed",
                "user_id": {"previous": params.user_id_or_sample(), "current": "US.10000000000000000099"},
                "timestamp": params.timestamp.to_string()}]}),
        ),
        SampleKind::UserPreferences => number_change(
            params,
            "user_preferences",
            json!({"contacts": contacts,
            "user_preferences": [{"wa_id": params.from, "category": "marketing_messages", "value": "stop",
                "detail": "User requested to stop marketing messages", "timestamp": params.timestamp}]}),
        ),
        SampleKind::Call => number_change(
            params,
            "calls",
            json!({"contacts": contacts, "calls": [{
            "id": params.wamid, "from": params.from, "to": params.display_phone_number, "event": "connect",
            "direction": "USER_INITIATED", "timestamp": params.timestamp.to_string()}]}),
        ),
        SampleKind::HandoverLost => handover(params, &contacts, "control_taken"),
        _ => handover(params, &contacts, "control_passed"),
    }
}

fn handover(params: &SampleParams, contacts: &Value, what: &str) -> Value {
    number_change(
        params,
        "messaging_handovers",
        json!({"contacts": contacts,
        "messaging_handovers": [{"wa_id": params.from, "timestamp": params.timestamp.to_string(),
            what: {"previous_owner_app_id": "700000000000001", "metadata": "sample"}}]}),
    )
}

fn of_account(kind: SampleKind, params: &SampleParams) -> Value {
    let template = json!({"message_template_id": 800_000_000_000_001_u64, "message_template_name": "order_update",
        "message_template_language": "en_US"});
    let with_template = |more: Value| {
        let mut value = template.clone();
        if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
            value.extend(more);
        }
        value
    };
    let (field, value) = match kind {
        SampleKind::TemplateStatus => {
            ("message_template_status_update", with_template(json!({"event": "APPROVED", "reason": null})))
        }
        SampleKind::TemplateQuality => (
            "message_template_quality_update",
            with_template(json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"})),
        ),
        SampleKind::TemplateCategory => (
            "template_category_update",
            with_template(json!({"previous_category": "UTILITY", "new_category": "MARKETING"})),
        ),
        SampleKind::AccountAlert => (
            "account_alerts",
            json!({"entity_type": "BUSINESS", "entity_id": params.waba_id, "alert_severity": "INFORMATIONAL",
                "alert_status": "NONE", "alert_type": "OBA_APPROVED", "alert_description": "Sample"}),
        ),
        SampleKind::Quality => (
            "phone_number_quality_update",
            json!({"display_phone_number": params.display_phone_number, "event": "THROUGHPUT_UPGRADE",
                "max_daily_conversations_per_business": "TIER_UNLIMITED"}),
        ),
        SampleKind::BusinessCapability => {
            ("business_capability_update", json!({"max_daily_conversations_per_business": "TIER_2K"}))
        }
        SampleKind::Security => {
            ("security", json!({"display_phone_number": params.display_phone_number, "event": "PIN_CHANGED"}))
        }
        _ => (
            "account_update",
            json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
                {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": params.timestamp}]}),
        ),
    };
    account_change(params, field, value)
}
