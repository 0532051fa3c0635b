//! The check: one function for each invariant, over an index of the ledger by message.

mod index;
mod kept;
mod order;
mod repeats;
mod sends;
mod versions;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use waypost_bus::DeadLetterReason;
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_proto::route::decode_route_input;
use waypost_rules::RuleSet;

use self::index::{Index, Message};
pub(super) use self::kept::not_kept;
use crate::{DecisionFact, DeliveryRecord, Invariant, ItemKind, Ledger, OutcomeFact, Verdict, Violation};

pub(super) fn check(ledger: &Ledger, drained: bool) -> Verdict {
    let index = Index::new(ledger);
    let mut check = Check { ledger, index: &index, drained, verdict: Verdict::default() };
    check.count();
    check.i1_nothing_is_lost();
    check.i2_one_effect();
    check.i3_order();
    check.i6_signed_only();
    check.i7_drained_and_explained();
    check.i9_nothing_personal();
    check.i10_decided_the_same_again();
    check.i10_decided_by_what_was_in_force();
    check.i11_decided_for_somebody();
    check.sends();
    check.verdict.violations.sort();
    check.verdict.violations.dedup();
    check.verdict
}

struct Check<'a> {
    ledger: &'a Ledger,
    index: &'a Index<'a>,
    drained: bool,
    verdict: Verdict,
}

impl<'a> Check<'a> {
    fn violated(&mut self, invariant: Invariant, what: &'static str, offender: impl Into<String>) {
        self.verdict.violations.push(Violation { invariant, what, offender: offender.into() });
    }

    fn count(&mut self) {
        let counts = &mut self.verdict.counts;
        counts.posts = count(self.ledger.posts.iter());
        counts.posts_accepted = count(self.ledger.posts.iter().filter(|post| post.is_accepted()));
        let messages = || self.index.messages.values();
        counts.messages = count(messages().filter(|message| message.is_promised()));
        counts.delivered = count(messages().filter(|message| !message.delivered.is_empty()));
        counts.parked = count(messages().filter(|message| !message.parked.is_empty()));
        counts.diverted = count(messages().filter(|message| message.is_diverted()));
        counts.redelivered = messages().map(Message::repeats).sum();
        counts.excepted = count(messages().filter(|message| message.is_promised() && message.is_excepted()));
    }

    fn i1_nothing_is_lost(&mut self) {
        let Some(store) = &self.ledger.store else {
            self.verdict.unchecked.push((Invariant::I1, "decisions: the store was not read"));
            return self.i1_nothing_is_undelivered();
        };
        let mut seen = HashSet::new();
        for decision in &store.decisions {
            if !seen.insert((&decision.phone_number_id, &decision.key)) {
                self.violated(Invariant::I1, "decided more than once", &decision.key);
            }
        }
        if self.drained {
            for message in self.index.messages.values().filter(|message| message.is_accepted()) {
                let is_kept = message.decision.is_some() || !message.parked.is_empty();
                if !is_kept {
                    self.violated(Invariant::I1, "answered 200, neither decided nor parked", message.name());
                    self.verdict.counts.lost += u64::from(message.is_promised());
                }
            }
        }
        self.i1_kept_once();
        self.i1_nothing_is_undelivered();
    }

    fn i1_nothing_is_undelivered(&mut self) {
        if !self.drained {
            return;
        }
        for message in self.index.messages.values().filter(|message| message.is_promised()) {
            let is_missing = message.delivered.is_empty() && message.parked.is_empty();
            // Without a decision it is counted already.
            if is_missing && (message.decision.is_some() || self.ledger.store.is_none()) {
                self.violated(Invariant::I1, "answered 200 and never delivered", message.name());
                self.verdict.counts.lost += 1;
            }
        }
        let letters: Vec<&str> = self.dead_letters().filter_map(|(_, note)| note.quarantined.as_deref()).collect();
        for post in self.ledger.posts.iter().filter(|post| post.is_accepted()) {
            for item in post.items.iter().filter(|item| item.kind == ItemKind::Malformed) {
                if !letters.iter().any(|text| text.contains(&item.key)) {
                    self.violated(Invariant::I1, "malformed, answered 200 and not parked", &item.key);
                }
            }
        }
    }

    fn i2_one_effect(&mut self) {
        let mut doubled = BTreeSet::new();
        for message in self.index.messages.values() {
            let name = message.name();
            let ids: BTreeSet<&str> = message.delivered.iter().map(|delivery| delivery.message_id.as_str()).collect();
            if ids.len() > 1 {
                doubled.insert(name);
                self.violated(Invariant::I2, "delivered under several ids", name);
            } else if ids.first().is_some_and(|id| *id != message.id) {
                self.violated(Invariant::I2, "delivered under an id that is not its own", name);
            }
            let stored = message.decision.and_then(|decision| decision.outcome.as_ref());
            let mut first = stored.map(Decided::stored);
            for delivery in &message.delivered {
                let Some(routed) = delivery.routing.as_ref().map(Decided::of_delivery) else {
                    self.violated(Invariant::I2, "delivered without a decision", name);
                    continue;
                };
                if *first.get_or_insert(routed) != routed {
                    doubled.insert(name);
                    self.violated(Invariant::I2, "delivered with several decisions", name);
                }
                if delivery.diverted.is_none() && delivery.queue != routed.queue() {
                    self.violated(Invariant::I2, "delivered elsewhere than decided", name);
                }
            }
        }
        doubled.extend(self.i2_repeats_are_bounded());
        self.verdict.counts.doubled = count(doubled.iter());
    }

    fn i3_order(&mut self) {
        let mut moved = BTreeSet::new();
        for (late, early) in order::late_in_queues(self.index) {
            moved.insert(late);
            self.violated(Invariant::I3, "delivered behind what came after its 200", format!("{late} behind {early}"));
        }
        for (late, early) in order::late_in_store(self.index) {
            moved.insert(late);
            self.violated(Invariant::I3, "decided behind what came after its 200", format!("{late} behind {early}"));
        }
        self.verdict.counts.out_of_order = count(moved.iter());
        if self.ledger.store.is_none() {
            self.verdict.unchecked.push((Invariant::I3, "sequence numbers: the store was not read"));
        }
    }

    fn i6_signed_only(&mut self) {
        for post in self.ledger.posts.iter().filter(|post| !post.signed && post.is_accepted()) {
            self.violated(Invariant::I6, "wrong signature answered 200", format!("POST {}", post.number));
        }
        for message in self.index.messages.values().filter(|message| !message.is_signed()) {
            // Of a change no generator knows the key; it may be parked like anything else.
            let is_change = message.decision.is_some_and(|decision| decision.kind == "change");
            if !message.delivered.is_empty() || !(message.parked.is_empty() || is_change) {
                self.violated(Invariant::I6, "delivered, and no signed POST held it", message.name());
            }
            if message.decision.is_some() && !is_change {
                self.violated(Invariant::I6, "decided, and no signed POST held it", message.name());
            }
        }
        let unsigned: BTreeSet<&str> = self.index.malformed_unsigned.iter().copied().collect();
        for (_, note) in self.dead_letters() {
            let text = note.quarantined.as_deref().unwrap_or_default();
            for key in unsigned.iter().filter(|key| text.contains(**key)) {
                self.violated(Invariant::I6, "parked, and no signed POST held it", *key);
            }
        }
    }

    fn i7_drained_and_explained(&mut self) {
        if self.drained {
            if self.ledger.depths.is_empty() {
                self.verdict.unchecked.push((Invariant::I7, "no depths were recorded"));
            }
            for depth in &self.ledger.depths {
                if depth.ready > 0 || depth.unacknowledged.unwrap_or_default() > 0 {
                    let unacknowledged = depth.unacknowledged.unwrap_or_default();
                    let offender = format!("{}: {} ready, {unacknowledged} unacknowledged", depth.queue, depth.ready);
                    self.violated(Invariant::I7, "not empty after the drain", offender);
                }
            }
        }
        for (delivery, note) in self.dead_letters() {
            if !DeadLetterReason::ALL.iter().any(|reason| reason.code() == note.reason) {
                self.violated(Invariant::I7, "dead letter without a known reason", &delivery.message_id);
            }
        }
        for delivery in self.ledger.deliveries.iter().filter(|delivery| delivery.queue == UNROUTED_QUEUE) {
            let decided_so = delivery.routing.as_ref().is_some_and(|routing| routing.team.is_none());
            if delivery.diverted.is_none() && !decided_so {
                self.violated(Invariant::I7, "unrouted without a reason", &delivery.message_id);
            }
        }
    }

    fn i9_nothing_personal(&mut self) {
        if self.ledger.texts.is_empty() || self.ledger.markers.is_empty() {
            self.verdict.unchecked.push((Invariant::I9, "no texts or no markers were recorded"));
        }
        for text in &self.ledger.texts {
            for (line, said) in text.text.lines().enumerate() {
                for (marker, _) in self.ledger.markers.iter().enumerate().filter(|(_, marker)| stands_in(said, marker))
                {
                    let offender = format!("marker {} in {}, line {}", marker + 1, text.source, line + 1);
                    self.violated(Invariant::I9, "said what only the customer may know", offender);
                }
            }
        }
    }

    fn i10_decided_the_same_again(&mut self) {
        let Some(store) = &self.ledger.store else {
            self.verdict.unchecked.push((Invariant::I10, "the store was not read"));
            return;
        };
        if self.ledger.rule_sets.is_empty() {
            self.verdict.unchecked.push((Invariant::I10, "no rule set was recorded"));
            return;
        }
        let rule_sets = self.rule_sets();
        for decision in &store.decisions {
            let Some(outcome) = decision.outcome.as_ref().filter(|outcome| !outcome.input.is_empty()) else { continue };
            let what = match rule_sets.get(&outcome.rule_set) {
                None => "decided by a rule set that was not recorded",
                Some(rules) => match decides_the_same(rules, outcome) {
                    Some(true) => continue,
                    Some(false) => "the stored input gives another decision",
                    None => "the stored input cannot be read",
                },
            };
            self.violated(Invariant::I10, what, &decision.key);
        }
    }

    fn i11_decided_for_somebody(&mut self) {
        let Some(store) = &self.ledger.store else {
            self.verdict.unchecked.push((Invariant::I11, "the store was not read"));
            return;
        };
        let rule_sets = self.rule_sets();
        for decision in &store.decisions {
            if let Some(what) = decided_for_nobody(decision, &rule_sets) {
                self.violated(Invariant::I11, what, &decision.key);
            }
        }
    }

    /// By version. One that is not valid was never in force.
    fn rule_sets(&self) -> BTreeMap<String, RuleSet> {
        let sets = self.ledger.rule_sets.iter().filter_map(|text| RuleSet::parse(text).ok());
        sets.map(|set| (set.version.clone(), set)).collect()
    }

    fn dead_letters(&self) -> impl Iterator<Item = (&'a DeliveryRecord, &'a super::DeadLetterNote)> + use<'a> {
        let letters = self.ledger.deliveries.iter().filter(|delivery| delivery.queue == DEAD_LETTERS_QUEUE);
        letters.filter_map(|delivery| Some((delivery, delivery.dead_letter.as_ref()?)))
    }
}

/// A decision, as the store has it and as a delivery tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decided<'a> {
    rule_set: &'a str,
    rule: &'a str,
    phase: &'a str,
    team: Option<&'a str>,
    priority: &'a str,
}

impl<'a> Decided<'a> {
    fn stored(outcome: &'a OutcomeFact) -> Self {
        let OutcomeFact { rule_set, rule, phase, team, priority, .. } = outcome;
        Self { rule_set, rule, phase, team: team.as_deref(), priority }
    }

    fn of_delivery(note: &'a super::RoutingNote) -> Self {
        let super::RoutingNote { rule_set, rule, phase, team, priority } = note;
        Self { rule_set, rule, phase, team: team.as_deref(), priority }
    }

    fn queue(&self) -> String {
        self.team.map_or_else(|| UNROUTED_QUEUE.to_owned(), |team| format!("team.{team}.{}", self.priority))
    }
}

/// `None`: the input cannot be read.
fn decides_the_same(rules: &RuleSet, outcome: &OutcomeFact) -> Option<bool> {
    let input = decode_route_input(&hex::decode(&outcome.input).ok()?).ok()?;
    let again = rules.decide(&input);
    let again = Decided {
        rule_set: &again.rule_set,
        rule: &again.rule,
        phase: again.phase.as_str(),
        team: Some(again.team.as_str()),
        priority: again.priority.as_str(),
    };
    Some(again == Decided::stored(outcome))
}

fn decided_for_nobody(decision: &DecisionFact, rule_sets: &BTreeMap<String, RuleSet>) -> Option<&'static str> {
    let Some(outcome) = &decision.outcome else {
        return matches!(decision.kind.as_str(), "message" | "call").then_some("a message without a decision");
    };
    // No team is the unrouted queue.
    let team = outcome.team.as_deref()?;
    let rules = rule_sets.get(&outcome.rule_set)?;
    let is_there = rules.teams.iter().any(|known| known.name.as_str() == team);
    (!is_there).then_some("decided for a team that the rule set does not have")
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// Used by the index and the order alike.
type Messages<'a> = HashMap<String, Message<'a>>;

/// Whether a line holds a marker. Digits within a longer number are another number: a metric's value has many.
fn stands_in(said: &str, marker: &str) -> bool {
    let is_part = |at: usize| {
        let before = said[..at].chars().next_back();
        let after = said[at + marker.len()..].chars().next();
        before.is_some_and(|letter| letter.is_ascii_digit() || letter == '.')
            || after.is_some_and(|letter| letter.is_ascii_digit())
    };
    let is_digits = marker.bytes().all(|byte| byte.is_ascii_digit());
    said.match_indices(marker).any(|(at, _)| !(is_digits && is_part(at)))
}
