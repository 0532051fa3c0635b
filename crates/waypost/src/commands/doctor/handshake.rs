//! Meta's handshake, made as Meta makes it, at an address that we were told is ours. At no other: whoever gets the verify token
//! could pass for us.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use waypost_cli::Failure;
use waypost_ingress::SecretSource;

use crate::commands::webhook::{chain, with_authorities};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// As it should be.
    Answered,
    /// 200, and not the challenge alone.
    OtherBody,
    /// Another status.
    Status(u16),
    /// Nobody answers, or not in time, or its certificate is not good.
    NoAnswer(String),
    /// It was not tried: the verify token would go over a network that everybody can read.
    Plain,
    /// It was not tried: there is no verify token here.
    NoToken(String),
}

/// Who shakes hands.
pub(super) struct Shaker {
    client: Client,
    /// Of a sandbox on a network of its own.
    allow_plain: bool,
}

impl Shaker {
    /// `ca`: who signed our certificate, where the system does not know them.
    pub(super) fn new(ca: Option<&Path>, allow_plain: bool) -> Result<Self, Failure> {
        // Meta follows none either.
        let builder = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = with_authorities(builder, ca)?.build().map_err(Failure::failed)?;
        Ok(Self { client, allow_plain })
    }

    pub(super) async fn shake(&self, url: &Url, token: &SecretSource) -> Handshake {
        if url.scheme() != "https" && !is_here(url) && !self.allow_plain {
            return Handshake::Plain;
        }
        let token = match read(token) {
            Ok(token) => token,
            Err(problem) => return Handshake::NoToken(problem),
        };
        let challenge = uuid::Uuid::now_v7().simple().to_string();
        let mut asked = url.clone();
        asked
            .query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.verify_token", token.expose_secret());
        match self.ask(asked, challenge.len()).await {
            Ok((200, body)) if body == challenge.as_bytes() => Handshake::Answered,
            Ok((200, _)) => Handshake::OtherBody,
            Ok((status, _)) => Handshake::Status(status),
            // The error's own text has the address, and the verify token in it.
            Err(error) => Handshake::NoAnswer(chain(&error.without_url())),
        }
    }

    /// Of a body that is longer than `most` only so much that one sees it.
    async fn ask(&self, url: Url, most: usize) -> Result<(u16, Vec<u8>), reqwest::Error> {
        let mut response = self.client.get(url).send().await?;
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        while body.len() <= most
            && let Some(chunk) = response.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

/// As the ingress reads it: the first of those that count.
fn read(token: &SecretSource) -> Result<SecretString, String> {
    let text = match token {
        SecretSource::Inline(token) => token.expose_secret().to_owned(),
        SecretSource::File(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            let first = text.lines().map(str::trim).find(|line| !line.is_empty());
            first.unwrap_or_default().to_owned()
        }
    };
    if text.is_empty() { Err("no verify token is configured".to_owned()) } else { Ok(text.into()) }
}

/// Whether it is on this machine.
fn is_here(url: &Url) -> bool {
    let is_loopback = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    url.host_str().is_some_and(is_loopback)
}
