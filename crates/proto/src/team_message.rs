//! What a team's tools read: one CloudEvent per message in the structured mode, described by
//! `proto/team-message.schema.json`. Nothing but the ids and types that AMQP has fields for is said outside of the body: a
//! broker reads a table of headers of every message that has one.
//!
//! The message id is the decision's: consumers deduplicate by it. Made of plain values; this must never know where they
//! come from or who publishes the message.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use waypost_domain::team::Priority;
use waypost_domain::{
    ContactId, Conversation, DecisionId, InboundMessage, NumberName, PhoneNumberId, TeamName, Timestamp,
};

mod content;
mod parts;

use crate::cloud_event::CloudEvent;
use crate::v1::{DecisionEscalationStep, DecisionExtras};
use parts::MessagePart;

pub use crate::cloud_event::CONTENT_TYPE;

/// The bus message's `type`.
pub const KIND: &str = "waypost.team-message.v1";
/// The type of a message that asks for an answer.
pub const EVENT_TYPE: &str = "com.waypost.message.routed.v1";
/// The type of one that only tells something.
pub const NOTICE_TYPE: &str = "com.waypost.message.notice.v1";
/// The customer attribute that goes before the name of their own profile.
const CONTACT_NAME: &str = "name";

/// All that a team message is made of.
#[derive(Debug, Clone, Copy)]
pub struct TeamMessage<'a> {
    /// The decision's, and the message's own.
    pub id: DecisionId,
    /// Of the POST that the message came in with.
    pub post_id: &'a str,
    pub received_at: Timestamp,
    pub phone_number_id: &'a PhoneNumberId,
    pub number: &'a NumberName,
    pub message: &'a InboundMessage,
    /// Meta's own JSON of the message.
    pub json: &'a [u8],
    /// Whether another app held the thread when it was written.
    pub from_standby: bool,
    /// Whether it is told and not asked: `com.waypost.message.notice.v1`.
    pub is_notice: bool,
    /// What we hold of the message that this one answers, changes, deletes or reacts to.
    pub about: Option<&'a About>,
    /// What the customer did while no conversation was open.
    pub earlier_notices: &'a [EarlierNotice],
    /// `None` where the webhook named nobody.
    pub contact: Option<KnownContact<'a>>,
    pub conversation: Option<&'a Conversation>,
    /// Who had the conversation, or the one before, where that was another team.
    pub previous_team: Option<&'a TeamName>,
    pub routing: Routing<'a>,
}

/// What we hold of a message that another one is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Whether the business wrote it; `None` where we do not know.
    pub is_ours: Option<bool>,
    /// An excerpt.
    pub text: Option<String>,
}

/// A reaction, a deletion or news of the platform that came while nobody had the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierNotice {
    /// The message's type.
    pub kind: String,
    /// As in the message's own document.
    pub summary: String,
    pub received_at: Timestamp,
}

/// What we know of the sender beside what the message says.
#[derive(Debug, Clone, Copy)]
pub struct KnownContact<'a> {
    pub id: ContactId,
    pub attributes: &'a BTreeMap<String, String>,
}

/// What was decided, and by which rule of which version.
#[derive(Debug, Clone, Copy)]
pub struct Routing<'a> {
    pub rule_set: &'a str,
    pub rule: &'a str,
    pub phase: &'a str,
    /// `None`: nobody takes it.
    pub team: Option<&'a TeamName>,
    pub priority: Priority,
    pub why: &'a str,
    pub extras: &'a DecisionExtras,
}

#[derive(Serialize)]
struct Document<'a> {
    number: &'a str,
    phone_number_id: &'a str,
    /// RFC 3339 would cost a date library on the hot path: milliseconds since the epoch, as everywhere.
    received_at_ms: i64,
    message: MessagePart<'a>,
    contact: ContactPart<'a>,
    conversation: Option<ConversationPart<'a>>,
    routing: RoutingPart<'a>,
    /// Written while another app held the thread, and delivered when control came to us.
    from_standby: bool,
    /// Where it stands among the messages of its conversation: urgent ones overtake normal ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_seq: Option<i64>,
}

#[derive(Serialize)]
struct ContactPart<'a> {
    /// Absent where the webhook named nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct ConversationPart<'a> {
    id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_ends_at_ms: Option<i64>,
}

#[derive(Serialize)]
struct RoutingPart<'a> {
    rule_set: &'a str,
    rule: &'a str,
    phase: &'a str,
    team: Option<&'a str>,
    priority: &'static str,
    why: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PersonPart<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    skills: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    escalation: Vec<EscalationPart<'a>>,
}

#[derive(Serialize)]
struct PersonPart<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    fallback_team: &'a str,
}

#[derive(Serialize)]
struct EscalationPart<'a> {
    after_minutes: u32,
    /// A calendar.
    #[serde(skip_serializing_if = "str::is_empty")]
    clock: &'a str,
    team: &'a str,
}

impl TeamMessage<'_> {
    /// The body, of the type [`CONTENT_TYPE`].
    pub fn encode(&self) -> Bytes {
        let event = CloudEvent {
            kind: if self.is_notice { NOTICE_TYPE } else { EVENT_TYPE },
            id: self.id,
            phone_number_id: self.phone_number_id,
            conversation: self.conversation.map(|conversation| conversation.id),
            at: self.received_at,
            post_id: self.post_id,
            decision: self.id,
            data: self.document(),
        };
        event.encode()
    }

    fn document(&self) -> Document<'_> {
        Document {
            number: self.number.as_str(),
            phone_number_id: self.phone_number_id.as_str(),
            received_at_ms: self.received_at.as_millis(),
            message: MessagePart::new(self.message, self.about, self.earlier_notices, self.raw()),
            contact: self.contact_part(),
            conversation: self.conversation.map(|conversation| ConversationPart {
                id: conversation.id.to_string(),
                state: conversation.state.as_str(),
                previous_team: self.previous_team.map(TeamName::as_str),
                window_ends_at_ms: conversation.window_ends_at.map(waypost_domain::Timestamp::as_millis),
            }),
            routing: self.routing_part(),
            from_standby: self.from_standby,
            conversation_seq: Some(self.routing.extras.conversation_seq).filter(|seq| *seq > 0),
        }
    }

    fn raw(&self) -> Option<&RawValue> {
        let aliases = &self.message.contact;
        let from = self.message.from.as_deref();
        let is_from_them = from.is_none() || from == aliases.phone.as_deref() || from == aliases.bsuid.as_deref();
        if self.message.is_plain_text && is_from_them {
            return None;
        }
        std::str::from_utf8(self.json).ok().and_then(|json| serde_json::from_str(json).ok())
    }

    fn routing_part(&self) -> RoutingPart<'_> {
        RoutingPart {
            rule_set: self.routing.rule_set,
            rule: self.routing.rule,
            phase: self.routing.phase,
            team: self.routing.team.map(TeamName::as_str),
            priority: self.routing.priority.as_str(),
            why: self.routing.why,
            tags: &self.routing.extras.tags,
            person: (!self.routing.extras.person.is_empty()).then_some(PersonPart {
                name: &self.routing.extras.person,
                fallback_team: &self.routing.extras.fallback_team,
            }),
            skills: &self.routing.extras.skills,
            escalation: self.routing.extras.escalation.iter().map(EscalationPart::from).collect(),
        }
    }

    fn contact_part(&self) -> ContactPart<'_> {
        let aliases = &self.message.contact;
        let given = self.contact.and_then(|contact| contact.attributes.get(CONTACT_NAME)).map(String::as_str);
        ContactPart {
            id: self.contact.map(|contact| contact.id.to_string()),
            phone: aliases.phone.as_deref(),
            user_id: aliases.bsuid.as_deref(),
            parent_user_id: aliases.parent_bsuid.as_deref(),
            name: given.or(self.message.profile_name.as_deref()),
            username: self.message.username.as_deref(),
            attributes: self.contact.map(|contact| contact.attributes).filter(|attributes| !attributes.is_empty()),
        }
    }
}

impl<'a> From<&'a DecisionEscalationStep> for EscalationPart<'a> {
    fn from(step: &'a DecisionEscalationStep) -> Self {
        Self { after_minutes: step.after_minutes, clock: &step.clock, team: &step.team }
    }
}

#[cfg(test)]
mod tests;
