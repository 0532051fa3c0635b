//! The ledger of a run: what was posted and answered, what came out, what the store says, and whether all of it
//! agrees with what Waypost promises ([`Invariant`]).
//!
//! The generator and the consumers record; [`Ledger::check`] judges afterwards, from memory or from files. It knows
//! nothing of how the program under test works, and never takes the program's word where it can count for itself.
//!
//! ```no_run
//! use waypost_ledger::{Entry, Ledger, LedgerWriter, PostRecord};
//! # fn run(post: PostRecord, folder: &std::path::Path) -> anyhow::Result<()> {
//! let mut writer = LedgerWriter::create(&folder.join("posts.jsonl"))?;
//! writer.write(&Entry::Post(post))?; // deliveries, facts, depths, texts: in this file or in others beside it
//! writer.finish()?;
//! let verdict = Ledger::read(folder)?.check();
//! println!("{verdict}");
//! verdict.into_result()
//! # }
//! ```

mod check;
mod collect;
mod facts;
mod files;
mod records;
mod sends;
mod verdict;

#[cfg(test)]
mod tests;

pub use collect::{BusUrl, collect, collected_queues};
pub use facts::{activated_rule_sets, parked};
pub use files::LedgerWriter;
pub use records::{
    ActivationFact, Answer, ChangeFact, DeadLetterNote, DecisionFact, DeliveryRecord, Entry, IN_HAND_MAX, InFlight,
    InterruptionRecord, Item, ItemKind, LeaseFact, MadeFact, OutcomeFact, PostRecord, QueueDepth, RoutingNote,
    StatusFact, TextRecord, TrialFact,
};
pub use sends::{
    AskAnswer, AskedRecord, ConsentFact, ConsentRecord, SendFact, Sends, StepFact, TakenRecord, WrittenRecord,
};
pub use verdict::{Counts, Invariant, Verdict, Violation};

/// Everything that was recorded about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub posts: Vec<PostRecord>,
    pub deliveries: Vec<DeliveryRecord>,
    /// What may have come again, and how often; empty where no router was broken off.
    pub interruptions: Vec<InterruptionRecord>,
    /// What the store holds at the end; without it I10 and I11, and what else rests on it, are not checked.
    pub store: Option<StoreFacts>,
    /// After the drain, of every queue that must be empty by then.
    pub depths: Vec<QueueDepth>,
    /// Logs and metrics.
    pub texts: Vec<TextRecord>,
    /// What must be in none of the texts: phone numbers, names, words that the generator has seeded.
    pub markers: Vec<String>,
    /// The text of every rules file, or version in the store, that was in force.
    pub rule_sets: Vec<String>,
    /// Messages to customers.
    pub sends: Sends,
}

/// The store's side of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFacts {
    pub decisions: Vec<DecisionFact>,
    pub statuses: Vec<StatusFact>,
    pub changes: Vec<ChangeFact>,
    pub leases: Vec<LeaseFact>,
    /// In their order; empty where the rules come from a file.
    pub activations: Vec<ActivationFact>,
}

impl Ledger {
    /// Judges a run that is over: faults healed, queues drained, everything received.
    pub fn check(&self) -> Verdict {
        check::check(self, true)
    }

    /// Judges a run that was stopped in the middle: what came out must be right, but nothing is missed yet.
    pub fn check_so_far(&self) -> Verdict {
        check::check(self, false)
    }

    /// How many statuses and changes were answered 200 and are neither in the store nor parked: they are kept beside
    /// the messages, which says nothing of when.
    pub fn not_kept(&self) -> usize {
        check::not_kept(self)
    }

    pub fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Post(post) => self.posts.push(post),
            Entry::Delivery(delivery) => self.deliveries.push(delivery),
            Entry::Decision(decision) => self.store.get_or_insert_default().decisions.push(decision),
            Entry::Status(status) => self.store.get_or_insert_default().statuses.push(status),
            Entry::Change(change) => self.store.get_or_insert_default().changes.push(change),
            Entry::Lease(lease) => self.store.get_or_insert_default().leases.push(lease),
            Entry::Activation(activation) => self.store.get_or_insert_default().activations.push(activation),
            Entry::Interruption(interruption) => self.interruptions.push(interruption),
            Entry::Depth(depth) => self.depths.push(depth),
            Entry::Text(text) => self.texts.push(text),
            Entry::Marker(marker) => self.markers.push(marker),
            Entry::RuleSet(text) => self.rule_sets.push(text),
            Entry::Asked(asked) => self.sends.asked.push(asked),
            Entry::Taken(taken) => self.sends.taken.push(taken),
            Entry::Written(written) => self.sends.written.push(written),
            Entry::Consent(consent) => self.sends.consents.push(consent),
            Entry::Send(row) => self.sends.rows.push(row),
            Entry::SendStep(step) => self.sends.steps.push(step),
            Entry::ConsentEntry(entry) => self.sends.entries.push(entry),
        }
    }

    /// Everything as entries, e.g. to write it.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let facts = self.store.iter().flat_map(StoreFacts::entries);
        let posts = self.posts.iter().cloned().map(Entry::Post);
        posts
            .chain(self.deliveries.iter().cloned().map(Entry::Delivery))
            .chain(self.interruptions.iter().cloned().map(Entry::Interruption))
            .chain(facts)
            .chain(self.depths.iter().cloned().map(Entry::Depth))
            .chain(self.texts.iter().cloned().map(Entry::Text))
            .chain(self.markers.iter().cloned().map(Entry::Marker))
            .chain(self.rule_sets.iter().cloned().map(Entry::RuleSet))
            .chain(self.sends.entries())
    }
}

impl StoreFacts {
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let decisions = self.decisions.iter().cloned().map(Entry::Decision);
        let statuses = self.statuses.iter().cloned().map(Entry::Status);
        let changes = self.changes.iter().cloned().map(Entry::Change);
        let leases = self.leases.iter().cloned().map(Entry::Lease);
        let activations = self.activations.iter().cloned().map(Entry::Activation);
        decisions.chain(statuses).chain(changes).chain(leases).chain(activations)
    }
}
