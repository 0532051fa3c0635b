//! Where webhooks go instead of where the app says: of an account (POST `/{waba_id}/subscribed_apps`) or of one number (POST
//! `/{phone_number_id}`). It is for the field `messages` only; all others go where the app says.

use std::fmt;

use serde_json::{Map, Value, json};

use super::object::{FieldError, JsonBody, Object};

/// An address for webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookAddress {
    /// At most 200 characters.
    pub callback_uri: String,
    /// What the handshake asks for.
    pub verify_token: String,
}

/// The token is a secret.
impl fmt::Debug for WebhookAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookAddress").field("callback_uri", &self.callback_uri).finish_non_exhaustive()
    }
}

/// Gets webhooks of an account; `None`: where the app says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe(pub Option<WebhookAddress>);

/// Sets where the webhooks of a number go; `None`: where the account or the app says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberWebhooks(pub Option<WebhookAddress>);

impl WebhookAddress {
    fn to_value(&self) -> Value {
        json!({"override_callback_uri": self.callback_uri, "verify_token": self.verify_token})
    }

    /// No address, or an empty one, takes away what was set.
    fn read(object: &Object<'_>) -> Result<Option<Self>, FieldError> {
        let uri = object.optional_text("override_callback_uri")?.filter(|uri| !uri.is_empty());
        let Some(callback_uri) = uri else { return Ok(None) };
        Ok(Some(Self { callback_uri, verify_token: object.text("verify_token")? }))
    }
}

impl JsonBody for Subscribe {
    fn to_value(&self) -> Value {
        self.0.as_ref().map_or_else(|| Value::Object(Map::new()), WebhookAddress::to_value)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        Ok(Self(WebhookAddress::read(&Object::whole(value)?)?))
    }
}

impl JsonBody for NumberWebhooks {
    fn to_value(&self) -> Value {
        let none = || json!({"override_callback_uri": ""});
        json!({"webhook_configuration": self.0.as_ref().map_or_else(none, WebhookAddress::to_value)})
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        Ok(Self(WebhookAddress::read(&Object::whole(value)?.object("webhook_configuration")?)?))
    }
}
