//! What is asked of Meta to reach a customer: messages and what belongs to them, as bytes and back; and what is set of a
//! number.
//!
//! The sender writes these requests and the sandbox reads them. What cannot be said wrongly has a type of its own; what a
//! field may hold at most is policy's. Nothing here is ever sent: that is the client's.

mod block;
mod card;
mod interactive;
mod location;
mod media;
mod message;
mod non_empty;
mod object;
mod pin;
mod profile;
mod receipt;
mod recipient;
mod template;
mod thread_control;
mod webhook_address;

use serde_json::Value;

pub use block::BlockUsers;
pub use card::{Card, CardAddress, CardEmail, CardOrganisation, CardPhone, CardUrl, NameParts};
pub use interactive::{
    CtaUrl, Flow, FlowId, FlowOpens, Interactive, InteractiveHeader, List, Product, ProductList, ProductSection,
    ReplyButton, ReplyButtons, Row, Section,
};
pub use location::{Degrees, InvalidDegrees, Location};
pub use media::{HeaderMedia, Media, MediaSource};
pub use message::{Body, Message, Reaction, Text};
pub use non_empty::NonEmpty;
pub use object::{FieldError, JsonBody, Problem};
pub use pin::{InvalidPin, Pin};
pub use profile::ProfileChange;
pub use receipt::ReadReceipt;
pub use recipient::{Customer, InvalidPhoneNumber, InvalidUserId, PhoneNumber, Recipient, UnprefixedNumber, UserId};
pub use template::{
    Button, ButtonAction, CarouselCard, Currency, DateTime, Header, InvalidParameters, Parameter, ParameterValue,
    Parameters, Template,
};
pub use thread_control::{ControlAction, ThreadControl};
pub use webhook_address::{NumberWebhooks, Subscribe, WebhookAddress};

/// What POST `/{phone_number_id}/messages` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Something for a customer.
    Message(Box<Message>),
    /// A customer's message was read.
    Read(ReadReceipt),
}

impl JsonBody for Request {
    fn to_value(&self) -> Value {
        match self {
            Self::Message(message) => message.to_value(),
            Self::Read(receipt) => receipt.to_value(),
        }
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        if value.get("status").is_some() {
            Ok(Self::Read(ReadReceipt::from_value(value)?))
        } else {
            Ok(Self::Message(Box::new(Message::from_value(value)?)))
        }
    }
}
