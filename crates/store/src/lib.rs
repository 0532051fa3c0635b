//! What Waypost remembers: contacts and their aliases, the inbox with its decisions, conversations, statuses and
//! other changes, numbers, teams, and who owns which partition. One schema and one behaviour on SQLite (embedded) and
//! PostgreSQL 15+ (scale-out); the suite (feature `suite`) runs on both.
//!
//! The heart is [`Batch`]: one transaction, fenced by a lease, in which a component reads what it needs, decides and
//! records. This crate carries decisions out; it must never take one about routing, and never publish anything.
//! No value that names a person reaches a log line or an error text.

mod audit;
mod batch;
mod change;
mod changes;
mod contact_rows;
mod contacts;
mod conversations;
mod coverage;
mod database;
mod error;
mod explain;
mod held;
mod ids;
mod inbox;
mod janitor;
mod lease;
mod merge;
mod numbers;
mod people;
mod records;
mod rule_sets;
mod schema;
mod teams;
mod tokens;

#[cfg(any(test, feature = "suite"))]
pub mod suite;

#[cfg(test)]
mod sqlite_tests;

pub use audit::{AuditEntry, AuditHead, AuditRecord, AuditVerdict};
pub use batch::{Batch, Fence};
pub use change::{AnsweredRequest, Change};
pub use changes::{ChangeRow, ChangeScope, StatusRow};
pub use contacts::{ContactDetails, ContactRecord, ContactUpsert, Observation, UpsertedContact};
pub use coverage::DecidedBy;
pub use database::{Clock, Store, StoreOptions, StoreUrl};
pub use error::{Merge, SqlError, StoreError};
pub use explain::{DecidedInput, KeptStatus, StoreCounts, TeamCount};
pub use held::{HeldMessage, HeldRelease};
pub use ids::TimeOrderedIds;
pub use inbox::{EventKey, InboxRow, KnownEvent, ReleasedMessage, StoredDecision};
pub use janitor::{JanitorReport, Retention};
pub use lease::{Lease, LeaseRow, Renewal, Suspect};
pub use numbers::NumberRow;
pub use rule_sets::{Activation, InForce, RuleSetRow, TrialRow};
pub use schema::SchemaState;
pub use teams::TeamRow;
pub use tokens::TokenRow;

/// What every call here returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The component whose leases number the inbox.
pub const INBOX_COMPONENT: &str = "router";
