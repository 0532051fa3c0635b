//! Teams: who answers. A team's name is part of its queues' names, so it is a slug.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calendar::CalendarName;

/// Lowercase letters, digits and `-`, starting with a letter or digit, 1 to 64 characters. Shared, because every rule,
/// decision and message names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamName(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("team name {0:?} must be 1 to 64 characters of a-z, 0-9 and '-', starting with a letter or digit")]
pub struct InvalidTeamName(String);

impl TeamName {
    pub const LENGTH_MAX: usize = 64;

    pub fn new(name: impl Into<String>) -> Result<Self, InvalidTeamName> {
        let name = name.into();
        let slug = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid =
            !name.is_empty() && name.len() <= Self::LENGTH_MAX && name.bytes().all(slug) && !name.starts_with('-');
        if valid { Ok(Self(name.into())) } else { Err(InvalidTeamName(name)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TeamName {
    type Error = InvalidTeamName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<TeamName> for String {
    fn from(name: TeamName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for TeamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Of a routed message: which of the team's two queues it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Urgent,
    #[default]
    Normal,
}

impl Priority {
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Normal];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A team, as the rules file or the store describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub name: TeamName,
    /// Shown to people; the name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether people answer here. The default and the handover team must be staffed.
    #[serde(default = "staffed_by_default")]
    pub staffed: bool,
    /// Who takes over when this team's queue is full or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow_team: Option<TeamName>,
    /// Whether what is written to it and by it is shown to its own members alone, and to compliance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidential: bool,
    /// `None`: always at work.
    #[serde(skip)]
    pub hours: Option<TeamHours>,
    /// A message that comes so soon after a person resolved its conversation goes on with it; `None`: as the router is set.
    #[serde(skip)]
    pub reopen_within_hours: Option<u32>,
}

/// When people of a team are at work, and what becomes of its conversations meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamHours {
    pub calendar: CalendarName,
    pub when_closed: WhenClosed,
}

/// What becomes of a message for a team that is closed, unless a person of it holds the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WhenClosed {
    /// It waits there.
    #[default]
    Keep,
    /// The other rules decide, as if this team's were not there.
    DecideAgain,
    /// Another team has it, whether that is open or not.
    Team(TeamName),
}

const fn staffed_by_default() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs() {
        for good in ["billing", "a", "tier-1", "0x"] {
            assert_eq!(TeamName::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "-a", "Billing", "a b", "a.b", "é", "*", long.as_str()] {
            assert!(TeamName::new(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
