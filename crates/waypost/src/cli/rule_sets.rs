//! The command line of `waypost rule-sets`: versions of the rules that a running server keeps.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum RuleSetsCommand {
    /// List all versions, the newest first
    List(ServerArgs),
    /// Show a version; with --text only the rules, as a file
    Get(GetArgs),
    /// Keep a rules file as a new version, and check it
    Push(PushArgs),
    /// Check a version, so that it can be activated
    Check(VersionArgs),
    /// What one version says otherwise than another
    Diff(DiffArgs),
    /// How a version decides a message, condition by condition
    Explain(ExplainArgs),
    /// What would have moved, of the messages that were decided last
    DryRun(DryRunArgs),
    /// Show what is in force
    Active(ServerArgs),
    /// Put a version in force, for all or for some
    Activate(ActivateArgs),
    /// Have a version decide beside the active one, for comparison; "none" ends it
    Shadow(ShadowArgs),
    /// Put in force again what was before the last change
    Rollback(RollbackArgs),
    /// Everything that was ever put in force, the newest first
    History(ServerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// The version: 3, or ruleSets/3
    pub(crate) rule_set: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) of: VersionArgs,
    /// Print the rules and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost rule-sets push rules.toml --reason 'new opening hours'

A file that says the same as a version that is there already is that version.")]
pub(crate) struct PushArgs {
    /// The rules file (TOML)
    pub(crate) file: PathBuf,
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Check everything, keep nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The old version
    pub(crate) base: String,
    #[command(flatten)]
    pub(crate) of: VersionArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rule-sets explain --text 'where is my invoice?'
  waypost rule-sets explain --decision 0198c0de-0000-5000-8000-000000000000 --rule invoices")]
pub(crate) struct ExplainArgs {
    /// The version; by default the one that decided the message, else the active one
    #[arg(long, value_name = "N", default_value = "")]
    pub(crate) rule_set: String,
    /// A text as a customer would write it
    #[arg(long, conflicts_with = "decision", required_unless_present = "decision")]
    pub(crate) text: Option<String>,
    /// A message that was decided: the id that `waypost decisions` shows
    #[arg(long, value_name = "ID")]
    pub(crate) decision: Option<String>,
    /// Show this rule; may be given several times. By default all
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DryRunArgs {
    #[command(flatten)]
    pub(crate) of: VersionArgs,
    /// Compare with this version instead of with what was decided
    #[arg(long, value_name = "N", default_value = "")]
    pub(crate) base: String,
    /// Messages at most
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) messages: u32,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rule-sets activate 4 --reason 'new opening hours'
  waypost rule-sets activate 3 --trial 4 --percent 10 --number support-es

Every process follows within two seconds. A trial's customers stay the same while its percentage grows.")]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    pub(crate) of: VersionArgs,
    /// A version that decides instead, for some
    #[arg(long, value_name = "N")]
    pub(crate) trial: Option<String>,
    /// How many of a hundred contacts the trial decides for
    #[arg(long, value_name = "P", requires = "trial", default_value_t = 0)]
    pub(crate) percent: u32,
    /// A number of ours whose messages the trial decides; may be given several times
    #[arg(long, value_name = "NAME", requires = "trial")]
    pub(crate) number: Vec<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    #[command(flatten)]
    pub(crate) of: VersionArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Only if what is in force still shows this etag
    #[arg(long, default_value = "")]
    pub(crate) etag: String,
    /// Check everything, change nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
}
