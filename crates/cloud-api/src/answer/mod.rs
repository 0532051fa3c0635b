//! What Meta answers: accepted messages, errors, and what it tells of media, templates, numbers, accounts and tokens.
//!
//! Reading is tolerant like that of webhooks: a field of an unexpected type is an absent one, and an answer is refused
//! only for what its reader cannot do without. No decision is made on a text: see [`crate::error_code`].

mod account;
mod analytics;
mod block;
mod error;
mod health;
mod media;
mod number;
mod page;
mod profile;
mod registered;
mod sent;
mod subscription;
mod template;
mod token;

pub use account::Account;
pub use analytics::{Clicks, PricingPoint, TemplatePoint};
pub use block::{BlockAnswer, BlockedUser};
pub use error::GraphError;
pub use health::{CanSend, Health, HealthEntity, HealthError};
pub use media::{ExampleHandle, MediaUrl, UploadSession, Uploaded};
pub use number::{Number, WebhookAddresses};
pub use page::{NextPage, Page};
pub use profile::BusinessProfile;
pub use sent::{AnswerContact, AnswerMessage, MessageStatus, SendAnswer, SendOutcome};
pub use subscription::{AppSubscription, SubscribedApp};
pub use template::{Component, TemplateButton, TemplateCreated, TemplateListed};
pub use token::{Expiry, GranularScope, TokenInfo};

use serde_json::value::RawValue;

use crate::json::{self, Json};

/// Why an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A page of some machine on the way, or nothing.
    #[error("the answer is no JSON object")]
    NotAnObject,
    /// What the reader cannot do without.
    #[error("the answer has no {0}")]
    Missing(&'static str),
}

/// Whether Meta did what it was asked: the answer to a read receipt, to thread control, to a deletion.
pub fn is_success(body: &[u8]) -> Result<bool, AnswerError> {
    let [success] = fields(body, &["success"])?;
    match success.map(RawValue::get) {
        Some("true" | "\"true\"") => Ok(true),
        Some("false" | "\"false\"") => Ok(false),
        Some(_) | None => Err(AnswerError::Missing("success")),
    }
}

/// The named fields of the object that `body` is.
fn fields<'a, const N: usize>(body: &'a [u8], names: &[&str; N]) -> Result<[Json<'a>; N], AnswerError> {
    let text = std::str::from_utf8(body).map_err(|_| AnswerError::NotAnObject)?;
    let fields = json::fields(text, names).ok_or(AnswerError::NotAnObject)?;
    Ok(fields.values)
}

/// Every element of a list, read by `read`; none of what is no list.
fn each<'a, T>(list: Json<'a>, read: impl Fn(Json<'a>) -> Option<T>) -> Vec<T> {
    let mut all = Vec::new();
    if let Some(list) = list {
        json::for_each(list, |element| all.extend(read(Some(element))));
    }
    all
}

/// Every text of a list.
fn words(list: Json<'_>) -> Vec<String> {
    each(list, json::string)
}

/// `true` in any of the ways in which it is written.
fn flag(json: Json<'_>) -> bool {
    json.is_some_and(|raw| matches!(raw.get(), "true" | "\"true\"" | "1"))
}
