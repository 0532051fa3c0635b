//! The accept loop: TCP and TLS connections, their limits, and their orderly end. It knows nothing of webhooks.
//!
//! Our own, and not `axum::serve`, because that one has no limit on connections, time or headers.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::config::Limits;
use crate::connections::{Connections, OpenConnection, Phase};
use crate::metrics::{CloseReason, Metrics};
use crate::watched_io::{WatchedBody, WatchedStream};

/// After an accept that failed for want of file descriptors: enough for one to come free, and no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What one connection may buffer of a body that comes faster than it is read.
const READ_BUFFER_BYTES: usize = 64 << 10;

/// A listener and everything its connections need.
pub(crate) struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    router: Router,
    limits: Limits,
    /// Swapped whole when the certificate changes.
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    metrics: Arc<Metrics>,
    connections: Arc<Connections>,
    /// Finish what is running, begin nothing new.
    shutdown: CancellationToken,
    /// The time to finish is over.
    cut_off: CancellationToken,
    cut: AtomicUsize,
}

impl Server {
    pub(crate) fn new(
        listener: TcpListener,
        router: Router,
        limits: Limits,
        tls: Option<Arc<ArcSwap<ServerConfig>>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let connections = Connections::new(metrics.clone());
        let shared = Shared {
            router,
            limits,
            tls,
            metrics,
            connections,
            shutdown: CancellationToken::new(),
            cut_off: CancellationToken::new(),
            cut: AtomicUsize::new(0),
        };
        Self { listener, shared: Arc::new(shared) }
    }

    /// Serves until `shutdown`, then lets running requests finish under the drain deadline. Returns how many
    /// connections had to be cut.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> usize {
        let Self { listener, shared } = self;
        // Whoever drops this future instead of shutting it down leaves no connection behind either.
        let cut_off = shared.cut_off.clone().drop_guard();
        let tasks = TaskTracker::new();
        let limits = &shared.limits;
        {
            let mut sweeps = pin!(sweep_for_ever(&shared.connections, limits.header_timeout, limits.idle_timeout));
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = accept_for_ever(&listener, &shared, &tasks) => {}
                () = sweeps.as_mut() => {}
            }
            // Whoever knocks from now on is refused, and goes to another replica.
            drop(listener);
            shared.shutdown.cancel();
            tasks.close();
            tokio::select! {
                () = tasks.wait() => {}
                () = tokio::time::sleep(limits.drain_timeout) => {}
                () = sweeps => {}
            }
        }
        drop(cut_off);
        tasks.wait().await;
        shared.cut.load(Ordering::Relaxed)
    }
}

async fn sweep_for_ever(connections: &Connections, header_timeout: Duration, idle_timeout: Duration) {
    // Four sweeps in the shortest limit: nobody stays more than a quarter too long.
    let period = (header_timeout.min(idle_timeout) / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut ticks = tokio::time::interval(period);
    loop {
        ticks.tick().await;
        connections.sweep(header_timeout, idle_timeout);
    }
}

async fn accept_for_ever(listener: &TcpListener, shared: &Arc<Shared>, tasks: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(shared.limits.connections_max));
    let mut failing = false;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The client was gone before we came.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "cannot accept connections");
                }
                shared.connections.evict();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let Some(slot) = slot_for_newcomer(&slots, shared).await else {
            shared.metrics.closed(CloseReason::Refused);
            continue;
        };
        let entry = shared.connections.add();
        tasks.spawn(serve_connection(stream, entry, slot, shared.clone()));
    }
}

async fn slot_for_newcomer(slots: &Arc<Semaphore>, shared: &Shared) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = slots.clone().try_acquire_owned() {
        return Some(slot);
    }
    // The evicted one gives its slot back as soon as its task has run.
    if shared.connections.evict() { slots.clone().acquire_owned().await.ok() } else { None }
}

async fn serve_connection(stream: TcpStream, entry: OpenConnection, slot: OwnedSemaphorePermit, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no TCP_NODELAY");
    }
    tokio::select! {
        biased;
        () = serve_stream(stream, &entry, &shared) => {}
        () = entry.connection.told_to_close() => {}
        () = shared.cut_off.cancelled() => {
            shared.cut.fetch_add(1, Ordering::Relaxed);
        }
    }
    drop(slot);
}

async fn serve_stream(stream: TcpStream, entry: &OpenConnection, shared: &Shared) {
    let Some(tls) = &shared.tls else {
        return serve_http(stream, entry, shared).await;
    };
    let acceptor = TlsAcceptor::from(tls.load_full());
    let accepted = tokio::select! {
        accepted = acceptor.accept(stream) => accepted,
        () = shared.shutdown.cancelled() => return,
    };
    match accepted {
        Ok(stream) => serve_http(stream, entry, shared).await,
        Err(error) => {
            shared.metrics.closed(CloseReason::Tls);
            debug!(%error, "TLS handshake failed");
        }
    }
}

async fn serve_http<S: AsyncRead + AsyncWrite + Unpin>(stream: S, entry: &OpenConnection, shared: &Shared) {
    let connection = &entry.connection;
    let router = TowerToHyperService::new(shared.router.clone());
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let answer = router.call(request.map(|body| WatchedBody::new(body, connection.clone())));
        async move {
            let response: Result<Response, Infallible> = answer.await;
            connection.enter(Phase::Idle);
            response
        }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(shared.limits.header_bytes_max.max(READ_BUFFER_BYTES));
    builder.max_header_size(shared.limits.header_bytes_max);
    let io = TokioIo::new(WatchedStream::new(stream, connection.clone()));
    let mut http = pin!(builder.serve_connection(io, service));
    let served = tokio::select! {
        biased;
        served = http.as_mut() => served,
        () = shared.shutdown.cancelled() => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = served {
        // A client that went away, or does not speak HTTP. Its bytes are not for the log.
        debug!(%error, "connection ended");
    }
}
