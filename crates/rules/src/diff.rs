//! What one rule set says otherwise than another. What they decide otherwise is for `compare`.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Document, Rule};
use crate::toml_form::{write_calendar, write_default, write_handover, write_rule, write_team, write_word_list};

/// What the second document says otherwise than the first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<RuleChange>,
    /// What else differs: `handover`, `default`, `teams.billing`, `calendars.office`, `words.refund`.
    pub other: Vec<String>,
    /// All of that in the words of a rules file, in the same order.
    pub changes: Vec<PartChange>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    pub rule: String,
    /// The parts that differ, e.g. `when`, `priority`.
    pub parts: Vec<&'static str>,
}

/// A part as it was and as it is, in the lines of a rules file. Of a part that both documents have, only the lines that
/// differ; empty where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChange {
    /// `rules.invoices`, `handover`, `default`, `teams.billing`, `calendars.office`, `words.refund`.
    pub part: String,
    pub before: String,
    pub after: String,
}

impl PartChange {
    fn of<T>(part: String, (before, after): (Option<&T>, Option<&T>), write: impl Fn(&T) -> String) -> Self {
        let [before, after] = [before, after].map(|side| side.map(&write).unwrap_or_default());
        let only = |of: &str, other: &str| {
            let lines = of.lines().filter(|line| !line.is_empty() && !other.lines().any(|same| same == *line));
            lines.collect::<Vec<_>>().join("\n")
        };
        Self { part, before: only(&before, &after), after: only(&after, &before) }
    }
}

impl Difference {
    pub fn between(old: &Document, new: &Document) -> Self {
        let mut difference = Self::default();
        difference.compare_rules(&old.definition.rules, &new.definition.rules);
        let (old_set, new_set) = (&old.definition, &new.definition);
        let set = (Some(&old_set.handover), Some(&new_set.handover));
        difference.other("handover".to_owned(), set, write_handover);
        let set = (Some(&old_set.default), Some(&new_set.default));
        difference.other("default".to_owned(), set, write_default);
        let (old_teams, new_teams) = (keyed(&old.teams, |team| &team.name), keyed(&new.teams, |team| &team.name));
        for (name, sides) in both(&old_teams, &new_teams) {
            difference.other(format!("teams.{name}"), sides, write_team);
        }
        let of = |document| keyed(document, |calendar: &waypost_domain::Calendar| &calendar.name);
        for (name, sides) in both(&of(&old.calendars), &of(&new.calendars)) {
            difference.other(format!("calendars.{name}"), sides, write_calendar);
        }
        for (name, sides) in both(&old.words.iter().collect(), &new.words.iter().collect()) {
            difference.other(format!("words.{name}"), sides, |list| write_word_list(name, list));
        }
        difference
    }

    fn compare_rules(&mut self, old: &[Rule], new: &[Rule]) {
        let (old, new) = (keyed(old, |rule| &rule.id), keyed(new, |rule| &rule.id));
        for (id, sides) in both(&old, &new) {
            match sides {
                (None, Some(_)) => self.added.push(id.to_string()),
                (Some(_), None) => self.removed.push(id.to_string()),
                (Some(before), Some(after)) if before != after => {
                    self.changed.push(RuleChange { rule: id.to_string(), parts: parts(before, after) });
                }
                (Some(_), Some(_)) | (None, None) => continue,
            }
            self.changes.push(PartChange::of(format!("rules.{id}"), sides, write_rule));
        }
    }

    fn other<T: PartialEq>(&mut self, part: String, sides: (Option<&T>, Option<&T>), write: impl Fn(&T) -> String) {
        if sides.0 != sides.1 {
            self.other.push(part.clone());
            self.changes.push(PartChange::of(part, sides, write));
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn keyed<'a, K: Ord, V>(items: &'a [V], key: impl Fn(&'a V) -> &'a K) -> BTreeMap<&'a K, &'a V> {
    items.iter().map(|item| (key(item), item)).collect()
}

/// Every key, with what each side has under it.
fn both<'a, K: Ord + ?Sized, V>(
    old: &BTreeMap<&'a K, &'a V>,
    new: &BTreeMap<&'a K, &'a V>,
) -> impl Iterator<Item = (&'a K, (Option<&'a V>, Option<&'a V>))> {
    let keys: BTreeSet<&'a K> = old.keys().chain(new.keys()).copied().collect();
    let side = |side: &BTreeMap<&'a K, &'a V>, key| side.get(key).copied();
    keys.into_iter().map(|key| (key, (side(old, key), side(new, key)))).collect::<Vec<_>>().into_iter()
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
