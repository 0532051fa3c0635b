//! Values of a template's buttons. A place counts all buttons of the template, those without a variable too; a value goes only
//! to a button that has one.
//!
//! Source: Meta's pages on template components (buttons) and authentication templates; its error code 131008.

use std::collections::HashSet;

use waypost_domain::send::{ButtonParameter, ButtonValue, Parameter};
use waypost_domain::template::{ParameterFormat, TemplateButton};

use super::parameters::variables;
use crate::blank::is_blank;
use crate::rule::Rule;
use crate::verdict::{Answer, Finding, refuse};

const URL_MAX: usize = 2000;
const CODE_MAX: usize = 15;
const PAYLOAD_MAX: usize = 256;
const FLOW_TOKEN_MAX: usize = 2000;

/// The values in the order of the buttons.
pub(super) fn given(
    field: &str,
    buttons: &[TemplateButton],
    given: &[ButtonParameter],
) -> Answer<Vec<ButtonParameter>> {
    let mut seen = HashSet::new();
    for parameter in given {
        let field = format!("{field}[{}]", parameter.index);
        let Some(button) = buttons.get(parameter.index) else {
            let finding = Finding::new(Rule::ButtonInvalid).field(field);
            return refuse(finding.detail(format!("the template has {} buttons, from 0", buttons.len())));
        };
        if !seen.insert(parameter.index) {
            return refuse(Finding::new(Rule::ButtonInvalid).field(field).detail("is given twice"));
        }
        fits(&field, button, &parameter.value)?;
    }
    for (index, button) in buttons.iter().enumerate() {
        if needs(button) == Needs::Value && !seen.contains(&index) {
            let finding = Finding::new(Rule::ButtonMissing).field(format!("{field}[{index}]"));
            return refuse(finding.detail(format!("{:?}", button.label())));
        }
    }
    let mut ordered = given.to_vec();
    ordered.sort_by_key(|parameter| parameter.index);
    Ok(ordered)
}

/// The code of a button is the one in the text.
pub(super) fn codes_agree(field: &str, buttons: &[ButtonParameter], body: &[Parameter]) -> Answer {
    for button in buttons {
        if let (ButtonValue::OneTimeCode(code), Some(in_text)) = (&button.value, body.first())
            && in_text.value.text() != code
        {
            let finding = Finding::new(Rule::ButtonInvalid).field(format!("{field}[{}]", button.index));
            return refuse(finding.detail("is another code than the one in the text"));
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Needs {
    Value,
    /// It may have one.
    Nothing,
}

fn needs(button: &TemplateButton) -> Needs {
    match button {
        TemplateButton::Url { url, .. } if has_variable(url) => Needs::Value,
        TemplateButton::CopyCode { .. } | TemplateButton::OneTimeCode { .. } => Needs::Value,
        TemplateButton::Url { .. } | TemplateButton::Phone { .. } | TemplateButton::QuickReply { .. } => Needs::Nothing,
        TemplateButton::Flow { .. } | TemplateButton::Other { .. } => Needs::Nothing,
    }
}

fn fits(field: &str, button: &TemplateButton, value: &ButtonValue) -> Answer {
    let refused = |detail: &str| refuse(Finding::new(Rule::ButtonInvalid).field(field).detail(detail));
    let (fixed, max) = match (button, value) {
        (TemplateButton::Url { url, .. }, ButtonValue::UrlSuffix(suffix)) if has_variable(url) => {
            let lower = suffix.to_ascii_lowercase();
            if lower.starts_with("https:") || lower.starts_with("http:") {
                return refused("only what stands in the place of the variable, not the whole address");
            }
            if suffix.chars().any(char::is_whitespace) && !is_blank(suffix) {
                return refused("an address has no space; write it as %20");
            }
            (url.split("{{").next().unwrap_or_default().chars().count(), URL_MAX)
        }
        (TemplateButton::OneTimeCode { .. }, ButtonValue::OneTimeCode(_)) => (0, CODE_MAX),
        (TemplateButton::CopyCode { .. }, ButtonValue::CouponCode(_)) => (0, CODE_MAX),
        (TemplateButton::QuickReply { .. }, ButtonValue::Payload(_)) => (0, PAYLOAD_MAX),
        (TemplateButton::Flow { .. }, ButtonValue::FlowToken(_)) => (0, FLOW_TOKEN_MAX),
        _ => return refused(&format!("takes {}, not {}", takes(button), value.kind())),
    };
    if is_blank(value.text()) {
        return refuse(Finding::new(Rule::ParameterBlank).field(field));
    }
    let length = fixed + value.text().chars().count();
    if length > max {
        let finding = Finding::new(Rule::FilledTooLong).field(field);
        return refuse(finding.detail(format!("{length} characters of at most {max}")));
    }
    Ok(())
}

fn takes(button: &TemplateButton) -> &'static str {
    match button {
        TemplateButton::Url { url, .. } if has_variable(url) => "url_suffix",
        TemplateButton::OneTimeCode { .. } => "one_time_code",
        TemplateButton::CopyCode { .. } => "coupon_code",
        TemplateButton::QuickReply { .. } => "payload",
        TemplateButton::Flow { .. } => "flow_token",
        TemplateButton::Url { .. } | TemplateButton::Phone { .. } | TemplateButton::Other { .. } => "no value",
    }
}

fn has_variable(url: &str) -> bool {
    !variables(url, ParameterFormat::Positional).is_empty()
}
