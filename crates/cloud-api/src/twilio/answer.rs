//! What Twilio answers to a message (<https://www.twilio.com/docs/messaging/api/message-resource>): taken, or refused with a
//! code of its own. Its texts are for people, and must never be looked at.

use crate::answer::GraphError;
use crate::error_object::sentence;
use crate::json::{fields, integer, string};

/// What came of one request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Twilio has it, under this `MessageSid`.
    Accepted(String),
    /// Twilio has not, and says why.
    Refused(GraphError),
    /// The answer is not of the API, or says neither.
    Unclear,
}

impl SendOutcome {
    /// An answer of any status. An error counts whatever the status says.
    pub fn read(http_status: u16, body: &[u8]) -> Self {
        let Some(read) = std::str::from_utf8(body).ok().and_then(|body| fields(body, &["sid", "code", "message"]))
        else {
            return Self::Unclear;
        };
        let [sid, code, message] = read.values;
        match (integer(code), string(sid).filter(|sid| !sid.is_empty())) {
            (Some(code), _) => {
                Self::Refused(GraphError { code: Some(code), message: sentence(message), ..GraphError::default() })
            }
            (None, Some(sid)) if (200..300).contains(&http_status) => Self::Accepted(sid),
            (None, _) => Self::Unclear,
        }
    }
}
