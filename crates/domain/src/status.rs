//! What Meta tells about a message that the business sent.

use serde::{Deserialize, Serialize};

use crate::contact::AliasSet;
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
    /// `errors[].code`, in the order given.
    pub error_codes: Vec<i64>,
    pub pricing_category: Option<String>,
    pub pricing_type: Option<String>,
}
