//! Tests of what other crates see: webhook bodies in, events out; sends, answers and error codes.

mod account;
mod answers;
mod bird;
mod bird_signature;
mod contents;
mod decoding;
mod edges;
mod error_codes;
mod people;
mod properties;
mod registered;
mod samples;
mod sending;
mod sending_properties;
mod settings;
mod splitting;
mod support;
mod twilio;
