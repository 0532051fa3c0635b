//! Which configuration the verbs of this machine work with. What it says is read by the binary.

use std::path::PathBuf;

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

/// The two halves of `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, e.g. ingress.listen=0.0.0.0:8080")?;
    if key.is_empty() { Err("the key is empty") } else { Ok((key.to_owned(), value.to_owned())) }
}
