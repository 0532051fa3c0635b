//! The administration over gRPC: rule sets, rules, calendars, teams, tokens, contacts, decisions, dead letters, the audit log.
//!
//! A call passes `gate` first: who is it, and does [`roles`] let them? Then a service in `services` checks what was
//! asked, does it in one transaction of the store together with its audit record, and answers. Nothing is changed
//! without a record, and no method is open that the table of roles does not name. Must never route or send a message.

mod config;
mod connection;
mod errors;
mod fields;
mod gate;
mod holidays;
mod metrics;
mod once;
mod page;
mod queues;
pub mod roles;
pub mod secret;
mod server;
mod services;

pub use config::{GrpcConfig, GrpcLimits, TeamQueues, TlsFiles};
pub use roles::Role;
pub use server::{Admin, BindError};
pub use services::tokens::{NewToken, create_token, revoke_token};

use std::sync::Arc;

use waypost_bus::Bus;
use waypost_store::Store;

/// What all services work with.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Store,
    pub(crate) team_queues: TeamQueues,
}
