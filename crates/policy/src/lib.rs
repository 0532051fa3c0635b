//! May this be sent now, to this contact?
//!
//! One pure function, [`verdict()`], asks the rules of WhatsApp, of the law and of the business one after the other; [`decide`] is
//! their list, and each file beside it is one family of them. Everything that it looks at is passed in ([`Asked`]): this crate
//! must never read a clock, do I/O or draw a random number. It judges; what is then done is the sender's.

pub mod decide;

pub mod asked;
pub mod rule;
pub mod verdict;

mod blank;
mod codes;
mod consent;
mod content;
mod countries;
mod expiry;
mod going;
mod health;
mod hours;
mod limits;
mod people;
mod template;
mod warnings;
mod window;

pub mod calendar;
pub mod data;
pub mod spend;

mod record;

pub use asked::Asked;
pub use content::{MediaLimits, media_limits};
pub use data::PolicyData;
pub use decide::verdict;
pub use record::Record;
pub use rule::Rule;
pub use template::{fits, languages, preview};
pub use verdict::{Finding, Verdict, Warning};
