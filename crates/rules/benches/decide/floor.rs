//! What somebody would write by hand for exactly these rules, and nothing else: three hash tables. It knows no phrases,
//! no phases, no dates, no negation and no explanation; it is what the index is measured against.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use waypost_rules::atom::{Atom, Field};
use waypost_rules::fold::{Folding, Words};
use waypost_rules::{RouteInput, RuleSet};

type Table<K, V> = HashMap<K, V, FixedState>;

/// Which office must be open or closed.
type Office = (Rank, usize, bool);

/// Place in the winning order, and in the definition.
type Rank = (u32, u32);

#[derive(Default)]
pub(crate) struct Floor {
    buttons: Table<Box<str>, Rank>,
    words: Table<Box<str>, Rank>,
    /// By country, then tier.
    offices: Table<Box<str>, Table<Box<str>, Vec<Office>>>,
}

impl Floor {
    pub(crate) fn new(set: &RuleSet) -> Self {
        let rules = &set.definition().rules;
        let mut order: Vec<usize> = (0..rules.len()).collect();
        order.sort_by(|a, b| rules[*b].priority.cmp(&rules[*a].priority).then_with(|| rules[*a].id.cmp(&rules[*b].id)));
        let mut floor = Self::default();
        for (rank, place) in order.into_iter().enumerate() {
            let rank = (u32::try_from(rank).unwrap(), u32::try_from(place).unwrap());
            let (mut tier, mut country, mut office) = ("", "", None);
            for literal in rules[place].when[0].literals() {
                match &literal.atom {
                    Atom::Keyword { any_of: words, .. } => {
                        for word in words {
                            floor.words.entry(word.needle().into()).or_insert(rank);
                        }
                    }
                    Atom::Value { field: Field::Reply, any_of } => {
                        floor.buttons.entry(any_of[0].text.clone()).or_insert(rank);
                    }
                    Atom::Value { field: Field::Country, any_of } => country = &any_of[0].text,
                    Atom::Value { any_of, .. } => tier = &any_of[0].text,
                    Atom::Open { calendar, .. } => {
                        let number = calendar.as_str().rsplit('-').next().unwrap().parse().unwrap();
                        office = Some((number, !literal.negated));
                    }
                    _ => unreachable!("no such rule in the workload"),
                }
            }
            if let Some((office, open)) = office {
                let by_tier = floor.offices.entry(country.into()).or_default();
                by_tier.entry(tier.into()).or_default().push((rank, office, open));
            }
        }
        floor
    }

    pub(crate) fn decide(&self, input: &RouteInput, words: &mut Words) -> Option<u32> {
        words.begin(Folding::default());
        words.add(input.text.as_deref().unwrap_or_default());
        let mut best = input.reply_id.as_ref().and_then(|id| self.buttons.get(id.as_str())).copied();
        for word in words.as_str().split_ascii_whitespace() {
            if let Some(rank) = self.words.get(word)
                && best.is_none_or(|best| *rank < best)
            {
                best = Some(*rank);
            }
        }
        let best = best.or_else(|| self.tier_and_country(input));
        best.map(|(_, place)| place)
    }

    fn tier_and_country(&self, input: &RouteInput) -> Option<Rank> {
        let by_tier = self.offices.get(input.country.as_deref()?)?;
        let at_s = input.received_at?.as_millis().div_euclid(1000);
        let weekday = (at_s.div_euclid(86_400) + 3).rem_euclid(7);
        let hour = usize::try_from(at_s.rem_euclid(86_400) / 3600).ok()?;
        let is_open = |office: usize| weekday < 5 && (9 + office..17 + office).contains(&hour);
        let rules = by_tier.get(input.attributes.get("tier")?.as_str())?;
        rules.iter().find(|(_, office, open)| is_open(*office) == *open).map(|(rank, _, _)| *rank)
    }
}
