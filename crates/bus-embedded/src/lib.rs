//! The bus in one SQLite file, inside the process: nothing to install, same promises as a broker.
//!
//! One thread owns the file and writes; it commits many calls in one transaction and answers after the commit. Another
//! thread reads bodies. In memory is only what is small: per queue some counters, the places handed out and those
//! returned. This crate must never answer `Confirmed` before the commit, hold a backlog in memory, or block a task.

mod attempt;
mod bus;
mod care;
mod chores;
mod consumer;
mod error;
mod file;
mod inbox;
mod lock;
mod mailbox;
pub mod metrics;
mod reader;
mod rows;
mod schema;
mod state;
mod writer;

pub use bus::{EmbeddedBus, Options};
pub use error::OpenError;
pub use file::{BusFile, StoredQueue};
