//! Whole-system tests, one binary, so that the harness is linked once. What needs a server is behind the feature
//! `servers`; the rest runs with a bare `cargo test`.

#[cfg(feature = "servers")]
mod bus_rabbitmq;
mod crate_edges;
mod deployment;
mod duplicates;
mod embedded_run;
mod refusals;
#[cfg(feature = "servers")]
mod store_postgres;
mod tidy;
mod workspace;
