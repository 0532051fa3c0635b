//! Bird (<https://docs.bird.com/api/channels-api>): numbers that the business has there instead of at Meta, each as a
//! channel of one workspace. It has JSON of its own and no key against doubling: our mark is the message's `reference`,
//! and settles one whose answer was lost if a hook repeats it. That it does was not tried, so that silence says
//! nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use reqwest::Method;
use waypost_cloud_api::bird::answer;
use waypost_cloud_api::bird::message::{Message, Template};
use waypost_cloud_api::send::FieldError;

use crate::api::{Api, Call, Scheme, id};
use crate::body::Payload;
use crate::carrier::{hand_over, has_no_extras, no_receipt, ours};
use crate::config::{ConfigError, HttpConfig};
use crate::fault::CallError;
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
}

impl BirdConfig {
    /// The API of today, with the key of a file, for no number yet.
    pub fn new(workspace_id: impl Into<String>, access_key_file: impl Into<PathBuf>) -> Self {
        let (http, workspace_id) = (HttpConfig::new("https://api.bird.com"), workspace_id.into());
        let (channels, templates) = (BTreeMap::new(), BTreeMap::new());
        Self { http, workspace_id, access_key_file: access_key_file.into(), channels, templates }
    }
}

/// One workspace at Bird.
pub struct Bird {
    api: Api,
    workspace_id: String,
    channels: BTreeMap<String, String>,
    templates: BTreeMap<(String, String), Template>,
}

impl Bird {
    /// The process must have installed a TLS provider. The key is read with the first call.
    pub fn new(config: BirdConfig) -> Result<Self, ConfigError> {
        let BirdConfig { http, workspace_id, access_key_file, channels, templates } = config;
        if id("workspace_id", &workspace_id).is_err() {
            return Err(ConfigError { key: "workspace_id", problem: "is no id of a workspace" });
        }
        let api = Api::new(&http, Scheme::AccessKey, SecretFile::new(access_key_file))?;
        Ok(Self { api, workspace_id, channels, templates })
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
