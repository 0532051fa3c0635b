//! What Meta tells about a message that the business sent.

use serde::{Deserialize, Serialize};

use crate::contact::AliasSet;
use crate::message::MessageError;
use crate::time::Timestamp;

/// The progress of a sent message. `Other` keeps words that Meta adds later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusState {
    Sent,
    Delivered,
    Read,
    Played,
    Failed,
    Other(String),
}

impl StatusState {
    /// The word for a message that its carrier has, and WhatsApp perhaps not yet. Meta says so in its answer alone; other
    /// carriers repeat it, with our mark, which settles a send whose answer was lost. It stays a word among
    /// [`Other`](Self::Other).
    pub const ACCEPTED: &str = "accepted";

    pub fn parse(text: &str) -> Self {
        match text {
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            "failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
            Self::Other(text) => text,
        }
    }
}

/// One status object of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The wamid of the message it speaks of; empty when Meta left it out.
    pub id: String,
    pub state: StatusState,
    pub timestamp: Option<Timestamp>,
    pub recipient: AliasSet,
    /// In groups: whose status this is. Part of the unique key.
    pub participant: Option<String>,
    /// `biz_opaque_callback_data`: our own mark, echoed.
    pub callback_data: Option<String>,
    /// Why it failed, in the order given.
    pub errors: Vec<MessageError>,
    /// What it costs: said once or more of a message, to be counted once.
    pub pricing: Option<Pricing>,
    /// What it was part of at Meta, where Meta still says so.
    pub conversation: Option<PricedConversation>,
}

impl Status {
    /// `errors[].code`, in the order given.
    pub fn error_codes(&self) -> Vec<i64> {
        self.errors.iter().map(|error| error.code).collect()
    }
}

/// What Meta charges for a message. Its words stay Meta's: categories are added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pricing {
    /// Going to be left out by Meta; see [`is_billed`](Self::is_billed).
    pub billable: Option<bool>,
    /// `PMP`: per message. `CBP` until July 2025.
    pub model: Option<String>,
    /// `regular`, or why it is free.
    pub kind: Option<String>,
    /// `marketing`, `utility`, `service` …
    pub category: Option<String>,
}

impl Pricing {
    /// Whether the message is charged for, by its type; `None` where neither that nor `billable` says so.
    pub fn is_billed(&self) -> Option<bool> {
        match self.kind.as_deref() {
            Some("regular") => Some(true),
            Some(kind) if kind.starts_with("free_") => Some(false),
            Some(_) | None => self.billable,
        }
    }
}

/// A conversation in Meta's sense. Gone for webhooks of v24.0 and later, except where it began at an ad; before that its id
/// is another one for each message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PricedConversation {
    /// Meta's.
    pub id: Option<String>,
    /// What opened it: a category, or `referral_conversion`.
    pub origin: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_billed_goes_by_the_type() {
        let billed = |kind: Option<&str>, billable| {
            Pricing { kind: kind.map(str::to_owned), billable, ..Pricing::default() }.is_billed()
        };
        assert_eq!(billed(Some("regular"), Some(false)), Some(true));
        assert_eq!(billed(Some("free_customer_service"), Some(true)), Some(false));
        assert_eq!(billed(Some("free_entry_point"), None), Some(false));
        assert_eq!(billed(Some("new"), Some(true)), Some(true));
        assert_eq!(billed(None, None), None);
    }
}
