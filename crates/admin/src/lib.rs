//! The administration over gRPC: rule sets, rules, calendars, teams and their queues, tokens, contacts, consent, campaigns,
//! templates, policy data, decisions, dead letters, the audit log.
//!
//! A call passes the gate of `waypost-grpc` first, with the table in `roles`. Then a service in `services` checks what the
//! request says, does it in one transaction of the store together with its audit record, and answers. Nothing is changed
//! without a record, and no method is open that the table of roles does not name; messages that a team's people take are no
//! change. Must never route or send a message.

mod holidays;
mod queues;
mod roles;
mod server;
mod services;
mod template_source;

pub use queues::TeamQueues;
pub use roles::METHODS;
pub use server::Admin;
pub use services::status::status_message;
pub use services::tokens::{NewToken, create_token, revoke_token, token_message};
pub use template_source::{NotListed, TemplateList, TemplateSource};
pub use waypost_grpc::secret::{generate as generate_secret, hash as hash_secret};
pub use waypost_grpc::{Access, BindError, CallError, GrpcConfig, GrpcLimits, Role, ServeError, Services, TlsFiles};

use std::sync::Arc;

use waypost_bus::Bus;
use waypost_live::overview::Watched;
use waypost_store::Store;

use services::team_queues::Leases;

/// What all services work with.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Store,
    pub(crate) team_queues: TeamQueues,
    pub(crate) watched: Watched,
    /// Where Meta's lists of templates are read; `None` where this process cannot.
    pub(crate) templates: Option<Arc<dyn TemplateSource>>,
    /// What callers have in hand of teams' queues.
    pub(crate) leases: Leases,
}
