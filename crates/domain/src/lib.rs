//! The words of the business, and the decisions that need nothing but their arguments.
//!
//! This crate must never read a clock, do I/O, spawn or draw a random number: whoever calls it passes those in.
//! Nothing here knows how WhatsApp, a broker or a database writes things down.

pub mod calendar;
pub mod campaign;
pub mod category;
pub mod consent;
pub mod contact;
pub mod conversation;
pub mod country;
pub mod digits;
pub mod id_source;
pub mod ids;
pub mod language;
pub mod message;
mod metric_table;
pub mod partition;
pub mod phone;
pub mod send;
pub mod status;
pub mod team;
pub mod template;
pub mod time;
pub mod window;

pub use calendar::{Calendar, CalendarName};
pub use campaign::{CampaignName, CampaignState};
pub use category::Category;
pub use consent::{Consents, EffectiveConsent};
pub use contact::{Alias, AliasSet, ContactRecord};
pub use conversation::{Binding, Conversation, ConversationState};
pub use id_source::IdSource;
pub use ids::{ChangeId, ConsentEntryId, ContactId, ConversationId, DecisionId, NumberName, PhoneNumberId, WabaId};
pub use language::{KnownLanguage, LanguageEvidence, LanguageMemory, LanguageSource};
pub use message::{InboundMessage, MessageKind};
pub use partition::{PartitionCount, PartitionId};
pub use send::{SendId, SendRequest, SendState};
pub use status::{PricedConversation, Pricing, Status, StatusState};
pub use team::{Team, TeamName};
pub use template::Template;
pub use time::Timestamp;
pub use window::Window;
