//! `waypost rules`: check, try, explain and compare rule sets, as files without any server, or as versions on it.

mod check;
mod compare;
mod decide;
mod explain;
mod inputs;
mod versions;

use std::path::Path;

use waypost_rules::RuleSet;

use crate::cli::RulesCommand;
use crate::exit::Failure;

/// As much as the router reads.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(command: RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::Lint(args) => check::lint(&args),
        RulesCommand::Test(args) => check::test(&args),
        RulesCommand::Decide(args) => decide::run(&args),
        RulesCommand::Explain(args) => match &args.rules {
            Some(file) => explain::run(file, &args),
            None => versions::explain(args).await,
        },
        RulesCommand::Diff(args) => compare::diff(args).await,
        RulesCommand::DryRun(args) => match (&args.rules, &args.rule_set) {
            (Some(file), _) => compare::dry_run(file, &args),
            (None, version) => versions::dry_run(version.as_deref().unwrap_or_default(), &args).await,
        },
        RulesCommand::List(args) => versions::list(args).await,
        RulesCommand::Get(args) => versions::get(args).await,
        RulesCommand::Push(args) => versions::push(args).await,
        RulesCommand::Check(args) => versions::check(args).await,
        RulesCommand::Coverage(args) => versions::coverage(args).await,
        RulesCommand::Active(args) => versions::active(args).await,
        RulesCommand::Activate(args) => versions::activate(args).await,
        RulesCommand::Shadow(args) => versions::shadow(args).await,
        RulesCommand::Rollback(args) => versions::rollback(args).await,
        RulesCommand::History(args) => versions::history(args).await,
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
