//! The answer: what goes, or by which rule it does not. It is stored with the send, so its form carries a version.

use std::fmt;

use serde::{Deserialize, Serialize};
use waypost_domain::consent::Grant;
use waypost_domain::send::{FreeForm, TemplateMessage};
use waypost_domain::{Category, Timestamp};

use crate::rule::Rule;

/// May it be sent now?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes.
    Allowed(Box<Allowed>),
    /// Ask again, not before.
    Deferred {
        /// Never later than the request's expiry.
        until: Timestamp,
        #[serde(flatten)]
        finding: Finding,
    },
    /// What it waits for comes after it is of no use any more.
    Expired(Finding),
    /// It does not go. Only another request does, or another state of the world and a person who asks anew.
    Refused(Finding),
}

impl Verdict {
    /// By which rule it does not go, or does not yet.
    pub const fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Allowed(_) => None,
            Self::Deferred { finding, .. } | Self::Expired(finding) | Self::Refused(finding) => Some(finding),
        }
    }

    /// What goes.
    pub fn allowed(&self) -> Option<&Allowed> {
        match self {
            Self::Allowed(allowed) => Some(allowed),
            Self::Deferred { .. } | Self::Expired(_) | Self::Refused(_) => None,
        }
    }
}

/// What goes, and what it counts as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allowed {
    pub message: Message,
    pub address: Address,
    /// What it was judged and is counted as.
    pub category: Category,
    /// Whether the template goes in the place of free-form content, because the window is closed.
    pub is_substitute: bool,
    /// Of a template.
    pub language: Option<LanguageChoice>,
    /// Of a template: what the customer will read.
    pub preview: Option<Preview>,
    /// What allows it, where anything has to.
    pub consent: Option<Grant>,
    /// Whether it takes one of the places of the messaging limit.
    pub takes_place: bool,
    pub warnings: Vec<Warning>,
}

/// The content, ready to be written down for Meta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    FreeForm(FreeForm),
    Template(TemplateMessage),
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// Digits of the canonical form.
    Phone(String),
    Bsuid(String),
}

/// Which language of a template, and why this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageChoice {
    /// The registry's spelling.
    pub chosen: String,
    /// What was asked for, or is the contact's.
    pub wanted: Option<String>,
    /// Whether it is one of those that were declared to do instead.
    pub is_fallback: bool,
}

/// A template with its values, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preview {
    pub header: Option<String>,
    pub body: String,
    pub footer: Option<String>,
    /// Labels.
    pub buttons: Vec<String>,
    pub cards: Vec<Preview>,
}

/// Something to know about what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
pub enum Warning {
    /// A link to a site that is none of ours.
    ForeignLink { host: String },
    /// It names a WhatsApp number that is none of ours.
    OtherWhatsAppNumber,
    /// It speaks in the name of somebody else; consent was given to this business.
    ThirdPartySender { phrase: String },
    /// The same went to the same contact a moment ago.
    LooksLikeRepeat,
    /// A person finishes what was begun before the customer said stop.
    AfterStop,
    /// The customer has written since the author read; it was forced.
    Unseen { messages: u32 },
    /// Another app loses the thread by it.
    TakesThread,
    /// Judged as something stricter than it was asked for.
    CategoryChanged { asked: Category, now: Category },
    /// Meta announced another category.
    CategoryWillChange { to: Category },
    /// Meta is about to disable the template.
    TemplateFlagged,
    /// Meta rates the template low: the next complaints pause it.
    TemplateQualityLow,
    /// In a language that was declared to do instead.
    LanguageFallback { chosen: String },
    /// A text was cut.
    Shortened { field: String },
    /// Nobody looks through what customers write for a stop.
    OptInNotInstalled,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignLink { host } => write!(f, "it links to {host}, which is not among our sites"),
            Self::OtherWhatsAppNumber => f.write_str("it names a WhatsApp number that is not ours"),
            Self::ThirdPartySender { phrase } => {
                write!(f, "it speaks for somebody else ({phrase}); consent was given to this business")
            }
            Self::LooksLikeRepeat => f.write_str("the same was sent to this contact a moment ago"),
            Self::AfterStop => f.write_str("the customer said stop; it finishes a conversation that was open"),
            Self::Unseen { messages } => write!(f, "the customer has written since ({messages}); it was forced"),
            Self::TakesThread => f.write_str("it takes the thread from another app"),
            Self::CategoryChanged { asked, now } => write!(f, "asked for as {asked}, judged as {now}"),
            Self::CategoryWillChange { to } => write!(f, "Meta will make the template {to}"),
            Self::TemplateFlagged => f.write_str("Meta has flagged the template and may disable it"),
            Self::TemplateQualityLow => f.write_str("Meta rates the template low and may pause it"),
            Self::LanguageFallback { chosen } => write!(f, "it goes in {chosen}, which was declared to do"),
            Self::Shortened { field } => write!(f, "{field} was cut"),
            Self::OptInNotInstalled => f.write_str("nobody looks for stops in what customers write (opt-in worker)"),
        }
    }
}

/// Which rule, where, and what of it: without any word of the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: Rule,
    /// E.g. `buttons[1].title`, `body.customer_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What exactly, e.g. `21 characters of at most 20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Finding {
    /// Of a rule, with nothing more to say.
    pub const fn new(rule: Rule) -> Self {
        Self { rule, field: None, detail: None }
    }

    /// With what exactly is meant.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the field that it is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(self.rule.sentence())?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        write!(f, " To send it: {}.", self.rule.remedy())
    }
}

/// Why the questions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    Refuse(Finding),
    Wait { until: Until, finding: Finding },
}

/// When a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    At(Timestamp),
    /// Nobody knows: it is looked at again after a while.
    Unknown,
    /// The same, and it mostly is a matter of seconds.
    Soon,
}

impl Halt {
    pub(crate) const fn wait(until: Option<Timestamp>, finding: Finding) -> Self {
        let until = match until {
            Some(until) => Until::At(until),
            None => Until::Unknown,
        };
        Self::Wait { until, finding }
    }

    /// What it is about.
    pub(crate) fn into_finding(self) -> Finding {
        match self {
            Self::Refuse(finding) | Self::Wait { finding, .. } => finding,
        }
    }

    pub(crate) const fn wait_a_moment(finding: Finding) -> Self {
        Self::Wait { until: Until::Soon, finding }
    }
}

/// A refusal is a finding that ends the questions.
impl From<Finding> for Halt {
    fn from(finding: Finding) -> Self {
        Self::Refuse(finding)
    }
}

/// The answer to one of the questions.
pub(crate) type Answer<T = ()> = Result<T, Halt>;

/// Ends the questions with a refusal.
pub(crate) fn refuse<T>(finding: Finding) -> Answer<T> {
    Err(Halt::Refuse(finding))
}
