//! A template: a message that Meta approved beforehand, with what fills its gaps
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates>).
//!
//! What the template itself asks for is not known here: policy compares the two.

mod button;
mod carousel;
mod header;
mod parameter;

use serde_json::{Map, Value, json};

pub use button::{Button, ButtonAction};
pub use carousel::CarouselCard;
pub use header::Header;
pub use parameter::{Currency, DateTime, InvalidParameters, Parameter, ParameterValue, Parameters};

use super::NonEmpty;
use super::object::{FieldError, Object, put};

/// Which template, and what is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it was created.
    pub name: String,
    /// As Meta writes it: `en_US`. Each language of a name is a template of its own.
    pub language: String,
    /// Where the template has a picture, a place or a gap above the text.
    pub header: Option<Header>,
    /// What fills the gaps of the text.
    pub body: Parameters,
    /// When the offer ends, in milliseconds since the epoch: of a limited-time offer.
    pub offer_ends_ms: Option<i64>,
    /// The buttons that have something to fill in.
    pub buttons: Vec<Button>,
    /// As many as the template has.
    pub cards: Option<NonEmpty<CarouselCard>>,
}

impl Template {
    /// A template with nothing to fill in.
    pub fn new(name: impl Into<String>, language: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            language: language.into(),
            header: None,
            body: Parameters::default(),
            offer_ends_ms: None,
            buttons: Vec::new(),
            cards: None,
        }
    }

    /// A one-time code: it stands in the text and behind the button that copies it or fills it in, which is the first one
    /// (<https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates>).
    pub fn one_time_code(name: impl Into<String>, language: impl Into<String>, code: &str) -> Self {
        Self {
            body: Parameters::positional(vec![ParameterValue::Text(code.to_owned())]),
            buttons: vec![Button { index: 0, action: ButtonAction::Url { suffix: code.to_owned() } }],
            ..Self::new(name, language)
        }
    }

    pub(super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let mut template = Self::new(object.text("name")?, object.object("language")?.text("code")?);
        for component in object.objects("components")? {
            template.read_component(&component)?;
        }
        Ok(template)
    }

    fn read_component(&mut self, component: &Object<'_>) -> Result<(), FieldError> {
        match component.word("type")?.as_str() {
            "header" => self.header = Header::read(component)?,
            "body" => self.body = Parameters::read(component)?,
            "button" => self.buttons.push(Button::read(component)?),
            "limited_time_offer" => {
                let offer = component.only("parameters")?.object("limited_time_offer")?;
                self.offer_ends_ms = Some(offer.integer("expiration_time_ms")?);
            }
            "carousel" => self.cards = Some(component.some("cards", CarouselCard::read)?),
            _ => return Err(component.must_be("type", "header, body, button, limited_time_offer or carousel")),
        }
        Ok(())
    }

    pub(super) fn to_value(&self) -> Value {
        let mut components = components(self.header.as_ref(), &self.body);
        components.extend(self.offer_ends_ms.map(|ends| {
            let offer = json!({"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": ends}});
            json!({"type": "limited_time_offer", "parameters": [offer]})
        }));
        components.extend(self.buttons.iter().map(Button::to_value));
        components.extend(
            self.cards
                .as_ref()
                .map(|cards| json!({"type": "carousel", "cards": cards.to_values(CarouselCard::to_value)})),
        );
        let mut template = Map::new();
        template.insert("name".to_owned(), json!(self.name));
        template.insert("language".to_owned(), json!({"code": self.language}));
        put(&mut template, "components", (!components.is_empty()).then_some(components));
        Value::Object(template)
    }
}

/// What a template and a card of a carousel begin with. What has nothing to fill in is left out.
fn components(header: Option<&Header>, body: &Parameters) -> Vec<Value> {
    let mut components = Vec::new();
    components.extend(header.map(Header::to_value));
    if !body.is_empty() {
        components.push(json!({"type": "body", "parameters": body.to_value()}));
    }
    components
}
