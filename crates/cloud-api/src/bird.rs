//! Bird (<https://docs.bird.com/api/channels-api>), formerly MessageBird, which carries WhatsApp in JSON of its own:
//! what it posts is checked ([`signature`]) and told as Meta would have told it ([`hook`]), so that nobody behind the
//! front door knows it; what is sent through it is written ([`message`]), and what it answers is read ([`answer`]).
//!
//! A number is a channel there. Our mark on a message is its `reference`, which is part of the message in everything
//! that Bird tells of it by its own reference; that a hook repeats it was not tried on a real account.

pub mod answer;
pub mod hook;
pub mod message;
pub mod signature;

/// How Bird calls a phone number.
const PHONE_KEY: &str = "phonenumber";
/// Stands where Bird says that a message failed and gives no code: why it failed would be lost without one.
pub const NO_CODE: i64 = -1;
