//! The command line of `waypost rule`: the rules of a version, one by one.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "A version never changes: create, update and delete make a new version out of another, check it and
name it; activate it as any other. Its text is written anew, so comments are lost."
)]
pub(crate) enum RuleCommand {
    /// List the rules of a version
    List(RuleListArgs),
    /// Show one rule; with --text as it stands in a rules file
    Get(RuleGetArgs),
    /// Make a version with one rule more
    Create(RuleCreateArgs),
    /// Make a version in which what is given of a rule is otherwise
    Update(RuleUpdateArgs),
    /// Make a version without a rule
    Delete(RuleDeleteArgs),
}

/// What all reading verbs have.
#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// The version: 3, or ruleSets/3; the newest where left out
    #[arg(long, value_name = "N")]
    pub(crate) base: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What the verbs have that show one part of a version.
#[derive(Debug, Args)]
pub(crate) struct PartShowArgs {
    /// Print it as it stands in a rules file, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    #[command(flatten)]
    pub(crate) of: BaseArgs,
}

/// What all verbs have that make a version.
#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    #[command(flatten)]
    pub(crate) of: BaseArgs,
    /// Why; for whoever asks later
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Check everything, keep nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
    /// A UUID: the same request under the same id is carried out once
    #[arg(long, value_name = "UUID", default_value = "")]
    pub(crate) request_id: String,
}

/// What all verbs have that change or delete a part of a version.
#[derive(Debug, Args)]
pub(crate) struct PartChangeArgs {
    /// Only if what is changed still shows this etag
    #[arg(long, default_value = "")]
    pub(crate) etag: String,
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RuleListArgs {
    /// Only rules of this phase
    #[arg(long, value_parser = ["handover", "bind", "route", "decorate", "default"])]
    pub(crate) phase: Option<String>,
    /// Only rules that may send a message to this team
    #[arg(long, value_name = "TEAM", default_value = "")]
    pub(crate) team: String,
    #[command(flatten)]
    pub(crate) of: BaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RuleGetArgs {
    /// The rule's id
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) show: PartShowArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost rule create vouchers.toml --reason 'Christmas campaign'

The file has one [[rules]] and nothing else, as in a rules file.")]
pub(crate) struct RuleCreateArgs {
    /// A file (TOML) with one rule, as in a rules file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rule update vouchers --priority 80 --team billing
  waypost rule update vouchers --enabled false --reason 'the campaign is over'
  waypost rule update vouchers --file vouchers.toml   # all of it")]
pub(crate) struct RuleUpdateArgs {
    /// The rule's id
    pub(crate) rule: String,
    /// A file (TOML) with one rule of this id: what it says from now on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "priority", "enabled", "team", "urgency", "valid_from", "valid_until"])]
    pub(crate) file: Option<PathBuf>,
    /// Shown to people
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Higher wins
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i64>,
    /// Whether it counts
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    pub(crate) enabled: Option<bool>,
    /// Who gets the message, instead of the team, person or split that the rule names
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<String>,
    /// urgent, normal, or "" to leave it as it is
    #[arg(long, value_parser = ["urgent", "normal", ""])]
    pub(crate) urgency: Option<String>,
    /// In force from then on, e.g. 2026-12-01T00:00:00+01:00; "" for always
    #[arg(long, value_name = "TIME")]
    pub(crate) valid_from: Option<String>,
    /// Not in force any more from then on; "" for never
    #[arg(long, value_name = "TIME")]
    pub(crate) valid_until: Option<String>,
    #[command(flatten)]
    pub(crate) change: PartChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RuleDeleteArgs {
    /// The rule's id
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) change: PartChangeArgs,
}
