//! A template as it is asked for, and as it goes out.

use waypost_domain::send::content::MediaSource;
use waypost_domain::send::{
    ButtonParameter, ButtonValue, HeaderValue, Parameter, ParameterValue, TemplateMessage, TemplateRequest, Values,
};

use super::{FieldViolations, Problems, plain, some, time};
use crate::sends_v1 as wire;
use wire::button_parameter::Value as Button;
use wire::header_value::Kind;
use wire::parameter::Value;
use wire::template_media::At;

pub(super) fn read_template(problems: &mut Problems, at: &str, template: wire::Template) -> Option<TemplateRequest> {
    let wire::Template { name, language, language_fallback, values } = template;
    if name.is_empty() {
        problems.refuse::<()>(format!("{at}.name"), "must name a template");
    }
    let values = Reader { problems }.values(&format!("{at}.values"), values.unwrap_or_default(), false)?;
    let language_fallback = language_fallback.map(|fallback| fallback.languages);
    Some(TemplateRequest { name, language: some(language), language_fallback, values })
}

/// Which template, in which languages; its values are said elsewhere.
pub fn read_template_name(template: wire::Template, at: &str) -> Result<TemplateRequest, FieldViolations> {
    let mut problems = Problems::default();
    if template.values.is_some() {
        problems.refuse::<()>(format!("{at}.values"), "must be absent: values are each recipient's");
    }
    let template = read_template(&mut problems, at, wire::Template { values: None, ..template });
    problems.finish(template)
}

/// Values for a template, named below `at`.
pub fn read_values(values: wire::TemplateValues, at: &str) -> Result<Values, FieldViolations> {
    let mut problems = Problems::default();
    let values = Reader { problems: &mut problems }.values(at, values, false);
    problems.finish(values)
}

/// As it was asked for.
pub fn wire_template(template: &TemplateRequest) -> wire::Template {
    let fallback = template.language_fallback.as_ref();
    wire::Template {
        name: template.name.clone(),
        language: plain(&template.language),
        language_fallback: fallback.map(|languages| wire::Languages { languages: languages.clone() }),
        values: Some(wire_values(&template.values)),
    }
}

pub(super) fn wire_template_message(template: &TemplateMessage) -> wire::Template {
    wire::Template {
        name: template.name.clone(),
        language: template.language.clone(),
        language_fallback: None,
        values: Some(wire_values(&template.values)),
    }
}

struct Reader<'a> {
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn values(&mut self, at: &str, values: wire::TemplateValues, of_card: bool) -> Option<Values> {
        let wire::TemplateValues { header, body, buttons, cards, offer_end_time } = values;
        if of_card && !cards.is_empty() {
            return self.problems.refuse(format!("{at}.cards"), "must be empty: cards have no cards");
        }
        let header = header.map(|header| self.header(&format!("{at}.header"), header));
        let body = self.each(body, |reader, place, one| reader.parameter(&format!("{at}.body[{place}]"), one));
        let buttons = self.each(buttons, |reader, place, one| reader.button(&format!("{at}.buttons[{place}]"), one));
        let cards = self.each(cards, |reader, place, one| reader.values(&format!("{at}.cards[{place}]"), one, true));
        let offer_ends_at = self.problems.time(&format!("{at}.offer_end_time"), offer_end_time);
        Some(Values {
            header: header.flatten(),
            body,
            buttons,
            cards,
            offer_ends_at_ms: offer_ends_at.map(|end| end.as_millis()),
        })
    }

    /// Those that can be read; the others are refused by `read` itself.
    fn each<W, T>(&mut self, all: Vec<W>, mut read: impl FnMut(&mut Self, usize, W) -> Option<T>) -> Vec<T> {
        all.into_iter().enumerate().filter_map(|(place, one)| read(self, place, one)).collect()
    }

    fn header(&mut self, at: &str, header: wire::HeaderValue) -> Option<HeaderValue> {
        Some(match header.kind {
            Some(Kind::Text(text)) => HeaderValue::Text(self.parameter(&format!("{at}.text"), text)?),
            Some(Kind::Image(image)) => HeaderValue::Image(self.source(&format!("{at}.image"), image.at)?),
            Some(Kind::Video(video)) => HeaderValue::Video(self.source(&format!("{at}.video"), video.at)?),
            Some(Kind::Document(document)) => HeaderValue::Document {
                source: self.source(&format!("{at}.document"), document.at)?,
                filename: some(document.filename),
            },
            Some(Kind::Location(wire::TemplatePlace { latitude, longitude, name, address })) => {
                HeaderValue::Location { latitude, longitude, name, address }
            }
            None => {
                let problem = "must have exactly one of text, image, video, document and location";
                return self.problems.refuse(at, problem);
            }
        })
    }

    fn source(&mut self, at: &str, source: Option<At>) -> Option<MediaSource> {
        match source {
            Some(At::Id(id)) => Some(MediaSource::Id(id)),
            Some(At::Link(link)) => Some(MediaSource::Link(link)),
            None => self.problems.refuse(at, "must have exactly one of id and link"),
        }
    }

    fn parameter(&mut self, at: &str, parameter: wire::Parameter) -> Option<Parameter> {
        let value = match parameter.value {
            Some(Value::Text(text)) => ParameterValue::Text(text),
            Some(Value::Currency(wire::Currency { fallback, code, amount_1000 })) => {
                ParameterValue::Currency { fallback, code, amount_1000 }
            }
            Some(Value::DateTime(fallback)) => ParameterValue::DateTime { fallback },
            None => return self.problems.refuse(at, "must have exactly one of text, currency and date_time"),
        };
        Some(Parameter { name: some(parameter.name), value })
    }

    fn button(&mut self, at: &str, button: wire::ButtonParameter) -> Option<ButtonParameter> {
        let value = match button.value {
            Some(Button::Payload(text)) => ButtonValue::Payload(text),
            Some(Button::UrlSuffix(text)) => ButtonValue::UrlSuffix(text),
            Some(Button::OneTimeCode(text)) => ButtonValue::OneTimeCode(text),
            Some(Button::CouponCode(text)) => ButtonValue::CouponCode(text),
            Some(Button::FlowToken(text)) => ButtonValue::FlowToken(text),
            None => {
                let kinds = "payload, url_suffix, one_time_code, coupon_code and flow_token";
                return self.problems.refuse(at, format!("must have exactly one of {kinds}"));
            }
        };
        let index = usize::try_from(button.index).unwrap_or(usize::MAX);
        Some(ButtonParameter { index, value })
    }
}

/// Values as they are written.
pub fn wire_values(values: &Values) -> wire::TemplateValues {
    let end = values.offer_ends_at_ms.map(waypost_domain::Timestamp::from_millis);
    wire::TemplateValues {
        header: values.header.as_ref().map(wire_header),
        body: values.body.iter().map(wire_parameter).collect(),
        buttons: values.buttons.iter().map(wire_button).collect(),
        cards: values.cards.iter().map(wire_values).collect(),
        offer_end_time: end.map(time),
    }
}

fn wire_header(header: &HeaderValue) -> wire::HeaderValue {
    let media = |source: &MediaSource, filename: &Option<String>| {
        let at = match source {
            MediaSource::Id(id) => At::Id(id.clone()),
            MediaSource::Link(link) => At::Link(link.clone()),
        };
        wire::TemplateMedia { at: Some(at), filename: plain(filename) }
    };
    let kind = match header {
        HeaderValue::Text(parameter) => Kind::Text(wire_parameter(parameter)),
        HeaderValue::Image(source) => Kind::Image(media(source, &None)),
        HeaderValue::Video(source) => Kind::Video(media(source, &None)),
        HeaderValue::Document { source, filename } => Kind::Document(media(source, filename)),
        HeaderValue::Location { latitude, longitude, name, address } => Kind::Location(wire::TemplatePlace {
            latitude: *latitude,
            longitude: *longitude,
            name: name.clone(),
            address: address.clone(),
        }),
    };
    wire::HeaderValue { kind: Some(kind) }
}

fn wire_parameter(parameter: &Parameter) -> wire::Parameter {
    let value = match &parameter.value {
        ParameterValue::Text(text) => Value::Text(text.clone()),
        ParameterValue::Currency { fallback, code, amount_1000 } => Value::Currency(wire::Currency {
            fallback: fallback.clone(),
            code: code.clone(),
            amount_1000: *amount_1000,
        }),
        ParameterValue::DateTime { fallback } => Value::DateTime(fallback.clone()),
    };
    wire::Parameter { name: plain(&parameter.name), value: Some(value) }
}

fn wire_button(button: &ButtonParameter) -> wire::ButtonParameter {
    let value = match &button.value {
        ButtonValue::Payload(text) => Button::Payload(text.clone()),
        ButtonValue::UrlSuffix(text) => Button::UrlSuffix(text.clone()),
        ButtonValue::OneTimeCode(text) => Button::OneTimeCode(text.clone()),
        ButtonValue::CouponCode(text) => Button::CouponCode(text.clone()),
        ButtonValue::FlowToken(text) => Button::FlowToken(text.clone()),
    };
    wire::ButtonParameter { index: u32::try_from(button.index).unwrap_or(u32::MAX), value: Some(value) }
}
