//! A text with a link behind a button.

use serde_json::json;

use super::super::object::{FieldError, Object};
use super::{InteractiveHeader, Parts, body, footer};

/// A link with a label of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtaUrl {
    /// Above the text.
    pub header: Option<InteractiveHeader>,
    /// The text.
    pub body: String,
    /// Below the text.
    pub footer: Option<String>,
    /// The button's label.
    pub display_text: String,
    /// What it opens.
    pub url: String,
}

impl CtaUrl {
    pub(super) fn read(object: &Object<'_>, action: &Object<'_>) -> Result<Self, FieldError> {
        let parameters = action.object("parameters")?;
        Ok(Self {
            header: InteractiveHeader::read(object)?,
            body: body(object)?,
            footer: footer(object)?,
            display_text: parameters.text("display_text")?,
            url: parameters.text("url")?,
        })
    }

    pub(super) fn to_parts(&self) -> Parts<'_> {
        let parameters = json!({"display_text": self.display_text, "url": self.url});
        Parts {
            header: self.header.as_ref().map(InteractiveHeader::to_value),
            footer: self.footer.as_deref(),
            ..Parts::new(&self.body, json!({"name": "cta_url", "parameters": parameters}))
        }
    }
}
