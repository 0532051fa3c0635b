//! Why the sandbox cannot play.

/// A refused webhook is not an error here: it is counted in the report.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Correct the field.
    #[error("sandbox configuration: {field} {problem}")]
    Config { field: &'static str, problem: &'static str },
    /// This machine cannot make HTTP requests at all.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// Nobody answers there: start it, or correct the URL.
    #[error("no answer from the webhook")]
    NoAnswer(#[source] reqwest::Error),
    /// Correct the verify token, or the path.
    #[error("the webhook answered the handshake with {status}")]
    HandshakeRefused { status: u16 },
    /// Something answers there that is no webhook of WhatsApp's.
    #[error("the webhook answered the handshake with something else than the challenge")]
    WrongChallenge,
    /// Choose another address, or stop what listens there.
    #[error("cannot listen")]
    Listen(#[source] std::io::Error),
    /// Correct the template's definition.
    #[error("a template cannot be approved: {0}")]
    Template(String),
}
