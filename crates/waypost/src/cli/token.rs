//! The command line of `waypost token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use waypost_admin::Role;
use waypost_domain::TeamName;

use super::{ConfigArgs, ServerArgs};

/// A token says who calls the administration (gRPC) and what they may do. With --server, these commands ask a running
/// server, as every other does, and need a token of the role operator. Otherwise they work on the store that the
/// configuration names, also while waypost runs; whoever can read the store's secret can use them: so the first token is
/// made. WAYPOST_SERVER names the server where no configuration is named.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token and print it, once: only its hash is stored
    Create(TokenCreateArgs),
    /// List the tokens, without their secrets
    List(TokenListArgs),
    /// Show one token, without its secret
    Get(TokenNameArgs),
    /// Make a token worthless, at once
    Revoke(TokenNameArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost token create --config waypost.toml --role operator --title 'Kim, platform' > token
  waypost token create --config waypost.toml --role agent --team billing --expires 90d
  waypost token create --server https://waypost.example.com:9465 --token-file token --role viewer

Roles: viewer (looks), editor (keeps customer data current), publisher (changes what is in force), compliance (reads the
audit log and customer data), operator (runs the system), agent (sees what concerns the --team named). They do not
include one another.")]
pub(crate) struct TokenCreateArgs {
    /// What it may do; may be given several times
    #[arg(long, value_name = "ROLE", required = true, value_parser = role)]
    pub(crate) role: Vec<Role>,
    /// The team that the role agent is bound to; may be given several times
    #[arg(long, value_name = "TEAM", value_parser = |name: &str| TeamName::new(name))]
    pub(crate) team: Vec<TeamName>,
    /// After this time it is worthless, e.g. 12h or 90d; never when left out
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    /// What it is for, for people
    #[arg(long, default_value = "")]
    pub(crate) title: String,
    #[command(flatten)]
    pub(crate) place: TokenPlace,
}

#[derive(Debug, Args)]
pub(crate) struct TokenListArgs {
    #[command(flatten)]
    pub(crate) place: TokenPlace,
}

#[derive(Debug, Args)]
pub(crate) struct TokenNameArgs {
    /// Which, as `waypost token list` shows it: tokens/0192…
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: TokenPlace,
}

/// The store itself, or a server.
#[derive(Debug, Args)]
pub(crate) struct TokenPlace {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Ask this server instead of working on the store [env: WAYPOST_SERVER]
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
    pub(crate) json: bool,
}

impl TokenPlace {
    /// The server that was asked for; `None` for the store. What was typed goes before what the environment says, and a
    /// configuration before a server that only the environment names.
    pub(crate) fn server(&self) -> Option<ServerArgs> {
        let config = &self.config;
        let names_store = config.config.is_some() || config.data_dir.is_some() || !config.set.is_empty();
        let of_environment = || std::env::var("WAYPOST_SERVER").ok().filter(|url| !names_store && !url.is_empty());
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

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| format!("must be one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

/// A number and its unit.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and m, h or d, e.g. 90d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if count == 0 { Err(wrong()) } else { Ok(Duration::from_secs(seconds * u64::from(count))) }
}
