//! Messages that can be tapped, by kind
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#interactive-object>).

mod choice;
mod flow;
mod header;
mod link;
mod product;

use serde_json::{Map, Value, json};

pub use choice::{List, ReplyButton, ReplyButtons, Row, Section};
pub use flow::{Flow, FlowId, FlowOpens};
pub use header::InteractiveHeader;
pub use link::CtaUrl;
pub use product::{Product, ProductList, ProductSection};

use super::object::{FieldError, Object, put};

/// What can be tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interactive {
    /// Up to three answers.
    Buttons(ReplyButtons),
    /// A menu.
    List(List),
    /// A link.
    CtaUrl(CtaUrl),
    /// A form.
    Flow(Flow),
    /// Asks where the customer is.
    LocationRequest { body: String },
    /// Asks for the customer's number.
    ContactRequest { body: String },
    /// One product.
    Product(Product),
    /// Several.
    ProductList(ProductList),
    /// The whole catalog; the product whose picture is shown.
    Catalog { body: String, footer: Option<String>, thumbnail: Option<String> },
}

impl Interactive {
    /// What Meta calls it: `button`, `list` …
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Buttons(_) => "button",
            Self::List(_) => "list",
            Self::CtaUrl(_) => "cta_url",
            Self::Flow(_) => "flow",
            Self::LocationRequest { .. } => "location_request_message",
            Self::ContactRequest { .. } => "request_contact_info",
            Self::Product(_) => "product",
            Self::ProductList(_) => "product_list",
            Self::Catalog { .. } => "catalog_message",
        }
    }

    pub(super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let kind = object.word("type")?;
        let action = || object.object("action");
        Ok(match kind.as_str() {
            "button" => Self::Buttons(ReplyButtons::read(object, &action()?)?),
            "list" => Self::List(List::read(object, &action()?)?),
            "cta_url" => Self::CtaUrl(CtaUrl::read(object, &action()?)?),
            "flow" => Self::Flow(Flow::read(object, &action()?)?),
            "location_request_message" => Self::LocationRequest { body: body(object)? },
            "request_contact_info" => Self::ContactRequest { body: body(object)? },
            "product" => Self::Product(Product::read(object, &action()?)?),
            "product_list" => Self::ProductList(ProductList::read(object, &action()?)?),
            "catalog_message" => {
                let parameters = action()?.optional_object("parameters")?;
                let thumbnail = parameters.map(|object| object.optional_text("thumbnail_product_retailer_id"));
                Self::Catalog {
                    body: body(object)?,
                    footer: footer(object)?,
                    thumbnail: thumbnail.transpose()?.flatten(),
                }
            }
            _ => return Err(object.must_be("type", "one of Meta's interactive types")),
        })
    }

    pub(super) fn to_value(&self) -> Value {
        let parts = match self {
            Self::Buttons(buttons) => buttons.to_parts(),
            Self::List(list) => list.to_parts(),
            Self::CtaUrl(link) => link.to_parts(),
            Self::Flow(flow) => flow.to_parts(),
            Self::LocationRequest { body } => Parts::new(body, json!({"name": "send_location"})),
            Self::ContactRequest { body } => Parts::new(body, json!({"name": "request_contact_info"})),
            Self::Product(product) => product.to_parts(),
            Self::ProductList(list) => list.to_parts(),
            Self::Catalog { body, footer, thumbnail } => {
                let mut action = Map::new();
                action.insert("name".to_owned(), json!("catalog_message"));
                let parameters = thumbnail.as_ref().map(|id| json!({"thumbnail_product_retailer_id": id}));
                put(&mut action, "parameters", parameters);
                Parts { footer: footer.as_deref(), ..Parts::new(body, Value::Object(action)) }
            }
        };
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(self.kind()));
        put(&mut object, "header", parts.header);
        put(&mut object, "body", parts.body.map(|text| json!({"text": text})));
        put(&mut object, "footer", parts.footer.map(|text| json!({"text": text})));
        put(&mut object, "action", Some(parts.action));
        Value::Object(object)
    }
}

/// What every kind is made of.
struct Parts<'a> {
    header: Option<Value>,
    body: Option<&'a str>,
    footer: Option<&'a str>,
    action: Value,
}

impl<'a> Parts<'a> {
    const fn new(body: &'a str, action: Value) -> Self {
        Self { header: None, body: Some(body), footer: None, action }
    }
}

fn body(object: &Object<'_>) -> Result<String, FieldError> {
    object.object("body")?.text("text")
}

fn optional_body(object: &Object<'_>) -> Result<Option<String>, FieldError> {
    object.optional_object("body")?.map(|body| body.text("text")).transpose()
}

fn footer(object: &Object<'_>) -> Result<Option<String>, FieldError> {
    object.optional_object("footer")?.map(|footer| footer.text("text")).transpose()
}
