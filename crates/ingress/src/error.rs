//! Why the front door does not open.

use std::net::SocketAddr;

use waypost_files::FileError;

/// All of them are for whoever configures it; once open, the ingress reports by answers, logs and metrics.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// Correct the field.
    #[error("ingress configuration: {field} {problem}")]
    Config { field: &'static str, problem: &'static str },
    /// Choose another address, or stop whoever has it.
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    /// Correct the file.
    #[error(transparent)]
    File(#[from] FileError),
}
