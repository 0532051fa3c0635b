//! The services: one file each. All of them read a request the same way: fields first, every mistake named, then the
//! store.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod calendars;
pub(crate) mod campaigns;
pub(crate) mod consent;
mod contact_values;
pub(crate) mod contacts;
pub(crate) mod dead_letters;
pub(crate) mod decisions;
pub(crate) mod limits;
pub(crate) mod numbers;
mod parts;
pub(crate) mod policy;
mod reference;
pub(crate) mod rule_sets;
pub(crate) mod rules;
pub(crate) mod status;
pub(crate) mod team_queues;
pub(crate) mod teams;
pub(crate) mod templates;
mod titles;
pub(crate) mod tokens;
mod versions;
