//! An entry of the consent ledger: who agreed to what, or took it back, and what proves it. Entries are never changed.
//!
//! What it takes to prove consent: Regulation (EU) 2016/679, article 7(1), and Meta's page "Get opt-in".

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Basis;
use crate::category::Category;
use crate::ids::{ConsentEntryId, ContactId};
use crate::time::Timestamp;

/// One thing that was said about consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEntry {
    pub id: ConsentEntryId,
    /// Who said it, as they were known then: a merge changes no entry.
    pub contact: ContactId,
    /// To which brand of the business; empty where it has only one.
    pub brand: String,
    /// About which category; `None`: about all that the business begins.
    pub category: Option<Category>,
    pub said: Said,
    /// When it was said, by the customer's clock. `None`: an import that does not tell.
    pub at: Option<Timestamp>,
    pub recorded_at: Timestamp,
    pub how: How,
    /// The message that it was said in, by its wamid, or the other system's own id of it.
    pub source: Option<String>,
    /// Who wrote it down: a component, or the name of a token.
    pub recorded_by: String,
    pub evidence: Evidence,
}

impl ConsentEntry {
    /// What an erasure comes to, which the ledger has no entry of: nothing of before makes them be written to. For all that is of
    /// the brand, from when they were erased.
    pub fn erasure(contact: ContactId, brand: &str, at: Timestamp) -> Self {
        Self {
            id: ConsentEntryId::from_uuid(Uuid::nil()),
            contact,
            brand: brand.to_owned(),
            category: None,
            said: Said::Withdrawn,
            at: Some(at),
            recorded_at: at,
            how: How::Agent,
            source: None,
            recorded_by: "erasure".to_owned(),
            evidence: Evidence::default(),
        }
    }
}

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Granted(Basis),
    /// The first half of a double opt-in.
    Pending,
    /// A stop, or an objection.
    Withdrawn,
    /// Wording that looks like a stop, until somebody judges it.
    Suspected,
    /// Somebody looked at what was suspected: it was no stop.
    NoStop,
}

impl Said {
    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Pending => "pending",
            Self::Withdrawn => "withdrawn",
            Self::Suspected => "suspected",
            Self::NoStop => "no_stop",
        }
    }

    /// Why the business may write, where it may.
    pub const fn basis(self) -> Option<Basis> {
        match self {
            Self::Granted(basis) => Some(basis),
            Self::Pending | Self::Withdrawn | Self::Suspected | Self::NoStop => None,
        }
    }

    /// Of its word; a grant needs a basis.
    pub fn parse(word: &str, basis: Option<Basis>) -> Option<Self> {
        match word {
            "granted" => basis.map(Self::Granted),
            "pending" => Some(Self::Pending),
            "withdrawn" => Some(Self::Withdrawn),
            "suspected" => Some(Self::Suspected),
            "no_stop" => Some(Self::NoStop),
            _ => None,
        }
    }
}

/// The way in which it reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A word, written as a message.
    Keyword,
    /// A tap.
    Button,
    /// WhatsApp's own switch (`user_preferences`).
    Preference,
    /// The answer to a call permission request.
    CallPermission,
    /// Another system, by the API.
    Api,
    Import,
    /// A person, who was told.
    Agent,
    /// The platform refused a message because the customer had stopped marketing: Meta with 131050, after which this is called,
    /// Twilio with 21610.
    Error131050,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Keyword,
        Self::Button,
        Self::Preference,
        Self::CallPermission,
        Self::Api,
        Self::Import,
        Self::Agent,
        Self::Error131050,
    ];

    /// Its word, in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Button => "button",
            Self::Preference => "preference",
            Self::CallPermission => "call_permission",
            Self::Api => "api",
            Self::Import => "import",
            Self::Agent => "agent",
            Self::Error131050 => "error_131050",
        }
    }

    /// Of its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.as_str() == word)
    }
}

/// What was shown to them when they agreed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Exactly what they read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wording: String,
    /// Which version of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wording_version: String,
    /// Its language, as a tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Where it was collected: a form, a shop, a page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Who collected it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub collector: String,
    /// Which business it named.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub business: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_were_written() {
        for how in How::ALL {
            assert_eq!(How::parse(how.as_str()), Some(how));
        }
        let said = [Said::Granted(Basis::Contract), Said::Pending, Said::Withdrawn, Said::Suspected, Said::NoStop];
        for said in said {
            assert_eq!(Said::parse(said.as_str(), said.basis()), Some(said));
        }
        assert_eq!(Said::parse("granted", None), None, "nobody may write without a reason");
    }
}
