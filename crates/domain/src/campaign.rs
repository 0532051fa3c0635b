//! Campaigns: one template to many contacts, put in the queue at a pace of their own. Here is only what a campaign is called
//! and which state it goes to from which; whether anybody may be written to is judged for each send.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ContactId;
use crate::send::{InvalidSendId, SendId};
use crate::time::Timestamp;

/// What a campaign is called, for good: 1 to 63 small letters, digits and dashes, a letter or digit first. It goes to Meta
/// within the ids of its sends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CampaignName(String);

/// A text that can be no [`CampaignName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 63 small letters, digits and dashes, beginning with a letter or a digit")]
pub struct InvalidCampaignName;

impl CampaignName {
    /// Characters of the longest.
    pub const LENGTH_MAX: usize = 63;

    /// Checks it.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidCampaignName> {
        let name = name.into();
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = (1..=Self::LENGTH_MAX).contains(&name.len())
            && name.bytes().next().is_some_and(is_word)
            && name.bytes().all(|byte| is_word(byte) || byte == b'-');
        if valid { Ok(Self(name)) } else { Err(InvalidCampaignName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of its send to a contact: the same whoever puts it in the queue, however often.
    pub fn send_id(&self, contact: ContactId) -> Result<SendId, InvalidSendId> {
        SendId::new(format!("campaigns/{}/{contact}", self.0))
    }
}

impl TryFrom<String> for CampaignName {
    type Error = InvalidCampaignName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<CampaignName> for String {
    fn from(name: CampaignName) -> Self {
        name.0
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CampaignState {
    /// Recipients are added; nothing goes.
    Draft,
    /// It begins by itself at its time.
    Scheduled,
    Running,
    /// What is queued of it is not sent.
    Paused,
    /// Every recipient has an end.
    Completed,
    /// Ended by a person; what had not gone by then does not go.
    Cancelled,
}

/// What a person does with a campaign. That its time has come, and that all have an end, the store finds out by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CampaignStep {
    /// `later`: at a time to come.
    Start {
        later: bool,
    },
    Pause,
    /// `later`: its time has not come yet.
    Resume {
        later: bool,
    },
    Cancel,
}

impl CampaignState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Scheduled, Self::Running, Self::Paused, Self::Completed, Self::Cancelled];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Of its word; `None` for words of later releases.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Where the step leads; `None` where it cannot be made.
    #[must_use]
    pub const fn step(self, step: CampaignStep) -> Option<Self> {
        match (self, step) {
            (Self::Draft, CampaignStep::Start { later: true })
            | (Self::Paused, CampaignStep::Resume { later: true }) => Some(Self::Scheduled),
            (Self::Draft, CampaignStep::Start { later: false })
            | (Self::Paused, CampaignStep::Resume { later: false }) => Some(Self::Running),
            (Self::Scheduled | Self::Running, CampaignStep::Pause) => Some(Self::Paused),
            (Self::Scheduled | Self::Running | Self::Paused, CampaignStep::Cancel) => Some(Self::Cancelled),
            (Self::Draft, _) | (Self::Scheduled, _) | (Self::Running, _) | (Self::Paused, _) => None,
            (Self::Completed | Self::Cancelled, _) => None,
        }
    }
}

impl fmt::Display for CampaignState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many may be put in the queue by a campaign's pace: one in each interval, and at most a second's worth at once after a time
/// in which nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paced {
    /// Between two sends; 0 for no limit.
    interval_us: i64,
    /// From when on the next one may be, in microseconds since 1970.
    next_us: i64,
}

impl Paced {
    /// What may be made up for.
    const BEHIND_US: i64 = 1_000_000;

    /// `per_minute`: 0 for no limit. `next_us`: as [`Self::after`] gave it last, 0 at the beginning.
    pub const fn new(per_minute: u32, next_us: i64) -> Self {
        let interval_us = if per_minute == 0 { 0 } else { 60_000_000 / per_minute as i64 };
        Self { interval_us, next_us }
    }

    /// How many may be put in the queue at `now`, at most `max`.
    pub fn room(self, now: Timestamp, max: u32) -> u32 {
        if self.interval_us == 0 {
            return max;
        }
        let (now_us, from) = (now.as_millis().saturating_mul(1000), self.from(now));
        let room = if from > now_us { 0 } else { (now_us - from) / self.interval_us + 1 };
        u32::try_from(room).unwrap_or(u32::MAX).min(max)
    }

    /// From when on the next one may be, after `count` were put there at `now`.
    pub fn after(self, now: Timestamp, count: u32) -> i64 {
        self.from(now).saturating_add(self.interval_us.saturating_mul(count.into()))
    }

    fn from(self, now: Timestamp) -> i64 {
        self.next_us.max(now.as_millis().saturating_mul(1000) - Self::BEHIND_US)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::CampaignState::*;
    use super::*;

    #[test]
    fn a_name_is_a_word_that_may_go_to_meta() {
        for good in ["winter", "2026-12-winter", "a", &"x".repeat(63)] {
            assert_eq!(CampaignName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Winter", "win ter", "winter/1", "é", "a_b", &"x".repeat(64)] {
            assert_eq!(CampaignName::new(bad), Err(InvalidCampaignName), "{bad:?}");
        }
        assert!(serde_json::from_str::<CampaignName>("\"A\"").is_err());
    }

    #[test]
    fn the_longest_name_makes_an_id() {
        let name = CampaignName::new("x".repeat(63)).unwrap();
        let id = name.send_id(ContactId::from_uuid(Uuid::nil())).unwrap();
        assert!(
            id.as_str().starts_with("campaigns/xxx") && id.as_str().ends_with("/00000000-0000-0000-0000-000000000000")
        );
    }

    #[test]
    fn a_pace_is_kept_to_whoever_looks_how_often() {
        for (per_minute, every_ms, want) in [(60, 100, 60), (600, 100, 600), (7, 1000, 7), (60_000, 10, 60_000)] {
            let (mut next_us, mut count) = (Paced::new(per_minute, 0).after(Timestamp::from_millis(1_000_000), 0), 0);
            for look in 0..60_000 / every_ms {
                let now = Timestamp::from_millis(1_000_000 + look * every_ms);
                let paced = Paced::new(per_minute, next_us);
                let room = paced.room(now, 10_000);
                next_us = paced.after(now, room);
                count += room;
            }
            let at_most = want + per_minute.div_ceil(60) + 1;
            assert!((want..=at_most).contains(&count), "{per_minute} a minute: {count}");
        }
        let late = Timestamp::from_millis(10_000_000);
        assert_eq!(Paced::new(600, 1).room(late, 1_000), 11, "what nobody did for hours is not made up for");
        assert_eq!((Paced::new(600, 1).room(late, 3), Paced::new(0, 1).room(late, 500)), (3, 500));
        assert_eq!(Paced::new(60, late.as_millis() * 1000 + 1).room(late, 500), 0);
    }

    #[test]
    fn each_step_leads_where_the_table_says() {
        let steps = [
            CampaignStep::Start { later: false },
            CampaignStep::Start { later: true },
            CampaignStep::Pause,
            CampaignStep::Resume { later: false },
            CampaignStep::Resume { later: true },
            CampaignStep::Cancel,
        ];
        let none = None;
        let table = [
            (Draft, [Some(Running), Some(Scheduled), none, none, none, none]),
            (Scheduled, [none, none, Some(Paused), none, none, Some(Cancelled)]),
            (Running, [none, none, Some(Paused), none, none, Some(Cancelled)]),
            (Paused, [none, none, none, Some(Running), Some(Scheduled), Some(Cancelled)]),
            (Completed, [none; 6]),
            (Cancelled, [none; 6]),
        ];
        for (state, wanted) in table {
            assert_eq!(CampaignState::parse(state.as_str()), Some(state));
            for (step, want) in steps.into_iter().zip(wanted) {
                assert_eq!(state.step(step), want, "{state}, {step:?}");
            }
        }
    }
}
