//! The command line of `waypost rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
#[command(after_help = "How to write rules: crates/rules/GUIDE.md")]
pub(crate) enum RulesCommand {
    /// Say everything that is wrong with a rules file: errors refuse it, warnings do not
    Lint(LintArgs),
    /// Run the samples that the rules bring; exit code 1 when one comes out otherwise
    Test(TestArgs),
    /// Decide routing inputs, one JSON object per line, and print one decision per line
    Decide(DecideArgs),
    /// Say who gets a message and why, and why the rules you ask about did not
    Explain(ExplainArgs),
    /// Say what a rules file says otherwise than another; exit code 1 when they differ
    Diff(DiffArgs),
    /// Say which of many inputs would go to another team
    DryRun(DryRunArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules lint rules.toml
  waypost rules lint rules.toml --json | jq -r '.[] | .problem'

Exit code 3 for errors; 0 for warnings alone, or 1 with --strict.")]
pub(crate) struct LintArgs {
    /// The rules file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Warnings fail too
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print a JSON list of severity, line, rule, field, problem
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "A rule brings its samples:
  samples = [{ text = \"my invoice\" }, { text = \"hello\", matches = false }, { reply = \"pay\", team = \"billing\" }]")]
pub(crate) struct TestArgs {
    /// The rules file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print JSON: run, failures
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo '{\"text\":\"my invoice\",\"attributes\":{\"tier\":\"gold\"}}' | waypost rules decide --rules rules.toml
  waypost rules decide --rules rules.toml --inputs inputs.jsonl --stats > decisions.jsonl

An input may have: text, reply, type, number, template, referral, referral_type, referral_url, attributes, tier, language,
country, at (2026-12-01T09:00:00+01:00), zone, previous_team, previous_age_s, window_left_s, first_contact, contact,
open_team, open_urgency. Blank lines are left out; a line that is no input ends the command with code 3.")]
pub(crate) struct DecideArgs {
    /// The rules file
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// Inputs as JSON lines; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) inputs: PathBuf,
    /// Print decisions per second and ns per decision to standard error, reading and printing excluded
    #[arg(long)]
    pub(crate) stats: bool,
    /// Decisions are JSON lines always; this changes nothing
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules explain --rules rules.toml --text 'where is my invoice?'
  waypost rules explain --rules rules.toml --text hi --attribute tier=gold --rule vip-billing --rule billing-words
  waypost rules explain --rules rules.toml --webhook body.json --all

--rule names the rules to explain, condition by condition; --all takes all of them.")]
pub(crate) struct ExplainArgs {
    /// The rules file
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// The message's text
    #[arg(long, conflicts_with_all = ["webhook", "input"])]
    pub(crate) text: Option<String>,
    /// The id of the button or list row that was tapped
    #[arg(long, conflicts_with_all = ["webhook", "input"])]
    pub(crate) reply: Option<String>,
    /// The messages of a webhook body; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub(crate) webhook: Option<PathBuf>,
    /// A routing input as one JSON object, as `rules decide` reads it
    #[arg(long, value_name = "JSON")]
    pub(crate) input: Option<String>,
    /// Something that is known of the customer, e.g. tier=gold; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::key_value)]
    pub(crate) attribute: Vec<(String, String)>,
    /// The customer's language, e.g. pt
    #[arg(long)]
    pub(crate) language: Option<String>,
    /// The customer's country, e.g. BR
    #[arg(long)]
    pub(crate) country: Option<String>,
    /// Our name of the number that is written to
    #[arg(long)]
    pub(crate) number: Option<String>,
    /// When it arrives, e.g. 2026-12-01T09:00:00+01:00; without it, calendars are unknown
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// A rule to explain; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Vec<String>,
    /// Explain every rule
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The rules file as it was
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The rules file as it is to be
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Print JSON: added, removed, changed, other
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules dry-run --rules new.toml --against old.toml --inputs inputs.jsonl
  waypost rules dry-run --rules new.toml --inputs decided.jsonl   # each line says its team

Inputs are those of `rules decide`; without --against, each has the team that got it: \"team\": \"billing\".")]
pub(crate) struct DryRunArgs {
    /// The rules file to try
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: PathBuf,
    /// The rules file in force
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Inputs as JSON lines; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) inputs: PathBuf,
    /// Print JSON: inputs, moved, moves, unused_rules
    #[arg(long)]
    pub(crate) json: bool,
}
