//! When a send may go, seen from the one before it. Order holds within a conversation and a class (answers, and what the
//! business begins); the classes never wait for each other.

use super::state::SendState;
use crate::time::Timestamp;

/// How long a send waits for the one before at most, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Before one that may or may not have gone.
    pub uncertain_ms: i64,
    /// Strict only: for the delivery of the one before. Meta does not keep the order of what it accepted.
    pub delivery_ms: i64,
    /// Strict only: while Meta's assessment of quality keeps the one before.
    pub held_ms: i64,
}

impl Default for OrderLimits {
    fn default() -> Self {
        Self { uncertain_ms: 120_000, delivery_ms: 60_000, held_ms: 60 * 60 * 1000 }
    }
}

/// The send before, of the same conversation, class and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor {
    pub state: SendState,
    /// When it got into this state.
    pub since: Timestamp,
    /// Of a queued one: when it is due. One that was put off has given up its turn.
    pub due_at: Timestamp,
}

/// Whether a send may go as far as order is concerned. A wait ends with the send's own expiry; it never makes it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Go,
    /// Look again when the one before has changed, and at this instant at the latest where there is one.
    Wait {
        until: Option<Timestamp>,
    },
}

/// The turn of a send whose predecessor is `before`. `strict`: the customer must see it after the one before, so its
/// delivery is waited for.
pub fn turn(before: Option<Predecessor>, strict: bool, now: Timestamp, limits: OrderLimits) -> Turn {
    let Some(before) = before else { return Turn::Go };
    let at_most = |millis: i64| {
        let until = before.since.plus_millis(millis);
        if now < until { Turn::Wait { until: Some(until) } } else { Turn::Go }
    };
    match before.state {
        SendState::Queued if before.due_at > now && !strict => Turn::Go,
        SendState::Queued | SendState::Attempting => Turn::Wait { until: None },
        SendState::Uncertain => at_most(limits.uncertain_ms),
        SendState::Held if strict => at_most(limits.held_ms),
        SendState::Accepted | SendState::Sent if strict => at_most(limits.delivery_ms),
        SendState::Held | SendState::Accepted | SendState::Sent => Turn::Go,
        SendState::Expired | SendState::Refused | SendState::Cancelled | SendState::Failed => Turn::Go,
        SendState::Delivered | SendState::Read | SendState::Played => Turn::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SendState::*;

    const NOW: i64 = 10_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// `age_ms`: how long the one before has been in its state.
    fn check(state: SendState, age_ms: i64, strict: bool, want: Turn) {
        let before = Predecessor { state, since: at(NOW - age_ms), due_at: at(NOW) };
        assert_eq!(turn(Some(before), strict, at(NOW), OrderLimits::default()), want, "{state}, {age_ms}, {strict}");
    }

    #[test]
    fn who_waits_for_whom() {
        let wait = Turn::Wait { until: None };
        let until = |millis: i64| Turn::Wait { until: Some(at(NOW + millis)) };
        for strict in [false, true] {
            check(Queued, 0, strict, wait);
            check(Attempting, 600_000, strict, wait);
            check(Uncertain, 20_000, strict, until(100_000));
            check(Uncertain, 120_000, strict, Turn::Go);
            for state in [Expired, Refused, Cancelled, Failed, Delivered, Read, Played] {
                check(state, 0, strict, Turn::Go);
            }
        }
        for state in [Accepted, Sent, Held] {
            check(state, 0, false, Turn::Go);
        }
        for state in [Accepted, Sent] {
            check(state, 10_000, true, until(50_000));
            check(state, 60_000, true, Turn::Go);
        }
        check(Held, 0, true, until(3_600_000));
        check(Held, 3_600_000, true, Turn::Go);
        assert_eq!(turn(None, true, at(NOW), OrderLimits::default()), Turn::Go);
    }

    #[test]
    fn one_that_was_put_off_holds_up_only_who_must_come_after_it() {
        let before = Predecessor { state: Queued, since: at(NOW), due_at: at(NOW + 1) };
        assert_eq!(turn(Some(before), false, at(NOW), OrderLimits::default()), Turn::Go);
        assert_eq!(turn(Some(before), true, at(NOW), OrderLimits::default()), Turn::Wait { until: None });
    }
}
