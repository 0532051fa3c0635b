//! What is read by people and by tests that count: lists and totals. Nothing here writes, and nothing that routes
//! may wait for it.

mod attributes;
mod coverage;
mod explain;
mod kept;
mod newest;

pub use attributes::ToldOfContact;
pub use coverage::DecidedBy;
pub use explain::{DecidedInput, StoreCounts, TeamCount};
pub use kept::{KeptChange, KeptStatus};
pub use newest::{DecisionFilter, DecisionPage, DecisionPlaces};
