//! What lapin's errors mean for the caller. Must never put a message's content into a text.

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error, ErrorKind};
use waypost_bus::{BusError, ConsumeEnded};

/// The kinds of refusal that the broker has a code for; anything else may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 404: no such queue or exchange.
    NotFound,
    /// 406: it exists with other arguments.
    Mismatch,
    /// 403 or 530: no permission, wrong password, no such vhost. 405: somebody else has it exclusively.
    Refused,
    /// The connection or channel is gone.
    Lost,
}

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        let ErrorKind::ProtocolError(error) = error.kind() else { return Self::Lost };
        match error.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Self::NotFound,
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Self::Mismatch,
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::RESOURCELOCKED)
            | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Self::Refused,
            AMQPErrorKind::Soft(_) | AMQPErrorKind::Hard(_) => Self::Lost,
        }
    }
}

/// The broker's own words, without lapin's.
pub(crate) fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().as_str().to_owned(),
        _ => error.to_string(),
    }
}

/// What the caller of an operation on `queue` is told.
pub(crate) fn bus_error(queue: &str, error: &Error) -> BusError {
    match Failure::of(error) {
        Failure::NotFound => BusError::NoSuchQueue(queue.to_owned()),
        Failure::Mismatch => BusError::TopologyMismatch { queue: queue.to_owned(), difference: mismatch(error) },
        Failure::Refused => BusError::Refused(reason(error)),
        Failure::Lost => BusError::Unavailable(reason(error)),
    }
}

pub(crate) fn consume_ended(error: &Error) -> ConsumeEnded {
    ConsumeEnded(reason(error))
}

/// What differs between what was declared and what is there.
pub(crate) fn mismatch(error: &Error) -> String {
    difference(&reason(error))
}

/// From "PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q' in vhost 'v': received '1' but current is '2'"
/// what differs: the queue is known, and the vhost is the only one there is.
fn difference(reason: &str) -> String {
    let text = reason.split_once(" - ").map_or(reason, |(_, text)| text);
    let text = text.strip_prefix("inequivalent arg ").unwrap_or(text);
    match (text.split_once(" for queue "), text.split_once("': ")) {
        (Some((argument, _)), Some((_, values))) => format!("{argument}: {values}"),
        (None, _) | (_, None) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let cases = [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'wa.in.p00' in vhost 'v': received '20' but current is '5'",
                "'x-delivery-limit': received '20' but current is '5'",
            ),
            (
                "PRECONDITION_FAILED - invalid property 'durable' for queue 'q' in vhost 'v'",
                "invalid property 'durable' for queue 'q' in vhost 'v'",
            ),
            ("something else", "something else"),
        ];
        for (reason, expected) in cases {
            assert_eq!(difference(reason), expected);
        }
    }
}
