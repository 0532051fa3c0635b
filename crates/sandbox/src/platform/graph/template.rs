//! Templates over the Graph API: listed in pages, read, created, edited, deleted, unpaused.

use serde_json::{Value, json};
use waypost_domain::Category;

use super::fields::{chosen, limit, page};
use super::{Answer, Ask, no_path, success};
use crate::platform::error::ApiError;
use crate::platform::state::State;
use crate::platform::template::{Needs, Template};
use crate::platform::template_rules;

const DEFAULTS: &[&str] = &["name", "parameter_format", "components", "language", "status", "category"];
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn list(state: &State, ask: &Ask<'_>) -> Answer {
    let after = ask.parameter("after").and_then(|after| after.parse().ok());
    let is_wanted = |template: &&Template| {
        let is = |name: &str, value: &str| ask.parameter(name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
        is("name", &template.name)
            && is("language", &template.language)
            && is("status", &template.status)
            && is("category", template.category.as_str())
    };
    let mut templates = state.templates.after(after).filter(is_wanted);
    let on_page: Vec<&Template> = templates.by_ref().take(limit(ask)).collect();
    let has_more = templates.next().is_some();
    let cursor = |template: Option<&&Template>| template.map(|template| template.id.to_string());
    let (first, last) = (cursor(on_page.first()), cursor(on_page.last()));
    let data = on_page.into_iter().map(|template| chosen(ask, value(template), DEFAULTS)).collect();
    Ok(page(ask, data, first, last, has_more))
}

fn value(template: &Template) -> Value {
    let mut value = json!({
        "id": template.id.to_string(),
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category.as_str().to_ascii_uppercase(),
        "parameter_format": if template.is_named { "NAMED" } else { "POSITIONAL" },
        "components": components(template),
        "quality_score": {"score": template.quality},
        "rejected_reason": template.rejected_reason.as_deref().unwrap_or("NONE"),
    });
    if let Some(category) = template.correct_category {
        value["correct_category"] = json!(category.as_str().to_ascii_uppercase());
    }
    if let Some(ttl_s) = template.ttl_s {
        value["message_send_ttl_seconds"] = json!(ttl_s);
    }
    value
}

/// A button for a code reads back as an address.
fn components(template: &Template) -> Value {
    let mut components = template.components.clone();
    let list = components.as_array_mut().into_iter().flatten();
    let buttons = list.filter_map(|component| component.get_mut("buttons").and_then(Value::as_array_mut)).flatten();
    for button in buttons.filter(|button| button["type"] == "OTP") {
        let text = button["text"].as_str().unwrap_or("Copy code").to_owned();
        let url = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}";
        *button = json!({"type": "URL", "text": text, "url": url});
    }
    components
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>) -> Answer {
    if state.templates.is_blocked(ask.text("name").unwrap_or_default(), ask.now_ms) {
        return Err(ApiError::new(2_388_023, "The name of a template that was deleted cannot be used for 30 days"));
    }
    if let Some(components) = ask.body.get("components") {
        template_rules::check(components)?;
    }
    let id = state.templates.create(&ask.body)?;
    let category = state.templates.get(id).map(|template| template.category.as_str().to_ascii_uppercase());
    Ok(json!({"id": id.to_string(), "status": "PENDING", "category": category}))
}

pub(super) fn delete(state: &mut State, ask: &Ask<'_>) -> Answer {
    let name = ask.required("name")?.to_owned();
    let only = ask.text("hsm_id").map(str::to_owned);
    let ids: Vec<u64> = state
        .templates
        .after(None)
        .filter(|template| template.name == name && only.as_ref().is_none_or(|id| *id == template.id.to_string()))
        .map(|template| template.id)
        .collect();
    if ids.is_empty() {
        return Err(ApiError::new(100, "Invalid parameter: there is no such template"));
    }
    if ids.iter().any(|id| state.templates.get(*id).is_some_and(|template| template.status == "DISABLED")) {
        return Err(ApiError::new(100, "A template that is disabled cannot be deleted"));
    }
    for id in ids {
        state.tell_template(ask.now_ms, id, "DELETED", None);
        state.templates.delete(id, ask.now_ms);
    }
    Ok(success())
}

/// One template: read, or edited.
pub(super) fn node(state: &mut State, ask: &Ask<'_>, method: &str, id: &str) -> Answer {
    let template = state.templates.by_text_id_mut(id).ok_or_else(ApiError::no_object)?;
    match method {
        "GET" => Ok(chosen(ask, value(template), DEFAULTS)),
        "POST" => edit(template, ask),
        _ => Err(no_path(ask)),
    }
}

fn edit(template: &mut Template, ask: &Ask<'_>) -> Answer {
    let is_approved = template.status == "APPROVED";
    if !matches!(template.status.as_str(), "APPROVED" | "REJECTED" | "PAUSED") {
        return Err(ApiError::new(100, "Only approved, rejected or paused templates can be edited"));
    }
    if is_approved && template.edited_ms.is_some_and(|edited_ms| ask.now_ms - edited_ms < DAY_MS) {
        return Err(ApiError::new(100, "An approved template can be edited once in 24 hours"));
    }
    if let Some(category) = ask.text("category") {
        let category = Category::parse(category).filter(|_| !is_approved);
        template.category =
            category.ok_or_else(|| ApiError::new(100, "The category of an approved template cannot be edited"))?;
    }
    if let Some(components) = ask.body.get("components") {
        template_rules::check(components)?;
        template.needs = Needs::read(components)?;
        template.components = components.clone();
        template.status = "PENDING".to_owned();
        template.edited_ms = Some(ask.now_ms);
    }
    if let Some(ttl_s) = ask.body.get("message_send_ttl_seconds").and_then(Value::as_i64) {
        template.ttl_s = Some(ttl_s);
    }
    Ok(success())
}

pub(super) fn edge(state: &mut State, ask: &Ask<'_>, method: &str, id: &str, edge: &str) -> Answer {
    let template = state.templates.by_text_id_mut(id).ok_or_else(ApiError::no_object)?;
    match (method, edge) {
        ("POST", "unpause") if template.status == "PAUSED" => {
            template.status = "APPROVED".to_owned();
            let id = template.id;
            state.tell_template(ask.now_ms, id, "APPROVED", None);
            Ok(success())
        }
        ("POST", "unpause") => Err(ApiError::new(100, "The template is not paused")),
        _ => Err(no_path(ask)),
    }
}
