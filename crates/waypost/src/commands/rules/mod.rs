//! `waypost rules`: check, try, explain and compare rule sets, without any server.

mod check;
mod compare;
mod decide;
mod explain;
mod inputs;

use std::path::Path;

use waypost_rules::RuleSet;

use crate::cli::RulesCommand;
use crate::exit::Failure;

/// As much as the router reads.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) fn run(command: RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::Lint(args) => check::lint(&args),
        RulesCommand::Test(args) => check::test(&args),
        RulesCommand::Decide(args) => decide::run(&args),
        RulesCommand::Explain(args) => explain::run(&args),
        RulesCommand::Diff(args) => compare::diff(&args),
        RulesCommand::DryRun(args) => compare::dry_run(&args),
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
