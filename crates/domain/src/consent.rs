//! What a contact agreed to: the ledger, which only grows, and what it comes to by now.

mod effective;
mod fold;
mod ledger;

pub use effective::{Basis, Consents, EffectiveConsent, Grant, Stop};
pub use fold::{Folded, Folding, fold};
pub use ledger::{ConsentEntry, Evidence, How, Said};
