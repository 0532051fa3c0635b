//! The customer service window: how long a business may answer freely after the customer wrote or called.
//!
//! Source: Meta's page on sending messages, "customer service windows". It is one window for each pair of contact and number.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The customer service window: 24 h, less a minute for clocks that disagree.
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1000 - 60 * 1000;

/// When the customer service window that this message opened ends. The earlier of the two instants counts: with
/// clocks that disagree we close early rather than send outside the window.
pub fn window_end(arrived_at: Timestamp, written_at: Option<Timestamp>) -> Timestamp {
    let start = written_at.map_or(arrived_at, |written_at| written_at.min(arrived_at));
    start.plus_millis(WINDOW_MS)
}

/// The window of one contact on one of our numbers. Meta's answer outranks our clock: once it says that the window is
/// closed (131047), the stored end is the instant of that answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window {
    /// `None`: the customer never wrote to this number.
    pub ends_at: Option<Timestamp>,
}

impl Window {
    /// Of a customer who never wrote.
    pub const CLOSED: Self = Self { ends_at: None };

    /// Of a customer who wrote, open until then.
    pub const fn until(ends_at: Timestamp) -> Self {
        Self { ends_at: Some(ends_at) }
    }

    /// Whether free-form messages may be sent at `now`. Its end is outside.
    pub fn is_open(self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|ends_at| now < ends_at)
    }

    /// When the customer wrote what opened it last, as far as the end tells.
    pub fn opened_at(self) -> Option<Timestamp> {
        self.ends_at.map(|ends_at| ends_at.plus_millis(-WINDOW_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_day_less_a_minute_and_its_end_is_outside() {
        assert_eq!(WINDOW_MS, (23 * 60 + 59) * 60_000);
        let at = Timestamp::from_millis;
        let window = Window::until(window_end(at(1_000), Some(at(400))));
        assert_eq!(window.opened_at(), Some(at(400)));
        for (now, open) in [(at(0), true), (at(400 + WINDOW_MS - 1), true), (at(400 + WINDOW_MS), false)] {
            assert_eq!(window.is_open(now), open, "{now:?}");
        }
        assert!(!Window::CLOSED.is_open(at(0)));
    }
}
