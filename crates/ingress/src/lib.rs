//! The webhook's front door: verify, split, publish, confirm, answer.
//!
//! Meta posts to one path, and each other carrier that the business has numbers at to another, in forms of its own,
//! which are told in Meta's words before anything else is done with them.
//!
//! A POST is answered 200 only when every part of it is durably on the bus; anything else is a 503 at once, and Meta
//! sends it again for days. This crate knows the bus port and never an adapter, a store or another component; and it
//! must never log a phone number, a name or a message's text.

mod body;
mod carrier;
mod config;
mod connections;
mod consent;
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
use waypost_cloud_api::carrier::signature::SigningKeys;
use waypost_cloud_api::signature::AppSecrets;
use waypost_files::Reloadable;
use waypost_ops::{Health, State};

pub use config::{Carrier, CarrierConfig, IngressConfig, Limits, SecretSource, TlsFiles};
pub use error::IngressError;
pub use outgoing::QUARANTINE_KIND;
pub use reload::{carrier_file_problems, file_problems};

use body::Bodies;
use carrier::CarrierDoor;
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
    /// Where anybody may knock.
    routes: Router,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    limits: Limits,
    files: Files,
}

/// What has to be looked at again and again.
struct Files {
    app_secrets: Option<Reloadable<AppSecrets, IngressError>>,
    verify_tokens: Option<Reloadable<Vec<String>, IngressError>>,
    /// One for each carrier, in their order.
    signing_keys: Vec<Reloadable<SigningKeys, IngressError>>,
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
        let is_for_meta = !config.app_secrets.is_empty();
        let (path, carriers) = (config.path, config.carriers);
        let signing_keys = carriers.iter().map(|carrier| reload::signing_keys(carrier.carrier, carrier.keys.clone()));
        let files = Files {
            app_secrets: is_for_meta.then(|| reload::app_secrets(config.app_secrets)).transpose()?,
            verify_tokens: is_for_meta.then(|| reload::verify_tokens(config.verify_token)).transpose()?,
            signing_keys: signing_keys.collect::<Result<_, _>>()?,
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
            app_secrets: files.app_secrets.as_ref().map(Reloadable::current),
            verify_tokens: files.verify_tokens.as_ref().map(Reloadable::current),
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
        let mut routes = Router::new();
        if is_for_meta {
            let door = routing::get(webhook::get).post(webhook::post).with_state(webhook.clone());
            routes = routes.route(&path, door);
        }
        for (carrier, keys) in carriers.into_iter().zip(&files.signing_keys) {
            let path = carrier.path.clone();
            let door = Arc::new(CarrierDoor::new(webhook.clone(), carrier, keys.current()));
            routes = routes.route(&path, routing::post(carrier::post).with_state(door));
        }
        Ok(Self { listener, local_addr, routes, readiness, metrics, limits, files })
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
        let Self { listener, routes, metrics, limits, mut files, .. } = self;
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
            if let Some(secrets) = &mut self.app_secrets {
                refresh(secrets, metrics).await;
            }
            if let Some(tokens) = &mut self.verify_tokens {
                refresh(tokens, metrics).await;
            }
            for keys in &mut self.signing_keys {
                refresh(keys, metrics).await;
            }
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
