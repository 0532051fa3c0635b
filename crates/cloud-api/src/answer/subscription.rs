//! Who gets webhooks, of what, and where: apps of an account, and the fields that an app asked for.

use super::{AnswerError, Page, each, flag};
use crate::json::{Json, fields_of, string, text};

/// An app that gets the webhooks of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedApp {
    /// Meta's id of it.
    pub id: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Where it gets them, if not where the app itself says.
    pub override_callback_uri: Option<String>,
}

/// What an app gets webhooks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSubscription {
    /// `whatsapp_business_account` is ours.
    pub object: String,
    /// Where they go.
    pub callback_url: Option<String>,
    /// Whether they are sent at all.
    pub is_active: bool,
    /// `messages` and its like.
    pub fields: Vec<String>,
}

impl SubscribedApp {
    /// The answer to GET `/{waba_id}/subscribed_apps`.
    pub fn read_page(body: &[u8]) -> Result<Page<Self>, AnswerError> {
        Page::read_with(body, |app| {
            let [data, override_callback_uri] =
                fields_of(app, &["whatsapp_business_api_data", "override_callback_uri"]);
            let [id, name] = fields_of(data, &["id", "name"]);
            let override_callback_uri = string(override_callback_uri);
            Some(Self { id: string(id), name: string(name), override_callback_uri })
        })
    }
}

impl AppSubscription {
    /// The answer to GET `/{app_id}/subscriptions`.
    pub fn read_page(body: &[u8]) -> Result<Page<Self>, AnswerError> {
        Page::read_with(body, |subscription| {
            let [object, callback_url, active, fields] =
                fields_of(subscription, &["object", "callback_url", "active", "fields"]);
            Some(Self {
                object: string(object)?,
                callback_url: string(callback_url),
                is_active: flag(active),
                fields: each(fields, field),
            })
        })
    }
}

/// A name, or an object with one.
fn field(field: Json<'_>) -> Option<String> {
    let [name] = fields_of(field, &["name"]);
    text(name).or_else(|| text(field)).map(|name| name.into_owned())
}
