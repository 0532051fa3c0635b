//! One template: what it is made of, as one creates it, and what a send has to fill in. Plain state.

use serde_json::Value;
use waypost_domain::Category;

use super::error::ApiError;

/// A template in one language.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) language: String,
    /// Meta's word: `APPROVED`, `PAUSED` …
    pub(crate) status: String,
    pub(crate) category: Category,
    pub(crate) rejected_reason: Option<String>,
    pub(crate) quality: &'static str,
    /// As it was created or edited last.
    pub(crate) components: Value,
    pub(crate) is_named: bool,
    pub(crate) ttl_s: Option<i64>,
    pub(crate) needs: Needs,
    /// Whether its messages are held until control says what becomes of them.
    pub(crate) is_held: bool,
    /// What Meta has announced that it will be filed under.
    pub(crate) correct_category: Option<Category>,
    /// When it was edited last.
    pub(crate) edited_ms: Option<i64>,
}

/// What is filled in at a send.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) header: HeaderNeed,
    pub(crate) body: String,
    pub(crate) body_gaps: Vec<String>,
    pub(crate) buttons: Vec<ButtonNeed>,
    pub(crate) cards: Vec<Self>,
    pub(crate) has_offer: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderNeed {
    #[default]
    Nothing,
    /// A text with a gap.
    Text,
    Image,
    Video,
    Document,
    Location,
    Product,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ButtonNeed {
    pub(crate) kind: ButtonKind,
    pub(crate) label: String,
    /// Whether a send must say something for it.
    pub(crate) has_gap: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ButtonKind {
    QuickReply,
    Url,
    CopyCode,
    Flow,
    Catalog,
    Products,
    /// Calls somebody, or something else that takes nothing.
    Other,
}

impl HeaderNeed {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "UNKNOWN",
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Document => "DOCUMENT",
            Self::Location => "LOCATION",
            Self::Product => "PRODUCT",
        }
    }
}

impl Template {
    /// Reads what one posts to create a template, or has in a file. It is pending.
    pub(crate) fn create(id: u64, definition: &Value) -> Result<Self, ApiError> {
        let text = |name: &str| {
            let text = definition.get(name).and_then(Value::as_str);
            text.ok_or_else(|| ApiError::new(100, format!("(#100) The parameter {name} is required.")))
        };
        let name = text("name")?;
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > 512 || !name.bytes().all(is_name) {
            return Err(ApiError::new(
                100,
                "Message template name can only have lowercase letters, digits and underscores",
            ));
        }
        let category = Category::parse(text("category")?).filter(|category| *category != Category::Service);
        let category = category
            .ok_or_else(|| ApiError::new(100, "Param category must be one of {UTILITY, MARKETING, AUTHENTICATION}"))?;
        let components = definition.get("components").filter(|components| components.is_array());
        let components =
            components.ok_or_else(|| ApiError::new(100, "(#100) The parameter components is required."))?;
        let format = definition.get("parameter_format").and_then(Value::as_str).unwrap_or("POSITIONAL");
        Ok(Self {
            id,
            name: name.to_owned(),
            language: text("language")?.to_owned(),
            status: "PENDING".to_owned(),
            category,
            rejected_reason: None,
            quality: "UNKNOWN",
            needs: Needs::read(components)?,
            components: components.clone(),
            is_named: format.eq_ignore_ascii_case("named"),
            ttl_s: definition.get("message_send_ttl_seconds").and_then(Value::as_i64),
            is_held: false,
            correct_category: None,
            edited_ms: None,
        })
    }

    /// What Meta forgets a message after whose phone stays off, in milliseconds.
    pub(crate) fn ttl_ms(&self) -> i64 {
        let default_s = if self.category == Category::Authentication { 600 } else { 30 * 24 * 3600 };
        self.ttl_s.unwrap_or(default_s) * 1_000
    }
}

impl Needs {
    pub(crate) fn read(components: &Value) -> Result<Self, ApiError> {
        let mut needs = Self::default();
        for component in components.as_array().into_iter().flatten() {
            let kind = word(component, "type");
            match kind.as_str() {
                "HEADER" => needs.header = header(component)?,
                "BODY" => {
                    // The text of an authentication template is Meta's: the code is its only gap.
                    needs.body = text(component, "text").unwrap_or("{{1}}").to_owned();
                    needs.body_gaps = gaps(&needs.body);
                }
                "FOOTER" => {}
                "BUTTONS" => needs.buttons = list(component, "buttons").iter().map(button).collect(),
                "LIMITED_TIME_OFFER" => {
                    let offer = component.get("limited_time_offer");
                    needs.has_offer = offer.and_then(|offer| offer.get("has_expiration")) == Some(&Value::Bool(true));
                }
                "CAROUSEL" => {
                    let cards = list(component, "cards").iter();
                    needs.cards = cards
                        .map(|card| Self::read(card.get("components").unwrap_or(&Value::Null)))
                        .collect::<Result<_, _>>()?;
                }
                _ => return Err(ApiError::new(100, "components has a type that no template has")),
            }
        }
        Ok(needs)
    }
}

fn header(component: &Value) -> Result<HeaderNeed, ApiError> {
    Ok(match word(component, "format").as_str() {
        "TEXT" if gaps(text(component, "text").unwrap_or_default()).is_empty() => HeaderNeed::Nothing,
        "TEXT" => HeaderNeed::Text,
        "IMAGE" => HeaderNeed::Image,
        "VIDEO" => HeaderNeed::Video,
        "DOCUMENT" => HeaderNeed::Document,
        "LOCATION" => HeaderNeed::Location,
        "PRODUCT" => HeaderNeed::Product,
        _ => return Err(ApiError::new(100, "the header has a format that no template has")),
    })
}

fn button(button: &Value) -> ButtonNeed {
    let has_gap = || text(button, "url").is_some_and(|url| !gaps(url).is_empty());
    let (kind, has_gap) = match word(button, "type").as_str() {
        "QUICK_REPLY" => (ButtonKind::QuickReply, false),
        "URL" => (ButtonKind::Url, has_gap()),
        // It is filled in like an address, and reads back as one.
        "OTP" => (ButtonKind::Url, true),
        "COPY_CODE" => (ButtonKind::CopyCode, true),
        "FLOW" => (ButtonKind::Flow, false),
        "CATALOG" => (ButtonKind::Catalog, false),
        "MPM" => (ButtonKind::Products, true),
        _ => (ButtonKind::Other, false),
    };
    ButtonNeed { kind, label: text(button, "text").unwrap_or_default().to_owned(), has_gap }
}

/// The names or numbers in `{{…}}`, each once.
fn gaps(text: &str) -> Vec<String> {
    let mut gaps: Vec<String> = Vec::new();
    for part in text.split("{{").skip(1) {
        if let Some((name, _)) = part.split_once("}}")
            && !gaps.iter().any(|gap| gap == name.trim())
        {
            gaps.push(name.trim().to_owned());
        }
    }
    gaps
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn word(object: &Value, name: &str) -> String {
    text(object, name).unwrap_or_default().to_ascii_uppercase()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_says_what_a_send_has_to_fill_in() {
        let definition = json!({
            "name": "order_update", "language": "en_US", "category": "utility",
            "components": [
                {"type": "HEADER", "format": "IMAGE"},
                {"type": "BODY", "text": "Hello {{1}}, order {{2}} of {{1}} is on its way."},
                {"type": "FOOTER", "text": "Bye"},
                {"type": "BUTTONS", "buttons": [
                    {"type": "QUICK_REPLY", "text": "Stop"},
                    {"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"},
                    {"type": "URL", "text": "Home", "url": "https://example.com/"},
                ]},
            ],
        });
        let template = Template::create(7, &definition).unwrap();
        assert_eq!(template.status, "PENDING");
        assert_eq!(template.needs.header, HeaderNeed::Image);
        assert_eq!(template.needs.body_gaps, ["1", "2"]);
        let gaps: Vec<bool> = template.needs.buttons.iter().map(|button| button.has_gap).collect();
        assert_eq!(gaps, [false, true, false]);
        assert_eq!(template.ttl_ms(), 30 * 24 * 3_600_000);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (field, value) in [("name", json!("Order")), ("category", json!("SERVICE")), ("components", json!(null))] {
            let mut definition = json!({"name": "a", "language": "en", "category": "UTILITY", "components": []});
            definition[field] = value;
            assert_eq!(Template::create(1, &definition).unwrap_err().code, 100, "{field}");
        }
    }
}
