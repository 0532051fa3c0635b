//! The command line of the administration: every call has its verb.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The administration's address (grpc.listen of the server)
    #[arg(long, value_name = "URL", env = "WAYPOST_SERVER", default_value = "https://127.0.0.1:9465")]
    pub(crate) server: String,
    /// The file that holds the token, as `waypost token create` printed it
    #[arg(long, value_name = "FILE", env = "WAYPOST_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificate authorities (PEM) that the server's certificate is checked by; the system's where left out
    #[arg(long, value_name = "FILE", env = "WAYPOST_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// The caller's own certificate (PEM), where the server asks for one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The key of --client-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What all verbs have that list what may be long.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What the verbs have that change or delete a team, or set a number.
#[derive(Debug, Clone, Args)]
pub(crate) struct EditArgs {
    /// Only if what is changed still shows this etag
    #[arg(long, default_value = "")]
    pub(crate) etag: String,
    /// Check everything, change nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamsCommand {
    /// List all teams
    List(ServerArgs),
    /// Show one team
    Get(TeamNameArgs),
    /// Create a team and its queues
    Create(TeamCreateArgs),
    /// Change what is given and nothing else
    Update(TeamUpdateArgs),
    /// Delete a team that nothing waits for and nothing names
    Delete(TeamDeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TeamNameArgs {
    /// The team: billing, or teams/billing
    pub(crate) team: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TeamFields {
    /// Shown to people
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Whether people answer here
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    pub(crate) staffed: Option<bool>,
    /// The overflow team gets new messages while this many wait; 0 for no limit
    #[arg(long, value_name = "N")]
    pub(crate) max_waiting: Option<u32>,
    /// The same, while the oldest has waited this many seconds; 0 for no limit. RabbitMQ does not tell: no effect there
    #[arg(long, value_name = "S")]
    pub(crate) max_wait_s: Option<u32>,
    /// Who gets the messages that this team does not take; "" for nobody
    #[arg(long, value_name = "TEAM")]
    pub(crate) overflow_team: Option<String>,
    /// The team that this one is a part of; "" for none
    #[arg(long, value_name = "TEAM")]
    pub(crate) parent: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost teams create vip --title 'VIP desk' --staffed true --token-file token --ca ca.pem
  waypost teams create night --overflow-team vip --max-waiting 50

Where Waypost may not create queues, the team shows TEAM_STATE_PENDING_TOPOLOGY and the command that creates them.")]
pub(crate) struct TeamCreateArgs {
    /// The new team: a-z, 0-9 and -
    pub(crate) team: String,
    #[command(flatten)]
    pub(crate) fields: TeamFields,
    /// Check everything, change nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    /// A UUID: the same request under the same id is carried out once
    #[arg(long, value_name = "UUID")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost teams update billing --overflow-team vip --max-waiting 50 --etag 1749854575123-3

From then on the rules file does not change this team any more.")]
pub(crate) struct TeamUpdateArgs {
    /// The team: billing, or teams/billing
    pub(crate) team: String,
    #[command(flatten)]
    pub(crate) fields: TeamFields,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TeamDeleteArgs {
    /// The team: billing, or teams/billing
    pub(crate) team: String,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NumbersCommand {
    /// List all numbers
    List(ServerArgs),
    /// Show one number
    Get(NumberGetArgs),
    /// Give one of Meta's ids a name of ours, or a name a new id
    Set(NumberSetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NumberGetArgs {
    /// The number: support-es, or numbers/support-es
    pub(crate) number: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost numbers set support-es 106540352242922

The id that had the name before keeps it too, for its history. Every process follows within two seconds, and the
section [numbers] of the configuration changes neither this name nor this id any more.")]
pub(crate) struct NumberSetArgs {
    /// Our name: support-es, or numbers/support-es
    pub(crate) number: String,
    /// Meta's id of the number (phone_number_id)
    pub(crate) phone_number_id: String,
    #[command(flatten)]
    pub(crate) edit: EditArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Show what is known of a contact
    Get(ContactGetArgs),
    /// Create and update contacts from a file
    Import(ContactsImportArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["name", "phone", "bsuid"]))]
pub(crate) struct ContactGetArgs {
    /// contacts/ID
    pub(crate) name: Option<String>,
    /// By phone number (digits)
    #[arg(long, value_name = "DIGITS")]
    pub(crate) phone: Option<String>,
    /// By Meta's business-scoped user id
    #[arg(long, value_name = "ID")]
    pub(crate) bsuid: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A CSV file (*.csv) begins with the names of its columns; any other file has one JSON object a line.
Columns: phone, bsuid, parent_bsuid (at least one of these), language, tier, time_zone; any other column is an attribute
of that name. In JSON, attributes may also be an object of that name. What is empty changes nothing.

  phone,tier,time_zone,country
  34600000000,gold,Europe/Madrid,ES

Rows that are wrong are listed with their line, field and why, and the others are carried out; the exit code is then 3.
An import that broke off goes on where it was when the same command is given again: FILE.progress, which stands beside
the file meanwhile, says how far it is. A file that was changed since is begun anew, which does no harm."
)]
pub(crate) struct ContactsImportArgs {
    /// FILE.csv, or a file of JSON lines
    pub(crate) file: PathBuf,
    /// Begin at this line of the file, whatever was done before
    #[arg(long, value_name = "N")]
    pub(crate) from_line: Option<u64>,
    /// Write the rejected rows to this file (CSV: line, field, problem)
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Check every row, change nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DecisionsCommand {
    /// List decisions, in no order of time
    List(ListArgs),
    /// Show one decision and why it was taken
    Get(DecisionGetArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost decisions get wamid.HBgL…
  waypost decisions get decisions/24f07525-119d-59fd-92a8-eb1a552abc3d")]
pub(crate) struct DecisionGetArgs {
    /// The message's id (wamid), or decisions/ID
    pub(crate) message: String,
    /// Meta's id of the number that was written to; all are tried where left out
    #[arg(long, default_value = "")]
    pub(crate) phone_number_id: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List parked messages (embedded bus only: RabbitMQ cannot show a queue)
    List(DeadLettersListArgs),
    /// Count them by reason (embedded bus only)
    Summary(DeadLettersSummaryArgs),
    /// Put them back where they came from
    Replay(DeadLettersReplayArgs),
    /// Throw them away
    Discard(DeadLettersDiscardArgs),
}

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Parked {
    /// What could not be handled
    DeadLetters,
    /// What no team's queue takes
    Unrouted,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersListArgs {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    pub(crate) from: Parked,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersSummaryArgs {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    pub(crate) from: Parked,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Chosen {
    /// Which queue
    #[arg(long, value_enum, default_value = "dead-letters")]
    pub(crate) from: Parked,
    /// Only those with this reason
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Only this message, by the last part of its name; may be given several times
    #[arg(long = "id", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// How many from the front of the queue to look at; those not meant go to its end
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=500))]
    pub(crate) examine: i32,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost dead-letters replay --reason delivered-too-often
  waypost dead-letters replay --from unrouted")]
pub(crate) struct DeadLettersReplayArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost dead-letters discard --reason unparseable-body --justification 'a scan of 3 May, not Meta'")]
pub(crate) struct DeadLettersDiscardArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// Why, for the audit log; nothing that names a customer
    #[arg(long)]
    pub(crate) justification: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what was changed, newest first
    List(AuditListArgs),
    /// Check the chain of records from end to end; exit code 1 when one was altered or is missing
    Verify(ServerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    /// Only the resource of this name, e.g. teams/billing
    #[arg(long, default_value = "")]
    pub(crate) resource: String,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}
