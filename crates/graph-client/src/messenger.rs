//! The port of the sender: one trait for Meta and for everybody else who carries messages to WhatsApp. What it promises is
//! held by the suite in `tests/it/conformance.rs`, which every implementation passes.

use std::fmt;

use async_trait::async_trait;
use waypost_cloud_api::answer::MessageStatus;
use waypost_domain::send::Mark;
use waypost_policy::verdict::{Address, Message};

use crate::fault::{CallError, NotSent, Refusal, Unknown};

/// Carries messages to customers.
///
/// A request is tried once. The only exception is one that was refused for its token while another token lies in the file.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Hands one message over.
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent;

    /// Shows the customer that a message of theirs, and all before it, was read; with `typing`, that an answer is being
    /// typed.
    async fn mark_read(&self, from: &Line, wamid: &str, typing: bool) -> Result<(), CallError>;

    /// Another number than before when other credentials are in force: what waits for a new token goes on then. It looks at
    /// the file, at most once a second.
    async fn credentials_version(&self) -> u64;

    /// Whether every message that the platform has is surely told of with its mark, so that silence about one says that
    /// the platform has not got it. Where it is not, a message whose answer was lost is never sent again by itself.
    fn silence_is_news(&self, _from: &Line) -> bool {
        true
    }
}

/// Our number, as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    /// Meta's id of the number. Never the number.
    pub phone_number_id: String,
    /// Which messaging account pays, where the token reaches several on this number.
    pub messaging_account_id: Option<String>,
}

impl Line {
    /// A number of one account.
    pub fn new(phone_number_id: impl Into<String>) -> Self {
        Self { phone_number_id: phone_number_id.into(), messaging_account_id: None }
    }
}

/// A message that may go. It is never shown: it holds what a person reads, and who.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// To whom.
    pub address: &'a Address,
    /// What.
    pub message: &'a Message,
    /// The wamid of the message that it answers.
    pub reply_to: Option<&'a str>,
    /// What the platform repeats in the statuses.
    pub mark: &'a Mark,
}

/// What is known of a message that was handed over.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The platform has it. That is not delivered.
    Accepted(Accepted),
    /// The platform, or a machine before it, said no: it does not have it, unless the failure's decision says to settle it.
    Refused(Refusal),
    /// Not one byte of the request was written: it can go again as it is, if the reason has ended.
    NotSent(NotSent),
    /// It may have been taken or not. Only its mark can tell; sending it again may show it twice.
    Unknown(Unknown),
}

/// A message that the platform has.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// By which its statuses are told.
    pub wamid: String,
    /// Of templates: whether it goes at once.
    pub status: Option<MessageStatus>,
    /// The digits by which WhatsApp knows the customer, which may differ from ours.
    pub wa_id: Option<String>,
    /// Their business-scoped id.
    pub user_id: Option<String>,
}

/// It tells who it is for.
impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("status", &self.status).finish_non_exhaustive()
    }
}
