//! What the administration keeps and changes: teams, numbers and tokens, and the audit log of it. Every change goes
//! through an [`AuditedTx`], which cannot be committed without saying what it did.

mod audit;
mod audited_tx;
mod numbers;
mod teams;
mod tokens;

pub use audit::{AuditEntry, AuditHead, AuditRecord, AuditVerdict};
pub use audited_tx::{AnsweredRequest, AuditedTx};
pub use numbers::NumberRow;
pub use teams::TeamRow;
pub use tokens::TokenRow;
