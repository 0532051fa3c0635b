//! `waypost rules dry-run`: which messages a change would send elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use waypost_domain::TeamName;
use waypost_proto::admin_v1 as v1;
use waypost_rules::compare::{Comparison, Decided, Example, Move};
use waypost_rules::coverage::Coverage;
use waypost_rules::{RuleSet, Scratch};

use super::inputs::Line;
use super::moves::{self, Told, unknown};
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
    let rules = Arc::new(rules);
    let mut comparison = Comparison::new(rules.clone(), old.map(Arc::new));
    for (place, line) in (1..).zip(&lines) {
        let decided = line.team.as_ref().map(|team| Decided { team, rule: "decided", why: "as the input says" });
        comparison.add(place, &line.input, decided);
    }
    let moves: Vec<v1::Move> = comparison.team_moves().into_iter().map(wire).collect();
    let coverage = coverage(&rules, &lines);
    let unused: Vec<&str> = coverage.unused(&rules, None).collect();
    if args.server.json {
        return output::line(&report(&comparison, &unused).to_string());
    }
    let (inputs, moved) = (comparison.inputs, comparison.moved);
    let unknown = unknown(comparison.binding_unknown, comparison.queues_unknown);
    output::line(&format!("of {inputs} inputs, {moved} would move{unknown}"))?;
    let mut told = Told::new();
    moves.iter().try_for_each(|one| moves::print(moves::team_move(one, &mut told)))?;
    if !unused.is_empty() {
        let more = if unused.len() > UNUSED_SHOWN_MAX { ", …" } else { "" };
        let shown = unused.iter().take(UNUSED_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        output::line(&format!("{} rules matched nothing: {shown}{more}", unused.len()))?;
    }
    Ok(())
}

/// In the form that the server tells it in; an input has no decision of its own, but its place.
fn wire(one: Move<TeamName, u64>) -> v1::Move {
    let case = |example: Example<u64>| v1::MoveCase {
        decision: format!("input {}", example.input),
        base_rule: example.old.rule,
        base_why: example.old.why,
        rule: example.new.rule,
        why: example.new.why,
    };
    v1::Move {
        from: one.from.to_string(),
        to: one.to.to_string(),
        messages: one.count,
        examples: vec![],
        cases: one.examples.into_iter().map(case).collect(),
    }
}

/// Places count from 0 in `examples`, as they always did.
fn report(comparison: &Comparison<u64>, unused: &[&str]) -> Value {
    let case = |example: &Example<u64>| {
        json!({
            "input": example.input,
            "base_rule": example.old.rule,
            "base_why": example.old.why,
            "rule": example.new.rule,
            "why": example.new.why,
        })
    };
    let one = |one: Move<TeamName, u64>| {
        let examples: Vec<u64> = one.examples.iter().map(|example| example.input - 1).collect();
        let cases: Vec<Value> = one.examples.iter().map(case).collect();
        json!({ "from": one.from, "to": one.to, "count": one.count, "examples": examples, "cases": cases })
    };
    let moves: Vec<Value> = comparison.team_moves().into_iter().map(one).collect();
    json!({
        "inputs": comparison.inputs,
        "moved": comparison.moved,
        "binding_unknown": comparison.binding_unknown,
        "queues_unknown": comparison.queues_unknown,
        "moves": moves,
        "unused_rules": unused,
    })
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
    let unknown = unknown(run.binding_unknown, run.queues_unknown);
    output::line(&format!("of the last {} messages, {} would move{unknown}", run.messages, run.moved))?;
    let mut told = Told::new();
    run.moves.iter().try_for_each(|one| moves::print(moves::team_move(one, &mut told)))
}
