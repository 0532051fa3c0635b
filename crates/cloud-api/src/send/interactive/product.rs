//! Products of a catalog.

use serde_json::{Value, json};

use super::super::NonEmpty;
use super::super::object::{FieldError, Object};
use super::{InteractiveHeader, Parts, body, footer, optional_body};

/// One product. It has its own picture above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The text.
    pub body: Option<String>,
    /// Below the text.
    pub footer: Option<String>,
    /// Meta's id of the catalog.
    pub catalog_id: String,
    /// The shop's own id of the product.
    pub product_retailer_id: String,
}

/// Several products, under headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductList {
    /// A line, which has to be there.
    pub header: String,
    /// The text.
    pub body: String,
    /// Below the text.
    pub footer: Option<String>,
    /// Meta's id of the catalog.
    pub catalog_id: String,
    /// In order.
    pub sections: NonEmpty<ProductSection>,
}

/// Products under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSection {
    /// Needed where there are several.
    pub title: Option<String>,
    /// The shop's own ids of the products, in order.
    pub products: NonEmpty<String>,
}

impl Product {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            body: optional_body(object)?,
            footer: footer(object)?,
            catalog_id: action.text("catalog_id")?,
            product_retailer_id: action.text("product_retailer_id")?,
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let action = json!({"catalog_id": self.catalog_id, "product_retailer_id": self.product_retailer_id});
        Parts { header: None, body: self.body.as_deref(), footer: self.footer.as_deref(), action }
    }
}

impl ProductList {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            header: InteractiveHeader::read_text(object)?.ok_or_else(|| object.missing("header"))?,
            body: body(object)?,
            footer: footer(object)?,
            catalog_id: action.text("catalog_id")?,
            sections: action.some("sections", ProductSection::read)?,
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let sections = self.sections.to_values(ProductSection::to_value);
        Parts {
            header: Some(InteractiveHeader::text_value(&self.header)),
            footer: self.footer.as_deref(),
            ..Parts::new(&self.body, json!({"catalog_id": self.catalog_id, "sections": sections}))
        }
    }
}

impl ProductSection {
    pub(in super::super) fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let products = object.some("product_items", |item| item.text("product_retailer_id"))?;
        Ok(Self { title: object.optional_text("title")?, products })
    }

    pub(in super::super) fn to_value(&self) -> Value {
        let items = self.products.to_values(|id| json!({"product_retailer_id": id}));
        match &self.title {
            Some(title) => json!({"title": title, "product_items": items}),
            None => json!({"product_items": items}),
        }
    }
}
