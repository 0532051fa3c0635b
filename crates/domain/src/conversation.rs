//! A conversation: one stretch of talk between a contact and one of the business's numbers.
//!
//! open → pending (a bot or Meta's agent holds the thread) → snoozed → resolved. One that a person resolved goes on with a
//! message that comes soon; one that ended by idleness never does: the next message starts a new one, which is routed afresh.

use serde::{Deserialize, Serialize};

use crate::ids::{ContactId, ConversationId, NumberName};
use crate::team::{Priority, TeamName};
use crate::time::Timestamp;
use crate::window::{WINDOW_MS, window_end};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationState {
    /// Ours to answer.
    Open,
    /// Another app (a bot, Meta's agent) holds the thread.
    Pending,
    /// Put aside until a person or the customer wakes it.
    Snoozed,
    /// Over.
    Resolved,
}

impl ConversationState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Pending, Self::Snoozed, Self::Resolved];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// How firmly a conversation is its team's: as firmly as somebody decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// Nobody knew better than the default, and no person has answered: the next message is routed afresh.
    Loose,
    /// A rule, words for a person, an overflow or a person's resolve that was reopened decided it.
    Firm,
    /// A person answered: only they, or a rule that says so, give it away.
    Held,
}

impl Binding {
    pub const ALL: [Self; 3] = [Self::Loose, Self::Firm, Self::Held];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loose => "loose",
            Self::Firm => "firm",
            Self::Held => "held",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|binding| binding.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub contact: ContactId,
    pub number: NumberName,
    pub state: ConversationState,
    /// Who answers; `None` until the first message was routed.
    pub team: Option<TeamName>,
    pub priority: Priority,
    /// `None` in conversations of releases that knew no bindings: their team keeps them.
    pub binding: Option<Binding>,
    /// How many messages its teams were sent.
    pub seq: i64,
    pub opened_at: Timestamp,
    /// The last thing either side did.
    pub active_at: Timestamp,
    pub last_inbound_at: Option<Timestamp>,
    /// The last answer of ours that we know of, phone-app echoes included.
    pub last_outbound_at: Option<Timestamp>,
    /// Until when free-form answers are allowed.
    pub window_ends_at: Option<Timestamp>,
    /// When a person ended it; `None` where it is not over, or ended by idleness. Nothing that a person can do sets it yet.
    pub resolved_at: Option<Timestamp>,
    /// The one before, of the same contact on the same number.
    pub previous: Option<ConversationId>,
    /// The last missed call that somebody was asked to answer.
    pub last_call_at: Option<Timestamp>,
}

/// What can happen to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationEvent {
    /// The customer wrote, and the thread is ours.
    CustomerWrote { arrived_at: Timestamp, written_at: Option<Timestamp> },
    /// The customer wrote what ends a talk, such as thanks: it opens the window, and no answer is due.
    CustomerClosed { arrived_at: Timestamp, written_at: Option<Timestamp> },
    /// The customer wrote to whoever holds the thread (`standby`).
    CustomerWroteToOther { arrived_at: Timestamp, written_at: Option<Timestamp> },
    /// A colleague answered in the phone app, or another app did. The store does the same, but for the binding, where only a
    /// status tells of it.
    Answered { at: Timestamp },
    /// `messaging_handovers`: the thread is ours now.
    ControlGained { at: Timestamp },
    /// `messaging_handovers`: another app holds the thread now.
    ControlLost { at: Timestamp },
    /// The idle time ended it.
    Resolved { at: Timestamp },
    /// The customer wrote soon after a person ended it: it goes on, firmly with its team.
    Reopened,
}

impl Conversation {
    pub fn new(id: ConversationId, contact: ContactId, number: NumberName, at: Timestamp) -> Self {
        Self {
            id,
            contact,
            number,
            state: ConversationState::Open,
            team: None,
            priority: Priority::Normal,
            binding: Some(Binding::Loose),
            seq: 0,
            opened_at: at,
            active_at: at,
            last_inbound_at: None,
            last_outbound_at: None,
            window_ends_at: None,
            resolved_at: None,
            previous: None,
            last_call_at: None,
        }
    }

    /// Applies `event`. Events may arrive late and in any order: no instant ever moves backwards.
    pub fn apply(&mut self, event: ConversationEvent) {
        match event {
            ConversationEvent::CustomerWrote { arrived_at, written_at } => {
                self.customer_wrote(arrived_at, written_at);
                self.reopen(ConversationState::Open);
            }
            ConversationEvent::CustomerClosed { arrived_at, written_at } => {
                self.window_ends_at = self.window_ends_at.max(Some(window_end(arrived_at, written_at)));
                self.active_at = self.active_at.max(arrived_at);
            }
            ConversationEvent::CustomerWroteToOther { arrived_at, written_at } => {
                self.customer_wrote(arrived_at, written_at);
                self.reopen(ConversationState::Pending);
            }
            ConversationEvent::Answered { at } => {
                self.last_outbound_at = self.last_outbound_at.max(Some(at));
                self.active_at = self.active_at.max(at);
                // Who answers while another app holds the thread is that app.
                if self.state != ConversationState::Pending {
                    self.binding = Some(Binding::Held);
                }
            }
            ConversationEvent::ControlGained { at } => {
                self.active_at = self.active_at.max(at);
                self.reopen(ConversationState::Open);
            }
            ConversationEvent::ControlLost { at } => {
                self.active_at = self.active_at.max(at);
                self.reopen(ConversationState::Pending);
            }
            ConversationEvent::Resolved { at } => {
                self.active_at = self.active_at.max(at);
                self.state = ConversationState::Resolved;
            }
            ConversationEvent::Reopened => {
                if self.state == ConversationState::Resolved {
                    (self.state, self.binding, self.resolved_at) = (ConversationState::Open, Some(Binding::Firm), None);
                }
            }
        }
    }

    /// Whether a message of `at` reopens it: a person ended it, at most `within_ms` before.
    pub fn may_reopen(&self, at: Timestamp, within_ms: i64) -> bool {
        let resolved = self.state == ConversationState::Resolved;
        resolved && self.resolved_at.is_some_and(|resolved_at| at.millis_since(resolved_at) <= within_ms)
    }

    /// Whether the customer wrote last, so that an answer is due.
    ///
    /// Given webhooks that came a quarter of an hour late, then an answer is dated by Meta and the arrival of what it answers
    /// by us; so the customer wrote when their window began, which is the earlier of both clocks.
    pub fn waits(&self) -> bool {
        let began = self.window_ends_at.map(|ends_at| ends_at.plus_millis(-WINDOW_MS));
        let wrote = self.last_inbound_at.map(|arrived| began.map_or(arrived, |began| began.min(arrived)));
        wrote.is_some_and(|wrote| self.last_outbound_at.is_none_or(|answered| answered < wrote))
    }

    /// Whether nothing happened for `idle_ms`, so that it counts as resolved.
    pub const fn is_idle(&self, now: Timestamp, idle_ms: i64) -> bool {
        now.millis_since(self.active_at) >= idle_ms
    }

    fn customer_wrote(&mut self, arrived_at: Timestamp, written_at: Option<Timestamp>) {
        let ends_at = window_end(arrived_at, written_at);
        self.window_ends_at = self.window_ends_at.max(Some(ends_at));
        self.last_inbound_at = self.last_inbound_at.max(Some(arrived_at));
        self.active_at = self.active_at.max(arrived_at);
    }

    fn reopen(&mut self, state: ConversationState) {
        match self.state {
            ConversationState::Open | ConversationState::Pending | ConversationState::Snoozed => self.state = state,
            ConversationState::Resolved => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }
    fn fresh() -> Conversation {
        let id = ConversationId::from_uuid(Uuid::from_u128(1));
        Conversation::new(id, ContactId::from_uuid(Uuid::from_u128(2)), NumberName::new("support-es").unwrap(), at(0))
    }

    #[test]
    fn states_follow_who_holds_the_thread() {
        let mut talk = fresh();
        let steps = [
            (
                ConversationEvent::CustomerWroteToOther { arrived_at: at(1), written_at: None },
                ConversationState::Pending,
            ),
            (ConversationEvent::ControlGained { at: at(2) }, ConversationState::Open),
            (ConversationEvent::ControlLost { at: at(3) }, ConversationState::Pending),
            (ConversationEvent::CustomerWrote { arrived_at: at(4), written_at: None }, ConversationState::Open),
            (ConversationEvent::Answered { at: at(5) }, ConversationState::Open),
            (ConversationEvent::Resolved { at: at(6) }, ConversationState::Resolved),
            (ConversationEvent::CustomerWrote { arrived_at: at(7), written_at: None }, ConversationState::Resolved),
        ];
        for (event, want) in steps {
            talk.apply(event);
            assert_eq!(talk.state, want, "after {event:?}");
        }
    }

    #[test]
    fn late_events_move_no_instant_backwards() {
        let mut talk = fresh();
        talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(500), written_at: Some(at(400)) });
        talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(300), written_at: Some(at(100)) });
        talk.apply(ConversationEvent::Answered { at: at(200) });
        assert_eq!(talk.active_at, at(500));
        assert_eq!(talk.last_inbound_at, Some(at(500)));
        assert_eq!(talk.window_ends_at, Some(at(400 + WINDOW_MS)));
    }

    #[test]
    fn the_window_is_counted_from_the_earlier_clock() {
        assert_eq!(window_end(at(1_000), Some(at(5_000))), at(1_000 + WINDOW_MS));
        assert_eq!(window_end(at(5_000), Some(at(1_000))), at(1_000 + WINDOW_MS));
        assert_eq!(window_end(at(5_000), None), at(5_000 + WINDOW_MS));
    }

    #[test]
    fn an_answer_binds_unless_another_app_gave_it() {
        let mut talk = fresh();
        let wrote = |ms| ConversationEvent::CustomerWrote { arrived_at: at(ms), written_at: None };
        assert_eq!((talk.binding, talk.waits()), (Some(Binding::Loose), false));
        talk.apply(ConversationEvent::ControlLost { at: at(1) });
        talk.apply(ConversationEvent::Answered { at: at(2) });
        assert_eq!(talk.binding, Some(Binding::Loose), "of the app that holds the thread");
        talk.apply(wrote(3));
        assert!(talk.waits());
        talk.apply(ConversationEvent::Answered { at: at(4) });
        assert_eq!((talk.binding, talk.waits()), (Some(Binding::Held), false));
        talk.apply(wrote(5));
        assert_eq!((talk.binding, talk.waits()), (Some(Binding::Held), true));
    }

    #[test]
    fn an_answer_is_one_though_what_it_answers_came_late() {
        let mut talk = fresh();
        talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(900), written_at: Some(at(100)) });
        talk.apply(ConversationEvent::Answered { at: at(99) });
        assert!(talk.waits(), "the answer to something earlier");
        talk.apply(ConversationEvent::Answered { at: at(400) });
        assert!(!talk.waits());
        talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(950), written_at: Some(at(401)) });
        assert!(talk.waits());
    }

    #[test]
    fn what_a_person_ended_may_go_on_and_what_fell_silent_may_not() {
        let mut talk = fresh();
        talk.apply(ConversationEvent::Resolved { at: at(1_000) });
        assert!(!talk.may_reopen(at(1_000), 500), "it fell silent");
        talk.resolved_at = Some(at(1_000));
        assert!(talk.may_reopen(at(1_500), 500) && !talk.may_reopen(at(1_501), 500));
        talk.apply(ConversationEvent::Reopened);
        assert_eq!((talk.state, talk.binding), (ConversationState::Open, Some(Binding::Firm)));
        assert!(!talk.may_reopen(at(1_500), 500), "it is open");
    }

    #[test]
    fn thanks_are_no_turn() {
        let mut talk = fresh();
        talk.apply(ConversationEvent::CustomerWrote { arrived_at: at(1), written_at: None });
        talk.apply(ConversationEvent::Answered { at: at(2) });
        talk.apply(ConversationEvent::CustomerClosed { arrived_at: at(3), written_at: None });
        assert_eq!((talk.waits(), talk.active_at), (false, at(3)));
        assert_eq!(talk.window_ends_at, Some(at(3 + WINDOW_MS)));
    }

    #[test]
    fn idle_is_measured_from_the_last_activity() {
        let mut talk = fresh();
        talk.apply(ConversationEvent::Answered { at: at(100) });
        assert!(!talk.is_idle(at(1_099), 1_000));
        assert!(talk.is_idle(at(1_100), 1_000));
    }
}
