//! Templates as Meta lists them
//! (<https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates>).
//!
//! Words of states and categories stay Meta's: whether a template may be sent is policy's to say.

use super::{AnswerError, Page, each, fields};
use crate::json::{Json, fields_of, integer, object, string, text};

object! {
    TemplateObject {
        id: "id",
        name: "name",
        language: "language",
        status: "status",
        category: "category",
        correct_category: "correct_category",
        previous_category: "previous_category",
        parameter_format: "parameter_format",
        components: "components",
        quality_score: "quality_score",
        rejected_reason: "rejected_reason",
        ttl_s: "message_send_ttl_seconds",
    }
}

/// A template in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateListed {
    /// Meta's id of the name in this language.
    pub id: Option<String>,
    /// What it is sent by.
    pub name: String,
    /// Each is a template of its own.
    pub language: String,
    /// `APPROVED` and its like.
    pub status: String,
    /// What it counts as *now*, whatever was asked for.
    pub category: Option<String>,
    /// What it will be filed under soon.
    pub correct_category: Option<String>,
    /// What it was filed under before.
    pub previous_category: Option<String>,
    /// Whether its gaps have names.
    pub is_named: bool,
    /// What it is made of.
    pub components: Vec<Component>,
    /// `GREEN` and its like.
    pub quality: Option<String>,
    /// Meta writes `NONE` where there is none.
    pub rejected_reason: Option<String>,
    /// For how long Meta tries to deliver it, in seconds, where the template says so.
    pub ttl_s: Option<i64>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// Above the text.
    Header {
        /// `TEXT`, `IMAGE`, `VIDEO`, `DOCUMENT`, `LOCATION` and what comes later.
        format: String,
        /// Of a header of words.
        text: Option<String>,
    },
    /// The text. Of a one-time code's template it is Meta's own.
    Body { text: Option<String> },
    /// Below the text; of a one-time code: how long it lives.
    Footer { text: Option<String>, code_expires_minutes: Option<i64> },
    /// What can be tapped, in order.
    Buttons(Vec<TemplateButton>),
    /// An offer that ends.
    LimitedTimeOffer { text: Option<String>, has_expiration: bool },
    /// Cards, each made of parts.
    Carousel(Vec<Vec<Self>>),
    /// Something that is new.
    Other { kind: String },
}

/// What can be tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateButton {
    /// `QUICK_REPLY`, `URL`, `PHONE_NUMBER`, `COPY_CODE`, `OTP`, `FLOW` and what comes later.
    pub kind: String,
    /// The label.
    pub text: Option<String>,
    /// With a gap at its end, or without one.
    pub url: Option<String>,
    /// What it calls.
    pub phone_number: Option<String>,
    /// `COPY_CODE`, `ONE_TAP` or `ZERO_TAP`, of a one-time code.
    pub otp_kind: Option<String>,
}

/// What became of a template that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCreated {
    /// Meta's id.
    pub id: String,
    /// `PENDING`, mostly.
    pub status: Option<String>,
    /// What it is filed under: perhaps not what was asked for.
    pub category: Option<String>,
}

impl TemplateListed {
    /// The answer to GET `/{waba_id}/message_templates`.
    pub fn read_page(body: &[u8]) -> Result<Page<Self>, AnswerError> {
        Page::read_with(body, Self::of)
    }

    /// The answer to GET `/{template_id}`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let text = std::str::from_utf8(body).map_err(|_| AnswerError::NotAnObject)?;
        let (object, _) = TemplateObject::read(text).ok_or(AnswerError::NotAnObject)?;
        Self::of_object(&object).ok_or(AnswerError::Missing("name, language or status"))
    }

    fn of(element: Json<'_>) -> Option<Self> {
        let (object, _) = TemplateObject::read(element?.get())?;
        Self::of_object(&object)
    }

    fn of_object(object: &TemplateObject<'_>) -> Option<Self> {
        let [score] = fields_of(object.quality_score, &["score"]);
        let format = text(object.parameter_format);
        Some(Self {
            id: string(object.id),
            name: string(object.name)?,
            language: string(object.language)?,
            status: string(object.status)?,
            category: string(object.category),
            correct_category: string(object.correct_category),
            previous_category: string(object.previous_category),
            is_named: format.is_some_and(|format| format.eq_ignore_ascii_case("named")),
            components: each(object.components, |component| Some(Component::of(component, false))),
            quality: string(score.or(object.quality_score)),
            rejected_reason: string(object.rejected_reason),
            ttl_s: integer(object.ttl_s),
        })
    }
}

impl Component {
    /// A card has no cards of its own, so that no answer can nest them.
    fn of(component: Json<'_>, is_of_card: bool) -> Self {
        let [kind, format, text, buttons, cards, offer, expiration] = fields_of(
            component,
            &["type", "format", "text", "buttons", "cards", "limited_time_offer", "code_expiration_minutes"],
        );
        let kind = string(kind).unwrap_or_default().to_ascii_uppercase();
        match kind.as_str() {
            "HEADER" => Self::Header { format: string(format).unwrap_or_default(), text: string(text) },
            "BODY" => Self::Body { text: string(text) },
            "FOOTER" => Self::Footer { text: string(text), code_expires_minutes: integer(expiration) },
            "BUTTONS" => Self::Buttons(each(buttons, TemplateButton::of)),
            "LIMITED_TIME_OFFER" => {
                let [text, has_expiration] = fields_of(offer, &["text", "has_expiration"]);
                Self::LimitedTimeOffer { text: string(text), has_expiration: super::flag(has_expiration) }
            }
            "CAROUSEL" if !is_of_card => Self::Carousel(each(cards, |card| {
                let [components] = fields_of(card, &["components"]);
                Some(each(components, |component| Some(Self::of(component, true))))
            })),
            _ => Self::Other { kind },
        }
    }
}

impl TemplateButton {
    /// One that cannot be read keeps its place: a button goes by it.
    fn of(button: Json<'_>) -> Option<Self> {
        let [kind, text, url, phone_number, otp_kind] =
            fields_of(button, &["type", "text", "url", "phone_number", "otp_type"]);
        Some(Self {
            kind: string(kind).unwrap_or_default(),
            text: string(text),
            url: string(url),
            phone_number: string(phone_number),
            otp_kind: string(otp_kind),
        })
    }
}

impl TemplateCreated {
    /// The answer to POST `/{waba_id}/message_templates`.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [id, status, category] = fields(body, &["id", "status", "category"])?;
        Ok(Self {
            id: string(id).ok_or(AnswerError::Missing("id"))?,
            status: string(status),
            category: string(category),
        })
    }
}
