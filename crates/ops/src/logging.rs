//! Where log lines go: standard error, so that standard output stays a command's answer.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::error::OpsError;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; once per process. `filter`: a level, or a filter such as `info,waypost_router=debug`. `always`: a
/// directive that holds whatever the filter says, so that no level that somebody sets shows what customers wrote.
///
/// # Errors
/// The filter cannot be read; or something logs already.
pub fn start_logging(filter: &str, format: LogFormat, always: &str) -> Result<(), OpsError> {
    let unreadable = |filter: &str, problem: String| OpsError::LogFilter { filter: filter.to_owned(), problem };
    let env_filter = EnvFilter::try_new(filter).map_err(|error| unreadable(filter, error.to_string()))?;
    let directive: Directive = always.parse().map_err(|error| unreadable(always, format!("{error}")))?;
    let colours = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(env_filter.add_directive(directive))
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| OpsError::StartedBefore { what: "logging", problem: error.to_string() })
}
