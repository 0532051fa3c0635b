//! What customers see of a number beside its name: POST `/{phone_number_id}/whatsapp_business_profile`.

use serde_json::{Value, json};

use super::object::{FieldError, JsonBody, Object, put};

/// What is changed of a profile. What is absent stays as it is; an empty text is nothing from then on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// A line below the name.
    pub about: Option<String>,
    /// Where the business is.
    pub address: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Where it reads mail.
    pub email: Option<String>,
    /// Its trade, in Meta's word.
    pub vertical: Option<String>,
    /// At most two, instead of those there were.
    pub websites: Option<Vec<String>>,
    /// What the upload of an example gave.
    pub picture_handle: Option<String>,
}

impl JsonBody for ProfileChange {
    fn to_value(&self) -> Value {
        let mut change = serde_json::Map::new();
        change.insert("messaging_product".to_owned(), json!("whatsapp"));
        put(&mut change, "about", self.about.as_deref());
        put(&mut change, "address", self.address.as_deref());
        put(&mut change, "description", self.description.as_deref());
        put(&mut change, "email", self.email.as_deref());
        put(&mut change, "vertical", self.vertical.as_deref());
        put(&mut change, "websites", self.websites.clone());
        put(&mut change, "profile_picture_handle", self.picture_handle.as_deref());
        Value::Object(change)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let change = Object::for_whatsapp(value)?;
        Ok(Self {
            about: change.optional_text("about")?,
            address: change.optional_text("address")?,
            description: change.optional_text("description")?,
            email: change.optional_text("email")?,
            vertical: change.optional_text("vertical")?,
            websites: change.optional_texts("websites")?,
            picture_handle: change.optional_text("profile_picture_handle")?,
        })
    }
}
