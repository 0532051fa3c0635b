//! Templates of the registry as they are shown, and the names that they have.

use waypost_domain::template::{Layout, ParameterFormat, Template, TemplateButton, TemplateHeader, is_same_language};
use waypost_domain::{Timestamp, WabaId};

use super::request::wire_category;
use super::{plain, time};
use crate::admin_v1 as v1;

/// `templates/{account}/{name}/{language}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryName {
    pub account: WabaId,
    pub name: String,
    pub language: String,
}

impl RegistryName {
    /// Of its text; `None` for what is no such name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("templates/")?.split('/');
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let named = Self { account: WabaId::new(next()?), name: next()?, language: next()? };
        parts.next().is_none().then_some(named)
    }

    /// Whether it is the name of this one.
    pub fn is_of(&self, account: &WabaId, template: &Template) -> bool {
        self.account == *account && self.name == template.name && is_same_language(&self.language, &template.language)
    }
}

/// One language of a template.
pub fn wire_registered(account: &WabaId, template: &Template, updated_at: Timestamp) -> v1::Template {
    let parameter_format = match template.parameter_format {
        ParameterFormat::Positional => "positional",
        ParameterFormat::Named => "named",
    };
    v1::Template {
        name: format!("templates/{account}/{}/{}", template.name, template.language),
        status: template.status.as_str().to_owned(),
        category: wire_category(template.category).into(),
        announced_category: template.announced_category.map(wire_category).unwrap_or_default().into(),
        parameter_format: parameter_format.to_owned(),
        quality: template.quality.as_str().to_owned(),
        ttl_seconds: template.ttl_s.unwrap_or_default(),
        pause_end_time: template.paused_until.map(time),
        layout: Some(layout(&template.layout)),
        cards: template.cards.iter().map(layout).collect(),
        has_offer_end: template.has_offer_end,
        update_time: Some(time(updated_at)),
    }
}

fn layout(layout: &Layout) -> v1::TemplateLayout {
    let (header_kind, header) = match &layout.header {
        None => ("", ""),
        Some(TemplateHeader::Text(text)) => ("text", text.as_str()),
        Some(TemplateHeader::Image) => ("image", ""),
        Some(TemplateHeader::Video) => ("video", ""),
        Some(TemplateHeader::Document) => ("document", ""),
        Some(TemplateHeader::Location) => ("location", ""),
    };
    v1::TemplateLayout {
        header_kind: header_kind.to_owned(),
        header: header.to_owned(),
        body: layout.body.clone(),
        footer: plain(&layout.footer),
        buttons: layout.buttons.iter().map(button).collect(),
    }
}

fn button(button: &TemplateButton) -> v1::TemplateButton {
    let (kind, url) = match button {
        TemplateButton::QuickReply { .. } => ("quick_reply", ""),
        TemplateButton::Url { url, .. } => ("url", url.as_str()),
        TemplateButton::Phone { .. } => ("phone", ""),
        TemplateButton::CopyCode { .. } => ("copy_code", ""),
        TemplateButton::OneTimeCode { .. } => ("one_time_code", ""),
        TemplateButton::Flow { .. } => ("flow", ""),
        TemplateButton::Other { .. } => ("other", ""),
    };
    v1::TemplateButton { kind: kind.to_owned(), label: button.label().to_owned(), url: url.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_parts() {
        let named = RegistryName::parse("templates/7/order_update/en_US").unwrap();
        assert_eq!((named.account.as_str(), named.name.as_str(), &*named.language), ("7", "order_update", "en_US"));
        for bad in ["", "templates/7/a", "templates/7//en", "templates/7/a/en/x", "7/a/en"] {
            assert_eq!(RegistryName::parse(bad), None, "{bad}");
        }
    }
}
