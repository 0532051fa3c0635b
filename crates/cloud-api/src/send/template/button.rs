//! What a template's buttons are given at a send. A button without a gap needs nothing.

use serde_json::{Map, Value, json};

use super::super::NonEmpty;
use super::super::interactive::ProductSection;
use super::super::object::{FieldError, Object, put};

/// One button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Its place among *all* buttons of the template, from 0.
    pub index: u8,
    /// What it is given.
    pub action: ButtonAction,
}

/// What a button is given, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ButtonAction {
    /// What the tap will carry. Without one it carries the label.
    QuickReply { payload: String },
    /// What is put behind the template's address: never the whole of it. Of a one-time code's button: the code.
    Url { suffix: String },
    /// What the customer copies: a coupon's code.
    CopyCode { code: String },
    /// A form: what it is told by, and what it begins with.
    Flow { token: Option<String>, data: Option<Map<String, Value>> },
    /// The whole catalog; the product whose picture is shown.
    Catalog { thumbnail: Option<String> },
    /// Some products; the one whose picture is shown.
    Products { thumbnail: String, sections: NonEmpty<ProductSection> },
}

impl Button {
    pub(super) fn read(component: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self { index: component.integer("index")?, action: ButtonAction::read(component)? })
    }

    pub(super) fn to_value(&self) -> Value {
        let (sub_type, parameter) = self.action.to_parts();
        let mut button = Map::new();
        button.insert("type".to_owned(), json!("button"));
        button.insert("sub_type".to_owned(), json!(sub_type));
        button.insert("index".to_owned(), json!(self.index.to_string()));
        put(&mut button, "parameters", parameter.map(|parameter| vec![parameter]));
        Value::Object(button)
    }
}

impl ButtonAction {
    fn read(component: &Object<'_>) -> Result<Self, FieldError> {
        let parameter = || component.only("parameters");
        let action = || parameter()?.object("action");
        let thumbnail = |action: &Object<'_>| action.optional_text("thumbnail_product_retailer_id");
        Ok(match component.word("sub_type")?.as_str() {
            "quick_reply" => Self::QuickReply { payload: parameter()?.text("payload")? },
            "url" => Self::Url { suffix: parameter()?.text("text")? },
            "copy_code" => Self::CopyCode { code: parameter()?.text("coupon_code")? },
            "flow" if !component.has("parameters") => Self::Flow { token: None, data: None },
            "flow" => {
                let action = action()?;
                let data = action.optional_object("flow_action_data")?.and(action.raw("flow_action_data"));
                Self::Flow { token: action.optional_text("flow_token")?, data: data.cloned() }
            }
            "catalog" if !component.has("parameters") => Self::Catalog { thumbnail: None },
            "catalog" => Self::Catalog { thumbnail: thumbnail(&action()?)? },
            "mpm" => {
                let action = action()?;
                Self::Products {
                    thumbnail: action.text("thumbnail_product_retailer_id")?,
                    sections: action.some("sections", ProductSection::read)?,
                }
            }
            _ => return Err(component.must_be("sub_type", "quick_reply, url, copy_code, flow, catalog or mpm")),
        })
    }

    /// Its `sub_type`, and the one parameter where there is something to say.
    fn to_parts(&self) -> (&'static str, Option<Value>) {
        let action = |action: Value| json!({"type": "action", "action": action});
        match self {
            Self::QuickReply { payload } => ("quick_reply", Some(json!({"type": "payload", "payload": payload}))),
            Self::Url { suffix } => ("url", Some(json!({"type": "text", "text": suffix}))),
            Self::CopyCode { code } => ("copy_code", Some(json!({"type": "coupon_code", "coupon_code": code}))),
            Self::Flow { token, data } => {
                let mut fields = Map::new();
                put(&mut fields, "flow_token", token.as_deref());
                put(&mut fields, "flow_action_data", data.clone());
                ("flow", (!fields.is_empty()).then(|| action(Value::Object(fields))))
            }
            Self::Catalog { thumbnail } => {
                let fields = thumbnail.as_ref().map(|id| json!({"thumbnail_product_retailer_id": id}));
                // Meta's page of this kind alone writes it in capitals.
                ("CATALOG", fields.map(action))
            }
            Self::Products { thumbnail, sections } => {
                let sections = sections.to_values(ProductSection::to_value);
                ("mpm", Some(action(json!({"thumbnail_product_retailer_id": thumbnail, "sections": sections}))))
            }
        }
    }
}
