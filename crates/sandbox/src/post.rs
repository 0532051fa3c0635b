//! HTTP as Meta speaks it: signed POSTs, and the subscription handshake.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Url, redirect};
use waypost_cloud_api::signature::{Provider, sign};

use crate::config::parse_url;
use crate::error::SandboxError;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer may say something; nobody reads more of it than this.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The process must have installed a TLS provider.
pub(crate) fn client(url: &Url, timeout: Duration, connections_max: usize) -> Result<Client, SandboxError> {
    let mut builder = Client::builder()
        .timeout(timeout)
        .pool_max_idle_per_host(connections_max)
        .redirect(redirect::Policy::none())
        .user_agent("facebookexternalua");
    let is_local =
        url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    if is_local {
        builder = builder.no_proxy();
    }
    builder.build().map_err(SandboxError::Client)
}

/// A body with the signature that it carries each time it is sent.
pub(crate) struct SignedBody {
    provider: Provider,
    signature: String,
    body: Bytes,
}

impl SignedBody {
    pub(crate) fn new(provider: Provider, secret: &str, body: Bytes) -> Self {
        Self { provider, signature: sign(secret, &body), body }
    }

    /// The status of the answer.
    pub(crate) async fn send(&self, client: &Client, url: &Url) -> Result<u16, reqwest::Error> {
        let mut response = client
            .post(url.clone())
            .header("content-type", "application/json")
            .header(self.provider.header_name(), &self.signature)
            .body(self.body.clone())
            .send()
            .await?;
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be used again.
        let mut read = 0;
        while let Some(chunk) = response.chunk().await? {
            read += chunk.len();
            if read > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(status)
    }
}

/// Sends one body, signed, and says how it was answered.
pub async fn post_signed(
    webhook_url: &str,
    provider: Provider,
    app_secret: &str,
    body: Bytes,
    timeout: Duration,
) -> Result<u16, SandboxError> {
    let url = parse_url(webhook_url)?;
    let client = client(&url, timeout, 1)?;
    SignedBody::new(provider, app_secret, body).send(&client, &url).await.map_err(SandboxError::NoAnswer)
}

/// Does what Meta does when a webhook is subscribed.
pub async fn check_handshake(webhook_url: &str, verify_token: &str) -> Result<(), SandboxError> {
    let mut url = parse_url(webhook_url)?;
    let client = client(&url, HANDSHAKE_TIMEOUT, 1)?;
    let challenge = fastrand::u32(100_000_000..).to_string();
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &challenge)
        .append_pair("hub.verify_token", verify_token);
    // The URL holds the token: it must not be part of an error.
    let no_answer = |error: reqwest::Error| SandboxError::NoAnswer(error.without_url());
    let mut response = client.get(url).send().await.map_err(no_answer)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(SandboxError::HandshakeRefused { status });
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        answer.extend_from_slice(&chunk);
        if answer.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    if answer == challenge.as_bytes() { Ok(()) } else { Err(SandboxError::WrongChallenge) }
}
