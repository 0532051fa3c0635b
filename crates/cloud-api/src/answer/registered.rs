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
            quality: self.quality.as_deref().map(Quality::parse).unwrap_or_default(),
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
        ("URL", _) if is_authentication => Button::OneTimeCode { label },
        ("URL", Some(url)) => Button::Url { label, url: url.clone() },
        ("QUICK_REPLY", _) => Button::QuickReply { label },
        ("PHONE_NUMBER", _) => Button::Phone { label },
        ("COPY_CODE", _) => Button::CopyCode { label },
        ("FLOW", _) => Button::Flow { label },
        _ => Button::Other { label },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meta_lists_is_registered() {
        let listed = TemplateListed::read(
            br#"{"id": "9", "name": "order_update", "language": "en_US", "status": "APPROVED", "category": "UTILITY",
            "correct_category": "MARKETING", "parameter_format": "NAMED", "quality_score": {"score": "RED"}, "components": [
            {"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Order {{number}}"},
            {"type": "FOOTER", "text": "Acme"}, {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop"}, {"type": "URL", "text": "Track", "url": "https://acme.example/{{1}}"},
            {"type": "VOICE_CALL", "text": "Call"}]}]}"#,
        );
        let template = listed.unwrap().registered();
        assert_eq!((template.status, template.category), (TemplateStatus::Approved, Category::Utility));
        assert_eq!((template.announced_category, template.quality), (Some(Category::Marketing), Quality::Red));
        assert_eq!(template.parameter_format, ParameterFormat::Named);
        let Layout { header, body, footer, buttons } = template.layout;
        assert_eq!(
            (header, body.as_str(), footer.as_deref()),
            (Some(TemplateHeader::Image), "Order {{number}}", Some("Acme"))
        );
        let labels: Vec<&str> = buttons.iter().map(Button::label).collect();
        assert_eq!(labels, ["Stop", "Track", "Call"]);
        assert!(matches!(buttons[2], Button::Other { .. }), "a button goes by its place");
    }

    #[test]
    fn the_button_of_a_code_is_known_and_what_is_unknown_is_strict() {
        let read = |category: &str| {
            let json = format!(
                r#"{{"id": "9", "name": "code", "language": "en", "status": "APPROVED", "category": "{category}", "components": [
                {{"type": "BODY"}}, {{"type": "BUTTONS", "buttons": [{{"type": "URL", "text": "Copy"}}]}}]}}"#
            );
            TemplateListed::read(json.as_bytes()).unwrap().registered()
        };
        let code = read("AUTHENTICATION");
        assert_eq!(code.layout.body, "{{1}}");
        assert!(matches!(code.layout.buttons[0], Button::OneTimeCode { .. }));
        assert_eq!(read("SOMETHING_NEW").category, Category::Marketing);
    }
}
