//! The services: one file each. All of them read a request the same way: fields first, every mistake named, then the
//! store.

pub(crate) mod audit;
pub(crate) mod calendars;
pub(crate) mod contacts;
pub(crate) mod dead_letters;
pub(crate) mod decisions;
pub(crate) mod numbers;
mod parts;
pub(crate) mod rule_sets;
pub(crate) mod rules;
pub(crate) mod teams;
pub(crate) mod tokens;
mod versions;

use prost::Name;
use waypost_proto::admin::to_json;
use waypost_store::AuditEntry;

use crate::gate::Caller;

/// What `caller` did, with the resource as it was and as it is.
fn audit_entry<M: Name>(
    caller: &Caller,
    method: &str,
    resource: &str,
    before: Option<&M>,
    after: Option<&M>,
) -> AuditEntry {
    let json = |message: Option<&M>| message.map(|message| to_json(message, false).to_string()).unwrap_or_default();
    AuditEntry {
        actor: caller.actor.clone(),
        method: method.to_owned(),
        resource: resource.to_owned(),
        before: json(before),
        after: json(after),
    }
}
