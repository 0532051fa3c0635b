//! What the entries of one contact come to, for one brand: by the customer's time, and where that does not decide, by what is
//! stricter.
//!
//! A stop is lifted only by a grant that the same contact made after it; where contacts were merged since, only by a grant
//! made after the merge. An import that does not tell when it was said lifts nothing.

use std::cmp::Reverse;

use super::{ConsentEntry, Consents, EffectiveConsent, Grant, Said, Stop};
use crate::category::Category;
use crate::ids::ContactId;
use crate::time::Timestamp;

/// What the fold has to know besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folding {
    pub now: Timestamp,
    /// When the last of the contact's merges happened.
    pub merged_at: Option<Timestamp>,
    /// After how long a grant that was not made again lapses, in milliseconds.
    pub reconfirm_ms: Option<i64>,
    /// When the customer was last told that a stop was understood.
    pub confirmed_at: Option<Timestamp>,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folded {
    pub consents: Consents,
    /// Something looks like a stop, and nobody has judged it yet.
    pub has_suspected_stop: bool,
}

/// A withdrawal that nothing lifted so far.
#[derive(Clone, Copy)]
struct Withdrawal {
    by: ContactId,
    at: Timestamp,
}

/// Where one category stands while the entries are gone through.
#[derive(Clone, Copy, Default)]
struct Standing {
    consent: EffectiveConsent,
    granted_at: Option<Timestamp>,
    withdrawn: Option<Withdrawal>,
}

/// Folds the entries of a contact and of all who became part of it, in any order. `brand`: of whose numbers.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a ConsentEntry>, brand: &str, folding: &Folding) -> Folded {
    let mut entries: Vec<&ConsentEntry> = entries.into_iter().filter(|entry| entry.brand == brand).collect();
    // What is not dated was said before everything else, as far as anybody knows; of two at once the stricter comes last.
    entries.sort_by_key(|entry| (entry.at, strictness(entry.said), Reverse(entry.recorded_at), entry.id));
    let mut standings = [Standing::default(); CATEGORIES.len()];
    let mut stop: Option<Withdrawal> = None;
    let mut suspected = false;
    for entry in entries {
        match entry.said {
            Said::Suspected => suspected = true,
            Said::NoStop => suspected = false,
            // Whoever agrees anew did not mean it, or thought better of it; not dated, it may have been before.
            Said::Granted(_) if entry.at.is_some() => suspected = false,
            Said::Withdrawn | Said::Granted(_) | Said::Pending => {}
        }
        let withdrawal = withdrawal(entry);
        if entry.category.is_none() && withdrawal.is_some() {
            stop = later(stop, withdrawal);
            suspected = false;
        }
        if stop.is_some_and(|stop| entry.said.basis().is_some() && lifts(entry, stop, folding)) {
            stop = None;
        }
        for (category, standing) in CATEGORIES.into_iter().zip(&mut standings) {
            if entry.category.is_none_or(|about| about == category) {
                standing.take(entry, folding);
            }
        }
    }
    let [marketing, utility, authentication] = standings.map(|standing| standing.by_now(folding));
    let is_confirmed = |stop: Withdrawal| folding.confirmed_at.is_some_and(|at| at >= stop.at);
    let stop = stop.map(|stop| Stop { at: stop.at, is_confirmed: is_confirmed(stop) });
    Folded { consents: Consents { marketing, utility, authentication, stop }, has_suspected_stop: suspected }
}

/// Of which there can be consent.
const CATEGORIES: [Category; 3] = [Category::Marketing, Category::Utility, Category::Authentication];

const fn strictness(said: Said) -> u8 {
    match said {
        Said::Granted(_) => 0,
        Said::Pending => 1,
        Said::NoStop => 2,
        Said::Suspected => 3,
        Said::Withdrawn => 4,
    }
}

/// A withdrawal that is not dated counts from when it was written down: never too early.
fn withdrawal(entry: &ConsentEntry) -> Option<Withdrawal> {
    let at = entry.at.unwrap_or(entry.recorded_at);
    (entry.said == Said::Withdrawn).then_some(Withdrawal { by: entry.contact, at })
}

fn later(one: Option<Withdrawal>, other: Option<Withdrawal>) -> Option<Withdrawal> {
    [one, other].into_iter().flatten().max_by_key(|withdrawal| withdrawal.at)
}

fn lifts(grant: &ConsentEntry, withdrawn: Withdrawal, folding: &Folding) -> bool {
    let Some(at) = grant.at else { return false };
    let is_theirs = grant.contact == withdrawn.by || folding.merged_at.is_none_or(|merged_at| at > merged_at);
    at > withdrawn.at && is_theirs
}

impl Standing {
    fn take(&mut self, entry: &ConsentEntry, folding: &Folding) {
        let is_free = self.withdrawn.is_none_or(|withdrawn| lifts(entry, withdrawn, folding));
        match entry.said {
            Said::Withdrawn => {
                let withdrawn = later(self.withdrawn, withdrawal(entry));
                *self = Self { consent: EffectiveConsent::Withdrawn, granted_at: None, withdrawn };
            }
            Said::Granted(basis) if is_free => {
                let grant = Grant { basis, entry: Some(entry.id) };
                *self = Self { consent: EffectiveConsent::Granted(grant), granted_at: entry.at, withdrawn: None };
            }
            // A second opt-in that is begun takes nothing away from the first.
            Said::Pending if is_free && !matches!(self.consent, EffectiveConsent::Granted(_)) => {
                self.consent = EffectiveConsent::Pending;
            }
            Said::Granted(_) | Said::Pending | Said::Suspected | Said::NoStop => {}
        }
    }

    fn by_now(self, folding: &Folding) -> EffectiveConsent {
        let lapses_at = self.granted_at.zip(folding.reconfirm_ms).map(|(at, after)| at.plus_millis(after));
        match self.consent {
            EffectiveConsent::Granted(_) if lapses_at.is_some_and(|at| folding.now >= at) => EffectiveConsent::Lapsed,
            consent => consent,
        }
    }
}

#[cfg(test)]
mod tests;
