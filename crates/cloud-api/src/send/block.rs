//! Customers whose messages are not wanted any more: POST and DELETE `/{phone_number_id}/block_users`.

use serde_json::{Value, json};

use super::NonEmpty;
use super::object::{FieldError, JsonBody, Object};
use super::recipient::{Customer, UserId};

/// Whom to block, or to let in again. Only those can be blocked who wrote in the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockUsers {
    /// Each by number or by id.
    pub users: NonEmpty<Customer>,
}

impl JsonBody for BlockUsers {
    fn to_value(&self) -> Value {
        let users = self.users.to_values(|user| json!({"user": user.as_str()}));
        json!({"messaging_product": "whatsapp", "block_users": users})
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let request = Object::for_whatsapp(value)?;
        let users = request.some("block_users", |element| {
            let text = element.text("user")?;
            let by_id = UserId::new(text.as_str()).ok().map(Customer::User);
            by_id
                .or_else(|| Customer::of_text(&text))
                .ok_or_else(|| element.must_be("user", "a phone number or a business-scoped user id"))
        })?;
        Ok(Self { users })
    }
}
