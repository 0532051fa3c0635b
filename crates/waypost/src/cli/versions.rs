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
#[command(after_help = "Examples:
  waypost rules coverage                    # of the active version: what nothing has hit for 30 days
  waypost rules coverage 4 --days 7 --all   # every rule, how often and when it was hit last

It looks at stored decisions, the newest first, and says since when: what came before is not seen. A rule that is
younger than the days asked about is marked; that nothing has hit it says little yet. How long decisions are stored:
retention.inbox_days of the configuration.")]
pub(crate) struct CoverageArgs {
    /// The version: 3, or ruleSets/3; by default the active one
    #[arg(value_name = "N", default_value = "")]
    pub(crate) rule_set: String,
    /// A rule is unused when nothing has hit it for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) days: u32,
    /// Messages to look at, at most
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) messages: u32,
    /// Show every rule, not only those that are unused
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
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
