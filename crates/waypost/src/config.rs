//! Configuration: defaults < TOML file < `WAYPOST__SECTION__KEY` environment < flags. Every secret may instead be named
//! by a file (`…_file`). Mistakes are told all at once, each by its field.

mod check;
mod sections;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use figment::value::Value;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use waypost_admin::{GrpcConfig, GrpcLimits};
use waypost_bus::Layout;
use waypost_cloud_api::signature::Provider;
use waypost_domain::{NumberName, PartitionCount, PhoneNumberId};
use waypost_ingress::{IngressConfig, Limits, SecretSource, TlsFiles};
use waypost_router::{JanitorConfig, RouterConfig};
use waypost_store::Retention;
use waypost_worker::WorkerConfig;

use sections::{
    AdminSection, BusSection, GrpcSection, IngressSection, RetentionSection, RouterSection, RulesSection, StoreSection,
    WorkerSection,
};
pub(crate) use sections::{LogFormat, LogSection};
pub(crate) use value::Secret;
use value::string_map;

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
    pub(crate) grpc: GrpcSection,
    pub(crate) rules: RulesSection,
    pub(crate) router: RouterSection,
    pub(crate) worker: WorkerSection,
    pub(crate) retention: RetentionSection,
    /// Our names for the business's numbers: `support-es = "106540352242922"`.
    #[serde(deserialize_with = "string_map")]
    pub(crate) numbers: BTreeMap<String, String>,
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
            grpc: GrpcSection::default(),
            rules: RulesSection::default(),
            router: RouterSection::default(),
            worker: WorkerSection::default(),
            retention: RetentionSection::default(),
            numbers: BTreeMap::new(),
        }
    }
}

/// What is wrong with the configuration, a line per mistake.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(pub Vec<String>);

/// Keys whose values are text whatever they look like: a token `0123` must keep its zero.
const TEXT_KEYS: [&str; 6] =
    ["data_dir", "instance", "bus.url", "store.url", "ingress.app_secrets", "ingress.verify_token"];

/// Whether a value from the environment or the command line is taken as it is. (A list stays a list.)
fn is_text(key: &str, value: &str) -> bool {
    TEXT_KEYS.contains(&key) && !value.starts_with('[')
}

impl Config {
    /// Reads all layers. `overrides`: flags, as `section.key` and value.
    pub(crate) fn load(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| ConfigError(vec![format!("config file {}: {error}", file.display())]))?;
            figment = figment.merge(Toml::string(&text));
        }
        let environment = Env::prefixed("WAYPOST__").split("__");
        figment = figment.merge(environment.clone());
        for (key, text) in environment.iter() {
            if is_text(key.as_str(), &text) {
                figment = figment.merge((key.as_str(), text));
            }
        }
        for (key, text) in overrides {
            // As in the environment: what looks like a number is one.
            figment = if is_text(key, text) {
                figment.merge((key, text))
            } else {
                let Ok(value) = text.parse::<Value>();
                figment.merge((key, value))
            };
        }
        let mut config: Self = figment
            .extract()
            .map_err(|errors| ConfigError(errors.into_iter().map(|error| describe(&error, file)).collect()))?;
        config.read_secret_files()?;
        Ok(config)
    }

    /// `None`: the administration is off.
    pub(crate) fn grpc_config(&self) -> Option<GrpcConfig> {
        let section = &self.grpc;
        let tls = section.tls_certificate_file.clone().zip(section.tls_key_file.clone());
        Some(GrpcConfig {
            listen: section.listen?,
            tls: tls.map(|(certificate_file, key_file)| waypost_admin::TlsFiles {
                certificate_file,
                key_file,
                client_ca_file: section.client_ca_file.clone(),
            }),
            reflection: section.reflection,
            limits: GrpcLimits {
                request_bytes_max: section.request_bytes_max,
                request_timeout: Duration::from_millis(section.request_timeout_ms),
                connections_max: section.connections_max,
                streams_max: section.streams_max,
                requests_max: section.requests_max,
                drain_timeout: self.worker.drain_timeout(),
            },
        })
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
        let inline = |secret: &Secret| SecretSource::Inline(secret.inner());
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
                drain_timeout: self.worker.drain_timeout(),
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
            janitor: self.janitor_config(),
        }
    }

    fn janitor_config(&self) -> JanitorConfig {
        let section = &self.retention;
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        JanitorConfig {
            retention: Retention {
                inbox: days(section.inbox_days),
                bodies: days(section.bodies_days),
                statuses: days(section.statuses_days),
                changes: days(section.changes_days),
                conversations: days(section.conversations_days),
            },
            every: Duration::from_secs(section.every_s),
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
            park_after_panics: section.park_after_panics,
            park_after_deaths: section.park_after_deaths,
            idle_flush_after: Duration::from_millis(section.idle_flush_ms),
            drain_timeout: self.worker.drain_timeout(),
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
    /// Answers the administration over gRPC; needs grpc.listen.
    Admin,
}

impl Component {
    pub(crate) const ALL: [Self; 3] = [Self::Ingress, Self::Router, Self::Admin];

    /// Its name on the command line and in health reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingress => waypost_ingress::COMPONENT,
            Self::Router => waypost_router::ROUTER,
            Self::Admin => "admin",
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
            ]
        );
        let subset = problems(GOOD, &[Component::Router]);
        assert!(subset[0].starts_with("bus.url: the embedded bus"), "{subset:?}");
        let listens = |grpc: &str| problems(&format!("{GOOD}[grpc]\nlisten='{grpc}\n"), &all);
        assert_eq!(listens("127.0.0.1:9465'"), Vec::<String>::new());
        assert!(listens("0.0.0.0:9465'")[0].starts_with("grpc.listen: needs a certificate"));
        assert!(listens("127.0.0.1:9465'\ntls_key_file='k'")[0].starts_with("grpc.tls_key_file: "));
        assert_eq!(listens("127.0.0.1:9464'"), ["grpc.listen: is taken by another section"]);
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

    /// Every key, those included that are absent by default.
    fn keys() -> BTreeSet<String> {
        let mut config = Config { instance: Some(String::new()), ..Config::default() };
        config.bus.url_file = Some(PathBuf::new());
        config.bus.ca_file = Some(PathBuf::new());
        config.bus.team_queue_messages_max = Some(1);
        config.store.url_file = Some(PathBuf::new());
        config.ingress.verify_token = Some(Secret::new(""));
        config.ingress.verify_token_file = Some(PathBuf::new());
        config.ingress.tls_certificate_file = Some(PathBuf::new());
        config.ingress.tls_key_file = Some(PathBuf::new());
        config.grpc.listen = Some(config.admin.listen);
        config.grpc.tls_certificate_file = Some(PathBuf::new());
        config.grpc.tls_key_file = Some(PathBuf::new());
        config.grpc.client_ca_file = Some(PathBuf::new());
        config.rules.file = Some(PathBuf::new());
        config.numbers.insert("<name>".to_owned(), String::new());
        let table: toml::Table = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        let mut keys = BTreeSet::new();
        for (section, value) in table {
            match value {
                toml::Value::Table(fields) => keys.extend(fields.keys().map(|field| format!("{section}.{field}"))),
                _ => drop(keys.insert(section)),
            }
        }
        keys
    }

    #[test]
    fn the_readme_lists_every_key_and_no_other() {
        let readme = include_str!("../../../README.md");
        let table = readme.split("## Configuration").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let cells = rows.map(|row| row.split('|').nth(1).unwrap());
        let listed: BTreeSet<String> =
            cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        assert_eq!(listed, keys());
    }

    #[test]
    fn the_example_deployment_is_right() {
        let example = include_str!("../../../deploy/waypost.toml");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("waypost.toml"), example).unwrap();
        let config = Config::load(Some(&folder.path().join("waypost.toml")), &[]).unwrap();
        config.check(&Component::ALL).unwrap();
    }
}
