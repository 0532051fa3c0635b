//! What can be set about a gRPC server.

use std::net::SocketAddr;
use std::time::Duration;

use waypost_files::TlsFiles;

/// Where a server listens, and how.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Read again when they change. `None`: plain text, for a loopback address or behind a proxy that ends TLS.
    pub tls: Option<TlsFiles>,
    /// Whether a caller with a token may ask which services and messages there are.
    pub reflection: bool,
    /// What is stored of a token (`secret::hash`) that may do everything, besides the tokens in the store. It belongs to
    /// whoever can read where its secret was written.
    pub owner: Option<Vec<u8>>,
    /// What one process takes at most.
    pub limits: GrpcLimits,
}

/// Bounds of a server.
#[derive(Debug, Clone)]
pub struct GrpcLimits {
    /// Of one request's message.
    pub request_bytes_max: usize,
    /// From a request's arrival to its answer.
    pub request_timeout: Duration,
    /// Open at once; one more takes the place of one that has not begun to speak HTTP/2, or waits until one is closed.
    pub connections_max: usize,
    /// Calls under way at once, on one connection.
    pub streams_max: u32,
    /// Calls under way at once, on all connections; one more is refused.
    pub requests_max: usize,
    /// What calls under way get at the end, before they are cut off.
    pub drain_timeout: Duration,
}

impl Default for GrpcLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 4 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            connections_max: 256,
            streams_max: 64,
            requests_max: 128,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
