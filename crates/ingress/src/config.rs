//! What an operator can set, with the limits that hold when nothing is set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use waypost_cloud_api::carrier::OurNumbers;
use waypost_cloud_api::carrier::address::PublicAddress;
use waypost_cloud_api::signature::Provider;

use crate::error::IngressError;

/// Everything the front door needs to know. Each limit bounds one thing, and none may be switched off.
#[derive(Debug, Clone)]
pub struct IngressConfig {
    pub listen: SocketAddr,
    /// The webhook's path, e.g. `/webhook`.
    pub path: String,
    /// Who signs: Meta itself, or a provider with its own header.
    pub provider: Provider,
    /// The app secrets that a signature may be made with. At least one, unless there are `carriers`: then Meta has no
    /// door here.
    pub app_secrets: Vec<SecretSource>,
    /// What the subscription handshake must show.
    pub verify_token: SecretSource,
    /// The doors for numbers at carriers with forms of their own.
    pub carriers: Vec<CarrierConfig>,
    /// `None`: plain HTTP, behind a proxy that ends TLS.
    pub tls: Option<TlsFiles>,
    pub limits: Limits,
}

/// What is needed to believe a carrier, and to know whom it speaks of.
#[derive(Debug, Clone)]
pub struct CarrierConfig {
    /// Whose form it is.
    pub carrier: Carrier,
    /// Another path than Meta's and every other carrier's.
    pub path: String,
    /// As it is configured at the carrier: what signatures are made over.
    pub address: PublicAddress,
    /// The keys that a signature may be made with. At least one.
    pub keys: Vec<SecretSource>,
    /// The business's numbers there.
    pub numbers: OurNumbers,
}

/// A carrier with a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Signs with the account's auth token.
    Twilio,
    /// Signs with the subscription's signing key, and says when.
    Bird {
        /// How far that may be from our clock, to either side.
        age_max: Duration,
    },
}

impl Carrier {
    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "Twilio",
            Self::Bird { .. } => "Bird",
        }
    }
}

/// Where a secret comes from. A file is read again when it changes.
#[derive(Debug, Clone)]
pub enum SecretSource {
    Inline(SecretString),
    /// One secret per line; empty lines are skipped. Several lines let a secret be rotated without a gap.
    File(PathBuf),
}

/// PEM files, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then its intermediates.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl From<TlsFiles> for waypost_files::TlsFiles {
    /// Callers show no certificates here: Meta has none to show.
    fn from(files: TlsFiles) -> Self {
        let TlsFiles { certificate_file, key_file } = files;
        Self { certificate_file, key_file, client_ca_file: None }
    }
}

/// What a client may take: of time, memory and connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A longer body is answered 413. Meta's limit is 3 MB.
    pub body_bytes_max: usize,
    /// All bodies being read, together. Past it: 503.
    pub bodies_bytes_max: usize,
    /// Request line and headers. Past it: 431.
    pub header_bytes_max: usize,
    /// From a request's first byte (or the connection's beginning, TLS included) to the end of its headers. Past it
    /// the connection is closed.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body. Past it: 408.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// Open connections. A newcomer past it takes the place of the one that has kept us waiting longest.
    pub connections_max: usize,
    /// Requests whose events are being published. Past it: 503.
    pub in_flight_max: usize,
    /// How long the bus may take to confirm. Past it: 503.
    pub publish_timeout: Duration,
    /// What a 503 says in `Retry-After`, in seconds.
    pub retry_after_seconds: u32,
    /// How long requests may go on after the shutdown began.
    pub drain_timeout: Duration,
    /// How often secret and certificate files are looked at.
    pub reload_interval: Duration,
    /// How often the bus is asked, while not ready, whether its queues are there; when ready, ten times as seldom.
    pub ready_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 << 20,
            bodies_bytes_max: 64 << 20,
            header_bytes_max: 32 << 10,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            connections_max: 4096,
            in_flight_max: 1024,
            publish_timeout: Duration::from_secs(5),
            retry_after_seconds: 2,
            drain_timeout: Duration::from_secs(20),
            reload_interval: Duration::from_secs(1),
            ready_interval: Duration::from_millis(500),
        }
    }
}

impl IngressConfig {
    /// Says which field is wrong, before anything is opened.
    pub(crate) fn check(&self) -> Result<(), IngressError> {
        let invalid = |field: &'static str, problem: &'static str| Err(IngressError::Config { field, problem });
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"/-_.~".contains(&c);
        let is_path = |path: &str| path.starts_with('/') && path.bytes().all(plain);
        const PATH: &str = "must start with '/' and hold only letters, digits and /-_.~";
        if !is_path(&self.path) {
            return invalid("path", PATH);
        }
        if self.app_secrets.is_empty() && self.carriers.is_empty() {
            return invalid("app_secrets", "must name at least one secret");
        }
        let mut paths = vec![&self.path];
        for carrier in &self.carriers {
            if !is_path(&carrier.path) {
                return invalid("carriers.path", PATH);
            }
            if paths.contains(&&carrier.path) {
                return invalid("carriers.path", "must be another one than every other path");
            }
            if carrier.keys.is_empty() {
                return invalid("carriers.keys", "must name at least one key");
            }
            paths.push(&carrier.path);
        }
        let limits = &self.limits;
        // Hyper's own floor for its read buffer.
        if limits.header_bytes_max < 8192 {
            return invalid("limits.header_bytes_max", "must be at least 8192");
        }
        if limits.bodies_bytes_max < limits.body_bytes_max {
            return invalid("limits.bodies_bytes_max", "must not be below limits.body_bytes_max");
        }
        let positive = [
            ("limits.body_bytes_max", limits.body_bytes_max > 0),
            ("limits.connections_max", limits.connections_max > 0),
            ("limits.in_flight_max", limits.in_flight_max > 0),
            ("limits.header_timeout", !limits.header_timeout.is_zero()),
            ("limits.body_timeout", !limits.body_timeout.is_zero()),
            ("limits.idle_timeout", !limits.idle_timeout.is_zero()),
            ("limits.publish_timeout", !limits.publish_timeout.is_zero()),
            ("limits.reload_interval", !limits.reload_interval.is_zero()),
            ("limits.ready_interval", !limits.ready_interval.is_zero()),
        ];
        for (field, is_positive) in positive {
            if !is_positive {
                return invalid(field, "must be above zero");
            }
        }
        Ok(())
    }
}
