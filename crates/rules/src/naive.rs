//! The reference: decides by looking at every rule, one after the other. Slow and plain; the index must agree with it on
//! every input. For tests and benches, not for messages.

use crate::atom::Parts;
use crate::binding::Search;
use crate::choice::{By, Choice};
use crate::compile::RuleSet;
use crate::evaluate::{Facts, is_valid_at};
use crate::index::{Scratch, winning_order};
use crate::input::RouteInput;
use crate::model::{Phase, Rule};
use crate::words::FoldedWords;

/// A rule set whose rules are put into winning order once, as any scan would.
pub struct Scan<'a> {
    set: &'a RuleSet,
    order: Vec<u32>,
}

impl<'a> Scan<'a> {
    pub fn new(set: &'a RuleSet) -> Self {
        Self { set, order: winning_order(&set.definition) }
    }

    pub fn choose(&'a self, input: &'a RouteInput, scratch: &'a mut Scratch) -> Choice<'a> {
        let Scratch { words, lookup } = scratch;
        self.set.environment.read(words, input);
        let words: &FoldedWords = words;
        let facts = Facts { input, words };
        let settled = self.set.settle(input, &mut ScanOf { scan: self, facts });
        let decorates = |(place, rule): (u32, &Rule)| self.alternative(rule, &facts).map(|_| place);
        lookup.put(self.rules_of(Phase::Decorate).filter_map(decorates));
        self.set.choice(&facts, settled, lookup.found())
    }

    fn is_requested(&self, facts: &Facts<'_>) -> bool {
        let handover = &self.set.definition.handover;
        let tapped = facts.input.reply_id.as_ref().is_some_and(|id| handover.buttons.contains(id));
        tapped || handover.words.values().flatten().any(|word| facts.words.have(word, Parts::OWN))
    }

    fn rules_of(&self, phase: Phase) -> impl Iterator<Item = (u32, &'a Rule)> {
        let rules = &self.set.definition.rules;
        self.order.iter().map(|place| (*place, &rules[*place as usize])).filter(move |(_, rule)| rule.phase == phase)
    }

    /// The first alternative of the rule that holds.
    fn alternative(&self, rule: &Rule, facts: &Facts<'_>) -> Option<usize> {
        if !is_valid_at(rule, facts.input.received_at) {
            return None;
        }
        rule.when.iter().position(|conjunct| {
            conjunct
                .literals()
                .iter()
                .all(|literal| facts.literal_holds(literal, rule.on_unknown, &self.set.environment))
        })
    }
}

/// The scan for one input.
struct ScanOf<'s, 'f> {
    scan: &'s Scan<'s>,
    facts: Facts<'f>,
}

impl<'s> Search<'s> for ScanOf<'s, '_> {
    fn asks_for_person(&mut self) -> bool {
        self.scan.is_requested(&self.facts)
    }

    fn first(&mut self, phase: Phase, accept: impl Fn(&Rule) -> bool) -> Option<By<'s>> {
        let mut accepted = self.scan.rules_of(phase).filter(|(_, rule)| accept(rule));
        accepted.find_map(|(place, rule)| {
            let alternative = self.scan.alternative(rule, &self.facts)?;
            Some(By::Rule { rule, place: place as usize, alternative })
        })
    }
}
