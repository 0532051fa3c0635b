//! `waypost rules`: check, try, explain and compare rule sets, as files without any server, or as versions on it.

mod activation;
mod compare;
mod coverage;
mod decide;
mod diff;
mod dry_run;
mod explain;
mod inputs;
mod lint;
mod moves;
mod single;
mod test;
mod versions;

use std::path::Path;

use clap::Subcommand;
use waypost_rules::RuleSet;

use self::activation::{ActivateArgs, RollbackArgs, ShadowArgs, TrialCommand};
use self::compare::CompareArgs;
use self::coverage::CoverageArgs;
use self::decide::DecideArgs;
use self::diff::DiffArgs;
use self::dry_run::DryRunArgs;
use self::explain::ExplainArgs;
use self::lint::LintArgs;
use self::single::RuleCommand;
pub(crate) use self::single::{FormerRuleCommand, run_former};
use self::test::TestArgs;
pub(crate) use self::versions::in_collection;
use self::versions::{CheckArgs, GetArgs, PushArgs};
use crate::failure::Failure;
use crate::server::ServerArgs;

#[derive(Debug, Subcommand)]
#[command(after_help = "A typical change, from the file to the customers:
  waypost rules lint rules.toml                          # everything that is wrong with it
  waypost rules push rules.toml --reason 'new hours'     # the server keeps it as version 4
  waypost rules diff 3 4                                 # what it says otherwise
  waypost rules dry-run 4                                # which messages would have moved
  waypost rules activate 3 --trial 4 --percent 10        # a tenth of the customers first
  waypost rules compare                                  # what it makes of the messages, and what version 3 does
  waypost rules activate 4 --reason 'new hours'
  waypost rules rollback                                 # should it be wrong

Rule by rule, without a file: list-rules, get-rule, and create-rule, update-rule, delete-rule. A version never changes:
these three make a new version out of another, check it and name it; activate it as any other. Its text is written anew,
so comments are lost.

Files need no server. Versions are on a server: the one that runs on this machine by --config or by the waypost.toml of
this folder, which asks for no token, or --server and --token-file, or WAYPOST_SERVER and WAYPOST_TOKEN_FILE.
How to write rules: deploy/guides/rules.md")]
pub enum RulesCommand {
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
    Check(CheckArgs),
    /// Say what the version on trial, or in the shadow, makes of the messages that came meanwhile
    Compare(CompareArgs),
    /// Say which rules of a version nothing has hit for days, and how often the others were hit
    Coverage(CoverageArgs),
    /// Show what is in force
    Active(ServerArgs),
    /// Put a version in force, for all or for some
    Activate(ActivateArgs),
    /// What concerns the trial; `activate --trial` begins one
    #[command(subcommand)]
    Trial(TrialCommand),
    /// Have a version decide beside the active one, for comparison; "end" ends it
    Shadow(ShadowArgs),
    /// Put in force again what was before; repeated, what was before that
    Rollback(RollbackArgs),
    /// Everything that was ever put in force, the newest first
    History(ServerArgs),
    #[command(flatten)]
    Rule(RuleCommand),
}

/// As much as the router reads.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(command: RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::Lint(args) => lint::run(&args),
        RulesCommand::Test(args) => test::run(&args),
        RulesCommand::Decide(args) => decide::run(&args),
        RulesCommand::Explain(args) => explain::run(args).await,
        RulesCommand::Diff(args) => diff::run(args).await,
        RulesCommand::DryRun(args) => dry_run::run(args).await,
        RulesCommand::List(args) => versions::list(args).await,
        RulesCommand::Get(args) => versions::get(args).await,
        RulesCommand::Push(args) => versions::push(args).await,
        RulesCommand::Check(args) => versions::check(args).await,
        RulesCommand::Compare(args) => compare::run(args).await,
        RulesCommand::Coverage(args) => coverage::run(args).await,
        RulesCommand::Active(args) => activation::active(args).await,
        RulesCommand::Activate(args) => activation::activate(args).await,
        RulesCommand::Trial(command) => activation::trial(command).await,
        RulesCommand::Shadow(args) => activation::shadow(args).await,
        RulesCommand::Rollback(args) => activation::rollback(args).await,
        RulesCommand::History(args) => activation::history(args).await,
        RulesCommand::Rule(command) => single::run(command).await,
    }
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| Failure::config(format!("{}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Failure::config(format!("{}: {size} bytes; at most {FILE_BYTES_MAX}", file.display())));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

fn read_rules(file: &Path) -> Result<RuleSet, Failure> {
    let text = read_text(file)?;
    RuleSet::parse(&text).map_err(|errors| Failure::config(format!("{} is refused:\n{errors}", file.display())))
}
