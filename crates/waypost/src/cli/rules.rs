//! The command line of `waypost rules`: rules files, and what a running server is asked about its versions of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;
use super::versions::{ActivateArgs, CoverageArgs, GetArgs, PushArgs, RollbackArgs, ShadowArgs, VersionArgs};

#[derive(Debug, Subcommand)]
#[command(after_help = "A typical change, from the file to the customers:
  waypost rules lint rules.toml                          # everything that is wrong with it
  waypost rules push rules.toml --reason 'new hours'     # the server keeps it as version 4
  waypost rules diff 3 4                                 # what it says otherwise
  waypost rules dry-run 4                                # which messages would have moved
  waypost rules activate 3 --trial 4 --percent 10        # a tenth of the customers first
  waypost rules activate 4 --reason 'new hours'
  waypost rules rollback                                 # should it be wrong

Files need no server. Versions are on a server: --server, --token-file, or WAYPOST_SERVER, WAYPOST_TOKEN_FILE.
How to write rules: crates/rules/GUIDE.md")]
pub(crate) enum RulesCommand {
    /// Say everything that is wrong with a rules file: errors refuse it, warnings do not
    Lint(LintArgs),
    /// Run the samples that a rules file brings; exit code 1 when one comes out otherwise
    Test(TestArgs),
    /// Decide routing inputs, one JSON object per line, by a rules file; prints one decision per line
    Decide(DecideArgs),
    /// Say who gets a message and why, and why the rules you ask about did not: by a rules file, or on the server
    Explain(ExplainArgs),
    /// Say what one rules file, or one version, says otherwise than another; exit code 1 when they differ
    Diff(DiffArgs),
    /// Say which messages would go to another team: by a rules file, or by a version on the server
    DryRun(DryRunArgs),
    /// List all versions, the newest first
    List(ServerArgs),
    /// Show a version; with --text only the rules, as a file
    Get(GetArgs),
    /// Keep a rules file as a new version, and check it
    Push(PushArgs),
    /// Check a version, so that it can be activated
    Check(VersionArgs),
    /// Say which rules of a version nothing has hit for days, and how often the others were hit
    Coverage(CoverageArgs),
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
#[command(after_help = "Examples, by a rules file:
  waypost rules explain --rules rules.toml --text 'where is my invoice?'
  waypost rules explain --rules rules.toml --text hi --attribute tier=gold --rule vip-billing --rule billing-words
  waypost rules explain --rules rules.toml --webhook body.json --all
Examples, on the server:
  waypost rules explain --text 'where is my invoice?' --all
  waypost rules explain --decision wamid.HBgL… --rule vip-billing     # with what was known when it was decided
  waypost rules explain --decision wamid.HBgL… --rule-set 4           # how another version would decide it

--rule names the rules to explain, condition by condition; --all takes all of them.")]
pub(crate) struct ExplainArgs {
    /// The rules file; without it, the server is asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decision", "rule_set"])]
    pub(crate) rules: Option<PathBuf>,
    /// Server: the version; by default the one that decided the message, else the active one
    #[arg(long, value_name = "N", default_value = "")]
    pub(crate) rule_set: String,
    /// The message's text
    #[arg(long, conflicts_with_all = ["webhook", "input"], required_unless_present_any = ["decision", "rules"])]
    pub(crate) text: Option<String>,
    /// Server: a message that was decided, by its id (wamid) or as decisions/ID
    #[arg(long, value_name = "ID", conflicts_with = "text")]
    pub(crate) decision: Option<String>,
    /// File: the id of the button or list row that was tapped
    #[arg(long, requires = "rules", conflicts_with_all = ["webhook", "input"])]
    pub(crate) reply: Option<String>,
    /// File: the messages of a webhook body; - for standard input
    #[arg(long, value_name = "FILE", requires = "rules", conflicts_with = "input")]
    pub(crate) webhook: Option<PathBuf>,
    /// File: a routing input as one JSON object, as `rules decide` reads it
    #[arg(long, value_name = "JSON", requires = "rules")]
    pub(crate) input: Option<String>,
    /// File: something that is known of the customer, e.g. tier=gold; may be given several times
    #[arg(long, value_name = "NAME=VALUE", requires = "rules", value_parser = super::key_value)]
    pub(crate) attribute: Vec<(String, String)>,
    /// File: the customer's language, e.g. pt
    #[arg(long, requires = "rules")]
    pub(crate) language: Option<String>,
    /// File: the customer's country, e.g. BR
    #[arg(long, requires = "rules")]
    pub(crate) country: Option<String>,
    /// File: our name of the number that is written to
    #[arg(long, requires = "rules")]
    pub(crate) number: Option<String>,
    /// File: when it arrives, e.g. 2026-12-01T09:00:00+01:00; without it, calendars are unknown
    #[arg(long, value_name = "TIME", requires = "rules")]
    pub(crate) at: Option<String>,
    /// A rule to explain; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Vec<String>,
    /// Explain every rule
    #[arg(long, conflicts_with = "rule")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules diff old.toml new.toml      # two files, no server
  waypost rules diff 3 4                    # two versions on the server

A number, or ruleSets/N, is a version; anything else is a file (./4 for a file of that name).")]
pub(crate) struct DiffArgs {
    /// As it was: a rules file, or a version
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// As it is to be
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples, on the server, with the messages that were decided last:
  waypost rules dry-run 4                   # against what was decided
  waypost rules dry-run 4 --base 3          # against another version
Examples, by a rules file:
  waypost rules dry-run --rules new.toml --against old.toml --inputs inputs.jsonl
  waypost rules dry-run --rules new.toml --inputs decided.jsonl   # each line says its team

Inputs are those of `rules decide`; without --against, each has the team that got it: \"team\": \"billing\".")]
pub(crate) struct DryRunArgs {
    /// Server: the version to try
    #[arg(value_name = "N", required_unless_present = "rules", conflicts_with = "rules")]
    pub(crate) rule_set: Option<String>,
    /// Server: compare with this version instead of with what was decided
    #[arg(long, value_name = "N", conflicts_with = "rules", default_value = "")]
    pub(crate) base: String,
    /// Server: messages at most
    #[arg(long, value_name = "COUNT", conflicts_with = "rules", default_value_t = 10_000)]
    pub(crate) messages: u32,
    /// File: the rules file to try
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// File: the rules file in force
    #[arg(long, value_name = "FILE", conflicts_with = "rule_set")]
    pub(crate) against: Option<PathBuf>,
    /// File: inputs as JSON lines; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "rule_set", default_value = "-")]
    pub(crate) inputs: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
