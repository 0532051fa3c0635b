//! The platform over real HTTP, by a client that knows Meta's pages and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

mod codes;
mod control;
mod customers;
mod delivery;
mod faults;
mod graph;
mod news;
mod standing;
mod support;
