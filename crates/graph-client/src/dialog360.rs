//! 360dialog (<https://docs.360dialog.com>), which takes Meta's own bodies at an address of its own. A key is of one number,
//! so that no id of a number stands in an address. Files that Meta keeps come through it, too.

use std::path::PathBuf;

use async_trait::async_trait;
use reqwest::Url;
use waypost_cloud_api::send::ReadReceipt;

use crate::api::{Api, Call, Scheme, id};
use crate::config::{ConfigError, HttpConfig, MEDIA_BYTES_MAX};
use crate::fault::{CallError, NotSent};
use crate::media::{self, DownloadError, Downloaded, MediaFile, MediaStore, Place, Sink, UploadError, UploadedMedia};
use crate::messenger::{Line, Messenger, Outgoing, Sent};
use crate::secret_file::SecretFile;
use crate::to_wire;

/// Whose files 360dialog hands on.
const META_MEDIA_HOST: &str = "lookaside.fbsbx.com";

/// 360dialog's API, for one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog360Config {
    /// How it is reached.
    pub http: HttpConfig,
    /// Holds the number's key, and nothing else. It is read again when it changes.
    pub key_file: PathBuf,
    /// What is fetched of a file at most.
    pub media_bytes_max: u64,
}

impl Dialog360Config {
    /// The API of today, with the key of a file.
    pub fn new(key_file: impl Into<PathBuf>) -> Self {
        let http = HttpConfig::new("https://waba-v2.360dialog.io");
        Self { http, key_file: key_file.into(), media_bytes_max: MEDIA_BYTES_MAX }
    }
}

/// One number at 360dialog.
pub struct Dialog360 {
    api: Api,
    media_bytes_max: u64,
}

impl Dialog360 {
    /// The process must have installed a TLS provider. The key is read with the first call.
    pub fn new(config: Dialog360Config) -> Result<Self, ConfigError> {
        let api = Api::new(&config.http, Scheme::D360ApiKey, SecretFile::new(config.key_file))?;
        Ok(Self { api, media_bytes_max: config.media_bytes_max })
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

#[async_trait]
impl MediaStore for Dialog360 {
    async fn upload(&self, _from: &Line, file: MediaFile<'_>) -> Result<UploadedMedia, UploadError> {
        media::upload(&self.api, self.api.url(&["media"]), file).await
    }

    async fn download(&self, _to: &Line, media_id: &str, sink: Sink<'_>) -> Result<Downloaded, DownloadError> {
        let look_up = self.media(media_id)?;
        media::download(&self.api, look_up, |url| self.place(url), self.media_bytes_max, sink).await
    }

    async fn delete(&self, _of: &Line, media_id: &str) -> Result<(), CallError> {
        self.api.command(&Call::delete(self.media(media_id)?)).await
    }
}

impl Dialog360 {
    fn media(&self, media_id: &str) -> Result<Url, CallError> {
        Ok(self.api.url(&[id("media_id", media_id).map_err(NotSent::Request)?]))
    }

    /// Meta's own address wants Meta's token, which nobody here has: the same file lies below 360dialog's.
    fn place(&self, url: Url) -> Option<Place> {
        let is_metas = url.scheme() == "https" && url.host_str() == Some(META_MEDIA_HOST);
        if is_metas {
            return Some(Place { url: self.api.at_ours(&url), knows_us: true });
        }
        self.api.is_ours(&url).then_some(Place { url, knows_us: true })
    }
}
