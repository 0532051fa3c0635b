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
    UnreadableRow,
    NotFound,
    InHand,
    /// All were meant, and there are more than a job takes.
    TooMany,
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

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::QueueMissing => "queue-missing",
            Self::QueueFull => "queue-full",
            Self::NoPermission => "no-permission",
            Self::NotConfirmed => "not-confirmed",
            Self::NoWayBack => "no-way-back",
            Self::DecisionGone => "decision-gone",
            Self::NoTeam => "no-team",
            Self::UnreadableRow => "unreadable-row",
            Self::NotFound => "not-found",
            Self::InHand => "in-hand",
            Self::TooMany => "too-many",
        }
    }
}

/// How many for each reason, by its code.
pub(super) type Tally = BTreeMap<String, u64>;

pub(super) fn add(tally: &mut Tally, why: Left, count: u64) {
    if count > 0 {
        *tally.entry(why.code().to_owned()).or_default() += count;
    }
}

pub(super) fn wire(tally: &Tally) -> Vec<v1::ReasonCount> {
    let wire = |(why, count): (&String, &u64)| v1::ReasonCount { reason: why.clone(), count: wire_count(*count) };
    tally.iter().map(wire).collect()
}

/// Adds a tally to what is told already.
pub(super) fn tell(told: &mut Vec<v1::ReasonCount>, tally: &Tally) {
    for one in wire(tally) {
        match told.iter_mut().find(|other| other.reason == one.reason) {
            Some(other) => other.count += one.count,
            None => told.push(one),
        }
    }
}

pub(super) fn wire_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
