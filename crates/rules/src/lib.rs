//! Routing rules: parse → check → compile → decide, and say why.
//!
//! A [`RuleSet`] is immutable and known by the hash of its text; [`RuleSet::decide`] is a function of its arguments
//! alone, so that a stored input and a version give the same decision on every machine, at any time. No clock, no
//! I/O, no randomness here.

pub mod decide;
pub mod fold;
pub mod parse;

pub use decide::{Decision, OpenConversation, Phase, RouteInput};
pub use parse::{RuleError, RuleErrors, RuleSet};
