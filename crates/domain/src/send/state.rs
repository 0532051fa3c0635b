//! How far a send has come. Two rules, for two kinds of news: what Meta tells arrives twice, late and in any order, so the
//! highest rank wins; what we do ourselves is a step from a known state, compared and set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The states in the order of their rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendState {
    /// Waits for its turn, its time, or a retry.
    Queued,
    /// Written before the first byte of the request, so that a crash is seen.
    Attempting,
    /// Bytes were written and no answer was read: it may have been accepted. Meta knows no idempotency key.
    Uncertain,
    /// Of no use any more before it could go.
    Expired,
    /// Not allowed, by `waypost-policy`.
    Refused,
    /// Taken back by a person or a timer before it went.
    Cancelled,
    /// Accepted, and kept back by Meta's assessment of quality (`held_for_quality_assessment`).
    Held,
    /// Meta has it. Not delivered yet, perhaps never.
    Accepted,
    /// On its way from Meta's servers.
    Sent,
    /// By Meta's word, in the answer or in a status.
    Failed,
    /// On a device. One device may fail while another has it, so this outranks `failed`
    /// (Meta's page on troubleshooting, "a message has two statuses").
    Delivered,
    Read,
    /// A voice note was listened to.
    Played,
}

/// What we do ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// It is its turn, and it is allowed.
    Attempt,
    /// No byte was sent, or the answer said to try again later.
    Retry,
    /// The answer did not come.
    LoseAnswer,
    /// An answer that never came is settled as "send it again", which is flagged.
    SendAgain,
    Expire,
    Refuse,
    Cancel,
}

impl SendState {
    /// All of them, by rank.
    pub const ALL: [Self; 13] = [
        Self::Queued,
        Self::Attempting,
        Self::Uncertain,
        Self::Expired,
        Self::Refused,
        Self::Cancelled,
        Self::Held,
        Self::Accepted,
        Self::Sent,
        Self::Failed,
        Self::Delivered,
        Self::Read,
        Self::Played,
    ];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Attempting => "attempting",
            Self::Uncertain => "uncertain",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
        }
    }

    /// Of its word; `None` for words of later releases.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Stored beside the word, so that a statement of the store can take the highest. Never renumbered; there is space
    /// between them for states to come.
    pub const fn rank(self) -> i16 {
        match self {
            Self::Queued => 0,
            Self::Attempting => 10,
            Self::Uncertain => 20,
            // What we ended ourselves, and Meta then tells of all the same, went after all: the truth wins.
            Self::Expired => 30,
            Self::Refused => 32,
            Self::Cancelled => 34,
            Self::Held => 40,
            Self::Accepted => 50,
            Self::Sent => 60,
            Self::Failed => 70,
            Self::Delivered => 80,
            Self::Read => 90,
            Self::Played => 100,
        }
    }

    /// Whether no step of ours leads on from here. Statuses may.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Attempting | Self::Uncertain | Self::Held | Self::Accepted | Self::Sent => false,
            Self::Expired | Self::Refused | Self::Cancelled | Self::Failed => true,
            Self::Delivered | Self::Read | Self::Played => true,
        }
    }

    /// Whether Meta may have it, so that sending it once more could bring it twice.
    pub const fn may_have_left(self) -> bool {
        match self {
            Self::Queued | Self::Expired | Self::Refused | Self::Cancelled => false,
            Self::Attempting | Self::Uncertain | Self::Held | Self::Accepted | Self::Sent => true,
            Self::Failed | Self::Delivered | Self::Read | Self::Played => true,
        }
    }

    /// The state after Meta told of `told`. A late `sent` lifts neither `failed` nor `read`.
    #[must_use]
    pub fn after(self, told: Self) -> Self {
        self.max(told)
    }

    /// The state after a step of ours; `None` where it does not lead on from here, as when a status was faster.
    pub const fn step(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Queued, Step::Attempt) => Some(Self::Attempting),
            (Self::Attempting, Step::Retry) => Some(Self::Queued),
            (Self::Attempting, Step::LoseAnswer) => Some(Self::Uncertain),
            (Self::Uncertain, Step::SendAgain) => Some(Self::Queued),
            (Self::Queued | Self::Uncertain, Step::Expire) => Some(Self::Expired),
            // The verdict is given in the transaction that would write `attempting`.
            (Self::Queued, Step::Refuse) => Some(Self::Refused),
            (Self::Queued, Step::Cancel) => Some(Self::Cancelled),
            (_, Step::Attempt | Step::Retry | Step::LoseAnswer | Step::SendAgain) => None,
            (_, Step::Expire | Step::Refuse | Step::Cancel) => None,
        }
    }
}

impl fmt::Display for SendState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_ranks_follow_the_order() {
        let mut before = -1;
        for state in SendState::ALL {
            assert_eq!(SendState::parse(state.as_str()), Some(state));
            assert!(state.rank() > before, "{state}");
            before = state.rank();
        }
        assert!(SendState::ALL.is_sorted());
    }

    #[test]
    fn what_meta_tells_only_lifts() {
        use SendState::*;
        for (state, told, want) in [
            (Attempting, Sent, Sent),
            (Attempting, Delivered, Delivered),
            (Sent, Accepted, Sent),
            (Read, Sent, Read),
            (Read, Delivered, Read),
            (Failed, Sent, Failed),
            (Failed, Delivered, Delivered),
            (Delivered, Failed, Delivered),
            (Held, Failed, Failed),
            (Held, Sent, Sent),
            (Uncertain, Sent, Sent),
            (Expired, Sent, Sent),
            (Cancelled, Accepted, Accepted),
            (Read, Played, Played),
        ] {
            assert_eq!(state.after(told), want, "{told} after {state}");
        }
    }

    #[test]
    fn our_own_steps_lead_from_where_they_may_only() {
        use SendState::*;
        let allowed = [
            (Queued, Step::Attempt, Attempting),
            (Queued, Step::Expire, Expired),
            (Queued, Step::Refuse, Refused),
            (Queued, Step::Cancel, Cancelled),
            (Attempting, Step::Retry, Queued),
            (Attempting, Step::LoseAnswer, Uncertain),
            (Uncertain, Step::SendAgain, Queued),
            (Uncertain, Step::Expire, Expired),
        ];
        let steps =
            [Step::Attempt, Step::Retry, Step::LoseAnswer, Step::SendAgain, Step::Expire, Step::Refuse, Step::Cancel];
        for state in SendState::ALL {
            for step in steps {
                let want = allowed.iter().find(|(from, by, _)| (*from, *by) == (state, step)).map(|(_, _, to)| *to);
                assert_eq!(state.step(step), want, "{step:?} from {state}");
            }
        }
    }

    #[test]
    fn nothing_final_goes_on_by_itself_or_can_be_taken_for_not_sent() {
        for state in SendState::ALL {
            if state.is_final() {
                assert_eq!(state.step(Step::Attempt), None, "{state}");
            }
            if state.rank() >= SendState::Held.rank() {
                assert!(state.may_have_left(), "{state}");
            }
        }
    }
}
