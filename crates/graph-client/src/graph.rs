//! Meta's own API: <https://developers.facebook.com/docs/graph-api>. One file a subject.

mod account;
mod customers;
mod head;
mod media;
mod numbers;
mod pages;
mod sending;
mod templates;

pub use account::Span;
pub use head::AnswerHead;
pub use pages::Listed;

use reqwest::Url;

use crate::api::{Api, Scheme, id};
use crate::config::{ConfigError, GraphConfig};
use crate::fault::{CallError, NotSent};
use crate::secret_file::SecretFile;

/// The Graph API with one token: that of a system user, which may reach several accounts and numbers.
pub struct GraphApi {
    api: Api,
    /// The app's own token.
    app: Option<SecretFile>,
    version: String,
    media_hosts: Vec<String>,
    media_bytes_max: u64,
}

impl GraphApi {
    /// The process must have installed a TLS provider. The token is read with the first call.
    pub fn new(config: GraphConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let api = Api::new(&config.http, Scheme::Bearer, SecretFile::new(config.token_file))?;
        let GraphConfig { app_token_file, version, media_hosts, media_bytes_max, .. } = config;
        Ok(Self { api, app: app_token_file.map(SecretFile::new), version, media_hosts, media_bytes_max })
    }

    /// An address of the version that is configured.
    fn url(&self, segments: &[&str]) -> Url {
        let all: Vec<&str> = std::iter::once(self.version.as_str()).chain(segments.iter().copied()).collect();
        self.api.url(&all)
    }

    /// An address below one of Meta's objects.
    fn below(&self, field: &'static str, object: &str, words: &[&str]) -> Result<Url, CallError> {
        let object = id(field, object).map_err(NotSent::Request)?;
        Ok(self.url(&[&[object], words].concat()))
    }
}
