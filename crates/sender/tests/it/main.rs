//! The sender on a SQLite store, against a platform that does as it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod campaigns;
mod hooks;
mod kept;
mod limits;
mod order;
mod platform;
mod registry;
mod rig;
mod spend;
mod stopping;
mod truth;
mod window;
