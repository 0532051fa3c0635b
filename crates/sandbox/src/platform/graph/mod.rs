//! The Graph API beside messages: which request is which, by method and path. Thin: what is done is the state's.

mod fields;
mod media;
mod nodes;
mod people;
mod template;

use std::collections::HashMap;

use reqwest::Url;
use serde_json::{Value, json};

use super::error::ApiError;
use super::reply::Reply;
use super::serve::Arrived;
use super::state::State;

/// A request, as what answers it needs it.
pub(crate) struct Ask<'a> {
    pub(crate) now_ms: i64,
    pub(crate) query: HashMap<String, String>,
    /// The body where it is JSON; null where it is not.
    pub(crate) body: Value,
    /// The base of addresses in answers: `http://host`.
    pub(crate) base: String,
    pub(crate) request: &'a Arrived,
}

type Answer = Result<Value, ApiError>;

impl Ask<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Of the body, or of the query: the Graph API takes either.
    fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str).or_else(|| self.parameter(name))
    }

    fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::new(100, format!("(#100) The parameter {name} is required.")))
    }
}

/// Answers everything but messages. `segments` come after the version.
pub(crate) fn answer(state: &mut State, now_ms: i64, request: &Arrived, segments: &[&str]) -> Reply {
    let url = Url::parse(&format!("http://graph/?{}", request.query));
    let query = url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
    let base = format!("http://{}", request.host);
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    let ask = Ask { now_ms, query, body, base, request };
    let token = request.bearer.as_deref().or_else(|| ask.parameter("access_token"));
    if let Err(error) = state.authorise(token, now_ms) {
        return Reply::error(&error);
    }
    if let ("GET", [media::FOLDER, id]) = (request.method.as_str(), segments) {
        return media::download(state, &ask, id);
    }
    match dispatch(state, &ask, segments) {
        Ok(answer) => Reply::json(answer.get("error").map_or(200, |_| 400), answer),
        Err(error) => Reply::error(&error),
    }
}

fn dispatch(state: &mut State, ask: &Ask<'_>, segments: &[&str]) -> Answer {
    let method = ask.request.method.as_str();
    match (method, segments) {
        ("GET", ["debug_token"]) => nodes::token(state, ask),
        ("POST", [session]) if session.starts_with(media::SESSION) => Ok(media::example(ask)),
        (_, [id]) => node(state, ask, method, id),
        (_, [id, edge]) if *id == state.config.waba_id => account_edge(state, ask, method, edge),
        ("GET", [id, "subscriptions"]) if *id == state.config.app_id => Ok(nodes::subscriptions(state)),
        ("POST", [id, "uploads"]) if *id == state.config.app_id => Ok(media::session()),
        (_, [id, edge]) => match state.number_place(id) {
            Some(number) => number_edge(state, ask, method, number, edge),
            None => template::edge(state, ask, method, id, edge),
        },
        _ => Err(no_path(ask)),
    }
}

fn node(state: &mut State, ask: &Ask<'_>, method: &str, id: &str) -> Answer {
    if id == state.config.waba_id && method == "GET" {
        return Ok(nodes::account(state, ask));
    }
    if let Some(number) = state.number_place(id) {
        return match method {
            "GET" => nodes::number(state, ask, number),
            "POST" => nodes::set_number(state, ask, number),
            _ => Err(no_path(ask)),
        };
    }
    if state.templates.by_text_id(id).is_some() {
        return template::node(state, ask, method, id);
    }
    media::node(state, ask, method, id)
}

fn account_edge(state: &mut State, ask: &Ask<'_>, method: &str, edge: &str) -> Answer {
    match (method, edge) {
        ("GET", "message_templates") => template::list(state, ask),
        ("POST", "message_templates") => template::create(state, ask),
        ("DELETE", "message_templates") => template::delete(state, ask),
        ("GET", "phone_numbers") => nodes::numbers(state, ask),
        (_, "subscribed_apps") => nodes::subscribed_apps(state, ask, method),
        _ => Err(no_path(ask)),
    }
}

fn number_edge(state: &mut State, ask: &Ask<'_>, method: &str, number: u32, edge: &str) -> Answer {
    match (method, edge) {
        ("POST", "media") => media::upload(state, ask),
        (_, "block_users") => people::block_users(state, ask, method, number),
        ("POST", "thread_control") => people::thread_control(state, ask, number),
        (_, "whatsapp_business_profile") => nodes::profile(state, ask, method, number),
        ("POST", "register" | "deregister") => {
            if let Some(number) = state.number_mut(number) {
                number.is_registered = edge == "register";
            }
            Ok(success())
        }
        _ => Err(no_path(ask)),
    }
}

fn no_path(ask: &Ask<'_>) -> ApiError {
    ApiError::new(2500, format!("Unknown path components: {}", ask.request.path))
}

fn success() -> Value {
    json!({"success": true})
}
