//! The cards of a carousel: each is filled in like a small template.

use serde_json::{Value, json};

use super::super::object::{FieldError, Object};
use super::{Button, Header, Parameters, components};

/// One card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarouselCard {
    /// Its place, from 0.
    pub index: u8,
    /// Its picture, film or product.
    pub header: Option<Header>,
    /// What fills the gaps of its text.
    pub body: Parameters,
    /// The buttons that have something to fill in.
    pub buttons: Vec<Button>,
}

impl CarouselCard {
    pub(super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let index = object.integer("card_index")?;
        let mut card = Self { index, header: None, body: Parameters::default(), buttons: Vec::new() };
        for component in object.objects("components")? {
            match component.word("type")?.as_str() {
                "header" => card.header = Header::read(&component)?,
                "body" => card.body = Parameters::read(&component)?,
                "button" => card.buttons.push(Button::read(&component)?),
                _ => return Err(component.must_be("type", "header, body or button")),
            }
        }
        Ok(card)
    }

    pub(super) fn to_value(&self) -> Value {
        let mut components = components(self.header.as_ref(), &self.body);
        components.extend(self.buttons.iter().map(Button::to_value));
        json!({"card_index": self.index, "components": components})
    }
}
