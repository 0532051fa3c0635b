//! Twilio (<https://www.twilio.com/docs/whatsapp/api>): numbers that the business has there instead of at Meta. It has forms of
//! its own and no key against doubling: our mark stands in the address that it posts the statuses to, and settles a message
//! whose answer was lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use reqwest::Method;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::send::FieldError;
use waypost_cloud_api::twilio::answer;
use waypost_cloud_api::twilio::message::{Message, Sender};

use crate::api::{Api, Call, Scheme, id};
use crate::body::Payload;
use crate::carrier::{hand_over, has_no_extras, no_receipt, ours};
use crate::config::{ConfigError, HttpConfig};
use crate::fault::CallError;
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretFile;
use crate::to_wire::twilio::{self as to_wire, Contents};

/// The version of the API: a date that has not changed since.
const VERSION: &str = "2010-04-01";

/// Twilio's API, for the numbers of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioConfig {
    /// How it is reached.
    pub http: HttpConfig,
    /// `AC…`
    pub account_sid: String,
    /// Holds the account's auth token, and nothing else. It is read again when it changes.
    pub token_file: PathBuf,
    /// Where Twilio reaches our front door.
    pub webhook: PublicAddress,
    /// What each number is sent from, by the id that it has here.
    pub senders: BTreeMap<String, Sender>,
    /// Which content (`HX…`) each of our templates is there, by name and language.
    pub contents: BTreeMap<(String, String), String>,
}

impl TwilioConfig {
    /// The API of today, with the token of a file, for no number yet.
    pub fn new(account_sid: impl Into<String>, token_file: impl Into<PathBuf>, webhook: PublicAddress) -> Self {
        let (http, account_sid) = (HttpConfig::new("https://api.twilio.com"), account_sid.into());
        let (senders, contents) = (BTreeMap::new(), BTreeMap::new());
        Self { http, account_sid, token_file: token_file.into(), webhook, senders, contents }
    }
}

/// One account at Twilio.
pub struct Twilio {
    api: Api,
    account_sid: String,
    webhook: PublicAddress,
    senders: BTreeMap<String, Sender>,
    contents: Contents,
}

impl Twilio {
    /// The process must have installed a TLS provider. The token is read with the first call.
    pub fn new(config: TwilioConfig) -> Result<Self, ConfigError> {
        let TwilioConfig { http, account_sid, token_file, webhook, senders, contents } = config;
        if id("account_sid", &account_sid).is_err() || !account_sid.starts_with("AC") {
            return Err(ConfigError { key: "account_sid", problem: "is no AccountSid (AC…)" });
        }
        let scheme = Scheme::Basic { user: account_sid.clone().into() };
        let api = Api::new(&http, scheme, SecretFile::new(token_file))?;
        Ok(Self { api, account_sid, webhook, senders, contents })
    }

    fn call(&self, from: &Line, outgoing: &Outgoing<'_>) -> Result<Call, FieldError> {
        has_no_extras(from, outgoing)?;
        let sender = ours(&self.senders, from, "one of twilio.numbers")?;
        let message = Message {
            to: to_wire::to(outgoing.address)?,
            from: sender.clone(),
            content: to_wire::content(outgoing.message, &self.contents)?,
            status_callback: self.webhook.for_statuses(outgoing.mark),
        };
        let url = self.api.url(&[VERSION, "Accounts", &self.account_sid, "Messages.json"]);
        Ok(Call::new(Method::POST, url, Some(Payload::form(message.encode()))))
    }
}

#[async_trait]
impl Messenger for Twilio {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        hand_over(&self.api, self.call(from, message), answer::read).await
    }

    async fn mark_read(&self, _from: &Line, _wamid: &str, typing: bool) -> Result<(), CallError> {
        Err(no_receipt(typing))
    }

    async fn credentials_version(&self) -> u64 {
        self.api.secret.version().await
    }
}
