//! The other floor: a handler that checks the signature and does nothing. A process of its own, as the ingress is.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::sync::Arc;
use waypost_cloud_api::signature::{AppSecrets, Provider, verify};

/// Serves on a free port, printed on standard output, until killed.
pub(crate) async fn serve(secret: String) -> anyhow::Result<()> {
    let secrets = Arc::new(AppSecrets::new([secret])?);
    let app = Router::new().route("/webhook", post(handle)).with_state(secrets);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn handle(State(secrets): State<Arc<AppSecrets>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let values: Vec<&[u8]> =
        headers.get_all(Provider::Meta.header_name()).iter().map(axum::http::HeaderValue::as_bytes).collect();
    match verify(Provider::Meta, &values, &body, &secrets) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::UNAUTHORIZED,
    }
}
