//! 360dialog (<https://docs.360dialog.com>), which takes Meta's own bodies at an address of its own. A key is of one number,
//! so that no id of a number stands in an address.

use std::path::PathBuf;

use async_trait::async_trait;
use waypost_cloud_api::send::ReadReceipt;

use crate::api::{Api, Call, Scheme};
use crate::config::{ConfigError, HttpConfig};
use crate::fault::{CallError, NotSent};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretFile;
use crate::to_wire;

/// 360dialog's API, for one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog360Config {
    /// How it is reached.
    pub http: HttpConfig,
    /// Holds the number's key, and nothing else. It is read again when it changes.
    pub key_file: PathBuf,
}

impl Dialog360Config {
    /// The API of today, with the key of a file.
    pub fn new(key_file: impl Into<PathBuf>) -> Self {
        Self { http: HttpConfig::new("https://waba-v2.360dialog.io"), key_file: key_file.into() }
    }
}

/// One number at 360dialog.
pub struct Dialog360 {
    api: Api,
}

impl Dialog360 {
    /// The process must have installed a TLS provider. The key is read with the first call.
    pub fn new(config: Dialog360Config) -> Result<Self, ConfigError> {
        Ok(Self { api: Api::new(&config.http, Scheme::D360ApiKey, SecretFile::new(config.key_file))? })
    }
}

#[async_trait]
impl Messenger for Dialog360 {
    async fn send(&self, from: &Line, message: &Outgoing<'_>) -> Sent {
        match to_wire::message(from, message) {
            Ok(message) => self.api.send(&Call::post(self.api.url(&["messages"]), &message)).await,
            Err(error) => Sent::NotSent(NotSent::Request(error)),
        }
    }

    async fn mark_read(&self, _from: &Line, wamid: &str, typing: bool) -> Result<(), CallError> {
        let receipt = ReadReceipt { message_id: wamid.to_owned(), typing };
        self.api.command(&Call::post(self.api.url(&["messages"]), &receipt)).await
    }

    async fn credentials_version(&self) -> u64 {
        self.api.secret.version().await
    }
}
