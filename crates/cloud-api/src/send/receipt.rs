//! Saying that a customer's message was read, and that an answer is being typed.
//!
//! It goes to the endpoint of the messages. What was sent before becomes read too, except in groups.

use serde_json::{Map, Value, json};

use super::object::{FieldError, JsonBody, Object, put};

/// A customer's message, of the last 30 days, was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReceipt {
    /// Its wamid.
    pub message_id: String,
    /// Shows that somebody types, until the answer comes, for 25 seconds at most.
    pub typing: bool,
}

impl JsonBody for ReadReceipt {
    fn to_value(&self) -> Value {
        let mut receipt = Map::new();
        receipt.insert("messaging_product".to_owned(), json!("whatsapp"));
        receipt.insert("status".to_owned(), json!("read"));
        receipt.insert("message_id".to_owned(), json!(self.message_id));
        put(&mut receipt, "typing_indicator", self.typing.then(|| json!({"type": "text"})));
        Value::Object(receipt)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let receipt = Object::for_whatsapp(value)?;
        if receipt.word("status")? != "read" {
            return Err(receipt.must_be("status", "read"));
        }
        let typing = receipt.optional_object("typing_indicator")?;
        if let Some(typing) = &typing
            && typing.word("type")? != "text"
        {
            return Err(typing.must_be("type", "text"));
        }
        Ok(Self { message_id: receipt.text("message_id")?, typing: typing.is_some() })
    }
}
