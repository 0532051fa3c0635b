//! Requests to send: both ways between the domain and the wire, out of JSON, and held to the schema.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(feature = "admin")]

#[path = "sends/answers.rs"]
mod answers;
#[path = "sends/fields.rs"]
mod fields;
#[path = "sends/round_trip.rs"]
mod round_trip;
#[path = "sends/schema.rs"]
mod schema;
#[path = "sends/strategies.rs"]
mod strategies;
#[path = "sends/verdicts.rs"]
mod verdicts;
