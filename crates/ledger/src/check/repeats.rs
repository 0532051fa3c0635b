//! I2, what comes again under the same id: without a fault nothing, else at most what was in flight at each.

use std::collections::HashMap;

use super::Check;
use crate::{InFlight, Invariant};

impl<'a> Check<'a> {
    /// Names of what came more often than that.
    pub(super) fn i2_repeats_are_bounded(&mut self) -> Vec<&'a str> {
        let mut once_more: HashMap<&str, u64> = HashMap::new();
        // Where nobody could tell what was in flight, whatever comes again counts against their number.
        let (mut any, mut named) = (0, 0);
        for interruption in &self.ledger.interruptions {
            match &interruption.in_flight {
                InFlight::AtMost(count) => any += count,
                InFlight::Ids(ids) => {
                    named += super::count(ids.iter());
                    for id in ids {
                        *once_more.entry(id).or_default() += 1;
                    }
                }
            }
        }
        self.verdict.counts.in_flight = any + named;
        let mut beyond = Vec::new();
        for message in self.index.messages.values() {
            let allowed = once_more.get(message.id.as_str()).copied().unwrap_or_default();
            let left = message.repeats().saturating_sub(allowed);
            beyond.extend((0..left).map(|_| message.name()));
        }
        beyond.sort_unstable();
        beyond.drain(..beyond.len().min(usize::try_from(any).unwrap_or(usize::MAX)));
        for name in &beyond {
            self.violated(Invariant::I2, "delivered again, and was not in flight at an interruption", *name);
        }
        beyond
    }
}
