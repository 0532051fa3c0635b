//! A template of Meta's list as the registry keeps it. It must never say that a template may be sent of which we do not know all
//! that it needs.

use waypost_domain::template::{
    Layout, ParameterFormat, Quality, TemplateButton as Button, TemplateHeader, TemplateStatus,
};
use waypost_domain::{Category, Template};

use super::{Component, TemplateButton, TemplateListed};

impl TemplateListed {
    /// As it is kept. A category that nobody knows counts as the strictest. What has a header of a new kind cannot be filled: its
    /// status says so, and it is not sent.
    pub fn registered(&self) -> Template {
        let category = |word: &Option<String>| word.as_deref().and_then(Category::parse);
        let now = category(&self.category).unwrap_or(Category::Marketing);
        let announced = category(&self.correct_category).filter(|announced| *announced != now);
        let is_authentication = now == Category::Authentication;
        let cards = self.components.iter().find_map(|component| match component {
            Component::Carousel(cards) => Some(cards.as_slice()),
            _ => None,
        });
        let cards = cards.unwrap_or_default();
        let has_offer_end = self
            .components
            .iter()
            .any(|component| matches!(component, Component::LimitedTimeOffer { has_expiration: true, .. }));
        Template {
            name: self.name.clone(),
            language: self.language.clone(),
            status: self.status_of(cards),
            category: now,
            announced_category: announced,
            parameter_format: if self.is_named { ParameterFormat::Named } else { ParameterFormat::Positional },
            quality: quality(self.quality.as_deref()),
            ttl_s: self.ttl_s.and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds > 0),
            paused_until: None,
            layout: layout(&self.components, is_authentication),
            cards: cards.iter().map(|card| layout(card, is_authentication)).collect(),
            has_offer_end,
        }
    }

    fn status_of(&self, cards: &[Vec<Component>]) -> TemplateStatus {
        let status = TemplateStatus::parse(&self.status);
        let all = self.components.iter().chain(cards.iter().flatten());
        let new = all.into_iter().find_map(|component| match component {
            Component::Header { format, .. } if header(component).is_none() => Some(format),
            _ => None,
        });
        match new {
            Some(format) if status == TemplateStatus::Approved => {
                TemplateStatus::Other(format!("header_{}", format.to_ascii_lowercase()))
            }
            Some(_) | None => status,
        }
    }
}

fn layout(components: &[Component], is_authentication: bool) -> Layout {
    let mut layout = Layout::default();
    for component in components {
        match component {
            Component::Header { .. } => layout.header = header(component),
            Component::Body { text: Some(text) } => layout.body.clone_from(text),
            // Meta's own text, around the code.
            Component::Body { text: None } if is_authentication => "{{1}}".clone_into(&mut layout.body),
            Component::Footer { text, .. } => layout.footer.clone_from(text),
            Component::Buttons(buttons) => {
                layout.buttons = buttons.iter().map(|one| button(one, is_authentication)).collect();
            }
            // An offer has no variable of its own but its end, and cards are layouts of their own.
            Component::Body { text: None }
            | Component::LimitedTimeOffer { .. }
            | Component::Carousel(_)
            | Component::Other { .. } => {}
        }
    }
    layout
}

/// `None`: it is no header, or one of a new kind.
fn header(component: &Component) -> Option<TemplateHeader> {
    let Component::Header { format, text } = component else { return None };
    match format.to_ascii_uppercase().as_str() {
        "TEXT" | "" => Some(TemplateHeader::Text(text.clone().unwrap_or_default())),
        "IMAGE" => Some(TemplateHeader::Image),
        "VIDEO" => Some(TemplateHeader::Video),
        "DOCUMENT" => Some(TemplateHeader::Document),
        "LOCATION" => Some(TemplateHeader::Location),
        _ => None,
    }
}

fn button(button: &TemplateButton, is_authentication: bool) -> Button {
    let label = button.text.clone().unwrap_or_default();
    match (button.kind.to_ascii_uppercase().as_str(), &button.url) {
        ("OTP", _) => Button::OneTimeCode { label },
        // Meta's list reads the button of a one-time code back as an address.
        ("URL", Some(_)) if is_authentication => Button::OneTimeCode { label },
        ("URL", Some(url)) => Button::Url { label, url: url.clone() },
        ("QUICK_REPLY", _) => Button::QuickReply { label },
        ("PHONE_NUMBER", _) => Button::Phone { label },
        ("COPY_CODE", _) => Button::CopyCode { label },
        ("FLOW", _) => Button::Flow { label },
        _ => Button::Other { label },
    }
}

fn quality(word: Option<&str>) -> Quality {
    crate::webhook::quality(word.map(str::to_ascii_uppercase).as_deref())
}
