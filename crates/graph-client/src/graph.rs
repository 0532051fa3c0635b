//! Meta's own API: <https://developers.facebook.com/docs/graph-api>. One file a subject.

mod sending;

use reqwest::Url;

use crate::api::{Api, Scheme};
use crate::config::{ConfigError, GraphConfig};
use crate::secret_file::SecretFile;

/// The Graph API with one token: that of a system user, which may reach several accounts and numbers.
pub struct GraphApi {
    api: Api,
    version: String,
}

impl GraphApi {
    /// The process must have installed a TLS provider. The token is read with the first call.
    pub fn new(config: GraphConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let api = Api::new(&config.http, Scheme::Bearer, SecretFile::new(config.token_file))?;
        Ok(Self { api, version: config.version })
    }

    /// An address of the version that is configured.
    fn url(&self, segments: &[&str]) -> Url {
        let all: Vec<&str> = std::iter::once(self.version.as_str()).chain(segments.iter().copied()).collect();
        self.api.url(&all)
    }
}
