//! What changed between two rule sets: in what they say, and in what they decide for inputs that really came.

use std::collections::{BTreeMap, BTreeSet};

use waypost_domain::TeamName;

use crate::compile::RuleSet;
use crate::index::Scratch;
use crate::input::{RouteInput, Semantics};
use crate::model::{Document, Rule};

/// What the second document says otherwise than the first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<RuleChange>,
    /// What else differs: `handover`, `default`, `teams.billing`, `calendars.office`, `words.refund`.
    pub other: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    pub rule: String,
    /// The parts that differ, e.g. `when`, `priority`.
    pub parts: Vec<&'static str>,
}

impl Difference {
    pub fn between(old: &Document, new: &Document) -> Self {
        let by_id = |document: &'_ Document| -> BTreeMap<Box<str>, Rule> {
            document.definition.rules.iter().map(|rule| (rule.id.clone(), rule.clone())).collect()
        };
        let (old_rules, new_rules) = (by_id(old), by_id(new));
        let mut difference = Self::default();
        for (id, rule) in &new_rules {
            match old_rules.get(id) {
                None => difference.added.push(id.to_string()),
                Some(before) if before != rule => {
                    difference.changed.push(RuleChange { rule: id.to_string(), parts: parts(before, rule) });
                }
                Some(_) => {}
            }
        }
        difference.removed.extend(old_rules.keys().filter(|id| !new_rules.contains_key(*id)).map(ToString::to_string));
        if old.definition.handover != new.definition.handover {
            difference.other.push("handover".to_owned());
        }
        if old.definition.default != new.definition.default {
            difference.other.push("default".to_owned());
        }
        let (old_teams, new_teams) = (keyed(&old.teams, |team| &team.name), keyed(&new.teams, |team| &team.name));
        difference.other.extend(differing(&old_teams, &new_teams).map(|name| format!("teams.{name}")));
        let of = |document| keyed(document, |calendar: &waypost_domain::Calendar| &calendar.name);
        let (old_calendars, new_calendars) = (of(&old.calendars), of(&new.calendars));
        difference.other.extend(differing(&old_calendars, &new_calendars).map(|name| format!("calendars.{name}")));
        let (old_words, new_words) = (old.words.iter().collect(), new.words.iter().collect());
        difference.other.extend(differing(&old_words, &new_words).map(|name| format!("words.{name}")));
        difference
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn keyed<'a, K: Ord, V>(items: &'a [V], key: impl Fn(&'a V) -> &'a K) -> BTreeMap<&'a K, &'a V> {
    items.iter().map(|item| (key(item), item)).collect()
}

fn differing<'a, K: Ord + ?Sized, V: PartialEq>(
    old: &'a BTreeMap<&'a K, &'a V>,
    new: &'a BTreeMap<&'a K, &'a V>,
) -> impl Iterator<Item = &'a K> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).copied().collect();
    keys.into_iter().filter(move |key| old.get(key) != new.get(key))
}

fn parts(old: &Rule, new: &Rule) -> Vec<&'static str> {
    let all = [
        ("name", old.name != new.name),
        ("phase", old.phase != new.phase),
        ("priority", old.priority != new.priority),
        ("enabled", old.enabled != new.enabled),
        ("valid_from", old.valid_from != new.valid_from),
        ("valid_until", old.valid_until != new.valid_until),
        ("when", old.when != new.when),
        ("on_unknown", old.on_unknown != new.on_unknown),
        ("move", old.moves != new.moves),
        ("team", old.outcome.target != new.outcome.target),
        ("urgency", old.outcome.urgency != new.outcome.urgency),
        ("tags", old.outcome.tags != new.outcome.tags),
        ("skills", old.outcome.skills != new.outcome.skills),
        ("escalation", old.outcome.escalation != new.outcome.escalation),
        ("samples", old.samples != new.samples),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

/// What would move, of inputs that really came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DryRun {
    pub inputs: u64,
    pub moved: u64,
    /// Inputs whose open conversation was decided before bindings were known: by what was meant then.
    pub binding_unknown: u64,
    /// Most first.
    pub moves: Vec<Move>,
}

/// Inputs that go to another team or, with the same team, into its other queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub from: TeamName,
    pub to: TeamName,
    pub count: u64,
    /// Which inputs, the first few: their places from 0.
    pub examples: Vec<u64>,
}

impl DryRun {
    const EXAMPLES_MAX: usize = 5;

    /// `old` decides where it is given; otherwise `inputs` bring the team that got them.
    pub fn run<'a>(
        new: &RuleSet,
        old: Option<&RuleSet>,
        inputs: impl IntoIterator<Item = (&'a RouteInput, Option<&'a TeamName>)>,
    ) -> Self {
        let (mut scratch, mut old_scratch) = (Scratch::default(), Scratch::default());
        let mut moves: BTreeMap<(TeamName, TeamName), Move> = BTreeMap::new();
        let mut dry_run = Self::default();
        for (place, (input, decided)) in (0..).zip(inputs) {
            dry_run.inputs += 1;
            let is_before = input.semantics == Semantics::BeforeBindings && input.open.is_some();
            dry_run.binding_unknown += u64::from(is_before);
            let to = new.choose(input, &mut scratch).team;
            let from = match old {
                Some(old) => Some(old.choose(input, &mut old_scratch).team),
                None => decided,
            };
            let Some(from) = from.filter(|from| *from != to) else { continue };
            dry_run.moved += 1;
            let (from, to) = (from.clone(), to.clone());
            let one = moves.entry((from.clone(), to.clone())).or_insert(Move { from, to, count: 0, examples: vec![] });
            one.count += 1;
            if one.examples.len() < Self::EXAMPLES_MAX {
                one.examples.push(place);
            }
        }
        dry_run.moves = moves.into_values().collect();
        dry_run.moves.sort_by_key(|one| std::cmp::Reverse(one.count));
        dry_run
    }
}
