//! Dead letters: what could not be handled, with the reason, where it came from and how often it was tried.
//!
//! The original body and message id are kept, so that a dead letter can be replayed as it was.

use std::fmt;

use crate::message::Message;
use crate::port::Publication;
use crate::topology::Address;

/// The header that carries the [`DeadLetterReason`].
pub const REASON_HEADER: &str = "wp-reason";
/// The header with a sentence for a person. Never holds a phone number, a name or a message's text.
pub const DETAIL_HEADER: &str = "wp-detail";
/// The header with the queue, or the component, that gave up.
pub const ORIGIN_HEADER: &str = "wp-origin";
/// The header with the number of deliveries that failed.
pub const ATTEMPTS_HEADER: &str = "wp-attempts";

/// Why. A closed list, so that dead letters can be counted and replayed by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadLetterReason {
    /// A signed webhook body that is not JSON, or not an object with an `entry` list.
    UnparseableBody,
    /// A part of a signed webhook body that is not what its place asks for.
    UnparseablePart,
    /// JSON nested deeper than is accepted.
    TooDeep,
    /// An internal message that does not decode.
    UndecodableEvent,
    /// Delivered five times or more and never acknowledged: it probably kills whoever handles it.
    DeliveredTooOften,
}

impl DeadLetterReason {
    pub const ALL: [Self; 5] =
        [Self::UnparseableBody, Self::UnparseablePart, Self::TooDeep, Self::UndecodableEvent, Self::DeliveredTooOften];

    pub const fn code(self) -> &'static str {
        match self {
            Self::UnparseableBody => "unparseable-body",
            Self::UnparseablePart => "unparseable-part",
            Self::TooDeep => "too-deep",
            Self::UndecodableEvent => "undecodable-event",
            Self::DeliveredTooOften => "delivered-too-often",
        }
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// `message` as a dead letter. `origin` is the queue or component that gives up; `detail` is for a person.
pub fn dead_letter(
    mut message: Message,
    reason: DeadLetterReason,
    origin: &str,
    attempts: u32,
    detail: &str,
) -> Publication {
    message.headers.insert(REASON_HEADER.to_owned(), reason.code().to_owned());
    message.headers.insert(DETAIL_HEADER.to_owned(), detail.to_owned());
    message.headers.insert(ORIGIN_HEADER.to_owned(), origin.to_owned());
    message.headers.insert(ATTEMPTS_HEADER.to_owned(), attempts.to_string());
    Publication { address: Address::dead_letters(), message }
}
