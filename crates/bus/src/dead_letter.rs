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

/// The header of a message that somebody took out of the dead letters to have it handled again: how often.
pub const REPLAY_HEADER: &str = "wp-replay";

/// The header of a request to send that was parked and is replayed: when it was parked first, in milliseconds since the epoch.
/// What was asked for is no younger than that.
pub const PARKED_AT_HEADER: &str = "wp-parked-at";

/// The header of a message that another queue got than its team's, or nobody's: why. It has it for as long as it is there:
/// also when it is replayed to that queue, but not to its team's.
pub const DIVERTED_HEADER: &str = "wp-diverted";

/// What a dead letter's reason is called where neither we nor the broker say why.
const UNKNOWN: &str = "unknown";

/// How often a message was replayed.
pub fn replays(message: &Message) -> u32 {
    message.headers.get(REPLAY_HEADER).map_or(0, |times| times.parse().unwrap_or(1))
}

/// The code of a dead letter's reason, be it one that only a later release or the broker knows.
pub fn reason_code(letter: &Message) -> &str {
    let said = || letter.headers.get(REASON_HEADER).or_else(|| letter.headers.get(BROKERS_REASON_HEADER));
    match DeadLetterReason::of(letter) {
        Some(reason) => reason.code(),
        None => said().map_or(UNKNOWN, String::as_str),
    }
}

/// `letter` as it was, on the way back to the queue that it came from. `None` where it came from no queue.
pub fn replay(mut letter: Message) -> Option<Publication> {
    let address = Address::of_queue(origin(&letter)?)?;
    let times = replays(&letter).saturating_add(1);
    for header in [REASON_HEADER, DETAIL_HEADER, ORIGIN_HEADER, ATTEMPTS_HEADER] {
        letter.headers.remove(header);
    }
    letter.headers.retain(|name, _| !name.starts_with("x-"));
    letter.headers.insert(REPLAY_HEADER.to_owned(), times.to_string());
    Some(Publication { address, message: letter })
}

/// `letter` as it is, with what the broker said of it in words that outlive a publication.
pub fn in_our_words(mut letter: Message) -> Message {
    let reason = Some(reason_code(&letter).to_owned()).filter(|reason| reason != UNKNOWN);
    let origin = origin(&letter).map(str::to_owned);
    for (header, value) in [(REASON_HEADER, reason), (ORIGIN_HEADER, origin)] {
        if let Some(value) = value {
            letter.headers.insert(header.to_owned(), value);
        }
    }
    letter.headers.retain(|name, _| !name.starts_with("x-"));
    letter
}

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
    /// A request to send that cannot be taken as it is, or not from whoever it came from.
    BadSendRequest,
    /// What the store holds for it cannot be read.
    UnreadableRow,
    /// The store refuses it, and will refuse it again.
    Unstorable,
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
    pub const ALL: [Self; 12] = [
        Self::UnparseableBody,
        Self::UnparseablePart,
        Self::TooDeep,
        Self::UndecodableEvent,
        Self::BadSendRequest,
        Self::UnreadableRow,
        Self::Unstorable,
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
            Self::BadSendRequest => "bad-send-request",
            Self::UnreadableRow => "unreadable-row",
            Self::Unstorable => "unstorable",
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
    fn a_reason_that_is_not_ours_keeps_its_name() {
        let letter = |name: &str, reason: &str| Message {
            headers: [(name.to_owned(), reason.to_owned())].into(),
            ..Message::default()
        };
        for (letter, reason) in [
            (Message::default(), "unknown"),
            (letter(REASON_HEADER, "too-deep"), "too-deep"),
            (letter(REASON_HEADER, "of-a-later-release"), "of-a-later-release"),
            (letter(BROKERS_REASON_HEADER, "delivery_limit"), "delivered-too-often"),
            (letter(BROKERS_REASON_HEADER, "maxlen"), "maxlen"),
        ] {
            assert_eq!(reason_code(&letter), reason);
            let again = in_our_words(letter);
            assert_eq!((reason_code(&again), again.headers.keys().any(|name| name.starts_with("x-"))), (reason, false));
        }
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

    #[test]
    fn a_dead_letter_goes_back_as_it_was() {
        let message = Message { id: "1".to_owned(), body: "x".into(), ..Message::default() };
        let letter = |origin| dead_letter(message.clone(), DeadLetterReason::DeliveredTooOften, origin, 5, "").message;
        let back = replay(letter("wa.in.p03")).unwrap();
        assert_eq!((back.address.stream.name(), back.address.key.as_str()), ("wa.events", "in.p03"));
        let want = [(REPLAY_HEADER.to_owned(), "1".to_owned())].into();
        assert_eq!(back.message, Message { headers: want, ..message.clone() });
        let again = replay(dead_letter(back.message, DeadLetterReason::Rejected, "wa.in.p03", 1, "").message).unwrap();
        assert_eq!((replays(&again.message), replays(&message)), (2, 0));
        assert_eq!(replay(letter("ingress")), None);
        assert_eq!(replay(message.clone()), None);
        // On another team's queue it still is not where it was meant for.
        let mut diverted = message.clone();
        diverted.headers.insert(DIVERTED_HEADER.to_owned(), "team vip: queue full".to_owned());
        let letter = dead_letter(diverted.clone(), DeadLetterReason::DeliveredTooOften, "team.desk.normal", 21, "");
        let back = replay(letter.message).unwrap();
        assert_eq!(back.message.headers.get(DIVERTED_HEADER), diverted.headers.get(DIVERTED_HEADER));
        // One that the broker itself gave up keeps its reason when it is only put back, and loses it when replayed.
        let mut given_up = message.clone();
        given_up.headers.insert("x-first-death-reason".to_owned(), "delivery_limit".to_owned());
        given_up.headers.insert("x-first-death-queue".to_owned(), "team.vip.urgent".to_owned());
        let parked = in_our_words(given_up.clone());
        assert!(!parked.headers.keys().any(|name| name.starts_with("x-")), "{parked:?}");
        assert_eq!(DeadLetterReason::of(&parked), Some(DeadLetterReason::DeliveredTooOften));
        for letter in [given_up, parked] {
            let back = replay(letter).unwrap();
            assert_eq!((back.address.key.as_str(), back.message.headers.len()), ("team.vip.urgent", 1));
        }
    }
}
