//! Meta's own API: <https://developers.facebook.com/docs/graph-api>. One file a subject.

mod media;
mod sending;

pub use media::{DownloadError, Downloaded, MediaFile, UploadError, UploadedMedia};

use reqwest::Url;

use crate::api::{Api, Scheme};
use crate::config::{ConfigError, GraphConfig};
use crate::secret_file::SecretFile;

/// The Graph API with one token: that of a system user, which may reach several accounts and numbers.
pub struct GraphApi {
    api: Api,
    version: String,
    media_hosts: Vec<String>,
    media_bytes_max: u64,
}

impl GraphApi {
    /// The process must have installed a TLS provider. The token is read with the first call.
    pub fn new(config: GraphConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let api = Api::new(&config.http, Scheme::Bearer, SecretFile::new(config.token_file))?;
        let GraphConfig { version, media_hosts, media_bytes_max, .. } = config;
        Ok(Self { api, version, media_hosts, media_bytes_max })
    }

    /// An address of the version that is configured.
    fn url(&self, segments: &[&str]) -> Url {
        let all: Vec<&str> = std::iter::once(self.version.as_str()).chain(segments.iter().copied()).collect();
        self.api.url(&all)
    }
}
