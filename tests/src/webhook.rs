//! A client that posts webhooks as Meta does: signed over the raw bytes. Never retries: a test wants to see the answer.

use std::time::Duration;

use anyhow::Context;
use waypost_cloud_api::signature::{self, Provider};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Posts to one webhook URL. Cloning shares the connections.
#[derive(Clone)]
pub struct WebhookClient {
    http: reqwest::Client,
    url: String,
    app_secret: String,
}

impl WebhookClient {
    pub fn new(url: impl Into<String>, app_secret: impl Into<String>) -> anyhow::Result<Self> {
        Ok(Self { http: http_client()?, url: url.into(), app_secret: app_secret.into() })
    }

    /// Posts `body`, rightly signed; gives the status code of the answer, an error when there was none.
    pub async fn post(&self, body: &[u8]) -> anyhow::Result<u16> {
        self.post_with(body, &[&signature::sign(&self.app_secret, body)]).await
    }

    /// Posts `body` with these signature headers: none, a wrong one, several.
    pub async fn post_with(&self, body: &[u8], signatures: &[&str]) -> anyhow::Result<u16> {
        let mut request = self.http.post(&self.url).header("content-type", "application/json").body(body.to_vec());
        for signature in signatures {
            request = request.header(Provider::Meta.header_name(), *signature);
        }
        Ok(request.send().await.context("the webhook did not answer")?.status().as_u16())
    }
}

/// An HTTP client for tests: no proxy from the environment, a deadline on everything.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    // reqwest wants a TLS provider even for plain HTTP. An error means that somebody was first: just as well.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("no HTTP client")
}
