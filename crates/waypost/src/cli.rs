//! The command line: the verbs that work on this machine, and those of the client beside them.

pub(crate) mod sandbox;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reqwest::Url;
pub(crate) use waypost_cli::ConfigArgs;
use waypost_cli::completions::CompletionsArgs;
use waypost_cli::man::ManArgs;
use waypost_cli::status::StatusArgs;
use waypost_cli::tail::TailArgs;
use waypost_cli::token::TokenCommand;
use waypost_cli::{ClientCommand, EXIT_CODES};
use waypost_domain::TeamName;
use waypost_domain::phone::{self, PhoneError};

use crate::process::Component;
use crate::process::ingress::webhook_url;
use sandbox::SandboxArgs;

/// What `--version` says; `-V` says the version alone.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit ", env!("WAYPOST_COMMIT"), "\nbuild ", env!("WAYPOST_BUILD"));

#[derive(Debug, Parser)]
#[command(
    name = "waypost",
    version,
    long_version = LONG_VERSION,
    about = "Routes a business's WhatsApp conversations to the teams that answer them",
    after_help = EXIT_CODES,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: customers, router and teams in one process, nothing to install
    Demo(DemoArgs),
    /// Run in production: all components, or the ones named
    Run(RunArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the store's schema up to date
    Migrate(ConfigArgs),
    /// Create, check or print the broker's queues
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// What PostgreSQL must let Waypost do
    #[command(subcommand)]
    Store(StoreCommand),
    /// Ask Meta, and ourselves, whether all is set up: webhooks, token, accounts, numbers; exit code 1 when something is bad
    Doctor(DoctorArgs),
    /// Is all well, since when not, and what to do; partitions, teams, what is parked; exit code 1 when unhealthy
    Status(StatusArgs),
    /// Follow a team's queue from the terminal
    Tail(TailArgs),
    /// Try a webhook endpoint
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Play WhatsApp: a Cloud API on this machine, for any program that sends through one
    Sandbox(Box<SandboxArgs>),
    #[command(flatten)]
    Client(Box<ClientCommand>),
    /// Make and revoke the tokens of the administration: at the store itself, or over a running server
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print what a shell completes the command line by
    Completions(CompletionsArgs),
    /// Write the manual pages, one for each verb
    Man(ManArgs),
}

/// Everything in one process with an embedded bus and a SQLite store in a temporary folder. Sample customers write in
/// several languages over real, signed HTTP; each routed message is printed with its team and the reason. A third of the messages
/// are of customers on the sandbox's platform: scripted agents answer them over gRPC, and each answer is printed with what became
/// of it. One customer withdraws consent, and to one WhatsApp takes no answer any more (131047).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost demo                       # until Ctrl-C
  waypost demo --messages 200        # ends by itself
  waypost demo --messages 200 --json # only the summary, as JSON
  waypost demo --rules my-rules.toml # with your own rules")]
pub(crate) struct DemoArgs {
    /// End after this many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) messages: Option<u64>,
    /// Messages per second; 0 for as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 40.0)]
    pub(crate) rate: f64,
    /// Print only the summary, as one JSON object: accepted, routed, repeated, duplicates, by_team,
    /// latency_ms, answers
    #[arg(long)]
    pub(crate) json: bool,
    /// Rules to use instead of the sample rules
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// The same seed plays the same customers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Without --component, one process runs everything; that is also the only way on the embedded bus and store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost run --config waypost.toml
  waypost run --config waypost.toml --component ingress
  WAYPOST__STORE__URL_FILE=/run/secrets/store waypost run --component router

SIGTERM or Ctrl-C drains: what was accepted is finished, leases are handed over, then it ends. A second one ends at once.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Run only this component; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) component: Vec<Component>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and every file that it names; list every mistake; exit code 1 if there is one
    Check(CheckArgs),
    /// Print the configuration in force as TOML, secrets redacted
    Show(ConfigArgs),
}

/// Finds every mistake at once: types and values, secrets, certificates and their keys, authorities, the rules file. Each is
/// named by its key. Secrets that everybody on this machine may read are warned of.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost config check --config waypost.toml
  waypost config check --config waypost.toml --component ingress --component router
  waypost config check --config waypost.toml --connect

Exit code 3: the file cannot be read, or is no TOML.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Check for a process that runs this component; may be given several times [default: those that are configured]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) component: Vec<Component>,
    /// Try the broker and the database, with TLS where their URLs ask for it
    #[arg(long)]
    pub(crate) connect: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Create what is missing; never changes or deletes a queue
    Declare(DeclareArgs),
    /// Say how the broker differs from what is needed; exit code 1 if it does
    Verify(ConfigArgs),
    /// Print RabbitMQ definitions (queues, policies, users' permissions) as JSON, for `rabbitmqctl import_definitions`
    Definitions(DefinitionsArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost topology definitions --config waypost.toml --users     # once: users and their passwords
  waypost topology definitions --config waypost.toml > definitions.json
  rabbitmqctl import_definitions definitions.json

The import fails with no_such_user where one of the users is missing; it changes no password.")]
pub(crate) struct DefinitionsArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print the users instead: which process and which command each is for, and the commands that create them
    #[arg(long)]
    pub(crate) users: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Print SQL that makes PostgreSQL's roles and gives each the rights that it needs, and no others
    Grants(GrantsArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example, before the first migration, and again after each:
  waypost store grants --database waypost | psql -U postgres -d waypost

Each role needs a password then: \\password waypost_router. Which process and which command each role is for:
waypost topology definitions --users.")]
pub(crate) struct GrantsArgs {
    /// The database of the store
    #[arg(long, value_name = "NAME", default_value = "waypost")]
    pub(crate) database: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeclareArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Create only this team's queues; may be given several times. For teams that the rules do not name
    #[arg(long, value_name = "TEAM", value_parser = |name: &str| TeamName::new(name))]
    pub(crate) team: Vec<TeamName>,
}

/// One line for each finding: ok, warn or bad, of what, what was found, and what to do. It asks Meta with the token of the
/// configuration (graph.token_file), the store, the bus, and our own address as Meta calls it; it changes nothing. Callback URL and
/// overrides, subscribed fields, token and scopes, version of the API, clock, accounts, and each number. Every check is made whatever
/// becomes of the others, and each has its time. Numbers go by our names; neither phone numbers nor secrets are shown.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost doctor --config waypost.toml
  waypost doctor --config waypost.toml --callback https://example.com/webhook
  waypost doctor --config waypost.toml --json | jq '.findings[] | select(.level == \"bad\")'

Exit code 1: something is bad; 0: all is ok, or to be looked at. The app's webhooks can be looked at with the app's token only
(graph.app_token_file). With webhooks of 360dialog and no token of Meta's, nothing can be asked of Meta, and a line says so.")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Our webhook's address, as Meta calls it [default: ingress.public_url]. It is shown the verify token
    #[arg(long, value_name = "URL", value_parser = webhook_url)]
    pub(crate) callback: Option<Url>,
    /// Certificate authorities (PEM) that the address' certificate is checked by, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print JSON: findings (level, check, subject, found, remedy), and how many are ok, warn, bad
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Send a signed sample webhook
    Test(WebhookTestArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost webhook test text --config waypost.toml
  waypost webhook test missed-call --config waypost.toml
  waypost webhook test button-reply --reply optout --text Stop   # a tap on the button with that id
  waypost webhook test text --to https://example.com/webhook --secret-file app-secret
  waypost webhook test text --print            # only show the body

The message's id is printed, for `waypost trace`. With --config, the address and the app secret come from there, and where
the message went is told as soon as it is decided.")]
pub(crate) struct WebhookTestArgs {
    /// What to send; `list` prints all kinds
    pub(crate) kind: String,
    /// The webhook's address
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The file that holds the app secret
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The customer's phone number, with its country code
    #[arg(long, value_name = "NUMBER", default_value = "15550001111", value_parser = phone)]
    pub(crate) from: String,
    /// What the customer calls themselves
    #[arg(long, value_name = "NAME", default_value = "Ada Sample")]
    pub(crate) profile_name: String,
    /// The id of the button or row that is tapped: of button-reply, list-reply and template-button
    #[arg(long, value_name = "ID")]
    pub(crate) reply: Option<String>,
    /// The message's text; of a button or row, its title
    #[arg(long, default_value = "Hello from waypost webhook test")]
    pub(crate) text: String,
    /// Meta's id of the number that is written to
    #[arg(long, value_name = "ID", default_value = "100000000000001", value_parser = meta_id)]
    pub(crate) phone_number_id: String,
    /// Print the body and its signature instead of sending it
    #[arg(long)]
    pub(crate) print: bool,
    /// Certificate authorities (PEM) that the webhook's certificate is checked by, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print JSON: the answer, and of each message its id and what was decided
    #[arg(long, conflicts_with = "print")]
    pub(crate) json: bool,
}

/// As Meta writes it: digits, with the country code.
fn phone(text: &str) -> Result<String, PhoneError> {
    phone::international(text).map(std::borrow::Cow::into_owned)
}

/// An id that Meta gives, which is not the phone number.
fn meta_id(text: &str) -> Result<String, &'static str> {
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let expected =
        "must be digits: Meta's id of the number (phone_number_id), e.g. 100000000000001, not our name of it";
    if is_id { Ok(text.to_owned()) } else { Err(expected) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// The path of each command below `command`, the hidden ones too, and the command itself.
    fn all(path: &str, command: &clap::Command) -> Vec<(String, clap::Command)> {
        let path =
            if path.is_empty() { command.get_name().to_owned() } else { format!("{path} {}", command.get_name()) };
        let below = command.get_subcommands().flat_map(|command| all(&path, command)).collect::<Vec<_>>();
        [vec![(path, command.clone())], below].concat()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_and_every_argument_has_its_help() {
        let mut silent = Vec::new();
        for (path, command) in all("", &Cli::command()) {
            if command.get_about().is_none() {
                silent.push(path.clone());
            }
            let without_help = command.get_arguments().filter(|argument| argument.get_help().is_none());
            silent.extend(without_help.map(|argument| format!("{path}: {}", argument.get_id())));
        }
        assert!(silent.is_empty(), "without a word of help:\n{}", silent.join("\n"));
    }
}
