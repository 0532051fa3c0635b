//! The template registry: what Meta approved, as its list and its webhooks have it. A template is named by its account, name
//! and language: each language has a status, a category and variables of its own.

use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::time::Timestamp;

/// One language of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: String,
    /// As Meta's list spells it: `en_US`.
    pub language: String,
    pub status: TemplateStatus,
    /// What it is now, whatever it was submitted as.
    pub category: Category,
    /// What Meta announced that it will be.
    pub announced_category: Option<Category>,
    pub parameter_format: ParameterFormat,
    pub quality: Quality,
    /// For how long Meta tries to deliver it, in seconds, where the template says so (`message_send_ttl_seconds`).
    pub ttl_s: Option<u32>,
    /// When its pause ends, where that is known.
    pub paused_until: Option<Timestamp>,
    pub layout: Layout,
    /// Of a carousel.
    pub cards: Vec<Layout>,
    /// Of a limited-time offer that shows when it ends.
    pub has_offer_end: bool,
}

/// The parts of a template, or of one card of its carousel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layout {
    pub header: Option<TemplateHeader>,
    /// With its variables: `Hello {{1}}`, `Hello {{name}}`.
    pub body: String,
    pub footer: Option<String>,
    pub buttons: Vec<TemplateButton>,
}

/// Above the text of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateHeader {
    /// With one variable at most.
    Text(String),
    Image,
    Video,
    Document,
    Location,
}

/// A button, with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateButton {
    QuickReply {
        label: String,
    },
    /// Its address may end with a variable.
    Url {
        label: String,
        url: String,
    },
    Phone {
        label: String,
    },
    /// Copies a coupon.
    CopyCode {
        label: String,
    },
    /// Of authentication templates. Meta's list reads it back as an address.
    OneTimeCode {
        label: String,
    },
    Flow {
        label: String,
    },
    /// Of a kind that Meta added later: nothing is known that it would need.
    Other {
        label: String,
    },
}

impl TemplateButton {
    /// What stands on it.
    pub fn label(&self) -> &str {
        match self {
            Self::QuickReply { label } | Self::Url { label, .. } | Self::Phone { label } => label,
            Self::CopyCode { label } | Self::OneTimeCode { label } | Self::Flow { label } => label,
            Self::Other { label } => label,
        }
    }
}

/// How the variables of a template are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterFormat {
    /// `{{1}}`, `{{2}}`.
    #[default]
    Positional,
    /// `{{name}}`.
    Named,
}

/// Meta's rating of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Green,
    Yellow,
    /// The next complaints pause it.
    Red,
    #[default]
    Unknown,
}

impl Quality {
    /// Its word, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Unknown => "unknown",
        }
    }

    /// What Meta's word means, in any case; whatever else it says is unknown.
    pub fn parse(word: &str) -> Self {
        let known = [Self::Green, Self::Yellow, Self::Red].into_iter();
        known.clone().find(|one| word.eq_ignore_ascii_case(one.as_str())).unwrap_or_default()
    }
}

/// Meta's word for what may be done with a template. It may be sent while it is approved only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateStatus {
    Approved,
    /// Approved, and about to be disabled.
    Flagged,
    Pending,
    InAppeal,
    Rejected,
    Paused,
    Disabled,
    Archived,
    LimitExceeded,
    Locked,
    PendingDeletion,
    Deleted,
    /// A word that Meta added later.
    Other(String),
}

impl TemplateStatus {
    /// Of the word in Meta's list, or of the event in its webhook.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "APPROVED" | "REINSTATED" | "UNARCHIVED" => Self::Approved,
            "FLAGGED" => Self::Flagged,
            "PENDING" => Self::Pending,
            "IN_APPEAL" => Self::InAppeal,
            "REJECTED" => Self::Rejected,
            "PAUSED" => Self::Paused,
            "DISABLED" => Self::Disabled,
            "ARCHIVED" => Self::Archived,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "LOCKED" => Self::Locked,
            "PENDING_DELETION" => Self::PendingDeletion,
            "DELETED" => Self::Deleted,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// Whether it may be sent.
    pub const fn may_go(&self) -> bool {
        matches!(self, Self::Approved | Self::Flagged)
    }

    /// Its word, for people.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Approved => "approved",
            Self::Flagged => "flagged",
            Self::Pending => "pending",
            Self::InAppeal => "in_appeal",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Archived => "archived",
            Self::LimitExceeded => "limit_exceeded",
            Self::Locked => "locked",
            Self::PendingDeletion => "pending_deletion",
            Self::Deleted => "deleted",
            Self::Other(word) => word,
        }
    }
}

/// Whether both name one language: Meta's webhooks say `en-US` where its lists say `en_US`.
pub fn is_same_language(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    one.bytes().map(plain).eq(other.bytes().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_the_same_however_they_are_joined() {
        for (one, other, same) in [
            ("en-US", "en_US", true),
            ("en_us", "en_US", true),
            ("pt_BR", "pt_PT", false),
            ("en", "en_US", false),
            ("zh-Hant-TW", "zh_hant_tw", true),
        ] {
            assert_eq!(is_same_language(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn statuses_are_read_from_lists_and_from_events() {
        for word in ["APPROVED", "PAUSED", "DISABLED", "ARCHIVED", "PENDING_DELETION", "IN_APPEAL"] {
            assert_eq!(TemplateStatus::parse(word).as_str().to_uppercase(), word);
        }
        assert_eq!(TemplateStatus::parse("REINSTATED"), TemplateStatus::Approved);
        assert_eq!(TemplateStatus::parse("NEW_WORD"), TemplateStatus::Other("NEW_WORD".to_owned()));
    }
}
