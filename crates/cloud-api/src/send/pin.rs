//! The number's own two-step verification: POST `/{phone_number_id}` with the new PIN.

use std::fmt;

use serde_json::{Value, json};

use super::object::{FieldError, JsonBody, Object};

/// Six digits that are asked for when the number is registered anew.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

/// What is not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not six digits")]
pub struct InvalidPin;

impl Pin {
    /// Of exactly six digits.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidPin> {
        let text = text.into();
        let is_pin = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_pin { Ok(Self(text)) } else { Err(InvalidPin) }
    }

    /// To be compared or sent, and never to be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It is a secret.
impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl JsonBody for Pin {
    fn to_value(&self) -> Value {
        json!({"pin": self.0})
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let request = Object::whole(value)?;
        Self::new(request.text("pin")?).map_err(|_| request.must_be("pin", "six digits"))
    }
}
