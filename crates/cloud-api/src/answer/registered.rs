//! A template of Meta's list, as our registry has it.

use waypost_domain::Category;
use waypost_domain::template::{
    Layout, ParameterFormat, Quality, Template, TemplateButton as Button, TemplateHeader, TemplateStatus,
};

use super::{Component, TemplateButton, TemplateListed};

impl TemplateListed {
    /// As the registry has it. A category that is not known counts as the strictest.
    pub fn registered(&self) -> Template {
        let category = self.category.as_deref().and_then(Category::parse).unwrap_or(Category::Marketing);
        let quality = match self.quality.as_deref() {
            Some(word) if word.eq_ignore_ascii_case("green") => Quality::Green,
            Some(word) if word.eq_ignore_ascii_case("yellow") => Quality::Yellow,
            Some(word) if word.eq_ignore_ascii_case("red") => Quality::Red,
            Some(_) | None => Quality::Unknown,
        };
        let mut cards = Vec::new();
        let mut has_offer_end = false;
        for component in &self.components {
            match component {
                Component::Carousel(given) => cards.extend(given.iter().map(|card| layout(card, category))),
                Component::LimitedTimeOffer { has_expiration, .. } => has_offer_end |= has_expiration,
                Component::Header { .. } | Component::Body { .. } | Component::Footer { .. } => {}
                Component::Buttons(_) | Component::Other { .. } => {}
            }
        }
        Template {
            name: self.name.clone(),
            language: self.language.clone(),
            status: TemplateStatus::parse(&self.status),
            category,
            announced_category: self.correct_category.as_deref().and_then(Category::parse),
            parameter_format: if self.is_named { ParameterFormat::Named } else { ParameterFormat::Positional },
            quality,
            ttl_s: None,
            paused_until: None,
            layout: layout(&self.components, category),
            cards,
            has_offer_end,
        }
    }
}

fn layout(components: &[Component], category: Category) -> Layout {
    let mut layout = Layout::default();
    for component in components {
        match component {
            Component::Header { format, text } => layout.header = header(format, text.as_deref()),
            // The words around a one-time code are Meta's own.
            Component::Body { text } => layout.body = text.clone().unwrap_or_else(|| "{{1}}".to_owned()),
            Component::Footer { text, .. } => layout.footer.clone_from(text),
            Component::Buttons(buttons) => {
                layout.buttons = buttons.iter().map(|one| button(one, category)).collect();
            }
            Component::LimitedTimeOffer { .. } | Component::Carousel(_) | Component::Other { .. } => {}
        }
    }
    layout
}

fn header(format: &str, text: Option<&str>) -> Option<TemplateHeader> {
    match format.to_ascii_uppercase().as_str() {
        "TEXT" => Some(TemplateHeader::Text(text.unwrap_or_default().to_owned())),
        "IMAGE" => Some(TemplateHeader::Image),
        "VIDEO" => Some(TemplateHeader::Video),
        "DOCUMENT" => Some(TemplateHeader::Document),
        "LOCATION" => Some(TemplateHeader::Location),
        _ => None,
    }
}

fn button(button: &TemplateButton, category: Category) -> Button {
    let label = button.text.clone().unwrap_or_default();
    match button.kind.to_ascii_uppercase().as_str() {
        "QUICK_REPLY" => Button::QuickReply { label },
        // That of a one-time code is read back as an address.
        "URL" if category == Category::Authentication => Button::OneTimeCode { label },
        "URL" => Button::Url { label, url: button.url.clone().unwrap_or_default() },
        "PHONE_NUMBER" => Button::Phone { label },
        "COPY_CODE" => Button::CopyCode { label },
        "OTP" => Button::OneTimeCode { label },
        "FLOW" => Button::Flow { label },
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
