//! How a command ends: as those of the client do, and here why a configuration ends one.

pub(crate) use waypost_cli::Failure;

use crate::process::config::ConfigError;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::config(format!("configuration:\n{error}"))
    }
}
