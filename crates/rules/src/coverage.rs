//! Which rules decide or decorate anything, and which are never hit. Whoever sees the decisions feeds this.

use std::collections::BTreeMap;

use waypost_domain::Timestamp;

use crate::choice::{By, Choice};
use crate::compile::RuleSet;

/// Hits of each rule of a set, by its place in the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    hits: Vec<Hits>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    pub count: u64,
    pub last: Option<Timestamp>,
}

impl Coverage {
    pub fn new(set: &RuleSet) -> Self {
        Self { hits: vec![Hits::default(); set.rule_count()] }
    }

    pub fn add(&mut self, choice: &Choice<'_>, at: Option<Timestamp>) {
        let decided = match choice.by {
            By::Rule { place, .. } => Some(place),
            By::OpenConversation | By::RuleSet => None,
        };
        for place in decided.into_iter().chain(choice.decorated_by.iter().map(|place| *place as usize)) {
            self.hit(place, at);
        }
    }

    /// One more hit of the rule at `place` in the definition.
    pub fn hit(&mut self, place: usize, at: Option<Timestamp>) {
        let hits = &mut self.hits[place];
        hits.count += 1;
        hits.last = hits.last.max(at);
    }

    /// By the rules' places in the definition.
    pub fn hits(&self) -> &[Hits] {
        &self.hits
    }

    /// The enabled rules that nothing has hit since `since`.
    pub fn unused<'a>(&'a self, set: &'a RuleSet, since: Option<Timestamp>) -> impl Iterator<Item = &'a str> {
        let rules = set.definition.rules.iter().zip(&self.hits);
        rules
            .filter(move |(rule, hits)| rule.enabled && (hits.count == 0 || hits.last < since))
            .map(|(rule, _)| &*rule.id)
    }

    pub fn by_rule<'a>(&self, set: &'a RuleSet) -> BTreeMap<&'a str, Hits> {
        set.definition.rules.iter().map(|rule| &*rule.id).zip(self.hits.iter().copied()).collect()
    }
}
