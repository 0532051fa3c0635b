//! Whether messages can be sent, and what stands in the way: of a number, an account, a template
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/health-status>).

use super::{each, words};
use crate::error_object::sentence;
use crate::json::{Json, fields_of, integer, string, text};

/// Of the whole, and of everything that it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The worst of all.
    pub can_send: CanSend,
    /// The number, the account, the business, the app …
    pub entities: Vec<HealthEntity>,
}

/// One thing that sending hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthEntity {
    /// `PHONE_NUMBER`, `WABA`, `BUSINESS`, `APP`, `MESSAGE_TEMPLATE`.
    pub kind: String,
    /// Meta's id of it.
    pub id: Option<String>,
    /// By itself.
    pub can_send: CanSend,
    /// What stands in the way.
    pub errors: Vec<HealthError>,
    /// What else Meta has to say.
    pub additional_info: Vec<String>,
}

/// What stands in the way of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthError {
    /// One of [`crate::error_code`], or of its own.
    pub code: Option<i64>,
    /// For people.
    pub description: Option<String>,
    /// For people.
    pub possible_solution: Option<String>,
}

/// Meta's word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanSend {
    /// Nothing stands in the way.
    Available,
    /// Something does, partly.
    Limited,
    /// Nothing goes.
    Blocked,
    /// A word that is new, or none.
    Other(String),
}

impl Health {
    /// `None` where nothing is said of it.
    pub(super) fn of(health: Json<'_>) -> Option<Self> {
        health?;
        let [can_send, entities] = fields_of(health, &["can_send_message", "entities"]);
        Some(Self { can_send: CanSend::of(can_send), entities: each(entities, HealthEntity::of) })
    }
}

impl HealthEntity {
    fn of(entity: Json<'_>) -> Option<Self> {
        let [kind, id, can_send, errors, info] =
            fields_of(entity, &["entity_type", "id", "can_send_message", "errors", "additional_info"]);
        Some(Self {
            kind: string(kind).unwrap_or_default(),
            id: string(id),
            can_send: CanSend::of(can_send),
            errors: each(errors, HealthError::of),
            additional_info: words(info),
        })
    }
}

impl HealthError {
    fn of(error: Json<'_>) -> Option<Self> {
        let [code, description, solution] = fields_of(error, &["error_code", "error_description", "possible_solution"]);
        Some(Self { code: integer(code), description: sentence(description), possible_solution: sentence(solution) })
    }
}

impl CanSend {
    fn of(word: Json<'_>) -> Self {
        match text(word).as_deref() {
            Some("AVAILABLE") => Self::Available,
            Some("LIMITED") => Self::Limited,
            Some("BLOCKED") => Self::Blocked,
            word => Self::Other(word.unwrap_or_default().to_owned()),
        }
    }
}
