//! Why something was not done, by what is known of it. No text here may hold an address of a person, a message, a token or a
//! URL; Meta's own texts are kept for people, and never shown by `Display`.

use std::time::Duration;

use waypost_cloud_api::answer::{AnswerError, GraphError};
use waypost_cloud_api::error_code::Failure;
use waypost_cloud_api::send::FieldError;

use crate::secret_file::SecretError;

/// Not one byte of the request was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It cannot be written as the platform takes it; trying again is of no use.
    #[error("cannot be written as a request: {0}")]
    Request(#[from] FieldError),
    /// A person has to mend the file.
    #[error("there is no token: {0}")]
    NoToken(#[from] SecretError),
    /// The name was not found, nobody answered, or the other side could not show who it is. It can go again when that has
    /// changed.
    #[error("no connection: {0}")]
    NotConnected(Disconnected),
    /// The connection ended before the request had its turn on it. It can go again at once.
    #[error("the connection ended before the request")]
    Cancelled,
    /// The HTTP client does not take the request; trying again is of no use.
    #[error("the request is not one of HTTP")]
    NotHttp,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disconnected {
    /// Within the time for it.
    #[error("it took too long")]
    TimedOut,
    /// Nobody listens there.
    #[error("it was refused")]
    Refused,
    /// The name, the way, or TLS.
    #[error("name, network or TLS")]
    Other,
}

/// Bytes may have been written, and no answer was read that one could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nothing came within the time for the beginning of an answer.
    #[error("no answer in time")]
    NoAnswerInTime,
    /// It began, and did not end in time.
    #[error("the answer did not end in time")]
    AnswerTooSlow,
    /// The connection ended first, or what came is not HTTP.
    #[error("the connection broke before the answer ended")]
    Broken,
    /// It is longer than any answer of the platform's.
    #[error("the answer is too large")]
    AnswerTooLarge,
    /// It is not the platform's, or says neither yes nor no.
    #[error("an answer of status {http_status} that says nothing")]
    Unreadable {
        /// Of the answer.
        http_status: u16,
    },
}

/// The platform said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused with status {http_status}{}", Code(self.error.as_deref()))]
pub struct Refusal {
    /// Of the answer.
    pub http_status: u16,
    /// What it said; `None`: a machine on the way refused it.
    pub error: Option<Box<GraphError>>,
    /// When it may be tried again at the earliest, where the answer says so.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// What decisions are made on.
    pub fn failure(&self) -> Failure {
        Failure::in_answer(self.http_status, self.error.as_deref())
    }
}

/// Why a call of the management came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not one byte of the request was written.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The platform said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may have been done.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// It was done, as the answer says, which lacks what was asked for.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The list goes on at an address that is not ours, or never ends.
    #[error("the list does not end, or goes on elsewhere")]
    Pages,
    /// The answer says that it was not done, and not why.
    #[error("the answer says that it was not done")]
    NotDone,
}

impl CallError {
    /// What decisions are made on; `None` where the platform has not said anything.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Refused(refusal) => Some(refusal.failure()),
            Self::NotSent(_) | Self::Unknown(_) | Self::Answer(_) | Self::Pages | Self::NotDone => None,
        }
    }
}

/// Meta's numbers of an error, for a sentence.
struct Code<'a>(Option<&'a GraphError>);

impl std::fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(error) = self.0 else { return Ok(()) };
        match (error.code, error.subcode) {
            (Some(code), Some(subcode)) => write!(f, ", code {code} ({subcode})"),
            (Some(code), None) => write!(f, ", code {code}"),
            (None, _) => Ok(()),
        }
    }
}
