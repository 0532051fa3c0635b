//! Bird (<https://docs.bird.com/api/channels-api>): numbers that the business has there instead of at Meta, each as a
//! channel of one workspace. It has JSON of its own and no key against doubling: our mark is the message's `reference`,
//! and settles one whose answer was lost if a hook repeats it. That it does was not tried, so that silence says
//! nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use reqwest::{Method, Url};
use waypost_cloud_api::bird::answer;
use waypost_cloud_api::bird::message::{Message, Template};
use waypost_cloud_api::send::FieldError;

use crate::api::{Api, Call, Scheme, id};
use crate::body::Payload;
use crate::carrier::{file_of, hand_over, has_no_extras, no_files, no_receipt, ours};
use crate::config::{ConfigError, HttpConfig, MEDIA_BYTES_MAX};
use crate::fault::CallError;
use crate::media::{self, DownloadError, Downloaded, MediaFile, MediaStore, Sink, UploadError, UploadedMedia};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretFile;
use crate::to_wire::bird as to_wire;

/// Bird's API, for the channels of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BirdConfig {
    /// How it is reached.
    pub http: HttpConfig,
    /// Bird's id of the workspace.
    pub workspace_id: String,
    /// Holds an access key, and nothing else. It is read again when it changes.
    pub access_key_file: PathBuf,
    /// Bird's id of the channel that each number is, by the id that the number has here.
    pub channels: BTreeMap<String, String>,
    /// Which template of Bird's each of our templates is, by name and language.
    pub templates: BTreeMap<(String, String), Template>,
    /// What addresses of customers' files begin with: they have a host of their own, which is shown the key.
    pub media_base_url: String,
    /// Hosts that a file's address may lead to, over TLS and without the key; `.example.com`: any below it.
    pub media_hosts: Vec<String>,
    /// What is fetched of a file at most, in bytes.
    pub media_bytes_max: u64,
}

/// Where Bird has customers' files.
pub const BIRD_MEDIA_BASE_URL: &str = "https://media.nest.messagebird.com";
/// Where Bird may keep files behind its own addresses.
pub const BIRD_MEDIA_HOSTS: &[&str] = &[".messagebird.com", ".bird.com", ".amazonaws.com", ".googleapis.com"];

impl BirdConfig {
    /// The API of today, with the key of a file, for no number yet.
    pub fn new(workspace_id: impl Into<String>, access_key_file: impl Into<PathBuf>) -> Self {
        let (http, workspace_id) = (HttpConfig::new("https://api.bird.com"), workspace_id.into());
        let (channels, templates) = (BTreeMap::new(), BTreeMap::new());
        Self {
            http,
            workspace_id,
            access_key_file: access_key_file.into(),
            channels,
            templates,
            media_base_url: BIRD_MEDIA_BASE_URL.to_owned(),
            media_hosts: BIRD_MEDIA_HOSTS.iter().map(|host| (*host).to_owned()).collect(),
            media_bytes_max: MEDIA_BYTES_MAX,
        }
    }
}

/// One workspace at Bird.
pub struct Bird {
    api: Api,
    workspace_id: String,
    channels: BTreeMap<String, String>,
    templates: BTreeMap<(String, String), Template>,
    files: Api,
    media_hosts: Vec<String>,
    media_bytes_max: u64,
}

impl Bird {
    /// The process must have installed a TLS provider. The key is read with the first call.
    pub fn new(config: BirdConfig) -> Result<Self, ConfigError> {
        let BirdConfig { http, workspace_id, access_key_file, channels, templates, .. } = config;
        let (base_url, media_hosts, media_bytes_max) =
            (config.media_base_url, config.media_hosts, config.media_bytes_max);
        if id("workspace_id", &workspace_id).is_err() {
            return Err(ConfigError { key: "workspace_id", problem: "is no id of a workspace" });
        }
        let api = Api::new(&http, Scheme::AccessKey, SecretFile::new(access_key_file.clone()))?;
        let of_files = |error: ConfigError| match error.key {
            "base_url" => ConfigError { key: "media_base_url", ..error },
            _ => error,
        };
        let http = HttpConfig { base_url, ..http };
        let files = Api::new(&http, Scheme::AccessKey, SecretFile::new(access_key_file)).map_err(of_files)?;
        Ok(Self { api, workspace_id, channels, templates, files, media_hosts, media_bytes_max })
    }

    fn call(&self, from: &Line, outgoing: &Outgoing<'_>) -> Result<Call, FieldError> {
        has_no_extras(from, outgoing)?;
        let channel = id("channel", ours(&self.channels, from, "one of bird.channels")?)?;
        let message = Message {
            to: to_wire::to(outgoing.address)?,
            content: to_wire::content(outgoing.message, &self.templates)?,
            reference: outgoing.mark.to_string(),
        };
        let url = self.api.url(&["workspaces", &self.workspace_id, "channels", channel, "messages"]);
        Ok(Call::new(Method::POST, url, Some(Payload::json(message.encode()))))
    }

    /// `…/messages/MESSAGE/media/FILE`, or without a message where its address had none.
    fn file(&self, media_id: &str) -> Result<Url, CallError> {
        let file = file_of(media_id)?;
        let below = ["workspaces", self.workspace_id.as_str()];
        Ok(match file.message {
            Some(message) => self.files.url(&[&below[..], &["messages", message, "media", file.file]].concat()),
            None => self.files.url(&[&below[..], &["media", file.file]].concat()),
        })
    }
}

#[async_trait]
impl Messenger for Bird {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        hand_over(&self.api, self.call(from, message), answer::read).await
    }

    async fn mark_read(&self, _from: &Line, _wamid: &str, typing: bool) -> Result<(), CallError> {
        Err(no_receipt(typing))
    }

    async fn credentials_version(&self) -> u64 {
        self.api.secret.version().await
    }

    fn silence_is_news(&self, _from: &Line) -> bool {
        false
    }
}

#[async_trait]
impl MediaStore for Bird {
    async fn upload(&self, _from: &Line, _file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        Err(no_files("upload").into())
    }

    async fn download(&self, _to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        media::fetch_from(&self.files, self.file(media_id)?, &self.media_hosts, self.media_bytes_max, sink).await
    }

    async fn delete(&self, _of: &Line, _media_id: &str) -> Result<(), CallError> {
        Err(no_files("delete"))
    }
}
