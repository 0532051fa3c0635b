//! Where log lines go: standard error, so that standard output stays a command's answer.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::OpsError;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; once per process. `filter`: a level, or a filter such as `info,waypost_router=debug`. `library`: the
/// target of a library whose errors are reported by whoever uses it, and which logs what customers wrote: it is silent
/// unless the filter names it, and then shows errors and nothing else.
///
/// # Errors
/// The filter cannot be read; or something logs already.
pub fn start_logging(filter: &str, format: LogFormat, library: &str) -> Result<(), OpsError> {
    let (env_filter, at_most) = filters(filter, library)?;
    let colours = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(env_filter).with_writer(std::io::stderr).with_ansi(colours);
    let started = match format {
        LogFormat::Text => builder.finish().with(at_most).try_init(),
        LogFormat::Json => builder.json().finish().with(at_most).try_init(),
    };
    started.map_err(|error| OpsError::StartedBefore { what: "logging", problem: error.to_string() })
}

/// What is shown, and what the library may log at most, however closely the filter names a part of it.
fn filters(filter: &str, library: &str) -> Result<(EnvFilter, Targets), OpsError> {
    let unreadable =
        |error: &dyn ToString| OpsError::LogFilter { filter: filter.to_owned(), problem: error.to_string() };
    EnvFilter::try_new(filter).map_err(|error| unreadable(&error))?;
    // What is said later of a target replaces what was said before; errors are what an empty filter shows.
    let shown = EnvFilter::try_new(format!("error,{library}=off,{filter}")).map_err(|error| unreadable(&error))?;
    let others = shown.max_level_hint().unwrap_or(LevelFilter::TRACE);
    Ok((shown, Targets::new().with_default(others).with_target(library, LevelFilter::ERROR)))
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled};

    use super::*;

    /// Whether errors and warnings of a part of the library, and our own lines, are shown.
    fn shown(filter: &str) -> [bool; 4] {
        let (env_filter, at_most) = filters(filter, "lapin").unwrap();
        let subscriber = tracing_subscriber::fmt().with_env_filter(env_filter).finish().with(at_most);
        tracing::subscriber::with_default(subscriber, || {
            [
                enabled!(target: "lapin::channels", Level::ERROR),
                enabled!(target: "lapin::channels", Level::WARN),
                enabled!(target: "waypost_router", Level::ERROR),
                enabled!(target: "waypost_router", Level::INFO),
            ]
        })
    }

    #[test]
    fn a_library_is_silent_unless_it_is_named_and_shows_errors_at_most() {
        let cases = [
            ("info", [false, false, true, true]),
            ("trace", [false, false, true, true]),
            ("", [false, false, true, false]),
            ("info,lapin=error", [true, false, true, true]),
            ("info,lapin=trace", [true, false, true, true]),
            ("warn,lapin::channels=trace", [true, false, true, false]),
        ];
        for (filter, want) in cases {
            assert_eq!(shown(filter), want, "{filter:?}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_told_as_it_was_written() {
        let told = filters("loud=very", "lapin").unwrap_err().to_string();
        assert!(told.contains("loud=very") && !told.contains("lapin"), "{told}");
    }
}
