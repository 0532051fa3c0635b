//! The webhook's front door: verify, split, publish, confirm, answer.
//!
//! A POST is answered 200 only when every part of it is durably on the bus; anything else is a 503 at once, and Meta
//! sends it again for days. This crate knows the bus port and never an adapter, a store or another component; and it
//! must never log a phone number, a name or a message's text.

mod body;
mod config;
mod connections;
mod error;
pub mod metrics;
pub mod outgoing;
mod ready;
mod reload;
mod serve;
mod watched_io;
mod webhook;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::routing;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::info;
use waypost_bus::{Bus, Layout};
use waypost_cloud_api::signature::AppSecrets;
use waypost_files::Reloadable;
use waypost_ops::{Health, State};

pub use config::{IngressConfig, Limits, SecretSource, TlsFiles};
pub use error::IngressError;
pub use outgoing::QUARANTINE_KIND;
pub use reload::file_problems;

use body::Bodies;
use metrics::Metrics;
use ready::Readiness;
use reload::refresh;
use serve::Server;
use webhook::Webhook;

/// The component's name.
pub const COMPONENT: &str = "ingress";

/// The front door: bound, and not yet open.
pub struct Ingress {
    listener: TcpListener,
    local_addr: SocketAddr,
    webhook_path: String,
    webhook: Arc<Webhook>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    limits: Limits,
    files: Files,
}

/// What has to be looked at again and again.
struct Files {
    app_secrets: Reloadable<AppSecrets, IngressError>,
    verify_tokens: Reloadable<Vec<String>, IngressError>,
    tls: Option<Reloadable<ServerConfig>>,
}

/// How the ingress ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections whose requests were not finished in time. Meta sends those again.
    pub connections_cut: usize,
}

impl Ingress {
    /// Checks the configuration, reads the files, takes the port, and registers in `health` what it needs. The metrics
    /// recorder must be installed before.
    pub async fn bind(
        config: IngressConfig,
        bus: Arc<dyn Bus>,
        layout: Layout,
        health: &Health,
    ) -> Result<Self, IngressError> {
        config.check()?;
        let files = Files {
            app_secrets: reload::app_secrets(config.app_secrets)?,
            verify_tokens: reload::verify_tokens(config.verify_token)?,
            tls: config.tls.map(reload::tls_config).transpose()?,
        };
        let (listener, local_addr) = listen(config.listen).await?;
        let limits = config.limits;
        let metrics = Arc::new(Metrics::new());
        let readiness = Arc::new(Readiness::new(bus.clone(), layout, limits.publish_timeout));
        let watched = readiness.clone();
        health.register_state(COMPONENT, "queues", move || State::of_problem(watched.problem()));
        let webhook = Arc::new(Webhook {
            provider: config.provider,
            signature_header: HeaderName::from_static(config.provider.header_name()),
            app_secrets: files.app_secrets.current(),
            verify_tokens: files.verify_tokens.current(),
            bus,
            layout,
            retry_after: HeaderValue::from(limits.retry_after_seconds),
            bodies: Bodies::new(&limits),
            in_flight: Semaphore::new(limits.in_flight_max),
            readiness: readiness.clone(),
            metrics: metrics.clone(),
            warned_at_ms: AtomicI64::new(0),
            limits: limits.clone(),
        });
        Ok(Self { listener, local_addr, webhook_path: config.path, webhook, readiness, metrics, limits, files })
    }

    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then accepts nothing new, and returns once the running requests are answered or the
    /// drain deadline has passed. The bus must stay open until then.
    ///
    /// Boxed, as each component's whole run is: so it is compiled here and not in whoever starts it.
    pub fn run(self, shutdown: CancellationToken) -> Pin<Box<dyn Future<Output = Drained> + Send>> {
        Box::pin(self.serve(shutdown))
    }

    async fn serve(self, shutdown: CancellationToken) -> Drained {
        let Self { listener, webhook_path, webhook, metrics, limits, mut files, .. } = self;
        let routes =
            Router::new().route(&webhook_path, routing::get(webhook::get).post(webhook::post)).with_state(webhook);
        let tls = files.tls.as_ref().map(Reloadable::current);
        info!(address = %self.local_addr, tls = tls.is_some(), "ingress is open");
        let server = Server::new(listener, routes, limits.clone(), tls, metrics.clone());
        let connections_cut = tokio::select! {
            connections_cut = server.run(shutdown) => connections_cut,
            () = self.readiness.watch(limits.ready_interval) => 0,
            () = files.watch(limits.reload_interval, &metrics) => 0,
        };
        info!(connections_cut, "ingress is closed");
        Drained { connections_cut }
    }
}

impl Files {
    /// Looks at the files now and then, until dropped.
    async fn watch(&mut self, interval: Duration, metrics: &Metrics) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            refresh(&mut self.app_secrets, metrics).await;
            refresh(&mut self.verify_tokens, metrics).await;
            if let Some(tls) = &mut self.tls {
                refresh(tls, metrics).await;
            }
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), IngressError> {
    let failed = |source| IngressError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
