//! A message that a customer (or, as an echo, a colleague in the phone app) wrote.

use crate::contact::AliasSet;
use crate::time::Timestamp;

/// `messages[].type`. `Unknown` keeps words that Meta adds later; `Missing` is a message without a type.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Unknown(String),
    Missing,
}

impl MessageKind {
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
}

/// `context`: the message that this one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    pub id: String,
    pub from: Option<String>,
}

/// `referral`: the advertisement that brought the customer here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    pub source_type: Option<String>,
    pub source_id: Option<String>,
    pub source_url: Option<String>,
    pub headline: Option<String>,
}

/// An old identity and the one that replaces it: from `system` messages and `user_id_update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub previous: AliasSet,
    pub current: AliasSet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What there is to read: a text's body, a caption, a button's title.
    pub text: Option<String>,
    pub tap: Option<Tap>,
    pub media: Option<Media>,
    pub quoted: Option<Quoted>,
    pub referral: Option<Referral>,
    pub group_id: Option<String>,
    pub rotation: Option<Rotation>,
    /// `errors[].code`, in the order given.
    pub error_codes: Vec<i64>,
    /// A text, of which Meta's JSON says nothing that is not said here.
    pub is_plain_text: bool,
}
