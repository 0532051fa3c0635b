//! What operators ask of this process: logging, the metrics page, and the health of what every component shares.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use waypost_bus::{Bus, Health as BusHealth};
use waypost_ops::{Health, MetricsPage, OpsError, OpsServer, State, Switch, describe_build, start_logging};
use waypost_store::Store;

use crate::config::{Config, LogFormat, LogSection};
use crate::exit::Failure;

/// To be called once per process.
pub(crate) fn log_to_stderr(section: &LogSection) -> Result<(), Failure> {
    let format = match section.format {
        LogFormat::Text => waypost_ops::LogFormat::Text,
        LogFormat::Json => waypost_ops::LogFormat::Json,
    };
    start_logging(&section.level, format, waypost_bus_rabbitmq::LOG_DIRECTIVE).map_err(|error| match error {
        OpsError::LogFilter { .. } => Failure::config(format!("configuration:\nlog.level: {error}")),
        OpsError::Listen { .. } | OpsError::StartedBefore { .. } => Failure::failed(error),
    })
}

/// The listener for operators, from before the first component starts until after the last has drained.
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
        let bus = if config.bus_is_embedded() { "embedded" } else { "rabbitmq" };
        let store = if config.store_is_embedded() { "sqlite" } else { "postgres" };
        describe_build(env!("CARGO_PKG_VERSION"), bus, store);
        let health = Health::new(shutdown);
        let started = health.register_switch("process", "", State::NotReady("starting".to_owned()));
        let server = OpsServer::bind(config.admin.listen, health.clone(), page)
            .await
            .map_err(|error| Failure::config(format!("admin.listen: {error}")))?;
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

/// The bus is up and takes publications.
pub(crate) fn watch_bus(health: &Health, bus: &Arc<dyn Bus>) {
    let bus = bus.clone();
    health.register_state("bus", "", move || match bus.health() {
        BusHealth::Up => State::Ready,
        BusHealth::Blocked(_) => State::NotReady("blocked".to_owned()),
        BusHealth::Down(_) => State::NotReady("down".to_owned()),
    });
}

/// The store answers.
pub(crate) fn watch_store(health: &Health, store: &Store) {
    let store = store.clone();
    health.register("store", "", move || {
        let store = store.clone();
        async move {
            match store.ping().await {
                Ok(()) => State::Ready,
                Err(error) => {
                    // Not for everybody: it may name servers and users.
                    debug!(%error, "store does not answer");
                    State::NotReady("does not answer".to_owned())
                }
            }
        }
        .boxed()
    });
}
