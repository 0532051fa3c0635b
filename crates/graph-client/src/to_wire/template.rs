//! A template with its values: each where Meta looks for it.

use waypost_cloud_api::send as wire;
use waypost_cloud_api::send::{ButtonAction, FieldError, HeaderMedia};
use waypost_domain::send::content::Place;
use waypost_domain::send::{
    ButtonParameter, ButtonValue, HeaderValue, Parameter, ParameterValue, TemplateMessage, Values,
};

use super::content::{location, source};
use super::must_be;

pub(super) fn template(message: &TemplateMessage) -> Result<wire::Template, FieldError> {
    let values = &message.values;
    let parts = Parts::of("", values)?;
    let cards = values.cards.iter().enumerate().map(card).collect::<Result<Vec<_>, _>>()?;
    Ok(wire::Template {
        header: parts.header,
        body: parts.body,
        buttons: parts.buttons,
        offer_ends_ms: values.offer_ends_at_ms,
        cards: wire::NonEmpty::new(cards),
        ..wire::Template::new(message.name.as_str(), message.language.as_str())
    })
}

fn card((at, values): (usize, &Values)) -> Result<wire::CarouselCard, FieldError> {
    let field = |name: &str| format!("cards[{at}]{name}");
    if !values.cards.is_empty() {
        return Err(must_be(field(".cards"), "absent: cards have no cards"));
    }
    if values.offer_ends_at_ms.is_some() {
        return Err(must_be(field(".offer_ends_at_ms"), "absent: cards have no offer"));
    }
    let index = u8::try_from(at).map_err(|_| must_be(field(""), "one of 256"))?;
    let Parts { header, body, buttons } = Parts::of(&field("."), values)?;
    Ok(wire::CarouselCard { index, header, body, buttons })
}

/// What a template and a card have alike.
struct Parts {
    header: Option<wire::Header>,
    body: wire::Parameters,
    buttons: Vec<wire::Button>,
}

impl Parts {
    /// `prefix` stands before a field's name in an error.
    fn of(prefix: &str, values: &Values) -> Result<Self, FieldError> {
        Ok(Self {
            header: values.header.as_ref().map(|value| header(prefix, value)).transpose()?,
            body: body(prefix, &values.body)?,
            buttons: values.buttons.iter().map(|given| button(prefix, given)).collect::<Result<_, _>>()?,
        })
    }
}

fn header(prefix: &str, value: &HeaderValue) -> Result<wire::Header, FieldError> {
    Ok(match value {
        HeaderValue::Text(Parameter { name, value: filled }) => {
            wire::Header::Text(wire::Parameter { name: name.clone(), value: self::value(filled) })
        }
        HeaderValue::Image(image) => wire::Header::Media(HeaderMedia::Image(source(image))),
        HeaderValue::Video(video) => wire::Header::Media(HeaderMedia::Video(source(video))),
        HeaderValue::Document { source: document, filename } => {
            wire::Header::Media(HeaderMedia::Document { source: source(document), filename: filename.clone() })
        }
        HeaderValue::Location { latitude, longitude, name, address } => {
            let (name, address) = (Some(name.clone()), Some(address.clone()));
            let place = Place { latitude: *latitude, longitude: *longitude, name, address };
            wire::Header::Location(location(&format!("{prefix}header."), &place)?)
        }
    })
}

/// All by name, or all by their order.
fn body(prefix: &str, parameters: &[Parameter]) -> Result<wire::Parameters, FieldError> {
    let is_named = parameters.first().is_some_and(|first| first.name.is_some());
    if let Some(at) = parameters.iter().position(|parameter| parameter.name.is_some() != is_named) {
        return Err(must_be(format!("{prefix}body[{at}]"), "named or not, as the others are"));
    }
    if !is_named {
        return Ok(wire::Parameters::positional(parameters.iter().map(|parameter| value(&parameter.value)).collect()));
    }
    let named = |parameter: &Parameter| Some((parameter.name.clone()?, value(&parameter.value)));
    let named = wire::Parameters::named(parameters.iter().filter_map(named).collect());
    named.map_err(|_| must_be(format!("{prefix}body"), "a list in which each name is there once"))
}

/// Meta shows the text of an amount or a date wherever a phone cannot write it in its own way.
fn value(value: &ParameterValue) -> wire::ParameterValue {
    match value {
        ParameterValue::Text(text) => wire::ParameterValue::Text(text.clone()),
        ParameterValue::Currency { fallback, code, amount_1000 } => wire::ParameterValue::Currency(wire::Currency {
            fallback_value: fallback.clone(),
            code: code.clone(),
            amount_1000: *amount_1000,
        }),
        ParameterValue::DateTime { fallback } => wire::ParameterValue::DateTime(wire::DateTime {
            fallback_value: fallback.clone(),
            ..wire::DateTime::default()
        }),
    }
}

fn button(prefix: &str, button: &ButtonParameter) -> Result<wire::Button, FieldError> {
    let index = u8::try_from(button.index);
    let action = match &button.value {
        ButtonValue::Payload(payload) => ButtonAction::QuickReply { payload: payload.clone() },
        // A code is read back from Meta as an address with a gap, and is filled in like one.
        ButtonValue::UrlSuffix(suffix) | ButtonValue::OneTimeCode(suffix) => {
            ButtonAction::Url { suffix: suffix.clone() }
        }
        ButtonValue::CouponCode(code) => ButtonAction::CopyCode { code: code.clone() },
        ButtonValue::FlowToken(token) => ButtonAction::Flow { token: Some(token.clone()), data: None },
    };
    Ok(wire::Button {
        index: index.map_err(|_| must_be(format!("{prefix}buttons[{}]", button.index), "one of 256"))?,
        action,
    })
}
