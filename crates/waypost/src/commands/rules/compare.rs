//! `waypost rules diff` and `waypost rules dry-run`: what a change says, and what it would do.

use serde_json::json;
use waypost_rules::coverage::Coverage;
use waypost_rules::diff::{Difference, DryRun};
use waypost_rules::{Document, RuleSet, Scratch, toml_form};

use super::inputs::Line;
use super::{inputs, read_rules, read_text};
use crate::cli::{DiffArgs, DryRunArgs};
use crate::exit::Failure;
use crate::output;

/// Unused rules named without --json.
const UNUSED_SHOWN_MAX: usize = 10;

pub(super) fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let read = |file: &std::path::Path| -> Result<Document, Failure> {
        let refused = |errors| Failure::config(format!("{} is refused:\n{errors}", file.display()));
        toml_form::read(&read_text(file)?).map_err(refused)
    };
    let difference = Difference::between(&read(&args.old)?, &read(&args.new)?);
    if args.json {
        let changed = difference.changed.iter().map(|change| json!({ "rule": change.rule, "parts": change.parts }));
        let changed: Vec<_> = changed.collect();
        let Difference { added, removed, other, .. } = &difference;
        output::line(&json!({ "added": added, "removed": removed, "changed": changed, "other": other }).to_string())?;
    } else {
        for (mark, ids) in [("+ rule", &difference.added), ("- rule", &difference.removed), ("~", &difference.other)] {
            for id in ids {
                output::line(&format!("{mark} {id}"))?;
            }
        }
        for change in &difference.changed {
            output::line(&format!("~ rule {}: {}", change.rule, change.parts.join(", ")))?;
        }
    }
    if difference.is_empty() { Ok(()) } else { Err(Failure::failed("the rule sets differ")) }
}

pub(super) fn dry_run(args: &DryRunArgs) -> Result<(), Failure> {
    let rules = read_rules(&args.rules)?;
    let old = args.against.as_deref().map(read_rules).transpose()?;
    let lines = inputs::read(&args.inputs)?;
    if old.is_none() && lines.iter().all(|line| line.team.is_none()) && !lines.is_empty() {
        let problem = "nothing to compare with: give --against FILE, or \"team\" with each input";
        return Err(Failure::config(problem));
    }
    let run = DryRun::run(&rules, old.as_ref(), lines.iter().map(|line| (&line.input, line.team.as_ref())));
    let coverage = coverage(&rules, &lines);
    let unused: Vec<&str> = coverage.unused(&rules, None).collect();
    if args.json {
        let moves = run
            .moves
            .iter()
            .map(|one| json!({ "from": one.from, "to": one.to, "count": one.count, "examples": one.examples }));
        let moves: Vec<_> = moves.collect();
        let report = json!({ "inputs": run.inputs, "moved": run.moved, "moves": moves, "unused_rules": unused });
        return output::line(&report.to_string());
    }
    output::line(&format!("of {} inputs, {} would move", run.inputs, run.moved))?;
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

fn coverage(rules: &RuleSet, lines: &[Line]) -> Coverage {
    let mut coverage = Coverage::new(rules);
    let mut scratch = Scratch::default();
    for line in lines {
        let choice = rules.choose(&line.input, &mut scratch);
        coverage.add(&choice, line.input.received_at);
    }
    coverage
}
