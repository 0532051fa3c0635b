//! What can be set about the administration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct GrpcConfig {
    pub listen: SocketAddr,
    /// `None`: plain text, for a loopback address or behind a proxy that ends TLS.
    pub tls: Option<TlsFiles>,
    /// Whether a caller with a token may ask which services and messages there are.
    pub reflection: bool,
    pub limits: GrpcLimits,
}

#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    /// Certificate authorities of the callers: with these, a caller needs a certificate besides its token.
    pub client_ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct GrpcLimits {
    pub request_bytes_max: usize,
    pub request_timeout: Duration,
    pub connections_max: usize,
    /// Calls under way at once, on one connection.
    pub streams_max: u32,
    /// Calls under way at once, on all connections; one more is refused.
    pub requests_max: usize,
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

/// How the queues of a new team come to be.
#[derive(Debug, Clone, Default)]
pub struct TeamQueues {
    /// Whether this process may create them.
    pub declare: bool,
    /// Messages that each holds at most; the bus' own limit where absent.
    pub messages_max: Option<u64>,
}
