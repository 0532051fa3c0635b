//! The internal messages' protobuf code, and their conversion into domain types.
//!
//! What the components tell each other over the bus, and the messages (feature `admin`), clients (`client`) and servers
//! (`server`) of the administration and the gateway, are defined in `/proto`; the code here is generated from it and committed
//! (`tests/generated*.rs` fail when it is stale). This crate must never do I/O or read a clock.

#[cfg(feature = "admin")]
pub mod admin;
mod cloud_event;
pub mod conversation_changed;
#[cfg(feature = "admin")]
mod difference;
pub mod event;
#[cfg(feature = "admin")]
mod explanation;
pub mod extras;
#[cfg(feature = "admin")]
pub mod mutating;
#[cfg(feature = "admin")]
pub mod reasons;
#[cfg(feature = "admin")]
pub mod resources;
pub mod route;
#[cfg(any(feature = "client", feature = "server"))]
pub mod rpc;
pub mod rule_set;
#[cfg(feature = "admin")]
pub mod sends;
pub mod team_message;
pub mod transcript;

pub use event::{BUNDLE_VERSION, EVENT_KIND, EVENT_VERSION, EventError, bundled_events, decode_event, encode_event};

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

/// Package `waypost.admin.v1`.
#[cfg(feature = "admin")]
pub mod admin_v1 {
    #![allow(missing_docs, clippy::all, unused, unreachable_pub, reason = "generated")]
    include!("generated/waypost.admin.v1.rs");
}

/// Package `waypost.sends.v1`.
#[cfg(feature = "admin")]
pub mod sends_v1 {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    include!("generated/waypost.sends.v1.rs");
}

/// Package `waypost.gateway.v1`.
#[cfg(feature = "admin")]
pub mod gateway_v1 {
    #![allow(missing_docs, clippy::all, unused, unreachable_pub, reason = "generated")]
    include!("generated/waypost.gateway.v1.rs");
}
