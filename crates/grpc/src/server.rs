//! The server: TLS, limits, the gate, the services that it was given, health, reflection.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::warn;
use waypost_files::{FileError, Reload, Reloadable, tls};
use waypost_proto::rpc::RpcService;
use waypost_store::Store;

use crate::config::GrpcConfig;
use crate::connection::{connections, encrypted, plain};
use crate::dispatch::Dispatch;
use crate::gate::{AccessTable, Gate};
use crate::roles::{Access, Role};

const HEALTH_EVERY: Duration = Duration::from_secs(2);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);
/// How often the certificate's files are looked at.
const RELOAD_EVERY: Duration = Duration::from_secs(1);
const HEADERS_BYTES_MAX: u32 = 16 * 1024;

/// The rows of what every server has.
const OWN_METHODS: &[(&str, Access)] = &[
    ("grpc.health.v1.Health/Check", Access::Open),
    ("grpc.health.v1.Health/Watch", Access::Open),
    ("grpc.health.v1.Health/List", Access::Open),
    ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", STAFF),
];
/// All but agents, who see only their teams' part.
const STAFF: Access = Access::AnyOf(&[Role::Viewer, Role::Editor, Role::Publisher, Role::Compliance, Role::Operator]);

/// What a server serves: the services of each component that is in it.
#[derive(Default)]
pub struct Services {
    dispatch: Dispatch,
    table: AccessTable,
    descriptor_sets: Vec<&'static [u8]>,
}

impl Services {
    /// Adds what a component has besides its services. `methods`: who may call each of their methods, by its path
    /// without the leading `/`. `descriptor_set`: what reflection tells of them, an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn describe(mut self, methods: &[(&'static str, Access)], descriptor_set: &'static [u8]) -> Self {
        self.table.extend(methods.iter().copied());
        self.descriptor_sets.push(descriptor_set);
        self
    }

    /// Adds all that another component has.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.dispatch.add_all(other.dispatch);
        self.table.extend(other.table);
        self.descriptor_sets.extend(other.descriptor_sets);
        self
    }

    /// Adds a service, whose methods need rows.
    #[must_use]
    pub fn serve(mut self, service: impl RpcService) -> Self {
        self.dispatch.add(service);
        self
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Name files that can be read, with a certificate and a key that fit.
    #[error("tls: {0}")]
    Tls(#[from] FileError),
    /// Listen on an address that is free.
    #[error("listen: {0}")]
    Listen(#[source] std::io::Error),
    /// A defect: the descriptors do not fit together.
    #[error("reflection: {0}")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A server ended by itself: the process is not whole any more.
#[derive(Debug, thiserror::Error)]
#[error("{}", chain(.0))]
pub struct ServeError(#[source] tonic::transport::Error);

/// A server that listens, and does not answer yet.
pub struct GrpcServer {
    config: GrpcConfig,
    listener: TcpListener,
    tls: Option<Reloadable<ServerConfig>>,
    dispatch: Dispatch,
    routes: Routes,
    table: AccessTable,
    health: HealthReporter,
    store: Store,
}

impl GrpcServer {
    /// Reads the files of `config` and listens. Tokens are looked up in `store`.
    pub async fn bind(config: GrpcConfig, store: Store, services: Services) -> Result<Self, BindError> {
        let tls = config.tls.clone().map(|files| tls::server_config(files, &[b"h2"])).transpose()?;
        let (health, health_service) = tonic_health::server::health_reporter();
        let Services { mut dispatch, mut table, descriptor_sets } = services;
        dispatch.request_bytes_max = config.limits.request_bytes_max;
        table.extend(OWN_METHODS.iter().copied());
        crate::metrics::begin(table.keys().copied());
        let mut routes = Routes::new(health_service);
        if config.reflection {
            let mut reflection = tonic_reflection::server::Builder::configure();
            for set in descriptor_sets {
                reflection = reflection.register_encoded_file_descriptor_set(set);
            }
            let reflection = reflection.build_v1().map_err(BindError::Reflection)?;
            routes = routes.add_service(reflection.max_decoding_message_size(config.limits.request_bytes_max));
        }
        let listener = TcpListener::bind(config.listen).await.map_err(BindError::Listen)?;
        Ok(Self { config, listener, tls, dispatch, routes, table, health, store })
    }

    /// Where it listens; `None` where the system does not say.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until `shutdown`, then finishes what is under way, for a while.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { config, listener, mut tls, dispatch, routes, table, health, store } = self;
        let GrpcConfig { owner, limits, .. } = config;
        let gate = Gate::new(store.clone(), owner, table, dispatch, limits.requests_max);
        let server = Server::builder()
            .timeout(limits.request_timeout)
            .max_concurrent_streams(limits.streams_max)
            .http2_max_header_list_size(HEADERS_BYTES_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
            .layer(gate)
            .add_routes(routes);
        let max = limits.connections_max;
        let (newcomers, stop) = (connections(listener, max), shutdown.clone().cancelled_owned());
        let serving: BoxFuture<'static, Result<(), tonic::transport::Error>> = match &tls {
            None => server.serve_with_incoming_shutdown(plain(newcomers, max), stop).boxed(),
            Some(tls) => {
                let incoming = encrypted(newcomers, max, tls.current());
                server.serve_with_incoming_shutdown(incoming, stop).boxed()
            }
        };
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limits.drain_timeout).await;
        };
        tokio::select! {
            served = serving => served.map_err(ServeError),
            () = deadline => {
                warn!("grpc: calls were cut off");
                Ok(())
            }
            () = report_health(&store, &health) => Ok(()),
            () = follow(tls.as_mut()) => Ok(()),
        }
    }
}

/// Keeps up with the certificate's files, for ever.
async fn follow(tls: Option<&mut Reloadable<ServerConfig>>) {
    let Some(tls) = tls else { return std::future::pending().await };
    loop {
        tokio::time::sleep(RELOAD_EVERY).await;
        let result = match tls.refresh().await {
            None => continue,
            Some(Reload::Loaded) => "loaded",
            Some(Reload::Rejected) => "rejected",
        };
        ::metrics::counter!(crate::metrics::RELOADS, "result" => result).increment(1);
    }
}

/// Says for ever, to whoever asks for the health of the server as a whole, whether the store answers.
async fn report_health(store: &Store, health: &HealthReporter) {
    loop {
        let status = match store.ping().await {
            Ok(()) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        };
        health.set_service_status("", status).await;
        tokio::time::sleep(HEALTH_EVERY).await;
    }
}

/// An error with what caused it: the transport's own text says nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
