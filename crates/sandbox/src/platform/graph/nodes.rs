//! Numbers, the account, the app, the token: what they say of themselves, and what of it can be set.

use std::sync::Arc;

use reqwest::Url;
use serde_json::{Value, json};

use super::fields::{chosen, page};
use super::{Answer, Ask, success};
use crate::platform::error::ApiError;
use crate::platform::news::tier;
use crate::platform::standing::Hindrance;
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
const BLOCKED: &str = "BLOCKED";

pub(super) fn number(state: &State, ask: &Ask<'_>, place: u32) -> Answer {
    let number = state.number(place).ok_or_else(ApiError::no_object)?;
    Ok(chosen(ask, number_value(state, number), NUMBER_DEFAULTS))
}

pub(super) fn numbers(state: &State, ask: &Ask<'_>) -> Answer {
    let all = state.numbers.iter().map(|number| chosen(ask, number_value(state, number), NUMBER_DEFAULTS));
    Ok(page(ask, all.collect(), None, None, false))
}

fn number_value(state: &State, number: &Number) -> Value {
    let (id, standing) = (&number.name.phone_number_id, &state.standing);
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
        "status": if number.is_registered { &standing.number_status } else { "DISCONNECTED" },
        "quality_rating": number.quality,
        "name_status": standing.name_status,
        "code_verification_status": standing.code_verification_status,
        "account_mode": standing.account_mode,
        "platform_type": standing.host_platform,
        "host_platform": standing.host_platform,
        "throughput": {"level": level},
        "whatsapp_business_manager_messaging_limit": tier(state.config.limits.messaging),
        "webhook_configuration": addresses,
        "health_status": health(state, Some(number)),
    })
}

/// Whether messages can be sent, and what stands in the way.
fn health(state: &State, number: Option<&Number>) -> Value {
    let config = &state.config;
    let hindrance = |entity: &str, error_code, error_description: &str, possible_solution: &str| Hindrance {
        entity: entity.to_owned(),
        can_send_message: BLOCKED.to_owned(),
        error_code,
        error_description: error_description.to_owned(),
        possible_solution: possible_solution.to_owned(),
    };
    let mut hindrances = state.standing.hindrances.clone();
    if number.is_some_and(|number| !number.is_registered) {
        hindrances.push(hindrance("PHONE_NUMBER", 141_000, "The number is not registered", "Register the number"));
    }
    if state.account.restriction.is_some() {
        hindrances.push(hindrance("WABA", 141_006, "The account is restricted", "Appeal in Business Support"));
    }
    if !state.account.has_payment {
        let description = "There is an error with your payment method";
        hindrances.push(hindrance("BUSINESS", 141_006, description, "Add a payment method"));
    }
    let entity = |kind: &str, id: &str| {
        let of_it: Vec<&Hindrance> = hindrances.iter().filter(|hindrance| hindrance.entity == kind).collect();
        let mut entity = json!({"entity_type": kind, "id": id, "can_send_message": worst(of_it.iter().copied())});
        if !of_it.is_empty() {
            let error = |hindrance: &&Hindrance| {
                json!({
                    "error_code": hindrance.error_code,
                    "error_description": hindrance.error_description,
                    "possible_solution": hindrance.possible_solution,
                })
            };
            entity["errors"] = of_it.iter().map(error).collect();
        }
        entity
    };
    let mut entities: Vec<Value> = Vec::new();
    entities.extend(number.map(|number| entity("PHONE_NUMBER", &number.name.phone_number_id)));
    entities.push(entity("WABA", &config.waba_id));
    entities.push(entity("BUSINESS", "100000000000099"));
    entities.push(entity("APP", &config.app_id));
    // What is said of a number is nothing of the account's.
    let counts = |hindrance: &&Hindrance| number.is_some() || hindrance.entity != "PHONE_NUMBER";
    json!({"can_send_message": worst(hindrances.iter().filter(counts)), "entities": entities})
}

fn worst<'a>(mut hindrances: impl Iterator<Item = &'a Hindrance> + Clone) -> &'static str {
    match hindrances.clone().next() {
        None => "AVAILABLE",
        Some(_) if hindrances.any(|hindrance| hindrance.can_send_message == BLOCKED) => BLOCKED,
        Some(_) => "LIMITED",
    }
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
        "account_review_status": state.standing.account_review_status,
        "business_verification_status": state.standing.business_verification_status,
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

/// The fields that the app has subscribed to.
pub(super) fn subscriptions(state: &State) -> Value {
    let version = format!("v{}.0", state.config.webhook_version);
    let names = state.standing.subscribed_fields.iter();
    let fields: Vec<Value> = names.map(|name| json!({"name": name, "version": version})).collect();
    let url = state.addresses.of_app.as_deref().unwrap_or_default();
    let active = state.standing.subscription_active;
    json!({"data": [{"object": "whatsapp_business_account", "callback_url": url, "active": active, "fields": fields}]})
}

pub(super) fn token(state: &State, ask: &Ask<'_>) -> Answer {
    let token = ask.required("input_token")?;
    let is_valid = state.authorise(Some(token), ask.now_ms).is_ok();
    let ends_ms = state.tokens.get(token).copied().unwrap_or_default();
    let ours = || vec![state.config.waba_id.clone()];
    let targets = state.standing.token_targets.clone().unwrap_or_else(ours);
    let scopes = &state.standing.scopes;
    let granular: Vec<Value> = scopes.iter().map(|scope| json!({"scope": scope, "target_ids": targets})).collect();
    let mut data = json!({
        "app_id": state.config.app_id,
        "type": "SYSTEM_USER",
        "application": "Sandbox",
        "data_access_expires_at": 0,
        "expires_at": if ends_ms == i64::MAX { 0 } else { ends_ms / 1_000 },
        "is_valid": is_valid,
        "scopes": scopes,
        "granular_scopes": granular,
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
