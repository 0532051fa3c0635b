//! Whom a message is for: the one number or id that is sent, in the form in which Meta cannot take it for another.
//!
//! A number goes out with `+` and its country code: without the `+` Meta reads it as one of the *sender's* country, and
//! somebody else may get the message
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/phone-numbers>). Two forms of a number are never tried.

use serde_json::{Map, Value};
use waypost_domain::phone;

use super::object::{FieldError, Object};
use crate::user_id::IdForm;

/// Fewer are a short code, which nobody reads WhatsApp at.
const DIGITS_MIN: usize = 5;

/// A number in the form of E.164, written with its `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// What is no number with a country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no phone number with a country code")]
pub struct InvalidPhoneNumber;

impl PhoneNumber {
    /// Of a number that has its country code, with or without `+`.
    pub fn new(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let digits = phone::digits(text).ok_or(InvalidPhoneNumber)?;
        let is_number = (DIGITS_MIN..=phone::DIGITS_MAX).contains(&digits.len()) && !digits.starts_with('0');
        if is_number { Ok(Self(format!("+{digits}"))) } else { Err(InvalidPhoneNumber) }
    }

    /// With its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }
}

/// A business-scoped id of a person: `US.1349…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

/// What is no business-scoped id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no business-scoped user id")]
pub struct InvalidUserId;

impl UserId {
    /// Of a person; a parent's id is one, too.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidUserId> {
        let text = text.into();
        match IdForm::of(&text) {
            IdForm::Bsuid | IdForm::ParentBsuid => Ok(Self(text)),
            IdForm::Phone => Err(InvalidUserId),
        }
    }

    /// As Meta writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number without `+`, as other clients write it: Meta puts the sender's country code before it where it takes it for a
/// national one. We only ever read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnprefixedNumber(String);

impl UnprefixedNumber {
    /// As it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person who is written to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Customer {
    /// By number: `to`.
    Phone(PhoneNumber),
    /// By business-scoped id: `recipient`.
    User(UserId),
    /// By what only others send.
    Unprefixed(UnprefixedNumber),
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// A person.
    Customer(Customer),
    /// A group, by Meta's id of it.
    Group(String),
}

impl From<PhoneNumber> for Recipient {
    fn from(number: PhoneNumber) -> Self {
        Self::Customer(Customer::Phone(number))
    }
}

impl From<UserId> for Recipient {
    fn from(id: UserId) -> Self {
        Self::Customer(Customer::User(id))
    }
}

impl Customer {
    /// `to` or `recipient` of `request`; where both are given, `to` counts.
    pub(super) fn read(request: &Object<'_>) -> Result<Self, FieldError> {
        match (request.optional_text("to")?, request.optional_text("recipient")?) {
            (Some(to), _) => Self::of_text(&to).ok_or_else(|| request.must_be("to", "a phone number")),
            (None, Some(id)) => {
                let id = UserId::new(id).map_err(|_| request.must_be("recipient", "a business-scoped user id"))?;
                Ok(Self::User(id))
            }
            (None, None) => Err(request.missing("to")),
        }
    }

    /// A number as somebody writes it; `None` for what is none.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let number = PhoneNumber::new(text).ok()?;
        Some(match text.trim_start().starts_with('+') {
            true => Self::Phone(number),
            false => Self::Unprefixed(UnprefixedNumber(text.to_owned())),
        })
    }

    pub(super) fn write(&self, request: &mut Map<String, Value>) {
        let name = match self {
            Self::Phone(_) | Self::Unprefixed(_) => "to",
            Self::User(_) => "recipient",
        };
        request.insert(name.to_owned(), self.as_str().into());
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(number) => number.as_str(),
            Self::User(id) => id.as_str(),
            Self::Unprefixed(number) => number.as_str(),
        }
    }
}

impl Recipient {
    pub(super) fn read(request: &Object<'_>) -> Result<Self, FieldError> {
        match request.optional_text("recipient_type")?.as_deref() {
            None | Some("individual") => Ok(Self::Customer(Customer::read(request)?)),
            Some("group") => Ok(Self::Group(request.text("to")?)),
            Some(_) => Err(request.must_be("recipient_type", "individual or group")),
        }
    }

    pub(super) fn write(&self, request: &mut Map<String, Value>) {
        let kind = match self {
            Self::Customer(customer) => {
                customer.write(request);
                "individual"
            }
            Self::Group(id) => {
                request.insert("to".to_owned(), id.as_str().into());
                "group"
            }
        };
        request.insert("recipient_type".to_owned(), kind.into());
    }
}
