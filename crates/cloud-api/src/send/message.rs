//! A message to a customer: POST `/{phone_number_id}/messages`
//! (<https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages>).
//!
//! How long a text may be is not looked at here: such limits change, and are policy's data.

use serde_json::{Map, Value, json};
use waypost_domain::send::Mark;

use super::NonEmpty;
use super::card::Card;
use super::interactive::Interactive;
use super::location::Location;
use super::media::Media;
use super::object::{FieldError, JsonBody, Object, object_of, put};
use super::recipient::Recipient;
use super::template::Template;

/// What is sent, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whom it is for.
    pub recipient: Recipient,
    /// What they get.
    pub body: Body,
    /// The wamid of the message that it answers; that is shown above it.
    pub reply_to: Option<String>,
    /// `biz_opaque_callback_data`: what the statuses of the message will carry. Ours is a [`Mark`].
    pub callback_data: Option<String>,
    /// Which messaging account pays and owns the templates, where the token reaches several on one number.
    pub messaging_account_id: Option<String>,
}

/// What a customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Words.
    Text(Text),
    /// A file.
    Media(Media),
    /// What was approved beforehand: all that may be sent outside of the customer service window.
    Template(Template),
    /// What can be tapped.
    Interactive(Interactive),
    /// A place.
    Location(Location),
    /// People.
    Contacts(NonEmpty<Card>),
    /// An emoji at a message of the customer's.
    Reaction(Reaction),
}

/// Words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// With WhatsApp's own marks for bold and its like.
    pub body: String,
    /// Whether the first link is shown with its page's title and picture.
    pub preview_url: bool,
}

/// An emoji at a message of the last 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// At which.
    pub message_id: String,
    /// `None` takes it away.
    pub emoji: Option<String>,
}

impl Message {
    /// A message with nothing beside it.
    pub const fn new(recipient: Recipient, body: Body) -> Self {
        Self { recipient, body, reply_to: None, callback_data: None, messaging_account_id: None }
    }

    /// Our own mark on it; `None` when it bears none, or somebody else's.
    pub fn mark(&self) -> Option<Mark> {
        Mark::parse(self.callback_data.as_deref()?)
    }
}

impl JsonBody for Message {
    fn to_value(&self) -> Value {
        let mut message = Map::new();
        message.insert("messaging_product".to_owned(), json!("whatsapp"));
        self.recipient.write(&mut message);
        message.insert("type".to_owned(), json!(self.body.kind()));
        message.insert(self.body.kind().to_owned(), self.body.to_value());
        put(&mut message, "context", self.reply_to.as_deref().map(|id| json!({"message_id": id})));
        put(&mut message, "biz_opaque_callback_data", self.callback_data.as_deref());
        put(&mut message, "messaging_account_id", self.messaging_account_id.as_deref());
        Value::Object(message)
    }

    fn from_value(value: &Value) -> Result<Self, FieldError> {
        let message = Object::for_whatsapp(value)?;
        let context = message.optional_object("context")?;
        Ok(Self {
            recipient: Recipient::read(&message)?,
            body: Body::read(&message)?,
            reply_to: context.map(|context| context.text("message_id")).transpose()?,
            callback_data: message.optional_text("biz_opaque_callback_data")?,
            messaging_account_id: message.optional_text("messaging_account_id")?,
        })
    }
}

impl Body {
    /// Its type, and the name of the field that it is in.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(media) => media.kind(),
            Self::Template(_) => "template",
            Self::Interactive(_) => "interactive",
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Reaction(_) => "reaction",
        }
    }

    /// By `type`; a message without one is a text.
    fn read(message: &Object<'_>) -> Result<Self, FieldError> {
        let kind = if message.has("type") { message.word("type")? } else { "text".to_owned() };
        let inner = || message.object(&kind);
        Ok(match kind.as_str() {
            "text" => Self::Text(Text::read(&inner()?)?),
            "template" => Self::Template(Template::read(&inner()?)?),
            "interactive" => Self::Interactive(Interactive::read(&inner()?)?),
            "location" => Self::Location(Location::read(&inner()?)?),
            "contacts" => Self::Contacts(message.some("contacts", Card::read)?),
            "reaction" => Self::Reaction(Reaction::read(&inner()?)?),
            media if Media::KINDS.contains(&media) => Self::Media(Media::read(media, &inner()?)?),
            _ => return Err(message.must_be("type", "one of Meta's message types")),
        })
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => text.to_value(),
            Self::Media(media) => media.to_value(),
            Self::Template(template) => template.to_value(),
            Self::Interactive(interactive) => interactive.to_value(),
            Self::Location(location) => location.to_value(),
            Self::Contacts(cards) => cards.to_values(Card::to_value),
            Self::Reaction(reaction) => reaction.to_value(),
        }
    }
}

impl Text {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        Ok(Self { body: object.text("body")?, preview_url: object.flag("preview_url")? })
    }

    fn to_value(&self) -> Value {
        object_of([("body", Some(self.body.as_str().into())), ("preview_url", Some(self.preview_url.into()))])
    }
}

impl Reaction {
    fn read(object: &Object<'_>) -> Result<Self, FieldError> {
        let emoji = object.optional_text("emoji")?.filter(|emoji| !emoji.is_empty());
        Ok(Self { message_id: object.text("message_id")?, emoji })
    }

    fn to_value(&self) -> Value {
        json!({"message_id": self.message_id, "emoji": self.emoji.as_deref().unwrap_or_default()})
    }
}
