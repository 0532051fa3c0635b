//! The command line of `waypost rules` for the versions of the rules that a running server keeps.

use std::path::PathBuf;

use clap::Args;

use super::ServerArgs;

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
  waypost rules push rules.toml --reason 'new opening hours'

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
#[command(after_help = "Examples:
  waypost rules activate 4 --reason 'new opening hours'
  waypost rules activate 3 --trial 4 --percent 10 --number support-es

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
