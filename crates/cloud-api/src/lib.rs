//! Meta's webhook JSON: signature, handshake, decoding, splitting.
//!
//! What Meta writes stops here: everything behind this crate sees the words of `waypost-domain`. Reading is tolerant
//! throughout (a field of an unexpected type is an absent field), because Meta's types are unstable and a message
//! must never be lost for a field we do not need. Nothing here does I/O, and nothing recurses on the input.

pub mod handshake;
mod json;
pub mod samples;
pub mod signature;
pub mod wamid;
pub mod webhook;
