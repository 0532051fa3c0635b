//! What whoever put a request on a queue is answered, where they ask for it: JSON, described by
//! `/proto/send-answer.schema.json`. Says nothing of a contact, and repeats nothing that was asked for but the request's id.

use bytes::Bytes;
use serde::Serialize;
use waypost_domain::send::{SendId, SendState};

/// The bus message's `type`.
pub const ANSWER_KIND: &str = "waypost.send-answer.v1";
/// The body's MIME type.
pub const ANSWER_CONTENT_TYPE: &str = "application/json";

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub struct SendAnswer<'a> {
    /// `None` where it cannot be read.
    pub send_id: Option<&'a SendId>,
    /// How far it has come, or why it was not taken.
    pub outcome: Result<SendState, SendError<'a>>,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SendError<'a> {
    /// A field of the request, such as `content.text.body`; `body` for all of it; or a property of the message (`user-id`).
    pub field: &'a str,
    /// For programs, in capitals.
    pub reason: &'a str,
    /// For people.
    pub message: &'a str,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    send_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SendError<'a>>,
}

impl SendAnswer<'_> {
    /// The body.
    pub fn encode(&self) -> Bytes {
        let document = Document {
            send_id: self.send_id.map(SendId::as_str),
            state: self.outcome.as_ref().ok().map(|state| state.as_str()),
            error: self.outcome.err(),
        };
        // It has no map with keys that are no texts, which is all that can fail.
        serde_json::to_vec(&document).unwrap_or_default().into()
    }
}
