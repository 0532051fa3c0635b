//! What Waypost remembers: contacts and their aliases, the inbox with its decisions, conversations, statuses and
//! other changes, numbers, teams, and who owns which partition. One schema and one behaviour on SQLite (embedded) and
//! PostgreSQL 15 and later (scale-out; tested on 15); the suite (feature `suite`) runs on both.
//!
//! The heart is [`InboxTx`]: one transaction, fenced by a lease, in which a component reads what it needs, decides and
//! records. This crate carries decisions out; it must never take one about routing, and never publish anything.
//! No value that names a person reaches a log line or an error text.

mod admin;
mod alerts;
mod campaigns;
mod changes;
mod consent;
mod contacts;
mod conversations;
mod core;
mod erasure;
mod error;
mod ids;
mod inbox;
mod janitor;
mod lease;
mod media;
mod news;
mod parked;
mod policy_data;
mod records;
mod reports;
mod rules;
mod schema;
mod sends;
mod suppression;
mod templates;
mod transcript;

#[cfg(any(test, feature = "suite"))]
pub mod suite;

#[cfg(test)]
mod sqlite_tests;

pub use crate::core::{Clock, Store, StoreOptions, StoreUrl};
pub use admin::{
    AnsweredRequest, AuditEntry, AuditHead, AuditRecord, AuditVerdict, AuditedTx, NumberRow, TeamRow, TokenRow,
};
pub use alerts::Alert;
pub use campaigns::{
    BatchLimits, Campaign, CampaignEnds, CampaignFigures, CodeCount, NewRecipient, OpenCampaign, Planned, PlannedBatch,
    Recipient, RecipientProblem, RecipientState, RuleCount,
};
pub use changes::{ChangeRow, ChangeScope, RecordTx, StatusRow};
pub use consent::{ConsentTx, Ledger, Offer};
pub use contacts::{
    Claim, ClaimOn, ConfirmedContact, ContactDetails, ContactRecord, ContactUpsert, MergedContact, Observation,
    SplitContact, UpsertedContact, Wrote,
};
pub use conversations::{Answered, ConversationFilter, ExternalRefs, OwnedConversation, Rebind, RefsOf};
pub use erasure::{Erased, ErasedPerson, LooseErased};
pub use error::{Merge, SqlError, StoreError};
pub use ids::TimeOrderedIds;
pub use inbox::{
    Diversion, DivertedMessage, EventKey, HeldKind, HeldMessage, HeldRelease, InboxRow, InboxTx, InboxWrites,
    KnownEvent, NoticeShown, ReleasedMessage, StoredDecision,
};
pub use janitor::{ANSWERS_SEEN_WITHIN, JanitorReport, Retention};
pub use lease::{Fence, Lease, LeaseRow, Renewal, Sequence, Suspect};
pub use media::{DueFile, KeptFile, WantedFile};
pub use news::{Heard, News, QUALITY, STANDING, ToldAt};
pub use parked::{
    ParkedContent, ParkedCount, ParkedFilter, ParkedGroup, ParkedMessage, ParkedPlace, ParkedRow, Parking, ReplayJob,
    ReplayStep,
};
pub use policy_data::PolicyDataRow;
pub use reports::{
    DecidedBy, DecidedInput, DecisionFilter, DecisionPage, DecisionPlaces, KeptChange, KeptStatus, StoreCounts,
    TeamCount, ToldOfContact,
};
pub use rules::{Activation, InForce, RuleSetRow, RuleTextRow, TrialRow};
pub use schema::{ROLES, Role, SchemaState, grants};
pub use sends::{
    Attempt, BarKey, BarOrigin, BarScope, BarWhat, ClaimedSend, DueSend, FailedSend, FoldedStatuses, Lift, MonthSpend,
    NewSend, PortfolioUse, PricedSend, PutOff, QueuedSends, Reach, RecentSend, SendAnswer, SendAnswered, SendBar,
    SendFacts, SendFilter, SendPrice, SendRow, SendTx, SpendRow, StoredSend, TappedSend, Verdict,
};
pub use templates::{TEMPLATE_STATUS, TemplateListRow, TemplateRow};
pub use transcript::{EntryPlace, TranscriptEntry, TranscriptKind, TranscriptRead, TranscriptRow};

/// What every call here returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
