//! What Bird answers to a message (<https://docs.bird.com/api/channels-api/api-reference/messaging>): the message, or
//! an error with a word and a text for people.
//!
//! Its words are no codes, and numbers in their place would be mistaken for codes of Meta's. So a refusal has none, and
//! its status decides; where that is about us and not about the message, it stands for the code.

use crate::answer::GraphError;
use crate::carrier::SendOutcome;
use crate::error_object::sentence;
use crate::json::{fields, string};

/// Statuses that are rows of Bird's table: who we are, what we pay, what we may do.
const ABOUT_US: std::ops::RangeInclusive<u16> = 401..=403;

/// An answer of any status.
pub fn read(http_status: u16, body: &[u8]) -> SendOutcome {
    let names = ["id", "code", "type", "message"];
    let Some(read) = std::str::from_utf8(body).ok().and_then(|body| fields(body, &names)) else {
        return SendOutcome::Unclear;
    };
    let [id, code, kind, message] = read.values;
    match (http_status, string(id)) {
        (200..=299, Some(id)) => SendOutcome::Accepted(id),
        (400.., _) if code.or(kind).or(message).is_some() => SendOutcome::Refused(GraphError {
            code: ABOUT_US.contains(&http_status).then(|| http_status.into()),
            kind: string(code.or(kind)),
            message: sentence(message),
            ..GraphError::default()
        }),
        _ => SendOutcome::Unclear,
    }
}
