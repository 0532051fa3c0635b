//! The listener for operators, in plain HTTP: `/livez` and `/healthz`, `/readyz`, `/metrics`. Never the world's: it
//! belongs on a loopback or cluster-internal address.
//!
//! One request a connection, few connections, a time limit on each: who is slow here must not cost the process anything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::error::OpsError;
use crate::health::Health;
use crate::page::MetricsPage;

const CONNECTIONS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the accept to the last byte of the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// After an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Bound, and not yet answering.
pub struct OpsServer {
    listener: TcpListener,
    address: SocketAddr,
    endpoints: Arc<Endpoints>,
}

struct Endpoints {
    health: Arc<Health>,
    metrics: MetricsPage,
}

impl OpsServer {
    /// Takes the port.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(address: SocketAddr, health: Arc<Health>, metrics: MetricsPage) -> Result<Self, OpsError> {
        let failed = |source| OpsError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, endpoints: Arc::new(Endpoints { health, metrics }) })
    }

    /// Where it answers: with the port that it got where 0 was asked for.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`, which is for when all components have drained; what runs then is cut off.
    pub async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
        upkeep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                _ = upkeep.tick() => {
                    self.endpoints.metrics.upkeep();
                    continue;
                }
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "operators' listener cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // No room: closed at once, which a scraper sees and reports.
            let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
            let (endpoints, stop) = (self.endpoints.clone(), stop.clone());
            connections.spawn(async move {
                let served = tokio::time::timeout(CONNECTION_TIMEOUT, serve(stream, &endpoints));
                stop.run_until_cancelled(served).await;
                drop(slot);
            });
        }
        connections.close();
        connections.wait().await;
    }
}

async fn serve(stream: TcpStream, endpoints: &Endpoints) {
    let service = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(endpoints.answer(&request).await));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).keep_alive(false);
    builder.max_buf_size(HEADER_BYTES_MAX);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        debug!(%error, "operators' connection ended");
    }
}

impl Endpoints {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match request.uri().path() {
            // Whether the process runs at all: a restart would not mend what it waits for.
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => {
                let report = self.health.report().await;
                let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                text(status, report.to_string())
            }
            "/metrics" => {
                let mut page = text(StatusCode::OK, self.metrics.render());
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                page.headers_mut().insert(CONTENT_TYPE, format);
                page
            }
            _ => {
                text(StatusCode::NOT_FOUND, "/livez (/healthz is the same), /readyz and /metrics are here\n".to_owned())
            }
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
