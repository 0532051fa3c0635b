//! The internal messages' protobuf code, and their conversion into domain types.
//!
//! What the components tell each other over the bus is defined in `/proto`; the code here is generated from it and
//! committed (`tests/generated.rs` fails when it is stale). This crate must never do I/O or read a clock.

pub mod event;
pub mod route;
pub mod rule_set;

pub use event::{EVENT_KIND, EVENT_VERSION, EventError, decode_event, encode_event};

/// Package `waypost.internal.v1`.
pub mod v1 {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    include!("generated/waypost.internal.v1.rs");
}

/// Package `waypost.rules.v1`.
pub mod rules_v1 {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    include!("generated/waypost.rules.v1.rs");
}
