//! Why a parked message that was meant stays parked. The codes are part of the interface: `dead_letters.proto` lists them.

use std::collections::BTreeMap;

use waypost_bus::Outcome;
use waypost_proto::admin_v1 as v1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    QueueMissing,
    QueueFull,
    NoPermission,
    /// The bus is in trouble: it may be back in its queue all the same, under the same id.
    NotConfirmed,
    NoWayBack,
    DecisionGone,
    NoTeam,
    NotFound,
}

impl Left {
    /// `None`: it is where it shall be.
    pub(super) const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Confirmed => None,
            Outcome::Returned => Some(Self::QueueMissing),
            Outcome::Nacked => Some(Self::QueueFull),
            Outcome::Refused => Some(Self::NoPermission),
            Outcome::Unavailable | Outcome::Unknown => Some(Self::NotConfirmed),
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::QueueMissing => "queue-missing",
            Self::QueueFull => "queue-full",
            Self::NoPermission => "no-permission",
            Self::NotConfirmed => "not-confirmed",
            Self::NoWayBack => "no-way-back",
            Self::DecisionGone => "decision-gone",
            Self::NoTeam => "no-team",
            Self::NotFound => "not-found",
        }
    }
}

/// How many for each reason.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Left, i64>);

impl Tally {
    pub(super) fn add(&mut self, why: Left) {
        *self.0.entry(why).or_default() += 1;
    }

    pub(super) fn wire(&self) -> Vec<v1::ReasonCount> {
        let wire = |(why, count): (&Left, &i64)| v1::ReasonCount { reason: why.code().to_owned(), count: *count };
        self.0.iter().map(wire).collect()
    }
}
