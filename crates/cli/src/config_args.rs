//! Which configuration a verb works with, or finds the running process by. What it says is read by the binary.

use std::path::{Path, PathBuf};

use clap::Args;

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// The configuration file (TOML). Environment variables such as WAYPOST__BUS__URL override it
    #[arg(long, short, value_name = "FILE", env = "WAYPOST_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the embedded bus and store keep their files [overrides data_dir]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Set any other configuration key, e.g. --set ingress.listen=0.0.0.0:8080
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// A configuration file of the usual name in the folder that a command runs in, which did not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing at all is named: it counts.
    Used,
    /// Something else is named, without a file.
    PassedOver,
}

const USUAL_NAME: &str = "waypost.toml";

impl ConfigArgs {
    /// Whether a configuration is named, or a part of one.
    pub fn names_one(&self) -> bool {
        self.config.is_some() || self.data_dir.is_some() || !self.set.is_empty()
    }

    /// Whether there is such a file, and what it is to this command.
    pub fn found_beside(&self) -> Option<Beside> {
        if self.config.is_some() || !Path::new(USUAL_NAME).is_file() {
            return None;
        }
        Some(if !self.names_one() { Beside::Used } else { Beside::PassedOver })
    }
}

impl Beside {
    /// Its path, where it counts.
    pub fn used(&self) -> Option<&'static Path> {
        match self {
            Self::Used => Some(Path::new(USUAL_NAME)),
            Self::PassedOver => None,
        }
    }

    /// What is told.
    pub fn note(self) -> String {
        match self {
            Self::Used => format!("configuration: {USUAL_NAME}, found here (--config names another)"),
            Self::PassedOver => {
                format!("configuration: defaults; {USUAL_NAME} is here and not read (--config {USUAL_NAME} reads it)")
            }
        }
    }
}

/// The two halves of `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, e.g. ingress.listen=0.0.0.0:8080")?;
    if key.is_empty() { Err("the key is empty") } else { Ok((key.to_owned(), value.to_owned())) }
}
