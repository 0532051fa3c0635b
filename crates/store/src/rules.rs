//! Versions of the rules, and which of them are in force. A version is never changed or deleted: stored decisions name
//! it, and going back means activating it again. What the text says is for `waypost_rules` to know.

mod activation;
mod text;
mod version;

pub use activation::{Activation, InForce, TrialRow};
pub use text::RuleTextRow;
pub use version::RuleSetRow;
