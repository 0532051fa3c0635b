//! What POST `/2010-04-01/Accounts/{sid}/Messages.json` takes
//! (<https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>): a form.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;

use super::CHANNEL;

/// Characters of the longest text that Twilio takes.
pub const BODY_CHARACTERS_MAX: usize = 1_600;

/// A message to one customer. It is never shown: it holds what a person reads, and who.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// A number with its `+`, or a business-scoped id.
    pub to: String,
    /// Which of our numbers.
    pub from: Sender,
    /// What.
    pub content: Content,
    /// Where its statuses go.
    pub status_callback: String,
}

/// Whom a message is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A number with its `+`.
    Number(String),
    /// A messaging service, `MG…`, which has one of ours.
    Service(String),
}

/// What is said.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// At most [`BODY_CHARACTERS_MAX`].
    Text(String),
    /// A file that Twilio fetches, with words below it.
    Media {
        /// Where it is.
        url: String,
        /// As long as a text at most.
        caption: Option<String>,
    },
    /// A template, which Twilio keeps as content of its own.
    Template {
        /// `HX…`
        content_sid: String,
        /// By their names or numbers there.
        variables: BTreeMap<String, String>,
    },
}

impl Message {
    /// As it goes over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut form = Serializer::new(String::new());
        form.append_pair("To", &format!("{CHANNEL}{}", self.to));
        match &self.from {
            Sender::Number(number) => form.append_pair("From", &format!("{CHANNEL}{number}")),
            Sender::Service(sid) => form.append_pair("MessagingServiceSid", sid),
        };
        match &self.content {
            Content::Text(body) => {
                form.append_pair("Body", body);
            }
            Content::Media { url, caption } => {
                form.append_pair("MediaUrl", url);
                if let Some(caption) = caption {
                    form.append_pair("Body", caption);
                }
            }
            Content::Template { content_sid, variables } => {
                form.append_pair("ContentSid", content_sid);
                if !variables.is_empty() {
                    form.append_pair("ContentVariables", &serde_json::json!(variables).to_string());
                }
            }
        }
        form.append_pair("StatusCallback", &self.status_callback);
        form.finish().into_bytes()
    }
}
