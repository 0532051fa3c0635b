//! Twilio (<https://www.twilio.com/docs/whatsapp>), which carries WhatsApp in forms of its own: what it posts is
//! checked ([`signature`]) and told as Meta would have told it ([`hook`]), so that nobody behind the front door knows
//! it; what is sent through it is a form ([`message`]), and what it answers is read ([`answer`]).
//!
//! Our mark on a message stands in the address that its statuses go to ([`address`](crate::carrier::address)).

pub mod answer;
pub mod fields;
pub mod hook;
pub mod message;
pub mod signature;

/// Before every address of WhatsApp's, as `whatsapp:+15550100001`; what lacks it is a text message.
pub const CHANNEL: &str = "whatsapp:";
