//! Which version of the rules had to decide a message: known from when it was decided, for whom, and what was in force.

use std::collections::{BTreeMap, BTreeSet};

use waypost_rules::percent;

use super::Check;
use crate::{ActivationFact, Invariant, MadeFact};

impl Check<'_> {
    /// Nobody decides by what was replaced, or not yet there; and a batch does not mix what was in force before and
    /// after a change.
    pub(super) fn i10_decided_by_what_was_in_force(&mut self) {
        let Some(store) = &self.ledger.store else { return };
        let mut of_batches: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for decision in &store.decisions {
            let (Some(outcome), Some(made)) = (&decision.outcome, &decision.made) else { continue };
            let states = states(&store.activations, made, &outcome.rule_set);
            if states.is_empty() {
                self.violated(Invariant::I10, "decided by a version that was not in force", &decision.key);
                continue;
            }
            let of_batch = of_batches.entry(&made.transaction).or_insert_with(|| states.clone());
            if !of_batch.is_empty() {
                of_batch.retain(|state| states.contains(state));
                if of_batch.is_empty() {
                    self.violated(Invariant::I10, "a batch decided by rules of several activations", &decision.key);
                }
            }
        }
    }
}

/// The activations, by their place, under which `version` may have made this decision.
fn states(activations: &[ActivationFact], made: &MadeFact, version: &str) -> BTreeSet<usize> {
    let mut states = BTreeSet::new();
    for (place, activation) in activations.iter().enumerate() {
        let ends = activations.get(place + 1).map_or(i64::MAX, |next| next.alone_from_ms);
        if (activation.at_ms..ends).contains(&made.at_ms) && activation.version_for(made) == version {
            states.insert(place);
        }
    }
    states
}

impl ActivationFact {
    /// The version that decides such a message while this is in force.
    pub fn version_for(&self, made: &MadeFact) -> &str {
        let on_trial = self.trial.as_ref().filter(|trial| {
            let is_drawn = |contact: &String| percent::bucket(&trial.version, contact) < trial.percent;
            trial.numbers.contains(&made.number) || made.contact.as_ref().is_some_and(is_drawn)
        });
        on_trial.map_or(&self.active, |trial| &trial.version)
    }
}
