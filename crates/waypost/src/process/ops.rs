//! What operators look at, of any process whatever it runs: its configuration, and its listener from before the first
//! component starts until after the last has drained.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use waypost_ops::{Build, Health, MetricsPage, OpsError, OpsServer, State, Switch, describe_build, start_logging};

use super::Config;
use super::config::layers::Layers;
use super::section::{Mistake, section};
use waypost_cli::Failure;

const BUILD: Build =
    Build { version: env!("CARGO_PKG_VERSION"), commit: env!("WAYPOST_COMMIT"), rustc: env!("WAYPOST_RUSTC") };

section! {
    /// What operators look at: `/livez`, `/readyz` and `/metrics`.
    OpsSection = "ops" {
        /// Where they answer, in plain HTTP; not for the world.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9464)),
    }
}

section! {
    /// Log lines, on standard error.
    LogSection = "log" {
        /// A level, or a filter such as `info,waypost_router=debug`.
        level: String = "info".to_owned(),
        /// `text`, or `json` for an object a line.
        format: LogFormat = LogFormat::Text,
    }
}

/// How `ops` was called until 0.2; goes with 1.0.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FormerOpsSection {
    listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Takes what is set by a key's former name; by both names it is a mistake, since nobody can tell which is meant.
    pub(super) fn adopt_former_names(&mut self, layers: &Layers) -> Option<Mistake> {
        let listen = self.admin.listen?;
        if layers.has("ops.listen") {
            let problem = "ops.listen and admin.listen are one key by its new and its former name; keep ops.listen";
            return Some(Mistake::of_no_key(problem));
        }
        self.ops.listen = listen;
        self.warnings.push("admin.listen is called ops.listen now; the former name goes with 1.0".to_owned());
        None
    }
}

/// Starts logging; to be called once per process.
pub(crate) fn log_to_stderr(config: &Config) -> Result<(), Failure> {
    let format = match config.log.format {
        LogFormat::Text => waypost_ops::LogFormat::Text,
        LogFormat::Json => waypost_ops::LogFormat::Json,
    };
    let started = start_logging(&config.log.level, format, waypost_bus_rabbitmq::LAPIN_LOGS_AS);
    started.map_err(|error| match error {
        OpsError::LogFilter { .. } => Failure::config(format!("configuration:\nlog.level: {error}")),
        OpsError::Listen { .. } | OpsError::StartedBefore { .. } => Failure::failed(error),
    })?;
    for warning in &config.warnings {
        warn!("configuration: {warning}");
    }
    Ok(())
}

/// The listener for operators.
pub(crate) struct Operators {
    pub(crate) health: Arc<Health>,
    /// Set when every component runs.
    started: Switch,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Operators {
    /// Installs the recorder, which must be there before anything is counted, and answers from now on.
    pub(crate) async fn start(config: &Config, shutdown: CancellationToken) -> Result<Self, Failure> {
        let page = MetricsPage::install().map_err(Failure::failed)?;
        let bus = if config.bus.is_embedded() { "embedded" } else { "rabbitmq" };
        let store = if config.store.is_embedded() { "sqlite" } else { "postgres" };
        describe_build(BUILD, bus, store);
        let health = Health::new(shutdown);
        let started = health.register_switch("process", "", State::NotReady("starting".to_owned()));
        let server = OpsServer::bind(config.ops.listen, health.clone(), page)
            .await
            .map_err(|error| Failure::config(format!("ops.listen: {error}")))?;
        info!(listen = %server.local_addr(), "operators' endpoints listen");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone()));
        Ok(Self { health, started, stop, serving })
    }

    /// Every component runs: what is not ready from now on says so itself.
    pub(crate) fn started(&self) {
        self.started.set(State::Ready);
    }

    /// Every component has drained.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        if let Err(error) = self.serving.await {
            debug!(%error, "operators' endpoints failed");
        }
    }
}
