//! Numbers, the account, the app, the token: what they say of themselves, and what of it can be set.

use std::sync::Arc;

use reqwest::Url;
use serde_json::{Value, json};

use super::fields::{chosen, page};
use super::{Answer, Ask, success};
use crate::platform::error::ApiError;
use crate::platform::news::tier;
use crate::platform::state::{Number, State};

const NUMBER_DEFAULTS: &[&str] = &[
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
];
const PROFILE_FIELDS: &[&str] =
    &["about", "address", "description", "email", "profile_picture_url", "websites", "vertical"];
const OVERRIDE_MAX: usize = 200;
const SCOPES: [&str; 3] = ["whatsapp_business_management", "whatsapp_business_messaging", "business_management"];

pub(super) fn number(state: &State, ask: &Ask<'_>, place: u32) -> Answer {
    let number = state.number(place).ok_or_else(ApiError::no_object)?;
    Ok(chosen(ask, number_value(state, number), NUMBER_DEFAULTS))
}

pub(super) fn numbers(state: &State, ask: &Ask<'_>) -> Answer {
    let all = state.numbers.iter().map(|number| chosen(ask, number_value(state, number), NUMBER_DEFAULTS));
    Ok(page(ask, all.collect(), None, None, false))
}

fn number_value(state: &State, number: &Number) -> Value {
    let id = &number.name.phone_number_id;
    let level = if state.config.limits.throughput.is_some_and(|mps| mps <= 80) { "STANDARD" } else { "HIGH" };
    let mut addresses = json!({});
    if let Some(url) = &state.addresses.of_app {
        addresses["application"] = json!(**url);
    }
    if let Some(url) = &state.addresses.of_account {
        addresses["whatsapp_business_account"] = json!(**url);
    }
    if let Some(url) = state.addresses.of_numbers.get(id) {
        addresses["phone_number"] = json!(**url);
    }
    json!({
        "id": id,
        "display_phone_number": number.name.display_phone_number,
        "verified_name": number.verified_name,
        "status": if number.is_registered { "CONNECTED" } else { "DISCONNECTED" },
        "quality_rating": number.quality,
        "name_status": "APPROVED",
        "code_verification_status": "VERIFIED",
        "account_mode": "LIVE",
        "platform_type": "CLOUD_API",
        "host_platform": "CLOUD_API",
        "throughput": {"level": level},
        "whatsapp_business_manager_messaging_limit": tier(state.config.limits.messaging),
        "webhook_configuration": addresses,
        "health_status": health(state, Some(number)),
    })
}

/// Whether messages can be sent, and what stands in the way.
fn health(state: &State, number: Option<&Number>) -> Value {
    let entity = |kind: &str, id: &str, problem: Option<(i64, &str, &str)>| {
        let Some((code, description, solution)) = problem else {
            return json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"});
        };
        let error = json!({"error_code": code, "error_description": description, "possible_solution": solution});
        json!({"entity_type": kind, "id": id, "can_send_message": "BLOCKED", "errors": [error]})
    };
    let config = &state.config;
    let restricted =
        state.account.restriction.map(|_| (141_006, "The account is restricted", "Appeal in Business Support"));
    let unpaid = (!state.account.has_payment).then_some((
        141_006,
        "There is an error with your payment method",
        "Add a payment method",
    ));
    let mut entities = Vec::new();
    if let Some(number) = number {
        let problem =
            (!number.is_registered).then_some((141_000, "The number is not registered", "Register the number"));
        entities.push(entity("PHONE_NUMBER", &number.name.phone_number_id, problem));
    }
    entities.push(entity("WABA", &config.waba_id, restricted));
    entities.push(entity("BUSINESS", "100000000000099", unpaid));
    entities.push(entity("APP", &config.app_id, None));
    let is_blocked = entities.iter().any(|entity| entity["can_send_message"] == "BLOCKED");
    json!({"can_send_message": if is_blocked { "BLOCKED" } else { "AVAILABLE" }, "entities": entities})
}

/// Sets or removes the number's own address for messages.
pub(super) fn set_number(state: &mut State, ask: &Ask<'_>, place: u32) -> Answer {
    let id = state.number(place).ok_or_else(ApiError::no_object)?.name.phone_number_id.clone();
    let Some(configuration) = ask.body.get("webhook_configuration") else { return Ok(success()) };
    match configuration.get("override_callback_uri").and_then(Value::as_str) {
        Some(url) if !url.is_empty() => {
            state.addresses.of_numbers.insert(id, callback(url)?);
        }
        Some(_) | None => {
            state.addresses.of_numbers.remove(&id);
        }
    }
    Ok(success())
}

fn callback(url: &str) -> Result<Arc<str>, ApiError> {
    let is_url = url.len() <= OVERRIDE_MAX && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_url {
        Ok(Arc::from(url))
    } else {
        Err(ApiError::new(100, "override_callback_uri must be a URL of 200 characters at most"))
    }
}

pub(super) fn account(state: &State, ask: &Ask<'_>) -> Value {
    let mut account = json!({
        "id": state.config.waba_id,
        "name": "Sandbox",
        "currency": "EUR",
        "timezone_id": "1",
        "account_review_status": "APPROVED",
        "message_template_namespace": "sandbox",
        "health_status": health(state, None),
    });
    if state.account.has_payment {
        account["primary_funding_id"] = json!("100000000000098");
    }
    chosen(ask, account, &["name", "timezone_id", "message_template_namespace"])
}

pub(super) fn subscribed_apps(state: &mut State, ask: &Ask<'_>, method: &str) -> Answer {
    match method {
        "GET" => {
            let data = json!({"id": state.config.app_id, "name": "Sandbox", "link": "https://www.facebook.com/games/"});
            let mut app = json!({"whatsapp_business_api_data": data});
            if let Some(url) = &state.addresses.of_account {
                app["override_callback_uri"] = json!(**url);
            }
            Ok(json!({"data": if state.is_subscribed { vec![app] } else { Vec::new() }}))
        }
        "POST" => {
            state.addresses.of_account = ask.text("override_callback_uri").map(callback).transpose()?;
            state.is_subscribed = true;
            Ok(success())
        }
        "DELETE" => {
            state.is_subscribed = false;
            Ok(success())
        }
        _ => Err(super::no_path(ask)),
    }
}

/// The fields that the app has subscribed to: all of them.
pub(super) fn subscriptions(state: &State) -> Value {
    let names = [
        "messages",
        "message_template_status_update",
        "message_template_quality_update",
        "template_category_update",
        "account_update",
        "account_alerts",
        "phone_number_quality_update",
        "business_capability_update",
        "user_preferences",
        "messaging_handovers",
        "standby",
        "user_id_update",
    ];
    let fields = names.map(|name| json!({"name": name, "version": format!("v{}.0", state.config.webhook_version)}));
    let url = state.addresses.of_app.as_deref().unwrap_or_default();
    json!({"data": [{"object": "whatsapp_business_account", "callback_url": url, "active": true, "fields": fields}]})
}

pub(super) fn token(state: &State, ask: &Ask<'_>) -> Answer {
    let token = ask.required("input_token")?;
    let is_valid = state.authorise(Some(token), ask.now_ms).is_ok();
    let ends_ms = state.tokens.get(token).copied().unwrap_or_default();
    let scopes = SCOPES.map(|scope| json!({"scope": scope, "target_ids": [state.config.waba_id]}));
    let mut data = json!({
        "app_id": state.config.app_id,
        "type": "SYSTEM_USER",
        "application": "Sandbox",
        "data_access_expires_at": 0,
        "expires_at": if ends_ms == i64::MAX { 0 } else { ends_ms / 1_000 },
        "is_valid": is_valid,
        "scopes": SCOPES,
        "granular_scopes": scopes,
    });
    if !is_valid {
        data["error"] = json!({"code": 190, "message": "Error validating access token", "subcode": 463});
    }
    Ok(json!({"data": data}))
}

pub(super) fn profile(state: &mut State, ask: &Ask<'_>, method: &str, place: u32) -> Answer {
    let number = state.number_mut(place).ok_or_else(ApiError::no_object)?;
    if method == "GET" {
        let mut profile = Value::Object(number.profile.clone());
        profile["messaging_product"] = json!("whatsapp");
        return Ok(json!({"data": [chosen(ask, profile, &["messaging_product"])]}));
    }
    for name in PROFILE_FIELDS {
        if let Some(value) = ask.body.get(*name) {
            number.profile.insert((*name).to_owned(), value.clone());
        }
    }
    Ok(success())
}
