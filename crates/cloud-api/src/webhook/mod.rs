//! What comes in a webhook: one POST is split into events, one for each message, status and other change.
//!
//! Nothing is lost: what cannot be made an event is quarantined with its exact bytes, and never takes its neighbours
//! with it. Field names and message types that we do not know are events like any other.

mod account;
mod change;
mod content;
mod key;
mod masked;
mod message;
mod person;
mod split;
mod status;

use std::borrow::Cow;

use waypost_domain::message::Rotation;
use waypost_domain::{AliasSet, InboundMessage, PhoneNumberId, Status, WabaId};

pub use account::{
    AccountAlert, AccountEvent, AccountNews, AccountUpdate, BanState, Decided, NumberNews, Pause, Restriction,
    SecurityNews, TemplateChange, TemplateNews,
};
pub use change::decode_contact_change;
pub use masked::masked_json;
pub use message::{decode_echo, decode_message};
pub use split::{DEPTH_MAX, ITEMS_MAX, split};
pub use status::decode_status;

/// Everything that one POST held.
#[derive(Debug, Default)]
pub struct Split<'a> {
    /// What could be read, in the order of the body.
    pub events: Vec<WebhookEvent<'a>>,
    /// What could not, with its bytes.
    pub quarantined: Vec<Quarantined<'a>>,
}

/// Bytes that are not what they should be, kept as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined<'a> {
    /// Why.
    pub reason: QuarantineReason,
    /// Where in the POST; `None` when it is the whole body.
    pub position: Option<Position>,
    /// As they came.
    pub bytes: &'a [u8],
    /// For people; holds no personal data.
    pub detail: String,
}

/// Why a part of a signed body is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuarantineReason {
    /// The body is not a webhook, or holds more than [`ITEMS_MAX`] items. The whole body is kept.
    UnparseableBody,
    /// One part of the body is not what stands in its place. That part is kept; the others became events.
    UnparseablePart,
    /// Brackets are nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl QuarantineReason {
    /// Its word in metrics and dead letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnparseableBody => "unparseable_body",
            Self::UnparseablePart => "unparseable_part",
            Self::TooDeep => "too_deep",
        }
    }
}

/// Where in a POST: each counted from 0. Items are counted over the whole change: messages, then statuses, then
/// echoes, then the rest of the change. Unique within a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// In `entry`, from 0.
    pub entry: u32,
    /// In its `changes`, from 0.
    pub change: u32,
    /// In its list, from 0.
    pub item: u32,
}

/// One message, echo, status or other change.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEvent<'a> {
    /// Where in the body it stood.
    pub position: Position,
    /// Whose it is.
    pub waba_id: WabaId,
    /// `entry.time` in seconds; only account and template changes have it.
    pub entry_time: Option<i64>,
    /// Empty where the change names no number.
    pub number: PhoneNumberId,
    /// As Meta writes it: may hold `+` and spaces. Empty where absent.
    pub display_phone_number: String,
    /// `changes[].field`; empty where absent.
    pub field: Cow<'a, str>,
    /// What makes the event unique under its number: equal for Meta's repetitions, different for anything else.
    pub key: String,
    /// The item itself: the message, the status, or for another change its `value`.
    pub json: &'a str,
    /// What it says.
    pub content: Content,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A customer wrote, and the thread is ours.
    Message(InboundMessage),
    /// A customer wrote while another app holds the thread.
    StandbyMessage(InboundMessage),
    /// A colleague answered in the phone app, or another app did.
    Echo(InboundMessage),
    Status(Status),
    /// Any other change that names a person.
    ContactChange(ContactChange),
    /// Any other change: of the account, a number or a template, and the coexistence backfill.
    AccountChange,
}

impl Content {
    /// The message that it is, whoever wrote it.
    pub(crate) const fn message_mut(&mut self) -> Option<&mut InboundMessage> {
        match self {
            Self::Message(message) | Self::StandbyMessage(message) | Self::Echo(message) => Some(message),
            Self::Status(_) | Self::ContactChange(_) | Self::AccountChange => None,
        }
    }
}

/// A change that concerns one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactChange {
    /// Of the first person named.
    pub aliases: AliasSet,
    /// Identities that changed: `user_id_update`.
    pub rotations: Vec<Rotation>,
    /// Of `messaging_handovers`.
    pub handover: Option<Handover>,
}

/// What a `messaging_handovers` change means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handover {
    /// The thread is ours now.
    Gained,
    /// Another app holds the thread now.
    Lost,
    /// The change does not say.
    Unknown,
}

/// Who a message is from (an echo: to), as far as it is known from outside the message itself: from `contacts[]`, or
/// from our own envelope when an item is decoded again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// By which they may be known.
    pub aliases: AliasSet,
    /// What they call themselves.
    pub profile_name: Option<String>,
    /// Their name on WhatsApp.
    pub username: Option<String>,
}

/// Why an item could not be decoded. It belongs into quarantine: trying again gives the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("not a JSON object")]
    NotAnObject,
}
