//! Where a verb works that can do so in two ways: on what the configuration names, or over a server.

use std::path::PathBuf;

use clap::Args;

use crate::config_args::ConfigArgs;
use crate::server::ServerArgs;

/// What the configuration names, or a server.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask this server instead of working on what the configuration names [env: WAYPOST_SERVER]
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    server: Option<String>,
    /// With --server: the file that holds the caller's own token
    #[arg(long, value_name = "FILE", env = "WAYPOST_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// With --server: certificate authorities (PEM) that its certificate is checked by
    #[arg(long, value_name = "FILE", env = "WAYPOST_CA")]
    ca: Option<PathBuf>,
    /// With --server: the caller's own certificate (PEM), where the server asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The key of --client-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Place {
    /// The server to call; `None` for what the configuration names. What was typed goes before what the environment says,
    /// and a configuration before a server that only the environment names.
    pub fn server(&self) -> Option<ServerArgs> {
        let config = &self.config;
        let names_one = config.config.is_some() || config.data_dir.is_some() || !config.set.is_empty();
        let of_environment = || std::env::var("WAYPOST_SERVER").ok().filter(|url| !names_one && !url.is_empty());
        Some(ServerArgs {
            server: self.server.clone().or_else(of_environment)?,
            token_file: self.token_file.clone(),
            ca: self.ca.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            json: self.json,
        })
    }
}
