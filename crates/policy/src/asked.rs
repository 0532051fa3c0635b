//! Everything that is known when the question is asked. Whoever asks reads it in the transaction that writes the answer, at
//! the instant of each attempt: a verdict is true for its own instant only.

use serde::{Deserialize, Serialize};
use waypost_domain::consent::Consents;
use waypost_domain::send::{FreeForm, SendRequest};
use waypost_domain::{Category, Template, Timestamp, Window};

use crate::data::PolicyData;

/// The question: may `request` be sent at `now`?
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub now: Timestamp,
    pub request: &'a SendRequest,
    pub contact: &'a ContactFacts,
    /// Ours.
    pub number: &'a NumberFacts,
    pub conversation: ConversationFacts,
    /// Rows of the templates that the request names, of the number's account. Others do no harm.
    pub templates: &'a [Template],
    pub health: &'a Health,
    pub usage: &'a Usage<'a>,
    pub opt_in: OptInState,
    pub data: &'a PolicyData,
}

/// The survivor of all merges, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactFacts {
    /// Digits of the canonical form.
    pub phone: Option<String>,
    pub bsuid: Option<String>,
    /// ISO 3166 alpha-2, where another system told it.
    pub country: Option<String>,
    /// ISO 3166-2, where another system told it: `UA-43`.
    pub region: Option<String>,
    /// A language tag.
    pub language: Option<String>,
    /// IANA name.
    pub zone: Option<String>,
    pub age: Age,
    pub is_deceased: bool,
    pub has_dispute: bool,
    /// On the list of those who are left alone, by the keyed hash of an alias.
    pub is_suppressed: bool,
    /// On our block list at Meta.
    pub is_blocked: bool,
    /// Wrote what looks like a stop, which nobody has judged yet.
    pub has_suspected_stop: bool,
    /// To the brand of the number.
    pub consents: Consents,
}

/// Whether somebody is an adult.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Age {
    #[default]
    Unknown,
    Minor,
    Adult,
}

/// One of our numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberFacts {
    /// Digits of the canonical form; `None` while Meta has not told them.
    pub phone: Option<String>,
    /// IANA name; for customers of whom nothing is known.
    pub zone: Option<String>,
    /// Digits of all our numbers, which messages may name.
    pub ours: Vec<String>,
}

/// Of contact and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConversationFacts {
    pub window: Window,
    pub other_app_holds_thread: bool,
    /// How many messages of the customer came after the request's `last_seen`; 0 where it names none.
    pub unseen: u32,
}

/// What Meta lets us send at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    pub account: Vec<Bar>,
    pub number: Vec<Bar>,
    pub payment: Payment,
    /// Countries that Meta has closed for this business (130497), ISO 3166 alpha-2.
    pub closed_countries: Vec<String>,
}

/// Something that may not be sent for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    pub what: Barred,
    /// `None`: until somebody or Meta lifts it.
    pub until: Option<Timestamp>,
    /// For people, e.g. `token expired`, `restricted by Meta`. Never with anything about a person.
    pub why: String,
}

/// What is barred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Barred {
    Everything,
    /// What the business begins.
    Templates,
    Category(Category),
}

/// Who pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Payment {
    #[default]
    Set,
    /// No payment method. Meta delivers the free answers of this month and silently drops the others.
    Missing { free_answers_left: u32 },
}

/// What was sent before.
#[derive(Debug, Clone, Default)]
pub struct Usage<'a> {
    /// When marketing went to the contact, within the longest period of [`PolicyData::frequency`], in any order.
    pub marketing_sent_at: &'a [Timestamp],
    /// When bots and automation wrote to the contact, within the period of [`PolicyData::automatic`], in any order.
    pub automatic_sent_at: &'a [Timestamp],
    /// Meta refused marketing to the contact for now (131049): until when it is not tried again.
    pub marketing_refused_until: Option<Timestamp>,
    pub places: Places<'a>,
    /// What went to the contact within [`PolicyData::repeat_s`].
    pub recent: &'a [Recent<'a>],
}

/// The messaging limit: customers that the portfolio wrote to outside of windows, within 24 hours. A send that failed has
/// given its place back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places<'a> {
    /// Meta's word (`TIER_2K`); `None` where it has not told.
    pub tier: Option<&'a str>,
    pub used: u32,
    /// Whether the contact is one of them.
    pub has_contact: bool,
    /// When the next place is free.
    pub next_free_at: Option<Timestamp>,
}

/// A message that went a moment ago.
#[derive(Debug, Clone, Copy)]
pub struct Recent<'a> {
    pub sent_at: Timestamp,
    pub content: RecentContent<'a>,
}

/// What it was: the free-form content, or what the customer read of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RecentContent<'a> {
    FreeForm(&'a FreeForm),
    TemplateBody(&'a str),
}

/// Whether what this contact wrote has been looked through for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptInState {
    CaughtUp,
    /// The contact's partition has unhandled events that are too old, or nobody owns it.
    Behind,
    /// Nobody looks. What is sent meanwhile says so.
    NotInstalled,
}
