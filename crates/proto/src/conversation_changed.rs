//! What a team hears of a conversation that it loses, that is not its own, or that needs a person: one CloudEvent each, on
//! the team's own queue, described by `proto/conversation-changed.schema.json`.
//!
//! Its id is derived from the decision, so whoever publishes a stored decision again tells the same under the same id, and
//! consumers deduplicate by it. It says nothing that the customer wrote.

use bytes::Bytes;
use serde::Serialize;
use waypost_domain::{ChangeId, ContactId, ConversationId, DecisionId, NumberName, PhoneNumberId, TeamName, Timestamp};

use crate::cloud_event::CloudEvent;

/// The bus message's `type`.
pub const KIND: &str = "waypost.conversation-changed.v1";
/// The CloudEvent's `type`.
pub const EVENT_TYPE: &str = "com.waypost.conversation.changed.v1";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Another team has the conversation now; told to the one that had it.
    Moved,
    /// The team's queue did not take a message, and another team has the conversation now.
    Diverted,
    /// The customer asks for a person, and one of this team holds the conversation.
    AsksForPerson,
    /// A rule would send the conversation to this team, but a person of another holds it.
    SuggestedTeam,
}

impl ChangeKind {
    pub const ALL: [Self; 4] = [Self::Moved, Self::Diverted, Self::AsksForPerson, Self::SuggestedTeam];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Diverted => "diverted",
            Self::AsksForPerson => "asks_for_person",
            Self::SuggestedTeam => "suggested_team",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// All that is said.
#[derive(Debug, Clone, Copy)]
pub struct ConversationChanged<'a> {
    pub kind: ChangeKind,
    /// Who is told.
    pub team: &'a TeamName,
    /// Who has the conversation now; `None`: nobody takes it.
    pub to: Option<&'a TeamName>,
    /// Why, in the rule set's words.
    pub why: &'a str,
    /// What brought it about.
    pub decision: DecisionId,
    pub wamid: Option<&'a str>,
    /// Of the POST that the message came in with.
    pub post_id: &'a str,
    pub received_at: Timestamp,
    pub phone_number_id: &'a PhoneNumberId,
    pub number: &'a NumberName,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    /// Of the message that brought it about, among the messages of its conversation; 0 where that is not known.
    pub conversation_seq: i64,
}

#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    team: &'a TeamName,
    to_team: Option<&'a TeamName>,
    why: &'a str,
    number: &'a NumberName,
    phone_number_id: &'a PhoneNumberId,
    received_at_ms: i64,
    decision_id: DecisionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    wamid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<ContactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    conversation_seq: i64,
}

impl ConversationChanged<'_> {
    pub fn id(&self) -> ChangeId {
        ChangeId::of_decision(self.decision, self.kind.as_str(), self.team)
    }

    /// The body, of the type [`CONTENT_TYPE`](crate::team_message::CONTENT_TYPE).
    pub fn encode(&self) -> Bytes {
        let event = CloudEvent {
            kind: EVENT_TYPE,
            id: self.id(),
            phone_number_id: self.phone_number_id,
            conversation: self.conversation,
            at: self.received_at,
            post_id: self.post_id,
            decision: self.decision,
            data: Document {
                kind: self.kind.as_str(),
                team: self.team,
                to_team: self.to,
                why: self.why,
                number: self.number,
                phone_number_id: self.phone_number_id,
                received_at_ms: self.received_at.as_millis(),
                decision_id: self.decision,
                wamid: self.wamid,
                contact_id: self.contact,
                conversation_id: self.conversation,
                conversation_seq: self.conversation_seq,
            },
        };
        event.encode()
    }
}
