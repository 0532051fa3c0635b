//! `waypost rules dry-run`: which messages a change would send elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use waypost_proto::admin_v1 as v1;
use waypost_rules::coverage::Coverage;
use waypost_rules::diff::DryRun;
use waypost_rules::{RuleSet, Scratch};

use super::inputs::Line;
use super::versions::{client, is_version, name};
use super::{inputs, read_rules};
use crate::failure::Failure;
use crate::output;
use crate::server::{ServerArgs, print_one};

/// Unused rules named without --json.
const UNUSED_SHOWN_MAX: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = "Examples, on the server, with the messages that were decided last:
  waypost rules dry-run 4                   # against what was decided
  waypost rules dry-run 4 --base 3          # against another version
Examples, by a rules file:
  waypost rules dry-run --rules new.toml --against old.toml --inputs inputs.jsonl
  waypost rules dry-run --rules new.toml --inputs decided.jsonl   # each line says its team

Inputs are those of `rules decide`; without --against, each has the team that got it: \"team\": \"billing\".")]
pub struct DryRunArgs {
    /// Server: the version to try
    #[arg(value_name = "N", required_unless_present = "rules", conflicts_with = "rules")]
    rule_set: Option<String>,
    /// Server: compare with this version instead of with what was decided
    #[arg(long, value_name = "N", conflicts_with = "rules", default_value = "")]
    base: String,
    /// Server: messages at most
    #[arg(long, value_name = "COUNT", conflicts_with = "rules", default_value_t = 10_000)]
    messages: u32,
    /// File: the rules file to try
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// File: the rules file in force
    #[arg(long, value_name = "FILE", conflicts_with = "rule_set")]
    against: Option<PathBuf>,
    /// File: inputs as JSON lines; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "rule_set", default_value = "-")]
    inputs: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: DryRunArgs) -> Result<(), Failure> {
    match (&args.rules, &args.rule_set) {
        (Some(file), _) => by_file(file, &args),
        (None, version) => on_server(version.as_deref().unwrap_or_default(), &args).await,
    }
}

fn by_file(file: &Path, args: &DryRunArgs) -> Result<(), Failure> {
    let rules = read_rules(file)?;
    let old = args.against.as_deref().map(read_rules).transpose()?;
    let lines = inputs::read(&args.inputs)?;
    if old.is_none() && lines.iter().all(|line| line.team.is_none()) && !lines.is_empty() {
        let problem = "nothing to compare with: give --against FILE, or \"team\" with each input";
        return Err(Failure::config(problem));
    }
    let run = DryRun::run(&rules, old.as_ref(), lines.iter().map(|line| (&line.input, line.team.as_ref())));
    let coverage = coverage(&rules, &lines);
    let unused: Vec<&str> = coverage.unused(&rules, None).collect();
    if args.server.json {
        let moves = run
            .moves
            .iter()
            .map(|one| json!({ "from": one.from, "to": one.to, "count": one.count, "examples": one.examples }));
        let moves: Vec<_> = moves.collect();
        let report = json!({
            "inputs": run.inputs,
            "moved": run.moved,
            "binding_unknown": run.binding_unknown,
            "moves": moves,
            "unused_rules": unused,
        });
        return output::line(&report.to_string());
    }
    output::line(&format!("of {} inputs, {} would move{}", run.inputs, run.moved, unknown(run.binding_unknown)))?;
    for one in &run.moves {
        let lines: Vec<String> = one.examples.iter().map(|place| (place + 1).to_string()).collect();
        output::line(&format!("  {} → {}: {} (e.g. input {})", one.from, one.to, one.count, lines.join(", ")))?;
    }
    if !unused.is_empty() {
        let more = if unused.len() > UNUSED_SHOWN_MAX { ", …" } else { "" };
        let shown = unused.iter().take(UNUSED_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        output::line(&format!("{} rules matched nothing: {shown}{more}", unused.len()))?;
    }
    Ok(())
}

/// What is said of inputs that were decided before bindings were known.
fn unknown(inputs: u64) -> String {
    match inputs {
        0 => String::new(),
        some => format!(" (binding unknown: {some}, by what was meant then)"),
    }
}

fn coverage(rules: &RuleSet, lines: &[Line]) -> Coverage {
    let mut coverage = Coverage::new(rules);
    let mut scratch = Scratch::default();
    for line in lines {
        let choice = rules.choose(&line.input, &mut scratch);
        coverage.add(&choice, line.input.received_at);
    }
    coverage
}

async fn on_server(version: &str, args: &DryRunArgs) -> Result<(), Failure> {
    if !is_version(version) {
        return Err(Failure::config(format!("{version} is no version; to try a file, give --rules {version}")));
    }
    let request = v1::DryRunRuleSetRequest { name: name(version), base: name(&args.base), messages: args.messages };
    let run = client(&args.server).await?.dry_run_rule_set(request).await?.into_inner();
    if args.server.json {
        return print_one(true, &run);
    }
    let unknown = unknown(run.binding_unknown);
    output::line(&format!("of the last {} messages, {} would move{unknown}", run.messages, run.moved))?;
    for one in &run.moves {
        let examples = one.examples.join(" ");
        output::line(&format!("  {} → {}: {} (e.g. {examples})", one.from, one.to, one.messages))?;
    }
    Ok(())
}
