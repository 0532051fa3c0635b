//! The administration as its callers meet it, over TLS, on the real program: who may do what, what a mistake is answered
//! with, and what the audit log says afterwards.

mod access;
mod audit;
mod calendars;
mod campaigns;
mod commands;
mod compare;
mod coverage;
mod erasure;
mod explain;
mod in_force;
mod methods;
mod numbers;
#[cfg(feature = "servers")]
mod on_rabbitmq;
mod parked;
mod rollback;
mod rule_sets;
mod rules;
mod sending;
mod server;
mod team_queues;
mod teams;
mod terminal;
mod trace;
