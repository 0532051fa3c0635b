//! Routing rules: read → check → compile → decide, and say why.
//!
//! A [`Document`] is what people write, as plain data; [`compile`] makes a [`RuleSet`] of it, which is immutable and
//! known by a hash of what it says. [`RuleSet::decide`] is a function of its arguments alone, so that a stored input and
//! a version give the same decision on every machine, at any time. No clock, no I/O, no randomness here.

pub mod atom;
pub mod binding;
pub mod check;
mod choice;
pub mod closing;
pub mod compare;
mod compile;
pub mod coverage;
mod decide;
mod describe;
pub mod diff;
mod errors;
mod evaluate;
pub mod explain;
mod finding;
pub mod fold;
pub mod forms;
mod hours;
mod index;
pub mod input;
mod keyword;
pub mod model;
#[doc(hidden)]
pub mod naive;
mod near;
mod observed;
mod pattern;
pub mod percent;
mod proclitics;
mod queues;
pub mod samples;
pub mod stopping;
pub mod toml_form;
pub mod word_lists;
mod words;

pub use choice::{By, Choice, Unmet};
pub use compile::{RuleSet, compile, content_hash};
pub use decide::Decision;
pub use finding::{Finding, RuleErrors, Severity};
pub use index::Scratch;
pub use input::{OpenConversation, PartWords, PreviousTeam, Referral, RouteInput, Semantics, TeamQueues};
pub use model::{Definition, Document, Phase, Rule};
