//! An error of the API
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>).

use crate::error_object::{details, sentence};
use crate::json::{Json, first, integer, object, string};

use super::{fields, flag};

object! {
    ErrorObject {
        code: "code",
        subcode: "error_subcode",
        kind: "type",
        message: "message",
        error_data: "error_data",
        is_transient: "is_transient",
        user_title: "error_user_title",
        user_message: "error_user_msg",
        fbtrace_id: "fbtrace_id",
    }
}

/// What Meta says when it does not do what it was asked. The texts are for people, and may be in any language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphError {
    /// What everything is decided on.
    pub code: Option<i64>,
    /// What `code` is about in particular.
    pub subcode: Option<i64>,
    /// `OAuthException` and its like: the family of the API, not of the fault.
    pub kind: Option<String>,
    /// Mostly with the code in front.
    pub message: Option<String>,
    /// `error_data`: what is wrong.
    pub details: Option<String>,
    /// Meta's own word for "try again".
    pub is_transient: bool,
    /// A heading for the user of an app.
    pub user_title: Option<String>,
    /// A sentence for the user of an app.
    pub user_message: Option<String>,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
}

impl GraphError {
    /// The error in an answer of any status; `None` where there is none, or where the body is not the API's.
    pub fn read(body: &[u8]) -> Option<Self> {
        let [error] = fields(body, &["error"]).ok()?;
        Self::of(error)
    }

    /// `error` is an object; a mere text is its message.
    pub(super) fn of(error: Json<'_>) -> Option<Self> {
        let raw = error?;
        let Some((object, _)) = ErrorObject::read(raw.get()) else {
            return sentence(error).map(|message| Self { message: Some(message), ..Self::default() });
        };
        Some(Self {
            code: integer(object.code),
            subcode: integer(object.subcode),
            kind: string(object.kind),
            message: sentence(object.message),
            details: details(object.error_data),
            is_transient: flag(object.is_transient),
            user_title: sentence(object.user_title),
            user_message: sentence(object.user_message),
            fbtrace_id: string(object.fbtrace_id),
        })
    }

    /// The error of one element: `errors[]` of it, of which the first counts.
    pub(super) fn first_of(errors: Json<'_>) -> Option<Self> {
        Self::of(first(errors))
    }
}
