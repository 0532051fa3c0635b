//! The sections of the configuration file and their defaults. The table in the README lists every key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waypost_admin::GrpcLimits;
use waypost_ingress::Limits;

use super::EMBEDDED;
use super::value::{Secret, one_or_many};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSection {
    /// A level, or a filter such as `info,waypost_router=debug`.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BusSection {
    /// `embedded`, or `amqp://user:password@host:5672/vhost` (`amqps` for TLS).
    pub(crate) url: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url_file: Option<PathBuf>,
    /// Certificate authorities (PEM) for `amqps`, besides those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether a starting process creates the queues that are missing. Needs the `configure` permission.
    pub(crate) declare: bool,
    pub(crate) heartbeat_s: u16,
    /// Publications in flight at most, per process.
    pub(crate) in_flight_max: u32,
    /// Messages that a team's queue holds at most; the broker's policy or 200,000 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team_queue_messages_max: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// `embedded`, or `postgres://user:password@host:5432/database`.
    pub(crate) url: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url_file: Option<PathBuf>,
    pub(crate) connections_max: u32,
    /// Whether a starting process brings the schema up to date. The embedded store always does.
    pub(crate) migrate: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IngressSection {
    pub(crate) listen: SocketAddr,
    pub(crate) path: String,
    /// `meta` or `360dialog`: whose signature header is checked.
    pub(crate) provider: String,
    /// The app secrets that sign webhooks; several while one is rotated.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) app_secrets: Vec<Secret>,
    /// Files that hold one app secret each; read again when they change.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) app_secrets_file: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify_token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_certificate_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key_file: Option<PathBuf>,
    pub(crate) body_bytes_max: usize,
    pub(crate) header_timeout_ms: u64,
    pub(crate) body_timeout_ms: u64,
    pub(crate) connections_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) publish_timeout_ms: u64,
    pub(crate) retry_after_s: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminSection {
    /// Where `/healthz`, `/readyz` and `/metrics` answer.
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GrpcSection {
    /// Where the administration answers; off where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_certificate_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key_file: Option<PathBuf>,
    /// Certificate authorities (PEM) of the callers: with it, each needs a certificate besides its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_ca_file: Option<PathBuf>,
    pub(crate) reflection: bool,
    pub(crate) request_bytes_max: usize,
    pub(crate) request_timeout_ms: u64,
    pub(crate) connections_max: usize,
    /// Calls under way on one connection.
    pub(crate) streams_max: u32,
    /// Calls under way on all connections.
    pub(crate) requests_max: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RulesSection {
    /// The rules file (TOML); looked at again twice a second. Without one, the versions in the store that are active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouterSection {
    pub(crate) conversation_idle_minutes: u64,
    pub(crate) full_queue_patience_ms: u64,
    pub(crate) publish_timeout_ms: u64,
    /// Whether to publish `wa.activity`: only where somebody reads it.
    pub(crate) activity: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSection {
    pub(crate) lease_ttl_ms: u64,
    pub(crate) lease_renew_ms: u64,
    pub(crate) batch_max: u16,
    pub(crate) park_after_panics: u32,
    pub(crate) park_after_deaths: u32,
    pub(crate) idle_flush_ms: u64,
    pub(crate) drain_timeout_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionSection {
    /// Decisions; at least 8, since Meta sends again for 7 days.
    pub(crate) inbox_days: u32,
    /// Bodies of messages that are kept.
    pub(crate) bodies_days: u32,
    pub(crate) statuses_days: u32,
    pub(crate) changes_days: u32,
    pub(crate) conversations_days: u32,
    /// How often the janitor passes.
    pub(crate) every_s: u64,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Default for BusSection {
    fn default() -> Self {
        Self {
            url: Secret::new(EMBEDDED),
            url_file: None,
            ca_file: None,
            declare: true,
            heartbeat_s: 10,
            in_flight_max: 16_384,
            team_queue_messages_max: None,
        }
    }
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { url: Secret::new(EMBEDDED), url_file: None, connections_max: 16, migrate: false }
    }
}

impl Default for IngressSection {
    fn default() -> Self {
        let limits = Limits::default();
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            path: "/webhook".to_owned(),
            provider: "meta".to_owned(),
            app_secrets: Vec::new(),
            app_secrets_file: Vec::new(),
            verify_token: None,
            verify_token_file: None,
            tls_certificate_file: None,
            tls_key_file: None,
            body_bytes_max: limits.body_bytes_max,
            header_timeout_ms: millis(limits.header_timeout),
            body_timeout_ms: millis(limits.body_timeout),
            connections_max: limits.connections_max,
            in_flight_max: limits.in_flight_max,
            publish_timeout_ms: millis(limits.publish_timeout),
            retry_after_s: limits.retry_after_seconds,
        }
    }
}

impl Default for AdminSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

impl Default for GrpcSection {
    fn default() -> Self {
        let limits = GrpcLimits::default();
        Self {
            listen: None,
            tls_certificate_file: None,
            tls_key_file: None,
            client_ca_file: None,
            reflection: false,
            request_bytes_max: limits.request_bytes_max,
            request_timeout_ms: u64::try_from(limits.request_timeout.as_millis()).unwrap_or(u64::MAX),
            connections_max: limits.connections_max,
            streams_max: limits.streams_max,
            requests_max: limits.requests_max,
        }
    }
}

impl Default for RouterSection {
    fn default() -> Self {
        Self {
            conversation_idle_minutes: 24 * 60,
            full_queue_patience_ms: 2_000,
            publish_timeout_ms: 5_000,
            activity: false,
        }
    }
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            lease_ttl_ms: 15_000,
            lease_renew_ms: 5_000,
            batch_max: 128,
            park_after_panics: 5,
            park_after_deaths: 10,
            idle_flush_ms: 1_000,
            drain_timeout_ms: 20_000,
        }
    }
}

impl WorkerSection {
    /// What every component of a process has to finish in when it is asked to stop.
    pub(crate) const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self { inbox_days: 9, bodies_days: 30, statuses_days: 8, changes_days: 30, conversations_days: 90, every_s: 60 }
    }
}
