//! Where log lines go: standard error, so that standard output stays the command's answer.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSection};
use crate::exit::Failure;

/// To be called once per process.
pub(crate) fn start(section: &LogSection) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&section.level)
        .map_err(|error| Failure::config(format!("configuration:\nlog.level: {:?}: {error}", section.level)))?;
    let directive = waypost_bus_rabbitmq::LOG_DIRECTIVE.parse().map_err(Failure::failed)?;
    // Last, so that no level that somebody sets shows what customers wrote.
    let filter = filter.add_directive(directive);
    let colours = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    let started = match section.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}
