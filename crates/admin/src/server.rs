//! The server: TLS, limits, the gate, the services, health.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::warn;
use waypost_bus::Bus;
use waypost_proto::admin::DESCRIPTOR_SET;
use waypost_proto::admin_v1::audit_service_server::AuditServiceServer;
use waypost_proto::admin_v1::calendar_service_server::CalendarServiceServer;
use waypost_proto::admin_v1::contact_service_server::ContactServiceServer;
use waypost_proto::admin_v1::dead_letter_service_server::DeadLetterServiceServer;
use waypost_proto::admin_v1::decision_service_server::DecisionServiceServer;
use waypost_proto::admin_v1::number_service_server::NumberServiceServer;
use waypost_proto::admin_v1::rule_service_server::RuleServiceServer;
use waypost_proto::admin_v1::rule_set_service_server::RuleSetServiceServer;
use waypost_proto::admin_v1::team_service_server::TeamServiceServer;
use waypost_proto::admin_v1::token_service_server::TokenServiceServer;
use waypost_store::Store;

use crate::Shared;
use crate::config::{GrpcConfig, TeamQueues, TlsFiles};
use crate::connection::Connection;
use crate::gate::Gate;
use crate::services::audit::Audit;
use crate::services::calendars::Calendars;
use crate::services::contacts::Contacts;
use crate::services::dead_letters::DeadLetters;
use crate::services::decisions::Decisions;
use crate::services::numbers::Numbers;
use crate::services::rule_sets::RuleSets;
use crate::services::rules::Rules;
use crate::services::teams::Teams;
use crate::services::tokens::Tokens;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEALTH_EVERY: Duration = Duration::from_secs(2);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const HEADERS_BYTES_MAX: u32 = 16 * 1024;

/// Why it cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{path}: {source}")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("listen: {0}")]
    Listen(#[source] std::io::Error),
    #[error("tls: {0}")]
    Tls(String),
    #[error("reflection: {0}")]
    Reflection(String),
}

/// A server that listens, and does not answer yet.
pub struct Admin {
    config: GrpcConfig,
    listener: TcpListener,
    server: Server,
    routes: Routes,
    health: HealthReporter,
    store: Store,
}

impl Admin {
    pub async fn bind(
        config: GrpcConfig,
        bus: Arc<dyn Bus>,
        store: Store,
        team_queues: TeamQueues,
    ) -> Result<Self, BindError> {
        let mut server = Server::builder();
        if let Some(files) = &config.tls {
            let tls = tls(files).await?;
            server = server.tls_config(tls).map_err(|error| BindError::Tls(chain(&error)))?;
        }
        let (health, health_service) = tonic_health::server::health_reporter();
        let shared = Shared { bus, store: store.clone(), team_queues };
        let routes = routes(&config, shared)?.add_service(health_service);
        let listener = TcpListener::bind(config.listen).await.map_err(BindError::Listen)?;
        Ok(Self { config, listener, server, routes, health, store })
    }

    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until `shutdown`, then finishes what is under way, for a while.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), String> {
        let limits = self.config.limits;
        let gate = Gate::new(self.store.clone(), limits.requests_max);
        let serving = self
            .server
            .timeout(limits.request_timeout)
            .max_concurrent_streams(limits.streams_max)
            .http2_max_header_list_size(HEADERS_BYTES_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
            .layer(gate)
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(
                connections(self.listener, limits.connections_max),
                shutdown.clone().cancelled_owned(),
            );
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limits.drain_timeout).await;
        };
        tokio::select! {
            served = serving => served.map_err(|error| chain(&error)),
            () = deadline => {
                warn!("administration: calls were cut off");
                Ok(())
            }
            () = tell_health(&self.store, &self.health) => Ok(()),
        }
    }
}

fn routes(config: &GrpcConfig, shared: Shared) -> Result<Routes, BindError> {
    let bytes = config.limits.request_bytes_max;
    let teams = TeamServiceServer::new(Teams { shared: shared.clone() }).max_decoding_message_size(bytes);
    let tokens = TokenServiceServer::new(Tokens { shared: shared.clone() }).max_decoding_message_size(bytes);
    let rule_sets = RuleSetServiceServer::new(RuleSets { shared: shared.clone() }).max_decoding_message_size(bytes);
    let numbers = NumberServiceServer::new(Numbers { shared: shared.clone() }).max_decoding_message_size(bytes);
    let rules = RuleServiceServer::new(Rules { shared: shared.clone() }).max_decoding_message_size(bytes);
    let calendars = CalendarServiceServer::new(Calendars { shared: shared.clone() }).max_decoding_message_size(bytes);
    let audit = AuditServiceServer::new(Audit { shared: shared.clone() }).max_decoding_message_size(bytes);
    let decisions = DecisionServiceServer::new(Decisions { shared: shared.clone() }).max_decoding_message_size(bytes);
    let contacts = ContactServiceServer::new(Contacts { shared: shared.clone() }).max_decoding_message_size(bytes);
    let dead_letters = DeadLetterServiceServer::new(DeadLetters { shared }).max_decoding_message_size(bytes);
    let routes = Routes::new(teams).add_service(tokens).add_service(audit).add_service(decisions).add_service(contacts);
    let routes = routes.add_service(dead_letters).add_service(rule_sets).add_service(numbers);
    let routes = routes.add_service(rules).add_service(calendars);
    if !config.reflection {
        return Ok(routes);
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| BindError::Reflection(error.to_string()))?;
    Ok(routes.add_service(reflection.max_decoding_message_size(bytes)))
}

async fn tls(files: &TlsFiles) -> Result<ServerTlsConfig, BindError> {
    let identity = Identity::from_pem(read(&files.certificate_file).await?, read(&files.key_file).await?);
    let tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    Ok(match &files.client_ca_file {
        Some(file) => tls.client_ca_root(Certificate::from_pem(read(file).await?)),
        None => tls,
    })
}

async fn read(file: &Path) -> Result<Vec<u8>, BindError> {
    let unreadable = |source| BindError::File { path: file.display().to_string(), source };
    tokio::fs::read(file).await.map_err(unreadable)
}

/// What comes in, while there is room; beyond that it waits in the kernel's queue.
fn connections(listener: TcpListener, connections_max: usize) -> impl Stream<Item = std::io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(connections_max));
    stream::unfold((listener, room), |(listener, room)| async {
        let permit = Arc::clone(&room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((Ok(Connection { stream, _permit: permit }), (listener, room))),
                // A connection that is gone again, or no file descriptor left: the next may do better.
                Err(error) => {
                    warn!(%error, "administration: a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// Says for ever, to whoever asks for the health of the server as a whole, whether the store answers.
async fn tell_health(store: &Store, health: &HealthReporter) {
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
