//! Configuration: defaults < TOML file < `WAYPOST__SECTION__KEY` environment < flags. Every secret may instead be named
//! by a file (`…_file`). Mistakes are told all at once, each by its field.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use waypost_bus::Layout;
use waypost_cloud_api::signature::Provider;
use waypost_domain::{NumberName, PartitionCount, PhoneNumberId};
use waypost_ingress::{IngressConfig, Limits, SecretSource, TlsFiles};
use waypost_router::RouterConfig;
use waypost_worker::WorkerConfig;

/// The value of `bus.url` and `store.url` that needs nothing installed.
pub(crate) const EMBEDDED: &str = "embedded";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the embedded bus and store keep their files.
    pub(crate) data_dir: PathBuf,
    /// Names this process among its replicas; made up when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    /// How many partitions; fixed at first start.
    pub(crate) partitions: u16,
    pub(crate) log: LogSection,
    pub(crate) bus: BusSection,
    pub(crate) store: StoreSection,
    pub(crate) ingress: IngressSection,
    pub(crate) admin: AdminSection,
    pub(crate) rules: RulesSection,
    pub(crate) router: RouterSection,
    pub(crate) worker: WorkerSection,
    pub(crate) retention: RetentionSection,
    /// Our names for the business's numbers: `support-es = "106540352242922"`.
    #[serde(deserialize_with = "string_map")]
    pub(crate) numbers: BTreeMap<String, String>,
}

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

#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RulesSection {
    /// The rules file (TOML); looked at again twice a second.
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
    pub(crate) park_after: u32,
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

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("waypost-data"),
            instance: None,
            partitions: PartitionCount::DEFAULT.get(),
            log: LogSection::default(),
            bus: BusSection::default(),
            store: StoreSection::default(),
            ingress: IngressSection::default(),
            admin: AdminSection::default(),
            rules: RulesSection::default(),
            router: RouterSection::default(),
            worker: WorkerSection::default(),
            retention: RetentionSection::default(),
            numbers: BTreeMap::new(),
        }
    }
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
            park_after: 5,
            idle_flush_ms: 1_000,
            drain_timeout_ms: 20_000,
        }
    }
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self { inbox_days: 9, bodies_days: 30, statuses_days: 8, changes_days: 30, conversations_days: 90, every_s: 60 }
    }
}

/// What is wrong with the configuration, a line per mistake.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(pub Vec<String>);

impl Config {
    /// Reads all layers. `overrides`: flags, as `section.key` and value.
    pub(crate) fn load(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| ConfigError(vec![format!("config file {}: {error}", file.display())]))?;
            figment = figment.merge(Toml::string(&text));
        }
        figment = figment.merge(Env::prefixed("WAYPOST__").split("__"));
        for (key, value) in overrides {
            figment = figment.merge((key, value.clone()));
        }
        let mut config: Self = figment
            .extract()
            .map_err(|errors| ConfigError(errors.into_iter().map(|error| describe(&error, file)).collect()))?;
        config.read_secret_files()?;
        Ok(config)
    }

    /// Everything that is wrong for a process that runs these components.
    pub(crate) fn check(&self, components: &[Component]) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, field: &str, problem: &str| {
            if !holds {
                problems.push(format!("{field}: {problem}"));
            }
        };
        require(PartitionCount::new(self.partitions).is_some(), "partitions", "must be 1 to 99");
        require(self.is_bus_url(), "bus.url", "must be \"embedded\", amqp://… or amqps://…");
        require(self.is_store_url(), "store.url", "must be \"embedded\" or postgres://…");
        let all = Component::ALL.iter().all(|component| components.contains(component));
        if !all {
            let hint = "the embedded bus and store serve one process that runs all components; \
                        set an amqp:// and a postgres:// URL, or leave --component out";
            require(!self.bus_is_embedded(), "bus.url", hint);
            require(!components.contains(&Component::Router) || !self.store_is_embedded(), "store.url", hint);
        }
        require(self.router.conversation_idle_minutes > 0, "router.conversation_idle_minutes", "must be above 0");
        require(self.worker.batch_max > 0, "worker.batch_max", "must be above 0");
        require(self.worker.park_after > 0, "worker.park_after", "must be above 0");
        require(
            self.retention.inbox_days >= 8,
            "retention.inbox_days",
            "must be 8 or more: Meta sends again for 7 days",
        );
        require(self.retention.every_s > 0, "retention.every_s", "must be above 0");
        let renew_leaves_room =
            self.worker.lease_renew_ms > 0 && self.worker.lease_renew_ms * 2 <= self.worker.lease_ttl_ms;
        require(renew_leaves_room, "worker.lease_renew_ms", "must be above 0 and at most half of worker.lease_ttl_ms");
        for (name, id) in &self.numbers {
            require(NumberName::new(name.clone()).is_ok(), &format!("numbers.{name}"), "is not a valid name");
            require(!id.trim().is_empty(), &format!("numbers.{name}"), "needs Meta's phone_number_id");
        }
        if components.contains(&Component::Ingress) {
            self.check_ingress(&mut require);
        }
        if components.contains(&Component::Router) {
            require(self.rules.file.is_some(), "rules.file", "name the rules file");
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    fn check_ingress(&self, require: &mut impl FnMut(bool, &str, &str)) {
        let ingress = &self.ingress;
        let has_secret = !ingress.app_secrets.is_empty() || !ingress.app_secrets_file.is_empty();
        require(has_secret, "ingress.app_secrets", "at least one app secret (or ingress.app_secrets_file) is needed");
        let no_empty = ingress.app_secrets.iter().all(|secret| !secret.expose().is_empty());
        require(no_empty, "ingress.app_secrets", "a secret is empty");
        let has_token = ingress.verify_token.is_some() || ingress.verify_token_file.is_some();
        require(has_token, "ingress.verify_token", "the handshake's token (or ingress.verify_token_file) is needed");
        require(self.provider().is_some(), "ingress.provider", "must be \"meta\" or \"360dialog\"");
        require(ingress.path.starts_with('/'), "ingress.path", "must start with /");
        let tls_pair = ingress.tls_certificate_file.is_some() == ingress.tls_key_file.is_some();
        require(tls_pair, "ingress.tls_key_file", "certificate and key file go together");
        require(ingress.in_flight_max > 0, "ingress.in_flight_max", "must be above 0");
        require(ingress.connections_max > 0, "ingress.connections_max", "must be above 0");
        require(ingress.listen != self.admin.listen || ingress.listen.port() == 0, "admin.listen", "is ingress.listen");
    }

    pub(crate) fn bus_is_embedded(&self) -> bool {
        self.bus.url.expose() == EMBEDDED
    }

    pub(crate) fn store_is_embedded(&self) -> bool {
        self.store.url.expose() == EMBEDDED
    }

    fn is_bus_url(&self) -> bool {
        let url = self.bus.url.expose();
        self.bus_is_embedded() || url.starts_with("amqp://") || url.starts_with("amqps://")
    }

    fn is_store_url(&self) -> bool {
        let url = self.store.url.expose();
        self.store_is_embedded() || url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    fn provider(&self) -> Option<Provider> {
        match self.ingress.provider.as_str() {
            "meta" => Some(Provider::Meta),
            "360dialog" => Some(Provider::D360),
            _ => None,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(PartitionCount::new(self.partitions).unwrap_or(PartitionCount::DEFAULT))
    }

    pub(crate) fn number_names(&self) -> Vec<(NumberName, PhoneNumberId)> {
        let name = |(name, id): (&String, &String)| {
            Some((NumberName::new(name.clone()).ok()?, PhoneNumberId::new(id.clone())))
        };
        self.numbers.iter().filter_map(name).collect()
    }

    pub(crate) fn ingress_config(&self) -> IngressConfig {
        let section = &self.ingress;
        let inline = |secret: &Secret| SecretSource::Inline(secret.0.clone());
        let mut app_secrets: Vec<_> = section.app_secrets.iter().map(inline).collect();
        app_secrets.extend(section.app_secrets_file.iter().cloned().map(SecretSource::File));
        let verify_token = match (&section.verify_token_file, &section.verify_token) {
            (Some(file), _) => SecretSource::File(file.clone()),
            (None, Some(token)) => inline(token),
            (None, None) => SecretSource::Inline(SecretString::from(String::new())),
        };
        let tls = section.tls_certificate_file.clone().zip(section.tls_key_file.clone());
        IngressConfig {
            listen: section.listen,
            admin_listen: Some(self.admin.listen),
            path: section.path.clone(),
            provider: self.provider().unwrap_or(Provider::Meta),
            app_secrets,
            verify_token,
            tls: tls.map(|(certificate_file, key_file)| TlsFiles { certificate_file, key_file }),
            limits: Limits {
                body_bytes_max: section.body_bytes_max,
                header_timeout: Duration::from_millis(section.header_timeout_ms),
                body_timeout: Duration::from_millis(section.body_timeout_ms),
                connections_max: section.connections_max,
                in_flight_max: section.in_flight_max,
                publish_timeout: Duration::from_millis(section.publish_timeout_ms),
                retry_after_seconds: section.retry_after_s,
                drain_timeout: Duration::from_millis(self.worker.drain_timeout_ms),
                ..Limits::default()
            },
        }
    }

    pub(crate) fn router_config(&self) -> RouterConfig {
        RouterConfig {
            conversation_idle: Duration::from_secs(self.router.conversation_idle_minutes.saturating_mul(60)),
            publish_timeout: Duration::from_millis(self.router.publish_timeout_ms),
            full_queue_patience: Duration::from_millis(self.router.full_queue_patience_ms),
            activity: self.router.activity,
        }
    }

    pub(crate) fn worker_config(
        &self,
        component: &'static str,
        instance: &str,
        partitions: PartitionCount,
    ) -> WorkerConfig {
        let section = &self.worker;
        WorkerConfig {
            lease_ttl: Duration::from_millis(section.lease_ttl_ms),
            lease_renew_every: Duration::from_millis(section.lease_renew_ms),
            batch_max: section.batch_max,
            park_after: section.park_after,
            idle_flush_after: Duration::from_millis(section.idle_flush_ms),
            drain_timeout: Duration::from_millis(section.drain_timeout_ms),
            ..WorkerConfig::new(component, instance, partitions)
        }
    }

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut read = |file: &Option<PathBuf>, field: &str, secret: &mut Secret| {
            let Some(file) = file else { return };
            match std::fs::read_to_string(file) {
                Ok(text) => *secret = Secret::new(text.trim_end_matches(['\r', '\n'])),
                Err(error) => problems.push(format!("{field}: {}: {error}", file.display())),
            }
        };
        read(&self.bus.url_file, "bus.url_file", &mut self.bus.url);
        read(&self.store.url_file, "store.url_file", &mut self.store.url);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }
}

/// A part of the system that a process can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Component {
    /// Takes webhooks and publishes them.
    Ingress,
    /// Decides and delivers to the teams' queues; keeps statuses and account events; tidies up.
    Router,
}

impl Component {
    pub(crate) const ALL: [Self; 2] = [Self::Ingress, Self::Router];
}

fn describe(error: &figment::Error, file: Option<&Path>) -> String {
    let path = error.path.join(".");
    let place = match &error.metadata {
        Some(metadata) if metadata.name.contains("environment") => " (environment)".to_owned(),
        Some(metadata) if metadata.name.contains("TOML") => {
            file.map(|file| format!(" ({})", file.display())).unwrap_or_default()
        }
        _ => String::new(),
    };
    let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
    format!("{path}{}{place}", error.kind)
}

/// Text that is never shown.
#[derive(Clone)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = if self.expose() == EMBEDDED { EMBEDDED } else { "[redacted]" };
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer).map(Self::new)
    }
}

/// Environment values that look like numbers arrive as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.into_text())
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
        }
    }
}

fn string_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(key, value)| (key, value.into_text())).collect())
}

fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => vec![one],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(toml: &str, components: &[Component]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("waypost.toml");
        std::fs::write(&file, toml).unwrap();
        let checked = Config::load(Some(&file), &[]).and_then(|config| config.check(components));
        let shown = file.display().to_string();
        checked
            .err()
            .map(|error| error.0)
            .unwrap_or_default()
            .into_iter()
            .map(|line| line.replace(&shown, "FILE"))
            .collect()
    }

    const GOOD: &str = "[ingress]\napp_secrets='s'\nverify_token=123\n[rules]\nfile='r.toml'\n";

    #[test]
    fn mistakes_name_the_field() {
        let all = Component::ALL;
        assert_eq!(problems(GOOD, &all), Vec::<String>::new());
        assert_eq!(
            problems("partitions = 0\n", &all),
            [
                "partitions: must be 1 to 99",
                "ingress.app_secrets: at least one app secret (or ingress.app_secrets_file) is needed",
                "ingress.verify_token: the handshake's token (or ingress.verify_token_file) is needed",
                "rules.file: name the rules file",
            ]
        );
        let subset = problems(GOOD, &[Component::Router]);
        assert!(subset[0].starts_with("bus.url: the embedded bus"), "{subset:?}");
        let unknown = problems("[bus]\nulr='x'\n", &all);
        assert!(unknown[0].contains("ulr"), "{unknown:?}");
        let wrong = problems("[worker]\nbatch_max='many'\n", &all);
        assert!(wrong[0].starts_with("worker.batch_max: "), "{wrong:?}");
    }

    #[test]
    fn no_secret_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("waypost.toml");
        std::fs::write(
            &file,
            "[ingress]\napp_secrets=['hush','hush2']\nverify_token='hush'\n[bus]\nurl='amqp://u:hush@h'\n",
        )
        .unwrap();
        let config = Config::load(Some(&file), &[("store.url", "postgres://hush".to_owned())]).unwrap();
        assert_eq!(config.store.url.expose(), "postgres://hush");
        for shown in [toml::to_string(&config).unwrap(), format!("{config:?}")] {
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
