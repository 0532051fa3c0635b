//! I1 and I6 of what is kept and not routed: statuses, changes of contacts and of the account.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use waypost_bus::topology::DEAD_LETTERS_QUEUE;

use super::Check;
use crate::{DeliveryRecord, Invariant, Item, ItemKind, Ledger, StoreFacts};

/// By what the generator knows of it, and what the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept<'a> {
    Status { number: &'a str, wamid: &'a str, state: &'a str },
    Change { is_of_contact: bool, key: &'a str },
}

impl<'a> Kept<'a> {
    /// `None`: it is routed, or parked.
    fn of_item(item: &'a Item) -> Option<Self> {
        match &item.kind {
            ItemKind::Status { state } => Some(Self::Status { number: &item.phone_number_id, wamid: &item.key, state }),
            ItemKind::ContactChange => Some(Self::Change { is_of_contact: true, key: &item.key }),
            ItemKind::AccountChange => Some(Self::Change { is_of_contact: false, key: &item.key }),
            ItemKind::Message | ItemKind::Standby | ItemKind::Echo | ItemKind::Malformed => None,
        }
    }
}

/// As a violation names it.
impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { wamid, state, .. } => write!(f, "{wamid} {state}"),
            Self::Change { key, .. } => f.write_str(key),
        }
    }
}

/// What the POSTs held.
struct Posted<'a> {
    signed: BTreeSet<Kept<'a>>,
    /// Those of them that are changes, by their key.
    changes: BTreeMap<&'a str, Kept<'a>>,
    accepted: BTreeSet<Kept<'a>>,
}

impl<'a> Posted<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        let mut posted = Self { signed: BTreeSet::new(), changes: BTreeMap::new(), accepted: BTreeSet::new() };
        for post in ledger.posts.iter().filter(|post| post.signed) {
            for kept in post.items.iter().filter_map(Kept::of_item) {
                posted.signed.insert(kept);
                if let Kept::Change { key, .. } = kept {
                    posted.changes.insert(key, kept);
                }
                if post.is_accepted() {
                    posted.accepted.insert(kept);
                }
            }
        }
        posted
    }

    /// How often each is in the store, and the fields of what no signed POST held.
    fn count(&self, store: &'a StoreFacts) -> (BTreeMap<Kept<'a>, u64>, Vec<&'a str>) {
        let mut counts: BTreeMap<Kept<'a>, u64> = BTreeMap::new();
        let mut unknown = Vec::new();
        for status in &store.statuses {
            let kept = Kept::Status { number: &status.phone_number_id, wamid: &status.wamid, state: &status.state };
            if self.signed.contains(&kept) {
                *counts.entry(kept).or_default() += 1;
            } else {
                unknown.push(status.wamid.as_str());
            }
        }
        for change in &store.changes {
            match self.change_in(change.is_of_contact, &change.json) {
                Some(kept) => *counts.entry(kept).or_default() += 1,
                None => unknown.push(&change.field),
            }
        }
        (counts, unknown)
    }

    /// The posted change whose key is a value in `json`.
    fn change_in(&self, is_of_contact: bool, json: &str) -> Option<Kept<'a>> {
        let json: Value = serde_json::from_str(json).ok()?;
        let mut texts = Vec::new();
        collect_texts(&json, &mut texts);
        let posted = texts.into_iter().find_map(|text| self.changes.get(text).copied());
        posted.filter(
            |kept| matches!(kept, Kept::Change { is_of_contact: of_contact, .. } if *of_contact == is_of_contact),
        )
    }

    fn is_parked(&self, kept: Kept<'_>, letters: &[&DeliveryRecord]) -> bool {
        match kept {
            // A status' own key: wamid, state and, in groups, participant.
            Kept::Status { wamid, state, .. } => {
                let begins = format!("{wamid}:{state}");
                letters.iter().any(|letter| letter.key.as_ref().is_some_and(|key| key.starts_with(&begins)))
            }
            Kept::Change { is_of_contact, .. } => {
                let changes = letters.iter().filter_map(|letter| letter.dead_letter.as_ref()?.change.as_deref());
                changes.into_iter().any(|json| self.change_in(is_of_contact, json) == Some(kept))
            }
        }
    }

    /// Answered 200, and neither in the store nor a dead letter.
    fn missing(&self, ledger: &Ledger, counts: &BTreeMap<Kept<'a>, u64>) -> Vec<Kept<'a>> {
        let letters: Vec<&DeliveryRecord> =
            ledger.deliveries.iter().filter(|delivery| delivery.queue == DEAD_LETTERS_QUEUE).collect();
        let missing = self.accepted.iter().filter(|kept| !counts.contains_key(kept));
        missing.filter(|kept| !self.is_parked(**kept, &letters)).copied().collect()
    }
}

fn collect_texts<'a>(json: &'a Value, texts: &mut Vec<&'a str>) {
    match json {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(crate) fn not_kept(ledger: &Ledger) -> usize {
    let posted = Posted::new(ledger);
    let counts = ledger.store.as_ref().map(|store| posted.count(store).0).unwrap_or_default();
    posted.missing(ledger, &counts).len()
}

impl Check<'_> {
    pub(super) fn i1_kept_once(&mut self) {
        let posted = Posted::new(self.ledger);
        self.verdict.counts.kept = super::count(posted.accepted.iter());
        let Some(store) = &self.ledger.store else { return };
        let (counts, unknown) = posted.count(store);
        for unknown in unknown {
            self.violated(Invariant::I6, "kept, and no signed POST held it", unknown);
        }
        for (kept, _) in counts.iter().filter(|(_, count)| **count > 1) {
            self.violated(Invariant::I1, "kept more than once", kept.to_string());
        }
        if self.drained {
            for missing in posted.missing(self.ledger, &counts) {
                self.violated(Invariant::I1, "answered 200 and not kept", missing.to_string());
            }
        }
    }
}
