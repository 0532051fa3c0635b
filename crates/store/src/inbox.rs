//! The inbox: one row per distinct event, with the decision about it. Whether an event is new is decided here and
//! nowhere else.

mod diverted;
mod held;
mod table;
mod tx;
mod writes;

use waypost_domain::{
    ContactId, ConversationId, DecisionId, PartitionId, PhoneNumberId, TeamName, Timestamp, team::Priority,
};

pub use diverted::{Diversion, DivertedMessage};
pub use held::{HeldKind, HeldMessage, HeldRelease, NoticeShown, ReleasedMessage};
pub(crate) use table::{INBOX, KNOWN_COLUMNS, KNOWN_JOINS};
pub use tx::InboxTx;
pub(crate) use tx::{KNOWN, ReadUnlocked};
pub use writes::InboxWrites;

/// What makes an event unique: Meta's id of the number it came to, and its wamid (or another key within the number).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    pub number: PhoneNumberId,
    pub key: String,
}

impl EventKey {
    pub fn decision_id(&self) -> DecisionId {
        DecisionId::of_event(&self.number, &self.key)
    }
}

/// A decision, with what explains and repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    pub rule_set: String,
    pub rule: String,
    pub phase: String,
    /// `None`: the unrouted queue.
    pub team: Option<TeamName>,
    pub priority: Priority,
    pub why: String,
    /// The encoded input. Empty once it was erased.
    pub input: Vec<u8>,
    /// What else was decided, encoded; empty where there is nothing.
    pub extras: Vec<u8>,
}

/// An event to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    pub number: PhoneNumberId,
    pub key: String,
    /// Above every sequence number given in this partition before.
    pub seq: i64,
    /// The component's word for what this is.
    pub kind: &'static str,
    /// [`DecisionId::of_event`] of `number` and `key`.
    pub decision_id: DecisionId,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    pub received_at: Timestamp,
    /// When it is recorded, and decided unless it is held: rises with `seq`.
    pub recorded_at: Timestamp,
    /// When everything below it in its partition had been published, as far as that is known.
    pub before_published_at: Option<Timestamp>,
    /// `None`: nothing was routed.
    pub outcome: Option<StoredDecision>,
    /// The whole event, when it is kept: until control of the thread comes to us, or somebody reads the next message.
    pub held_event: Option<Vec<u8>>,
    /// Whom that is kept for, where it is not the contact: the group that it was written in.
    pub held_for: Option<ContactId>,
}

/// An event that was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    pub event: EventKey,
    pub decision_id: DecisionId,
    /// Where its sequence number counts.
    pub partition: PartitionId,
    pub seq: i64,
    /// At or below its partition's published mark: a plain duplicate. Otherwise it was decided but perhaps never
    /// published: publish the stored decision.
    pub published: bool,
    pub kind: String,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    pub received_at: Timestamp,
    /// When it was recorded. `None`: by a release that did not write that down.
    pub recorded_at: Option<Timestamp>,
    pub outcome: Option<StoredDecision>,
    /// Of a held message: the event that released it, or that it was shown with.
    pub released_by: Option<DecisionId>,
    /// The last time that another queue got it than its team's.
    pub diversion: Option<Diversion>,
}
