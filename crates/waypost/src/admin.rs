//! `/healthz`, `/readyz` and `/metrics` of a process that runs no ingress.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use waypost_bus::{Bus, Health};
use waypost_store::Store;

use crate::exit::Failure;

/// Serves until `shutdown`.
pub(crate) async fn serve(
    address: SocketAddr,
    bus: Arc<dyn Bus>,
    store: Store,
    render: Arc<dyn Fn() -> String + Send + Sync>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| Failure::config(format!("admin.listen: {address}: {error}")))?;
    let ready = move || {
        let (bus, store) = (bus.clone(), store.clone());
        async move { readiness(&*bus, &store).await }
    };
    let app = axum::Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || async move { render() }));
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .map_err(|error| Failure::failed(format!("admin.listen: {error}")))
}

async fn readiness(bus: &dyn Bus, store: &Store) -> (StatusCode, String) {
    let bus = match bus.health() {
        Health::Up => None,
        Health::Blocked(reason) => Some(format!("bus blocked: {reason}\n")),
        Health::Down(reason) => Some(format!("bus down: {reason}\n")),
    };
    let store = store.ping().await.err().map(|error| format!("store: {error}\n"));
    match (bus, store) {
        (None, None) => (StatusCode::OK, "ready\n".to_owned()),
        (bus, store) => (StatusCode::SERVICE_UNAVAILABLE, [bus, store].into_iter().flatten().collect()),
    }
}
