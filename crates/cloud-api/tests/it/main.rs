//! Tests of what other crates see: whole webhook bodies in, events out.

mod contents;
mod decoding;
mod edges;
mod people;
mod properties;
mod samples;
mod splitting;
mod support;
