//! What Twilio answers to a message (<https://www.twilio.com/docs/messaging/api/message-resource>): taken, or refused with a
//! code of its own. Its texts are for people, and must never be looked at.

use crate::answer::GraphError;
use crate::carrier::SendOutcome;
use crate::error_object::sentence;
use crate::json::{fields, integer, string};

/// An answer of any status. An error counts whatever the status says.
pub fn read(http_status: u16, body: &[u8]) -> SendOutcome {
    let Some(read) = std::str::from_utf8(body).ok().and_then(|body| fields(body, &["sid", "code", "message"])) else {
        return SendOutcome::Unclear;
    };
    let [sid, code, message] = read.values;
    match (integer(code), string(sid)) {
        (Some(code), _) => {
            SendOutcome::Refused(GraphError { code: Some(code), message: sentence(message), ..GraphError::default() })
        }
        (None, Some(sid)) if (200..300).contains(&http_status) => SendOutcome::Accepted(sid),
        (None, _) => SendOutcome::Unclear,
    }
}
