//! The WhatsApp platform on the desk: customers that write to a webhook over real HTTP, and the Cloud API itself.
//!
//! [`Platform`] is a Cloud API that any client can send through. [`Customers`] sends what Meta would send: signed, batched, repeated, out of order, and again and again until it is
//! answered 200. A run is a function of its seed. This crate knows the wire and nothing of ours behind it: it must
//! never depend on how a webhook is handled.

mod body;
mod config;
mod conversations;
mod customer;
mod error;
mod plan;
mod platform;
mod post;
mod run;

pub use config::SandboxConfig;
pub use conversations::{CONVERSATIONS, Conversation, Step};
pub use error::SandboxError;
pub use plan::{SentMessage, SentOther};
pub use platform::{
    AcceptedMessage, ActorError, Control, CustomerSpec, Delivery, Fault, FaultKind, Hindrance, Holder, Limits,
    NumberConfig, Platform, PlatformConfig, PlatformCounts, PostedStatus, Rating, ReadMessage, RefusedMessage, Said,
    SaidMessage, Standing, Strangers, Tap, Unprefixed,
};
pub use post::{check_handshake, post_signed};
pub use run::{Customers, PostRecord, SandboxReport};
