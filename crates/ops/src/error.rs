//! Why what operators look at cannot be offered.

use std::net::SocketAddr;

/// All of them are for whoever configures the process, at its start.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// Choose another address, or stop whoever has it.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Correct the level or the filter.
    #[error("{filter:?}: {problem}")]
    LogFilter {
        /// What was asked for.
        filter: String,
        /// What the filter's reader says.
        problem: String,
    },
    /// Once per process: a mistake in the program.
    #[error("cannot start {what}: {problem}")]
    StartedBefore {
        /// Logging or metrics.
        what: &'static str,
        /// What the library says.
        problem: String,
    },
}
