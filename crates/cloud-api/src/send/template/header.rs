//! What stands above a template's text. A template with a picture needs one at every send.

use serde_json::{Value, json};

use super::super::location::Location;
use super::super::media::HeaderMedia;
use super::super::object::{FieldError, Object};
use super::parameter::{Parameter, ParameterValue};

/// What fills a template's header: one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// The gap of a text.
    Text(Parameter),
    /// A file.
    Media(HeaderMedia),
    /// A place.
    Location(Location),
    /// A product of a catalog.
    Product { catalog_id: String, product_retailer_id: String },
}

impl Header {
    /// `None` for a header without parameters, which is no more than the template itself has.
    pub(super) fn read(component: &Object<'_>) -> Result<Option<Self>, FieldError> {
        if component.objects("parameters")?.is_empty() {
            return Ok(None);
        }
        let parameter = component.only("parameters")?;
        if let Some(media) = HeaderMedia::read(&parameter)? {
            return Ok(Some(Self::Media(media)));
        }
        Ok(Some(match parameter.word("type")?.as_str() {
            "location" => Self::Location(Location::read(&parameter.object("location")?)?),
            "product" => {
                let product = parameter.object("product")?;
                Self::Product {
                    catalog_id: product.text("catalog_id")?,
                    product_retailer_id: product.text("product_retailer_id")?,
                }
            }
            _ => {
                let name = parameter.optional_text("parameter_name")?;
                Self::Text(Parameter { name, value: ParameterValue::read(&parameter)? })
            }
        }))
    }

    pub(super) fn to_value(&self) -> Value {
        let parameter = match self {
            Self::Text(parameter) => parameter.to_value(),
            Self::Media(media) => media.to_value(),
            Self::Location(location) => json!({"type": "location", "location": location.to_value()}),
            Self::Product { catalog_id, product_retailer_id } => {
                let product = json!({"catalog_id": catalog_id, "product_retailer_id": product_retailer_id});
                json!({"type": "product", "product": product})
            }
        };
        json!({"type": "header", "parameters": [parameter]})
    }
}
