//! The front door over real sockets, with a bus that does as it is told.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

mod bird;
mod limits;
mod operations;
mod outcomes;
mod signatures;
mod tls;
mod twilio;
