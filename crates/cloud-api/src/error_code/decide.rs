//! From a failure to what is done: the table, and the few rules for what no row is about.

use super::{BackOff, Circumstance, Concern, Do, Effect, Row, Scope, Tell, row_of};
use crate::answer::GraphError;

/// Code 100 with this subcode is not about a parameter: the number is gone, or not ours any more.
const NO_SUCH_OBJECT: i64 = 33;
const INVALID_PARAMETER: i64 = 100;

/// What Meta said, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// `None` where it gave no code.
    pub code: Option<i64>,
    /// What `code` is about in particular.
    pub subcode: Option<i64>,
    /// Meta's own word for "try again".
    pub is_transient: bool,
    /// Where it was said.
    pub seen: Seen,
}

/// Where a failure was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// By the API, before the message was accepted, as far as one knows.
    InAnswer {
        /// The status of the answer.
        http_status: u16,
        /// Whether it was an error of the API at all, and not some machine's page on the way.
        is_of_api: bool,
    },
    /// In a `failed` status of an accepted message: it surely has not arrived.
    InStatus,
}

impl Failure {
    /// `error` is `None` where the body was no error of the API.
    pub fn in_answer(http_status: u16, error: Option<&GraphError>) -> Self {
        Self {
            code: error.and_then(|error| error.code),
            subcode: error.and_then(|error| error.subcode),
            is_transient: error.is_some_and(|error| error.is_transient),
            seen: Seen::InAnswer { http_status, is_of_api: error.is_some() },
        }
    }

    /// `code` of a status's first error.
    pub const fn in_status(code: Option<i64>) -> Self {
        Self { code, subcode: None, is_transient: false, seen: Seen::InStatus }
    }
}

/// What some rows ask about the send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// The customer has a number of the United States.
    pub to_us_number: bool,
    /// Meta had to fetch a file from a link.
    pub media_by_link: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the send.
    pub action: Do,
    /// Whether a person must know.
    pub tell: Tell,
    /// What else changes.
    pub effect: Option<Effect>,
    /// What has the fault.
    pub concerns: Concern,
    /// For people, in few words.
    pub meaning: &'static str,
}

/// What is done about a failure.
pub fn decide(failure: &Failure, circumstances: Circumstances) -> Decision {
    let code = match (failure.code, failure.subcode) {
        (Some(INVALID_PARAMETER), Some(NO_SUCH_OBJECT)) => Some(NO_SUCH_OBJECT),
        (code, _) => code,
    };
    let decision = match code.and_then(row_of) {
        Some(row) => by_row(row, circumstances),
        None => by_answer(failure),
    };
    match (decision.action, failure.seen) {
        // Given an accepted message that failed with 131000, then there is nothing to settle: Meta has just said so.
        (Do::SettleThenRetry(back_off), Seen::InStatus) => Decision { action: Do::RetryAfter(back_off), ..decision },
        _ => decision,
    }
}

fn by_row(row: &Row, circumstances: Circumstances) -> Decision {
    let applies = |circumstance| match circumstance {
        Circumstance::ToUsNumber => circumstances.to_us_number,
        Circumstance::MediaByLink => circumstances.media_by_link,
    };
    let exception = row.exception.filter(|(circumstance, _)| applies(*circumstance));
    Decision {
        action: exception.map_or(row.action, |(_, action)| action),
        tell: row.tell,
        effect: row.effect,
        concerns: row.concerns,
        meaning: row.meaning,
    }
}

/// For a code that no row is about, and for none. Sending twice is worse than failing, and losing a queue to a machine on
/// the way is worse than waiting.
fn by_answer(failure: &Failure) -> Decision {
    const TERMINAL: Decision = Decision {
        action: Do::Terminal,
        tell: Tell::AlertIfMany,
        effect: None,
        concerns: Concern::Content,
        meaning: "Meta refuses it",
    };
    let of_service = |action| Decision {
        action,
        tell: Tell::AlertIfMany,
        effect: None,
        concerns: Concern::Service,
        meaning: "something went wrong at Meta",
    };
    let Seen::InAnswer { http_status, is_of_api } = failure.seen else { return TERMINAL };
    match http_status {
        _ if failure.is_transient => of_service(Do::RetryAfter(BackOff::Outage)),
        429 if failure.code.is_none() => Decision {
            action: Do::RetryAfter(BackOff::Throttle),
            tell: Tell::Nobody,
            effect: Some(Effect::Slow(Scope::Number)),
            concerns: Concern::Number,
            meaning: "too fast",
        },
        500.. if failure.code.is_some() => of_service(Do::RetryAfter(BackOff::Outage)),
        // A gateway's page: what stands behind it may have taken the message.
        500.. => of_service(Do::SettleThenRetry(BackOff::Outage)),
        // A success that says nothing of a message.
        200..=299 => of_service(Do::SettleThenRetry(BackOff::Outage)),
        // A proxy's page, a redirection: Meta has not seen the request.
        _ if !is_of_api => Decision { tell: Tell::Alert, ..of_service(Do::RetryAfter(BackOff::Minutes)) },
        _ => TERMINAL,
    }
}
