//! What follows the store while a process runs, so that a batch asks memory and not the database: the [rules in
//! force](Rules), what the administration says of [teams](TeamDirectory), our [names for numbers](Numbers), what [sending](SendingLive) goes
//! by. Whoever reads gets a whole picture and never waits for whoever looks for changes. And how it is as a whole ([`overview`]).
//!
//! Shared by all components; it must never know one of them, and never decide about a message.

mod asked;
pub mod metrics;
pub mod numbers;
pub mod overview;
pub mod rules;
pub mod sending;
pub mod teams;
#[cfg(test)]
mod test_bus;

pub use asked::AskedTeams;
pub use numbers::{KnownNumber, Numbers};
pub use rules::{Rules, RulesError, RulesInForce};
pub use sending::{OurNumber, PORTFOLIO, Question, Sending, SendingLive};
pub use teams::{FoundQueues, TeamDirectory, queues_of};
