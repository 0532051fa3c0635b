//! What the check has found, for a person and for a test.

use std::fmt;

/// Offenders named of each kind of violation; the rest are counted.
const NAMED_MAX: usize = 20;

/// The promises that a ledger can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// What was answered 200 has one decision and is delivered, or is kept once, or is one dead letter. What is kept to be sent comes
    /// to one end.
    I1,
    /// At most one effect: repetitions come under the same id, with the same decision, and no more of them than was in
    /// flight when something broke off. A send is taken once, or says that it may have gone twice.
    I2,
    /// In order per customer.
    I3,
    /// Nothing is sent without consent at its attempt.
    I4,
    /// Nothing but templates is sent outside of the customer service window.
    I5,
    /// Nothing unsigned is accepted.
    I6,
    /// Queues drain, and what is parked says why.
    I7,
    /// Nothing of a customer in logs and metrics.
    I9,
    /// The stored input gives the stored decision again.
    I10,
    /// Every decision names a team or the unrouted queue.
    I11,
}

impl Invariant {
    pub const ALL: [Self; 10] =
        [Self::I1, Self::I2, Self::I3, Self::I4, Self::I5, Self::I6, Self::I7, Self::I9, Self::I10, Self::I11];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub invariant: Invariant,
    /// What is wrong, the same text for all of a kind.
    pub what: &'static str,
    /// The test's own ids: a wamid, a message id, a queue, a place in a log. Never what a customer wrote.
    pub offender: String,
}

/// Distinct messages, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// POSTs, repetitions included.
    pub posts: u64,
    pub posts_accepted: u64,
    /// In POSTs that were answered 200.
    pub messages: u64,
    pub delivered: u64,
    /// Dead letters.
    pub parked: u64,
    /// Delivered elsewhere than decided, and saying so.
    pub diverted: u64,
    pub lost: u64,
    /// Statuses and changes in POSTs that were answered 200.
    pub kept: u64,
    /// Delivered under several ids, with several decisions, or more often than the interruptions allow.
    pub doubled: u64,
    /// Deliveries that repeat one under the same id.
    pub redelivered: u64,
    /// How many of those the interruptions allow.
    pub in_flight: u64,
    /// Behind a message that was posted after they were answered 200.
    pub out_of_order: u64,
    /// Not held to the order because they were parked, diverted or replayed; of sends, because they may have gone before.
    pub excepted: u64,
    /// Sends that whoever asked was told to be kept.
    pub asked: u64,
    /// Of those and others, what the platform took.
    pub taken: u64,
    /// Sends that it took more than once.
    pub marked: u64,
}

/// Good when there is no violation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    pub counts: Counts,
    /// Sorted.
    pub violations: Vec<Violation>,
    /// What could not be checked, and why.
    pub unchecked: Vec<(Invariant, &'static str)>,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }

    /// The whole text as the error.
    pub fn into_result(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.is_good(), "{self}");
        Ok(())
    }

    pub fn of(&self, invariant: Invariant) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(move |violation| violation.invariant == invariant)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "posts {} ({} answered 200), statuses and changes {}, messages {}: delivered {}, parked {}, diverted {}, \
             lost {}, doubled {}, redelivered under the same id {} ({} were in flight at an interruption), \
             out of order {} ({} excepted)",
            counts.posts,
            counts.posts_accepted,
            counts.kept,
            counts.messages,
            counts.delivered,
            counts.parked,
            counts.diverted,
            counts.lost,
            counts.doubled,
            counts.redelivered,
            counts.in_flight,
            counts.out_of_order,
            counts.excepted,
        )?;
        if counts.asked + counts.taken > 0 {
            writeln!(f, "sends {}: taken by the platform {}, twice {}", counts.asked, counts.taken, counts.marked)?;
        }
        for (invariant, why) in &self.unchecked {
            writeln!(f, "{invariant} not checked: {why}")?;
        }
        for same in self.violations.chunk_by(|one, other| (one.invariant, one.what) == (other.invariant, other.what)) {
            writeln!(f, "{} violated, {}: {}", same[0].invariant, same[0].what, same.len())?;
            for violation in same.iter().take(NAMED_MAX) {
                writeln!(f, "  {}", violation.offender)?;
            }
            if same.len() > NAMED_MAX {
                writeln!(f, "  and {} more", same.len() - NAMED_MAX)?;
            }
        }
        if self.is_good() { f.write_str("the ledger agrees") } else { f.write_str("THE LEDGER DOES NOT AGREE") }
    }
}
