//! What carriers of WhatsApp with forms of their own have in common: our numbers there ([`OurNumbers`]), the address
//! that they post to ([`address`]), the keys that they sign with ([`signature`]), the ids of customers' files
//! ([`file_id`]), and how their news are told in Meta's words.
//!
//! No carrier knows Meta's id of a number: the numbers stand in the configuration, with the id that each is to have
//! here.

pub mod address;
pub mod file_id;
pub mod signature;
pub(crate) mod told;

use std::collections::BTreeMap;
use std::fmt;

use waypost_domain::phone;

use crate::answer::GraphError;

/// The business's numbers at one carrier.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OurNumbers {
    /// Ids here, by what the carrier calls the number.
    ids: BTreeMap<String, String>,
    account: Option<String>,
}

/// One that the carrier cannot have, or a second one of the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, or is that of another id")]
pub struct InvalidNumber {
    /// That it was to have here. Never the number.
    pub id: String,
    problem: &'static str,
}

impl OurNumbers {
    /// Of pairs: the id that a number is to have here, and the number, in whatever spelling. For a carrier that names
    /// the number.
    pub fn by_phone<'a>(numbers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidNumber> {
        let known = |number: &str| phone::digits(number).map(|_| phone::canonical(number).into_owned());
        Self::new(numbers, "is no phone number", known)
    }

    /// Of pairs: the id that a number is to have here, and the carrier's id of the channel that it is.
    pub fn by_channel<'a>(channels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidNumber> {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        Self::new(channels, "is no id of a channel", |id| is_id(id).then(|| id.to_ascii_lowercase()))
    }

    fn new<'a>(
        numbers: impl IntoIterator<Item = (&'a str, &'a str)>,
        problem: &'static str,
        known: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidNumber> {
        let mut ids = BTreeMap::new();
        for (id, there) in numbers {
            let is_new = known(there).is_some_and(|there| ids.insert(there, id.to_owned()).is_none());
            if !is_new {
                return Err(InvalidNumber { id: id.to_owned(), problem });
            }
        }
        Ok(Self { ids, account: None })
    }

    /// The account that their news are told under, where it is another one than the carrier says.
    #[must_use]
    pub fn of_account(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    pub(crate) fn id_of_phone(&self, number: &str) -> Option<&str> {
        self.ids.get(&*phone::canonical(number)).map(String::as_str)
    }

    pub(crate) fn id_of_channel(&self, channel: &str) -> Option<&str> {
        self.ids.get(&channel.to_ascii_lowercase()).map(String::as_str)
    }
}

/// No number is shown.
impl fmt::Debug for OurNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids.values()).finish()
    }
}

/// Why a request that a carrier signed is no news of WhatsApp's for us. It is kept as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// A text message, a call, or something else of the carrier's.
    #[error("of something else than WhatsApp's messages")]
    OtherChannel,
    /// Its number has to be added to the configuration.
    #[error("of a number that is not configured")]
    UnknownNumber,
    /// The carrier has changed its form.
    #[error("not of the carrier's form")]
    Unreadable,
}

/// What a carrier answered to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// It has it, under this id.
    Accepted(String),
    /// It has not, and says why.
    Refused(GraphError),
    /// The answer is not of its API, or says neither.
    Unclear,
}
