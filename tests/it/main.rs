//! Whole-system tests, one binary, so that the harness is linked once. What needs a server is behind the feature
//! `servers`; the rest runs with a bare `cargo test`.

mod admin;
mod backlog;
mod bird;
#[cfg(feature = "servers")]
mod bus_rabbitmq;
mod campaigns;
mod cli;
mod cli_pages;
mod consent;
mod crash;
mod crate_edges;
mod database;
mod demo;
mod deployment;
mod doctor;
mod duplicates;
mod elsewhere;
mod embedded_queues;
mod embedded_run;
mod extras;
#[cfg(feature = "servers")]
mod faults;
mod fuzz;
mod inbound;
#[cfg(feature = "servers")]
mod interleavings;
mod ledger;
mod operators;
mod outbound;
#[cfg(feature = "servers")]
mod permissions;
mod refusals;
#[cfg(feature = "servers")]
mod replicas;
mod rules_cli;
mod secrets;
mod sending;
mod standby;
mod status;
#[cfg(feature = "servers")]
mod store_faults;
#[cfg(feature = "servers")]
mod store_postgres;
mod teams;
mod tidy;
mod traffic;
mod twilio;
mod workspace;
