//! What somebody wants sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::content::FreeForm;
use super::template::TemplateRequest;
use crate::category::Category;
use crate::ids::{ContactId, ConversationId, DecisionId, NumberName, PhoneNumberId};
use crate::team::Priority;
use crate::time::Timestamp;

/// The requester's own id: the same id is the same send, however often it is asked for. 1 to 128 visible ASCII characters;
/// it goes to Meta within our [mark](super::Mark), so it must say nothing about a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SendId(String);

/// A text that can be no [`SendId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("send_id must be 1 to 128 visible ASCII characters, without spaces")]
pub struct InvalidSendId;

impl SendId {
    /// Bytes of the longest.
    pub const LENGTH_MAX: usize = 128;

    /// Checks it.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidSendId> {
        let id = id.into();
        let valid = (1..=Self::LENGTH_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(id)) } else { Err(InvalidSendId) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SendId {
    type Error = InvalidSendId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<SendId> for String {
    fn from(id: SendId) -> Self {
        id.0
    }
}

impl fmt::Display for SendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// A person, by their name in our tokens.
    Agent(String),
    /// A program that holds the conversation.
    Bot(String),
    /// One of our own triggers and timers, by its id.
    Automation(String),
    /// By its id.
    Campaign(String),
}

impl Author {
    /// Whether no person wrote it.
    pub const fn is_automatic(&self) -> bool {
        match self {
            Self::Agent(_) => false,
            Self::Bot(_) | Self::Automation(_) | Self::Campaign(_) => true,
        }
    }

    /// Whether it answers what the customer does, so that another machine could keep it going.
    pub const fn reacts_by_itself(&self) -> bool {
        match self {
            Self::Bot(_) | Self::Automation(_) => true,
            Self::Agent(_) | Self::Campaign(_) => false,
        }
    }
}

/// Why it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An answer to the customer.
    #[default]
    Reply,
    /// The customer asked for just this, e.g. for a code to sign in.
    CustomerAsked,
    /// The one message that tells the customer that their stop was understood.
    StopConfirmation,
    /// Something happened, by the id of what did: an event, a rule, a campaign.
    Event(String),
}

/// Order is kept within a conversation, a class and a priority; these never wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendClass {
    /// Somebody waits for it.
    Answer,
    BusinessStarted,
}

impl Cause {
    /// Whom a send with this cause is kept in order with.
    pub const fn class(&self) -> SendClass {
        match self {
            Self::Reply | Self::CustomerAsked | Self::StopConfirmation => SendClass::Answer,
            Self::Event(_) => SendClass::BusinessStarted,
        }
    }
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendContent {
    /// Only inside the customer service window.
    FreeForm(FreeForm),
    /// At any time, under the template's own category.
    Template(TemplateRequest),
}

/// A request as it is stored. Its original is never changed: what goes out in its place is in the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendRequest {
    pub id: SendId,
    /// Which of our numbers speaks.
    pub number: NumberName,
    pub contact: ContactId,
    /// `None`: the open one of contact and number, if there is one.
    pub conversation: Option<ConversationId>,
    pub author: Author,
    pub cause: Cause,
    pub content: SendContent,
    /// What the requester takes it for. A template is judged by the stricter of this and its own category.
    pub category: Option<Category>,
    /// What goes instead of free-form content when the window is closed.
    pub substitute: Option<TemplateRequest>,
    pub priority: Priority,
    pub created_at: Timestamp,
    /// From when on it is of no use any more. Compulsory for one-time codes: when the code dies.
    pub expires_at: Option<Timestamp>,
    /// The last message of the customer that the author had read, by its wamid.
    pub last_seen: Option<String>,
    /// The message that it is shown as an answer to, by its wamid. Requests of before are known by their text: absent, not null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Send it although the customer has written since.
    pub force: bool,
    /// The customer must see it after the one before.
    pub strict_order: bool,
    /// Cut labels and texts that are too long instead of refusing them.
    pub shorten: bool,
    /// Take the thread from another app that holds it.
    pub take_thread: bool,
}

impl SendRequest {
    /// One that asks for nothing special: in the open conversation, with normal priority and no end of its own, nothing forced.
    pub const fn plain(
        id: SendId,
        number: NumberName,
        contact: ContactId,
        author: Author,
        cause: Cause,
        content: SendContent,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            number,
            contact,
            conversation: None,
            author,
            cause,
            content,
            category: None,
            substitute: None,
            priority: Priority::Normal,
            created_at,
            expires_at: None,
            last_seen: None,
            reply_to: None,
            force: false,
            strict_order: false,
            shorten: false,
            take_thread: false,
        }
    }

    /// The decision about the message that the author had read last, which came to this number of ours; `None` where none is named.
    pub fn decision_seen(&self, number: &PhoneNumberId) -> Option<DecisionId> {
        Some(DecisionId::of_event(number, self.last_seen.as_deref()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_visible_and_short() {
        for good in ["a", "order-17/confirmation", "01935f5c-7d3a-7000-8000-000000000000"] {
            assert_eq!(SendId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(SendId::new(bad), Err(InvalidSendId), "{bad:?}");
        }
        assert!(serde_json::from_str::<SendId>("\"a b\"").is_err());
    }

    #[test]
    fn what_somebody_waits_for_is_an_answer() {
        for cause in [Cause::Reply, Cause::CustomerAsked, Cause::StopConfirmation] {
            assert_eq!(cause.class(), SendClass::Answer, "{cause:?}");
        }
        assert_eq!(Cause::Event("winter".to_owned()).class(), SendClass::BusinessStarted);
    }

    #[test]
    fn persons_are_no_machines() {
        let name = || "x".to_owned();
        for (author, automatic, reacts) in [
            (Author::Agent(name()), false, false),
            (Author::Bot(name()), true, true),
            (Author::Automation(name()), true, true),
            (Author::Campaign(name()), true, false),
        ] {
            assert_eq!((author.is_automatic(), author.reacts_by_itself()), (automatic, reacts), "{author:?}");
        }
    }
}
