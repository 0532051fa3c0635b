//! What two rule sets decide of inputs that really came, one input after the other: which teams and rules get how many, what
//! would go elsewhere, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use waypost_domain::TeamName;

use crate::compile::RuleSet;
use crate::index::Scratch;
use crate::input::{RouteInput, Semantics};

/// Two rule sets, and what they decided so far. `K` tells an input from the others.
#[derive(Debug)]
pub struct Comparison<K> {
    new: Arc<RuleSet>,
    /// `None`: what was decided is what is compared with.
    old: Option<Arc<RuleSet>>,
    scratch: Scratch,
    old_scratch: Scratch,
    /// All of them.
    pub inputs: u64,
    /// Those that go to another team.
    pub moved: u64,
    /// Inputs whose open conversation was decided before bindings were known: by what was meant then.
    pub binding_unknown: u64,
    /// Inputs without what the rules ask about teams' queues: such conditions are not known there.
    pub queues_unknown: u64,
    teams: BTreeMap<TeamName, Counts>,
    rules: BTreeMap<String, Counts>,
    team_moves: BTreeMap<(TeamName, TeamName), Group<K>>,
    rule_moves: BTreeMap<(String, String), Group<K>>,
}

/// Inputs that a team, or a rule, gets by the old rules and by the new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub old: u64,
    pub new: u64,
}

/// What was decided of an input.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    pub team: &'a TeamName,
    /// The rule's id, or the phase's name where no rule decided.
    pub rule: &'a str,
    pub why: &'a str,
}

/// Inputs that go from one team, or rule, to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move<T, K> {
    pub from: T,
    pub to: T,
    pub count: u64,
    /// The first few.
    pub examples: Vec<Example<K>>,
}

/// One input, and what each side makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<K> {
    pub input: K,
    pub old: Reason,
    pub new: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule's id, or the phase's name where no rule decided.
    pub rule: String,
    pub why: String,
}

#[derive(Debug)]
struct Group<K> {
    count: u64,
    examples: Vec<Example<K>>,
}

impl<K> Default for Group<K> {
    fn default() -> Self {
        Self { count: 0, examples: vec![] }
    }
}

impl<K> Group<K> {
    fn add(&mut self, example: impl FnOnce() -> Example<K>) {
        self.count += 1;
        if self.examples.len() < Comparison::<K>::EXAMPLES_MAX {
            self.examples.push(example());
        }
    }
}

impl<K: Copy> Comparison<K> {
    /// Of `new` with `old`; without that, with what was decided of each input.
    pub fn new(new: Arc<RuleSet>, old: Option<Arc<RuleSet>>) -> Self {
        Self {
            new,
            old,
            scratch: Scratch::default(),
            old_scratch: Scratch::default(),
            inputs: 0,
            moved: 0,
            binding_unknown: 0,
            queues_unknown: 0,
            teams: BTreeMap::new(),
            rules: BTreeMap::new(),
            team_moves: BTreeMap::new(),
            rule_moves: BTreeMap::new(),
        }
    }

    /// `decided` counts where no old rules are given. What nobody knows of is compared with nothing.
    pub fn add(&mut self, key: K, input: &RouteInput, decided: Option<Decided<'_>>) {
        self.inputs += 1;
        let is_before = input.semantics == Semantics::BeforeBindings && input.open.is_some();
        self.binding_unknown += u64::from(is_before);
        let (old_rules, new_rules) = (self.old.clone(), self.new.clone());
        let mut asked = old_rules.iter().chain([&new_rules]).flat_map(|rules| rules.looks_at_queues_of());
        self.queues_unknown += u64::from(!asked.all(|team| input.queues.know(team)));
        let new = new_rules.choose(input, &mut self.scratch);
        let old = old_rules.as_deref().map(|old| (old, old.choose(input, &mut self.old_scratch)));
        let (old_team, old_rule) = match (&old, decided) {
            (Some((_, choice)), _) => (choice.team, choice.rule_id()),
            (None, Some(decided)) => (decided.team, decided.rule),
            (None, None) => return,
        };
        count(&mut self.teams, old_team, |counts| counts.old += 1);
        count(&mut self.teams, new.team, |counts| counts.new += 1);
        count(&mut self.rules, old_rule, |counts| counts.old += 1);
        count(&mut self.rules, new.rule_id(), |counts| counts.new += 1);
        let example = || {
            let old_why = match (&old, decided) {
                (Some((rules, choice)), _) => rules.why(input, choice),
                (None, decided) => decided.map(|decided| decided.why.to_owned()).unwrap_or_default(),
            };
            Example {
                input: key,
                old: Reason { rule: old_rule.to_owned(), why: old_why },
                new: Reason { rule: new.rule_id().to_owned(), why: new_rules.why(input, &new) },
            }
        };
        if old_team != new.team {
            self.moved += 1;
            self.team_moves.entry((old_team.clone(), new.team.clone())).or_default().add(example);
        }
        if old_rule != new.rule_id() {
            let rules = (old_rule.to_owned(), new.rule_id().to_owned());
            self.rule_moves.entry(rules).or_default().add(example);
        }
    }

    /// How many each team gets, by its name.
    pub fn teams(&self) -> impl Iterator<Item = (&TeamName, Counts)> {
        self.teams.iter().map(|(team, counts)| (team, *counts))
    }

    /// How many each rule decides, by its id.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.rules.iter().map(|(rule, counts)| (rule.as_str(), *counts))
    }

    /// What goes to another team, most first.
    pub fn team_moves(&self) -> Vec<Move<TeamName, K>> {
        moves(&self.team_moves)
    }

    /// What another rule decides, whichever team gets it; most first.
    pub fn rule_moves(&self) -> Vec<Move<String, K>> {
        moves(&self.rule_moves)
    }
}

impl<K> Comparison<K> {
    /// Examples of a move at most.
    pub const EXAMPLES_MAX: usize = 5;
}

fn moves<T: Clone, K: Copy>(groups: &BTreeMap<(T, T), Group<K>>) -> Vec<Move<T, K>> {
    let one = |((from, to), group): (&(T, T), &Group<K>)| Move {
        from: from.clone(),
        to: to.clone(),
        count: group.count,
        examples: group.examples.clone(),
    };
    let mut moves: Vec<_> = groups.iter().map(one).collect();
    moves.sort_by_key(|one| std::cmp::Reverse(one.count));
    moves
}

/// Allocates only for what was not counted before.
fn count<K, Q>(counts: &mut BTreeMap<K, Counts>, key: &Q, add: impl FnOnce(&mut Counts))
where
    K: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    match counts.get_mut(key) {
        Some(counts) => add(counts),
        None => add(counts.entry(key.to_owned()).or_default()),
    }
}
