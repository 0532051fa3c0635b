//! The answer to a message: accepted, which is not delivered, or refused
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages>).

use serde_json::{Map, Value, json};

use super::{AnswerError, GraphError, each, fields};
use crate::json::{fields_of, string, text};

/// What came of one request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Meta has taken it.
    Accepted(SendAnswer),
    /// Meta has not, and says why.
    Refused(GraphError),
    /// The answer is not of the API, or says neither. What became of the message is not known.
    Unclear,
}

/// Messages that were accepted: one, for one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendAnswer {
    /// To whom.
    pub contacts: Vec<AnswerContact>,
    /// Which.
    pub messages: Vec<AnswerMessage>,
}

/// Whom Meta takes the recipient for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerContact {
    /// What we wrote.
    pub input: Option<String>,
    /// The digits by which WhatsApp knows them, which may differ from ours.
    pub wa_id: Option<String>,
    /// Their business-scoped id.
    pub user_id: Option<String>,
}

/// A message of ours at Meta.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerMessage {
    /// The wamid, by which its statuses are told.
    pub id: String,
    /// Of templates.
    pub status: Option<MessageStatus>,
}

/// What Meta does with an accepted template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageStatus {
    /// Sends it.
    Accepted,
    /// Keeps it until it has seen how others like the template; it may be dropped.
    HeldForQualityAssessment,
    /// Does not send it for now.
    Paused,
    /// A word that is new.
    Other(String),
}

impl MessageStatus {
    /// Meta's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Accepted => "accepted",
            Self::HeldForQualityAssessment => "held_for_quality_assessment",
            Self::Paused => "paused",
            Self::Other(word) => word,
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "accepted" => Self::Accepted,
            "held_for_quality_assessment" => Self::HeldForQualityAssessment,
            "paused" => Self::Paused,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl SendOutcome {
    /// Reads an answer of any status. An error in it counts before anything else.
    pub fn read(http_status: u16, body: &[u8]) -> Self {
        if let Some(error) = GraphError::read(body) {
            return Self::Refused(error);
        }
        match SendAnswer::read(body) {
            Ok(answer) if (200..300).contains(&http_status) => Self::Accepted(answer),
            Ok(_) | Err(_) => Self::Unclear,
        }
    }
}

impl SendAnswer {
    /// An answer without the id of a message is none.
    pub fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let [contacts, messages] = fields(body, &["contacts", "messages"])?;
        let messages = each(messages, |message| {
            let [id, status] = fields_of(message, &["id", "message_status"]);
            Some(AnswerMessage { id: string(id)?, status: text(status).as_deref().map(MessageStatus::parse) })
        });
        if messages.is_empty() {
            return Err(AnswerError::Missing("messages[0].id"));
        }
        let contacts = each(contacts, |contact| {
            let [input, wa_id, user_id] = fields_of(contact, &["input", "wa_id", "user_id"]);
            // Space behind the digits has been seen.
            let trimmed = string(wa_id).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
            Some(AnswerContact { input: string(input), wa_id: trimmed, user_id: string(user_id) })
        });
        Ok(Self { contacts, messages })
    }

    /// As Meta writes it.
    pub fn encode(&self) -> Vec<u8> {
        let contact = |contact: &AnswerContact| {
            let fields = [("input", &contact.input), ("wa_id", &contact.wa_id), ("user_id", &contact.user_id)];
            let present =
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
            Value::Object(present.collect())
        };
        let message = |message: &AnswerMessage| {
            let mut object = Map::new();
            object.insert("id".to_owned(), json!(message.id));
            if let Some(status) = &message.status {
                object.insert("message_status".to_owned(), json!(status.as_str()));
            }
            Value::Object(object)
        };
        let contacts: Vec<Value> = self.contacts.iter().map(contact).collect();
        let messages: Vec<Value> = self.messages.iter().map(message).collect();
        json!({"messaging_product": "whatsapp", "contacts": contacts, "messages": messages}).to_string().into_bytes()
    }
}
