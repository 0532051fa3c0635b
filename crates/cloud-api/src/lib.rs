//! Meta's JSON: webhooks (signature, handshake, decoding, splitting), and what is sent, answered and refused. A carrier with
//! forms of its own is read here, too, and told in Meta's words.
//!
//! What Meta writes stops here: everything behind this crate sees the words of `waypost-domain`. Reading what Meta says is
//! tolerant throughout (a field of an unexpected type is an absent field), because Meta's types are unstable and a message
//! must never be lost for a field we do not need. Reading what is asked of Meta names the field that is wrong. Nothing here
//! does I/O, and nothing recurses on the input beyond the depth that `serde_json` allows.

pub mod answer;
pub mod bird;
pub mod carrier;
pub mod error_code;
mod error_object;
pub mod handshake;
mod json;
pub mod samples;
pub mod send;
pub mod signature;
pub mod twilio;
mod user_id;
pub mod wamid;
pub mod webhook;
