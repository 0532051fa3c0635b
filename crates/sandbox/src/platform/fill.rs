//! What a send fills in, held against what its template asks for. It must never judge whether the template may be sent.

use waypost_cloud_api::send::{
    Button, ButtonAction, Header, HeaderMedia, Parameter, ParameterValue, Parameters, Template as Given,
};

use super::error::ApiError;
use super::template::{ButtonKind, HeaderNeed, Needs, Template};

const BODY_CHARS_MAX: usize = 1024;
const CARD_BODY_CHARS_MAX: usize = 160;
const CODE_CHARS_MAX: usize = 15;
const SPACES_MAX: usize = 4;

/// The first thing that is wrong.
pub(crate) fn check(template: &Template, given: &Given) -> Result<(), ApiError> {
    let needs = &template.needs;
    check_part(needs, template.is_named, given.header.as_ref(), &given.body, &given.buttons, BODY_CHARS_MAX)?;
    if needs.has_offer && given.offer_ends_ms.is_none() {
        return Err(ApiError::new(131_008, "limited_time_offer: the parameter expiration_time_ms is missing"));
    }
    let cards = given.cards.as_ref().map(|cards| cards.as_slice()).unwrap_or_default();
    if cards.len() != needs.cards.len() {
        let details = format!(
            "carousel: number of cards ({}) does not match the expected number ({})",
            cards.len(),
            needs.cards.len()
        );
        return Err(ApiError::new(132_012, details));
    }
    for (needs, card) in needs.cards.iter().zip(cards) {
        check_part(needs, template.is_named, card.header.as_ref(), &card.body, &card.buttons, CARD_BODY_CHARS_MAX)?;
    }
    Ok(())
}

fn check_part(
    needs: &Needs,
    is_named: bool,
    header: Option<&Header>,
    body: &Parameters,
    buttons: &[Button],
    body_chars_max: usize,
) -> Result<(), ApiError> {
    check_header(needs.header, header)?;
    check_body(needs, is_named, body, body_chars_max)?;
    check_buttons(needs, buttons)
}

fn check_header(need: HeaderNeed, given: Option<&Header>) -> Result<(), ApiError> {
    let given_kind = match given {
        None => HeaderNeed::Nothing,
        Some(Header::Text(_)) => HeaderNeed::Text,
        Some(Header::Media(HeaderMedia::Image(_))) => HeaderNeed::Image,
        Some(Header::Media(HeaderMedia::Video(_))) => HeaderNeed::Video,
        Some(Header::Media(HeaderMedia::Document { .. })) => HeaderNeed::Document,
        Some(Header::Location(_)) => HeaderNeed::Location,
        Some(Header::Product { .. }) => HeaderNeed::Product,
    };
    if given_kind != need {
        return Err(match (need, given_kind) {
            (HeaderNeed::Text, HeaderNeed::Nothing) => wrong_count("header", 0, 1),
            (HeaderNeed::Nothing, HeaderNeed::Text) => wrong_count("header", 1, 0),
            _ => {
                let (need, given) = (need.word(), given_kind.word());
                ApiError::new(132_012, format!("header: Format mismatch, expected {need}, received {given}"))
            }
        });
    }
    match given {
        Some(Header::Text(parameter)) => check_value("header", shown(parameter)),
        _ => Ok(()),
    }
}

fn check_body(needs: &Needs, is_named: bool, given: &Parameters, chars_max: usize) -> Result<(), ApiError> {
    let given = given.as_slice();
    if is_named && given.iter().any(|parameter| parameter.name.is_none()) {
        return Err(ApiError::new(100, "body: Parameter name is missing or empty"));
    }
    if given.len() != needs.body_gaps.len() {
        return Err(wrong_count("body", given.len(), needs.body_gaps.len()));
    }
    let unknown =
        given.iter().filter_map(|parameter| parameter.name.as_ref()).find(|name| !needs.body_gaps.contains(name));
    if is_named && unknown.is_some() {
        return Err(ApiError::new(100, "body: Parameter name does not exist in the template"));
    }
    let mut chars = needs.body.chars().count();
    for (place, parameter) in given.iter().enumerate() {
        let value = shown(parameter);
        check_value("body", value)?;
        let gap =
            parameter.name.as_deref().or_else(|| needs.body_gaps.get(place).map(String::as_str)).unwrap_or_default();
        let gap = format!("{{{{{gap}}}}}");
        let times = needs.body.matches(&gap).count();
        chars = (chars + times * value.chars().count()).saturating_sub(times * gap.chars().count());
    }
    if chars > chars_max {
        return Err(ApiError::new(132_005, format!("body: Translated text too long, at most {chars_max} characters")));
    }
    Ok(())
}

fn check_buttons(needs: &Needs, given: &[Button]) -> Result<(), ApiError> {
    for button in given {
        let index = button.index;
        let Some(need) = needs.buttons.get(usize::from(index)) else {
            return Err(ApiError::new(132_012, format!("buttons: there is no button at index {index}")));
        };
        let (kind, value) = match &button.action {
            ButtonAction::QuickReply { .. } => (ButtonKind::QuickReply, None),
            ButtonAction::Url { suffix } => (ButtonKind::Url, Some(suffix)),
            ButtonAction::CopyCode { code } => (ButtonKind::CopyCode, Some(code)),
            ButtonAction::Flow { .. } => (ButtonKind::Flow, None),
            ButtonAction::Catalog { .. } => (ButtonKind::Catalog, None),
            ButtonAction::Products { .. } => (ButtonKind::Products, None),
        };
        if kind != need.kind {
            return Err(ApiError::new(132_012, format!("buttons: Format mismatch of the button at index {index}")));
        }
        if kind == ButtonKind::Url && !need.has_gap {
            let details = format!("buttons: Button at index {index} of type Url does not require parameters");
            return Err(ApiError::new(132_018, details));
        }
        if let Some(value) = value {
            check_value("buttons", value)?;
        }
        if kind == ButtonKind::CopyCode && value.is_some_and(|code| code.chars().count() > CODE_CHARS_MAX) {
            return Err(ApiError::new(
                132_018,
                format!("buttons: the code at index {index} has more than 15 characters"),
            ));
        }
    }
    for (index, need) in needs.buttons.iter().enumerate() {
        if need.has_gap && !given.iter().any(|button| usize::from(button.index) == index) {
            let kind = match need.kind {
                ButtonKind::Url => "Url",
                ButtonKind::CopyCode => "CopyCode",
                ButtonKind::QuickReply | ButtonKind::Flow | ButtonKind::Catalog => "Other",
                ButtonKind::Products => "MPM",
                ButtonKind::Other => "Other",
            };
            let details = format!("buttons: Button at index {index} of type {kind} requires a parameter");
            return Err(ApiError::new(131_008, details));
        }
    }
    Ok(())
}

/// What the customer sees of it.
fn shown(parameter: &Parameter) -> &str {
    match &parameter.value {
        ParameterValue::Text(text) => text,
        ParameterValue::Currency(currency) => &currency.fallback_value,
        ParameterValue::DateTime(time) => &time.fallback_value,
    }
}

fn check_value(part: &str, value: &str) -> Result<(), ApiError> {
    if value.trim().is_empty() {
        return Err(ApiError::new(131_008, format!("{part}: Parameter of type text is missing text value")));
    }
    let mut spaces = 0;
    for c in value.chars() {
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        if matches!(c, '\n' | '\r' | '\t') || spaces > SPACES_MAX {
            let details =
                format!("{part}: Param text cannot have new-line/tab characters or more than 4 consecutive spaces");
            return Err(ApiError::new(132_018, details));
        }
    }
    Ok(())
}

fn wrong_count(part: &str, given: usize, expected: usize) -> ApiError {
    let details = format!(
        "{part}: number of localizable_params ({given}) does not match the expected number of params ({expected})"
    );
    ApiError::new(132_000, details)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use waypost_cloud_api::send::{Body, JsonBody as _, Message};

    use super::*;

    fn template(is_named: bool) -> Template {
        let body = if is_named { "Hi {{who}}, {{what}} ok" } else { "Hi {{1}}, {{2}} ok" };
        let definition = json!({
            "name": "t", "language": "en", "category": "UTILITY", "parameter_format": if is_named { "NAMED" } else { "POSITIONAL" },
            "components": [
                {"type": "BODY", "text": body},
                {"type": "BUTTONS", "buttons": [
                    {"type": "URL", "text": "Home", "url": "https://e.com"},
                    {"type": "URL", "text": "Go", "url": "https://e.com/{{1}}"},
                ]},
            ],
        });
        Template::create(1, &definition).unwrap()
    }

    fn verdict(template: &Template, components: Value) -> Option<i64> {
        let request = json!({
            "messaging_product": "whatsapp", "to": "+4915100000000", "type": "template",
            "template": {"name": "t", "language": {"code": "en"}, "components": components},
        });
        let Body::Template(given) = Message::from_value(&request).unwrap().body else { panic!("a template") };
        check(template, &given).err().map(|error| error.code)
    }

    fn body(values: &[&str]) -> Value {
        let parameters: Vec<Value> = values.iter().map(|text| json!({"type": "text", "text": text})).collect();
        json!({"type": "body", "parameters": parameters})
    }

    fn url(index: &str) -> Value {
        json!({"type": "button", "sub_type": "url", "index": index, "parameters": [{"type": "text", "text": "x"}]})
    }

    #[test]
    fn each_mistake_has_metas_code() {
        let template = template(false);
        let header = json!({"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]});
        let long = "x".repeat(1020);
        let cases = [
            ("all is there", json!([body(&["a", "b"]), url("1")]), None),
            ("too few", json!([body(&["a"]), url("1")]), Some(132_000)),
            ("the button's value among the body's", json!([body(&["a", "b", "x"])]), Some(132_000)),
            ("no value for the button", json!([body(&["a", "b"])]), Some(131_008)),
            ("a value for the button without a gap", json!([body(&["a", "b"]), url("0")]), Some(132_018)),
            ("no such button", json!([body(&["a", "b"]), url("5")]), Some(132_012)),
            ("a line break", json!([body(&["a\nb", "b"]), url("1")]), Some(132_018)),
            ("five spaces", json!([body(&["a     b", "b"]), url("1")]), Some(132_018)),
            ("four spaces", json!([body(&["a    b", "b"]), url("1")]), None),
            ("nothing", json!([body(&["", "b"]), url("1")]), Some(131_008)),
            ("too long", json!([body(&[&long, "b"]), url("1")]), Some(132_005)),
            ("a header that is not there", json!([header, body(&["a", "b"]), url("1")]), Some(132_012)),
        ];
        for (name, components, code) in cases {
            assert_eq!(verdict(&template, components), code, "{name}");
        }
    }

    #[test]
    fn named_gaps_go_by_name_in_any_order() {
        let template = template(true);
        let named = |names: [&str; 2]| {
            let parameter = |name: &str| json!({"type": "text", "parameter_name": name, "text": "x"});
            json!([{"type": "body", "parameters": names.map(parameter)}, url("1")])
        };
        assert_eq!(verdict(&template, named(["what", "who"])), None);
        assert_eq!(verdict(&template, named(["what", "which"])), Some(100));
        assert_eq!(verdict(&template, json!([body(&["a", "b"]), url("1")])), Some(100));
    }
}
