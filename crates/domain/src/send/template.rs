//! A template with its values: as it is asked for, and as it goes out.

use serde::{Deserialize, Serialize};

use super::content::MediaSource;

/// A template by its name, with values for its variables. Which language of it goes is decided when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateRequest {
    pub name: String,
    /// `None`: the contact's.
    pub language: Option<String>,
    /// Which languages will do instead, in this order; `None`: those of the policy data.
    pub language_fallback: Option<Vec<String>>,
    pub values: Values,
}

/// What goes out: one language, every value where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateMessage {
    pub name: String,
    /// As the registry spells it.
    pub language: String,
    pub values: Values,
}

/// Values for the variables of a template, or of one card of its carousel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    pub header: Option<HeaderValue>,
    pub body: Vec<Parameter>,
    pub buttons: Vec<ButtonParameter>,
    /// Of a carousel, in the order of its cards. Cards have no cards.
    pub cards: Vec<Values>,
    /// Of a limited-time offer: when it ends, in milliseconds since 1970.
    pub offer_ends_at_ms: Option<i64>,
}

/// What a header needs at every send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    Text(Parameter),
    Image(MediaSource),
    Video(MediaSource),
    Document { source: MediaSource, filename: Option<String> },
    Location { latitude: f64, longitude: f64, name: String, address: String },
}

/// A variable's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Of named variables; positional ones have none, and go by their order.
    pub name: Option<String>,
    pub value: ParameterValue,
}

/// What a variable may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterValue {
    Text(String),
    /// An amount in thousandths of the currency (ISO 4217); the text is for phones that cannot show it.
    Currency {
        fallback: String,
        code: String,
        amount_1000: i64,
    },
    /// A date, as text for phones that cannot show it.
    DateTime {
        fallback: String,
    },
}

impl ParameterValue {
    /// What the customer reads at the least.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Currency { fallback: text, .. } | Self::DateTime { fallback: text } => text,
        }
    }

    /// The same, to be changed.
    pub const fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Text(text) | Self::Currency { fallback: text, .. } | Self::DateTime { fallback: text } => text,
        }
    }
}

impl Parameter {
    /// A text for the variable that has this place.
    pub fn positional(text: impl Into<String>) -> Self {
        Self { name: None, value: ParameterValue::Text(text.into()) }
    }

    /// A text for the variable of this name.
    pub fn named(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: Some(name.into()), value: ParameterValue::Text(text.into()) }
    }
}

/// The value of a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ButtonParameter {
    /// Its place among all buttons of the template, from 0.
    pub index: usize,
    pub value: ButtonValue,
}

/// What a button may need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonValue {
    /// Of a quick reply: what comes back when it is tapped. Without it, its label does.
    Payload(String),
    /// Of an address: what stands in the place of its variable, not the whole address.
    UrlSuffix(String),
    /// Of the button of an authentication template: the same code as in its text.
    OneTimeCode(String),
    /// Of a button that copies a coupon.
    CouponCode(String),
    /// Of a flow.
    FlowToken(String),
}

impl ButtonValue {
    pub fn text(&self) -> &str {
        match self {
            Self::Payload(text) | Self::UrlSuffix(text) | Self::OneTimeCode(text) => text,
            Self::CouponCode(text) | Self::FlowToken(text) => text,
        }
    }

    /// The same, to be changed.
    pub const fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Payload(text) | Self::UrlSuffix(text) | Self::OneTimeCode(text) => text,
            Self::CouponCode(text) | Self::FlowToken(text) => text,
        }
    }

    /// The kind, for people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Payload(_) => "payload",
            Self::UrlSuffix(_) => "url_suffix",
            Self::OneTimeCode(_) => "one_time_code",
            Self::CouponCode(_) => "coupon_code",
            Self::FlowToken(_) => "flow_token",
        }
    }
}
