//! Twilio (<https://www.twilio.com/docs/whatsapp/api>): numbers that the business has there instead of at Meta. It has forms of
//! its own and no key against doubling: our mark stands in the address that it posts the statuses to, and settles a message
//! whose answer was lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use reqwest::{Method, Url};
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::send::{FieldError, Problem};
use waypost_cloud_api::twilio::answer;
use waypost_cloud_api::twilio::message::{Message, Sender};

use crate::api::{Api, Call, Scheme, id};
use crate::body::Payload;
use crate::carrier::{file_of, hand_over, has_no_extras, no_files, no_receipt, ours};
use crate::config::{ConfigError, HttpConfig, MEDIA_BYTES_MAX};
use crate::fault::{CallError, NotSent};
use crate::media::{self, DownloadError, Downloaded, MediaFile, MediaStore, Sink, UploadError, UploadedMedia};
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
    /// Hosts that a file's address may lead to, over TLS and without the token; `.example.com`: any below it.
    pub media_hosts: Vec<String>,
    /// What is fetched of a file at most, in bytes.
    pub media_bytes_max: u64,
}

/// Where Twilio keeps files behind its own addresses.
pub const TWILIO_MEDIA_HOSTS: &[&str] = &[".twiliocdn.com", ".amazonaws.com"];

impl TwilioConfig {
    /// The API of today, with the token of a file, for no number yet.
    pub fn new(account_sid: impl Into<String>, token_file: impl Into<PathBuf>, webhook: PublicAddress) -> Self {
        let (http, account_sid) = (HttpConfig::new("https://api.twilio.com"), account_sid.into());
        let (senders, contents) = (BTreeMap::new(), BTreeMap::new());
        Self {
            http,
            account_sid,
            token_file: token_file.into(),
            webhook,
            senders,
            contents,
            media_hosts: TWILIO_MEDIA_HOSTS.iter().map(|host| (*host).to_owned()).collect(),
            media_bytes_max: MEDIA_BYTES_MAX,
        }
    }
}

/// One account at Twilio.
pub struct Twilio {
    api: Api,
    account_sid: String,
    webhook: PublicAddress,
    senders: BTreeMap<String, Sender>,
    contents: Contents,
    media_hosts: Vec<String>,
    media_bytes_max: u64,
}

impl Twilio {
    /// The process must have installed a TLS provider. The token is read with the first call.
    pub fn new(config: TwilioConfig) -> Result<Self, ConfigError> {
        let TwilioConfig { http, account_sid, token_file, webhook, senders, contents, .. } = config;
        let (media_hosts, media_bytes_max) = (config.media_hosts, config.media_bytes_max);
        if id("account_sid", &account_sid).is_err() || !account_sid.starts_with("AC") {
            return Err(ConfigError { key: "account_sid", problem: "is no AccountSid (AC…)" });
        }
        let scheme = Scheme::Basic { user: account_sid.clone().into() };
        let api = Api::new(&http, scheme, SecretFile::new(token_file))?;
        Ok(Self { api, account_sid, webhook, senders, contents, media_hosts, media_bytes_max })
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

    /// `…/Messages/MESSAGE/Media/FILE`, without an ending: the file itself and not what is known of it.
    fn file(&self, media_id: &str) -> Result<Url, CallError> {
        let file = file_of(media_id)?;
        let problem = Problem::MustBe("MESSAGE:FILE, as files have it that came since they are passed on");
        let missing = || NotSent::Request(FieldError { path: "media_id".to_owned(), problem });
        let message = file.message.ok_or_else(missing)?;
        Ok(self.api.url(&[VERSION, "Accounts", &self.account_sid, "Messages", message, "Media", file.file]))
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

#[async_trait]
impl MediaStore for Twilio {
    async fn upload(&self, _from: &Line, _file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        Err(no_files("upload").into())
    }

    async fn download(&self, _to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        media::fetch_from(&self.api, self.file(media_id)?, &self.media_hosts, self.media_bytes_max, sink).await
    }

    async fn delete(&self, _of: &Line, _media_id: &str) -> Result<(), CallError> {
        Err(no_files("delete"))
    }
}
