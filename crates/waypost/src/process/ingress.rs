//! The component `ingress` in this process: its configuration and its start. Its queues are those that it publishes to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use tracing::info;
use waypost_cloud_api::signature::Provider;
use waypost_ingress::{COMPONENT, Ingress, IngressConfig, Limits, SecretSource, TlsFiles};

use super::Config;
use super::Process;
use super::config::value::{Secret, one_or_many};
use super::ending::Tasks;
use super::section::{Problems, millis, section};
use waypost_cli::Failure;

section! {
    /// The front door for webhooks. Numbers at Twilio and Bird have paths of their own: see `twilio` and `bird`.
    IngressSection = "ingress" {
        /// Where webhooks arrive.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// The webhook's path.
        path: String = "/webhook".to_owned(),
        /// The webhook's address as Meta calls it, e.g. `https://example.com/webhook`: `waypost doctor` compares.
        #[serde(skip_serializing_if = "Option::is_none")]
        public_url: Option<String> = None,
        /// Whose signature header is checked: `meta` or `360dialog`.
        provider: String = "meta".to_owned(),
        /// The app secrets that sign webhooks: one, or several while one is replaced.
        #[serde(deserialize_with = "one_or_many")]
        app_secrets: Vec<Secret> = Vec::new(),
        /// Files that hold one app secret a line; read again when they change.
        #[serde(deserialize_with = "one_or_many")]
        app_secrets_file: Vec<PathBuf> = Vec::new(),
        /// What the subscription's handshake must show.
        #[serde(skip_serializing_if = "Option::is_none")]
        verify_token: Option<Secret> = None,
        /// The file that holds it; read again when it changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        verify_token_file: Option<PathBuf> = None,
        /// Certificate chain (PEM), read again when it changes. Without one: plain HTTP, behind a proxy that ends TLS.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls_certificate_file: Option<PathBuf> = None,
        /// Its key (PEM), read again when it changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls_key_file: Option<PathBuf> = None,
        /// A larger body is answered 413.
        body_bytes_max: usize = Limits::default().body_bytes_max,
        /// A TLS handshake and the headers behind it together, or later headers, that take longer close the connection.
        header_timeout_ms: u64 = millis(Limits::default().header_timeout),
        /// A slower body is answered 408.
        body_timeout_ms: u64 = millis(Limits::default().body_timeout),
        /// Open connections; one more closes the one that has kept us waiting longest, be it in its TLS handshake.
        connections_max: usize = Limits::default().connections_max,
        /// Requests whose events are being published; one more is answered 503.
        in_flight_max: usize = Limits::default().in_flight_max,
        /// What the bus has not confirmed by then is answered 503.
        publish_timeout_ms: u64 = millis(Limits::default().publish_timeout),
        /// What a 503 says in `Retry-After`.
        retry_after_s: u32 = Limits::default().retry_after_seconds,
    }
}

impl IngressSection {
    /// `is_for_meta`: Meta's door is needed; else it is there only with an app secret, and whoever has the handshake's token means
    /// it to be.
    pub(crate) fn check(&self, is_for_meta: bool, problems: &mut Problems) {
        let has_token = self.verify_token.is_some() || self.verify_token_file.is_some();
        let is_for_meta = is_for_meta || has_token;
        let has_secret = !self.app_secrets.is_empty() || !self.app_secrets_file.is_empty();
        problems.require(
            has_secret || !is_for_meta,
            "ingress.app_secrets",
            "at least one app secret (or ingress.app_secrets_file) is needed",
        );
        let no_empty = self.app_secrets.iter().all(|secret| !secret.expose().is_empty());
        problems.require(no_empty, "ingress.app_secrets", "a secret is empty");
        problems.require(
            has_token || !(is_for_meta || has_secret),
            "ingress.verify_token",
            "the handshake's token (or ingress.verify_token_file) is needed",
        );
        problems.require(self.provider().is_some(), "ingress.provider", "must be \"meta\" or \"360dialog\"");
        problems.require(self.path.starts_with('/'), "ingress.path", "must start with /");
        if let Err(problem) = self.public_url() {
            problems.add("ingress.public_url", problem);
        }
        let tls_pair = self.tls_certificate_file.is_some() == self.tls_key_file.is_some();
        problems.require(tls_pair, "ingress.tls_key_file", "certificate and key file go together");
        problems.require(self.in_flight_max > 0, "ingress.in_flight_max", "must be above 0");
        problems.require(self.connections_max > 0, "ingress.connections_max", "must be above 0");
    }

    /// Whether any key says something else than by default.
    pub(crate) fn is_set(&self) -> bool {
        toml::Value::try_from(self) != toml::Value::try_from(Self::default())
    }

    /// Where it is for others, where somebody said so.
    pub(crate) fn public_url(&self) -> Result<Option<Url>, &'static str> {
        self.public_url.as_deref().map(webhook_url).transpose()
    }

    fn provider(&self) -> Option<Provider> {
        match self.provider.as_str() {
            "meta" => Some(Provider::Meta),
            "360dialog" => Some(Provider::D360),
            _ => None,
        }
    }

    fn verify_token(&self) -> SecretSource {
        match (&self.verify_token_file, &self.verify_token) {
            (Some(file), _) => SecretSource::File(file.clone()),
            (None, Some(token)) => SecretSource::Inline(token.inner()),
            (None, None) => SecretSource::Inline(SecretString::from(String::new())),
        }
    }
}

/// An address that webhooks can come to.
pub(crate) fn webhook_url(text: &str) -> Result<Url, &'static str> {
    let expected = "must be an address such as https://example.com/webhook";
    let url = Url::parse(text).map_err(|_| expected)?;
    let is_address = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
    if is_address { Ok(url) } else { Err(expected) }
}

impl Config {
    pub(crate) fn ingress_config(&self) -> IngressConfig {
        let section = &self.ingress;
        let mut app_secrets: Vec<_> =
            section.app_secrets.iter().map(|secret| SecretSource::Inline(secret.inner())).collect();
        app_secrets.extend(section.app_secrets_file.iter().cloned().map(SecretSource::File));
        let tls = section.tls_certificate_file.clone().zip(section.tls_key_file.clone());
        IngressConfig {
            listen: section.listen,
            path: section.path.clone(),
            provider: section.provider().unwrap_or(Provider::Meta),
            app_secrets,
            verify_token: section.verify_token(),
            carriers: self.carrier_doors(),
            tls: tls.map(|(certificate_file, key_file)| TlsFiles { certificate_file, key_file }),
            limits: Limits {
                body_bytes_max: section.body_bytes_max,
                header_timeout: Duration::from_millis(section.header_timeout_ms),
                body_timeout: Duration::from_millis(section.body_timeout_ms),
                connections_max: section.connections_max,
                in_flight_max: section.in_flight_max,
                publish_timeout: Duration::from_millis(section.publish_timeout_ms),
                retry_after_seconds: section.retry_after_s,
                drain_timeout: self.worker.drain_timeout(),
                ..Limits::default()
            },
        }
    }
}

/// Starts it in a process.
pub(super) async fn start(process: &Process<'_>, tasks: &mut Tasks) -> Result<(), Failure> {
    let Process { config, bus, health, shutdown, ending, .. } = process;
    let ingress = Ingress::bind(config.ingress_config(), bus.clone(), config.layout(), health)
        .await
        .map_err(|error| Failure::config(format!("ingress: {error}")))?;
    info!(listen = %ingress.local_addr(), path = config.ingress.path, "ingress listens");
    let stop = shutdown.clone();
    ending.spawn(tasks, COMPONENT, async move {
        ingress.run(stop).await;
        Ok(())
    });
    Ok(())
}
