//! A message that a customer (or, as an echo, a colleague in the phone app) wrote.

mod content;
mod mask;
mod summary;
mod words;

use crate::contact::AliasSet;
use crate::time::Timestamp;

pub use content::{
    Call, Card, CardPhone, Edit, Form, FormField, Item, Location, MessageContent, MessageError, Order, Reaction, System,
};
pub use mask::{Mask, MaskError};
pub use words::{Part, WORDS_BYTES_MAX, Words};

/// `messages[].type`. `Unknown` keeps words that Meta adds later; `Missing` is a message without a type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MessageKind {
    Text,
    Image,
    Video,
    Document,
    Audio,
    Sticker,
    Location,
    Contacts,
    Interactive,
    Button,
    Reaction,
    Order,
    System,
    Edit,
    Revoke,
    Unsupported,
    /// A call that nobody took. It comes in a webhook field of its own; the word is ours.
    Call,
    Unknown(String),
    #[default]
    Missing,
}

impl MessageKind {
    /// The words of all kinds but `Unknown` and `Missing`.
    pub const WORDS: [&'static str; 17] = [
        "text",
        "image",
        "video",
        "document",
        "audio",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "button",
        "reaction",
        "order",
        "system",
        "edit",
        "revoke",
        "unsupported",
        "call",
    ];

    pub fn parse(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::Missing,
            Some("text") => Self::Text,
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("document") => Self::Document,
            Some("audio") => Self::Audio,
            Some("sticker") => Self::Sticker,
            Some("location") => Self::Location,
            Some("contacts") => Self::Contacts,
            Some("interactive") => Self::Interactive,
            Some("button") => Self::Button,
            Some("reaction") => Self::Reaction,
            Some("order") => Self::Order,
            Some("system") => Self::System,
            Some("edit") => Self::Edit,
            Some("revoke") => Self::Revoke,
            Some("unsupported") => Self::Unsupported,
            Some("call") => Self::Call,
            Some(other) => Self::Unknown(other.to_owned()),
        }
    }

    /// Meta's word; empty for [`Missing`](Self::Missing).
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
            Self::Audio => "audio",
            Self::Sticker => "sticker",
            Self::Location => "location",
            Self::Contacts => "contacts",
            Self::Interactive => "interactive",
            Self::Button => "button",
            Self::Reaction => "reaction",
            Self::Order => "order",
            Self::System => "system",
            Self::Edit => "edit",
            Self::Revoke => "revoke",
            Self::Unsupported => "unsupported",
            Self::Call => "call",
            Self::Unknown(text) => text,
            Self::Missing => "",
        }
    }
}

/// What a customer tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    pub source: TapSource,
    /// `button_reply.id`, `list_reply.id` or the template button's `payload`.
    pub id: String,
    /// What the customer saw on the button.
    pub title: Option<String>,
    /// `list_reply.description`: the second line of the row.
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapSource {
    /// `interactive.button_reply`
    Button,
    /// `interactive.list_reply`
    List,
    /// `button`: a quick reply of a template
    Template,
}

/// A file that Meta keeps for us: fetched by id, for 7 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub id: String,
    pub mime_type: Option<String>,
    pub sha256: Option<String>,
    pub filename: Option<String>,
    /// `audio.voice`: spoken into the phone.
    pub is_voice: bool,
}

/// `context`: the message that this one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    pub id: String,
    pub from: Option<String>,
}

/// `referral`: the advertisement that brought the customer here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referral {
    pub source_type: Option<String>,
    pub source_id: Option<String>,
    pub source_url: Option<String>,
    pub headline: Option<String>,
    /// The advertisement's text.
    pub body: Option<String>,
    /// `ctwa_clid`: what the advertisement's owner measures conversions by.
    pub click_id: Option<String>,
}

/// `context.forwarded` and `context.frequently_forwarded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Forwarded {
    #[default]
    Never,
    Once,
    /// Five times or more.
    Often,
}

/// An old identity and the one that replaces it: from `system` messages and `user_id_update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub previous: AliasSet,
    pub current: AliasSet,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InboundMessage {
    /// The wamid; `None` when Meta left it out.
    pub id: Option<String>,
    pub kind: MessageKind,
    /// Whose conversation it belongs to: the sender, or for an echo the recipient.
    pub contact: AliasSet,
    /// `from` exactly as Meta wrote it.
    pub from: Option<String>,
    pub profile_name: Option<String>,
    pub username: Option<String>,
    pub timestamp: Option<Timestamp>,
    /// A text's body, a caption, a button's title. All that there is to read: [`words`](Self::words).
    pub text: Option<String>,
    pub tap: Option<Tap>,
    pub media: Option<Media>,
    /// What only messages of its type say.
    pub content: MessageContent,
    pub quoted: Option<Quoted>,
    pub forwarded: Forwarded,
    pub referral: Option<Referral>,
    pub group_id: Option<String>,
    pub rotation: Option<Rotation>,
    /// In the order given; those included that stood beside the message and are its own.
    pub errors: Vec<MessageError>,
    /// A text, of which Meta's JSON says nothing that is not said here.
    pub is_plain_text: bool,
}

impl InboundMessage {
    /// The message itself; of an edit, the message as it is now.
    pub fn as_it_is_now(&self) -> &Self {
        match &self.content {
            MessageContent::Edit(edit) => &edit.message,
            _ => self,
        }
    }

    /// Of an edit, also those of what it says now.
    pub fn all_errors(&self) -> impl Iterator<Item = &MessageError> {
        let of_edit = match &self.content {
            MessageContent::Edit(edit) => edit.message.errors.as_slice(),
            _ => &[],
        };
        self.errors.iter().chain(of_edit)
    }

    /// Of an edit, also what it says now.
    pub fn how_often_forwarded(&self) -> Forwarded {
        self.forwarded.max(self.as_it_is_now().forwarded)
    }

    /// What is told to those who have the conversation, and is work for nobody: a reaction, a deletion, news of the
    /// platform.
    pub fn is_notice(&self) -> bool {
        matches!(self.kind, MessageKind::Reaction | MessageKind::Revoke | MessageKind::System)
    }

    /// The message that this one changes or deletes.
    pub fn original(&self) -> Option<&str> {
        match &self.content {
            MessageContent::Edit(Edit { original, .. }) | MessageContent::Revoke { original } => original.as_deref(),
            _ => None,
        }
    }

    /// Another message that this one is about: the one it answers, changes, deletes or reacts to.
    pub fn about(&self) -> Option<&str> {
        let reacted = match &self.content {
            MessageContent::Reaction(reaction) => reaction.message_id.as_deref(),
            _ => None,
        };
        self.original().or(reacted).or_else(|| self.quoted.as_ref().map(|quoted| quoted.id.as_str()))
    }
}
