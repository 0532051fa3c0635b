//! What is sent, byte by byte where it matters, to servers of the tests' own.

#![allow(clippy::unwrap_used, reason = "a test")]

mod bird;
mod bodies;
mod carrier_files;
mod conformance;
mod management;
mod media;
mod stub;
mod support;
mod twilio;
