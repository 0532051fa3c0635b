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
/// The header with how often it was tried.
pub const ATTEMPTS_HEADER: &str = "wp-attempts";

/// RabbitMQ's own headers: why it gave a message up, and in which queue.
const BROKERS_REASON_HEADER: &str = "x-first-death-reason";
const BROKERS_ORIGIN_HEADER: &str = "x-first-death-queue";

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
    /// The handler panicked on it again and again, while it was handled alone.
    HandlerPanicked,
    /// One process after the other ended while it handled this message alone.
    WorkerDied,
    /// The bus gave it up: delivered more often than its queue allows, and never acknowledged.
    DeliveredTooOften,
    /// A consumer that is none of ours refused it.
    Rejected,
    /// It waited longer than a policy of the broker's allows.
    Expired,
}

impl DeadLetterReason {
    pub const ALL: [Self; 9] = [
        Self::UnparseableBody,
        Self::UnparseablePart,
        Self::TooDeep,
        Self::UndecodableEvent,
        Self::HandlerPanicked,
        Self::WorkerDied,
        Self::DeliveredTooOften,
        Self::Rejected,
        Self::Expired,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::UnparseableBody => "unparseable-body",
            Self::UnparseablePart => "unparseable-part",
            Self::TooDeep => "too-deep",
            Self::UndecodableEvent => "undecodable-event",
            Self::HandlerPanicked => "handler-panicked",
            Self::WorkerDied => "worker-died",
            Self::DeliveredTooOften => "delivered-too-often",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Why a dead letter is one. What the broker has dead-lettered on its own has no header of ours, but its own.
    pub fn of(message: &Message) -> Option<Self> {
        if let Some(code) = message.headers.get(REASON_HEADER) {
            return Self::ALL.into_iter().find(|reason| reason.code() == code);
        }
        match message.headers.get(BROKERS_REASON_HEADER)?.as_str() {
            "delivery_limit" => Some(Self::DeliveredTooOften),
            "rejected" => Some(Self::Rejected),
            "expired" => Some(Self::Expired),
            _ => None,
        }
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The queue or component that gave this dead letter up.
pub fn origin(message: &Message) -> Option<&str> {
    let headers = &message.headers;
    headers.get(ORIGIN_HEADER).or_else(|| headers.get(BROKERS_ORIGIN_HEADER)).map(String::as_str)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dead_letter_says_why() {
        for reason in DeadLetterReason::ALL {
            let letter = dead_letter(Message::default(), reason, "wa.in.p00", 3, "");
            assert_eq!(
                (DeadLetterReason::of(&letter.message), origin(&letter.message)),
                (Some(reason), Some("wa.in.p00"))
            );
        }
        assert_eq!(DeadLetterReason::of(&Message::default()), None);
    }

    #[test]
    fn the_broker_says_why_in_its_own_words() {
        let cases = [
            ("delivery_limit", Some(DeadLetterReason::DeliveredTooOften)),
            ("rejected", Some(DeadLetterReason::Rejected)),
            ("expired", Some(DeadLetterReason::Expired)),
            // Our queues refuse what is too much.
            ("maxlen", None),
        ];
        for (word, expected) in cases {
            let mut message = Message::default();
            message.headers.insert("x-first-death-reason".to_owned(), word.to_owned());
            message.headers.insert("x-first-death-queue".to_owned(), "team.vip.urgent".to_owned());
            assert_eq!((DeadLetterReason::of(&message), origin(&message)), (expected, Some("team.vip.urgent")));
        }
    }
}
