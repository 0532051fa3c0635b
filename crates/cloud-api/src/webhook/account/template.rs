//! What Meta tells of a template: its status, its quality, its category, or that its text was changed.

use waypost_domain::Category;
use waypost_domain::template::{Quality, TemplateStatus};

use super::{word, word_of};
use crate::json::{fields_of, object, string};

object! {
    Value {
        id: "message_template_id",
        name: "message_template_name",
        language: "message_template_language",
        category: "message_template_category",
        event: "event",
        reason: "reason",
        other_info: "other_info",
        new_quality: "new_quality_score",
        previous_quality: "previous_quality_score",
        new_category: "new_category",
        correct_category: "correct_category",
        previous_category: "previous_category",
    }
}

/// What changed of one language of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateNews {
    /// Meta's id of the name in this language.
    pub id: Option<String>,
    pub name: Option<String>,
    /// May read `en-US` where Meta's list says `en_US`.
    pub language: Option<String>,
    /// What it counts as, where that is told beside the change.
    pub category: Option<Category>,
    pub change: TemplateChange,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    Status {
        status: TemplateStatus,
        pause: Option<Pause>,
        /// `SCAM`, `INVALID_FORMAT` and their like.
        reason: Option<String>,
    },
    Quality {
        previous: Quality,
        new: Quality,
    },
    /// It is something else by now.
    Category(Category),
    /// It will be.
    CategoryAnnounced(Category),
    /// Its text or its buttons, or something that is not said: the list has it.
    Content,
}

/// Why it is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pause {
    /// For its quality, for the first time: three hours.
    First,
    /// Once more: six hours.
    Second,
    /// By pacing. A person must end it.
    RateLimiting,
}

impl TemplateNews {
    pub(super) fn read(value: &str) -> Option<Self> {
        let (value, _) = Value::read(value)?;
        Some(Self {
            id: string(value.id),
            name: string(value.name),
            language: string(value.language),
            category: category(value.category),
            change: TemplateChange::of(&value),
        })
    }
}

impl TemplateChange {
    /// By what it holds: quality has been seen in the field of statuses.
    fn of(value: &Value<'_>) -> Self {
        if value.event.is_some() {
            return status(value);
        }
        if value.new_quality.is_some() {
            let quality = |json| word_of(json).map(|word| Quality::parse(&word)).unwrap_or_default();
            return Self::Quality { previous: quality(value.previous_quality), new: quality(value.new_quality) };
        }
        // Meta, "template_category_update": with a correct category the new one is still what it was.
        let announced = category(value.correct_category).filter(|_| value.previous_category.is_none());
        match (announced, category(value.new_category)) {
            (Some(announced), _) => Self::CategoryAnnounced(announced),
            (None, Some(new)) => Self::Category(new),
            (None, None) => Self::Content,
        }
    }
}

/// The event says that a template was locked, and the title beside it what that means.
fn status(value: &Value<'_>) -> TemplateChange {
    let [title] = fields_of(value.other_info, &["title"]);
    let (event, title) = (word(value.event), word(title));
    let pause = match title.as_str() {
        "FIRST_PAUSE" => Some(Pause::First),
        "SECOND_PAUSE" => Some(Pause::Second),
        "RATE_LIMITING_PAUSE" => Some(Pause::RateLimiting),
        _ => None,
    };
    let is_lock = matches!(event.as_str(), "LOCKED" | "PAUSED");
    let status = match (event.as_str(), title.as_str()) {
        ("UNPAUSED" | "UNPAUSE" | "UNLOCKED", _) => TemplateStatus::Approved,
        (_, "UNPAUSE" | "UNPAUSED") if is_lock => TemplateStatus::Approved,
        (_, "DISABLED") if is_lock => TemplateStatus::Disabled,
        _ if is_lock && pause.is_some() => TemplateStatus::Paused,
        (event, _) => TemplateStatus::parse(event),
    };
    let pause = pause.filter(|_| status == TemplateStatus::Paused);
    TemplateChange::Status { status, pause, reason: word_of(value.reason).filter(|reason| reason != "NONE") }
}

fn category(json: crate::json::Json<'_>) -> Option<Category> {
    Category::parse(&word_of(json)?)
}
