//! `waypost rules diff` and `waypost rules dry-run`: what a change says, and what it would do.

use std::path::Path;

use serde_json::json;
use waypost_proto::admin_v1 as v1;
use waypost_rules::coverage::Coverage;
use waypost_rules::diff::{Difference, DryRun};
use waypost_rules::{Document, RuleSet, Scratch, toml_form};

use super::inputs::Line;
use super::{inputs, read_rules, read_text, versions};
use crate::cli::{DiffArgs, DryRunArgs};
use crate::exit::Failure;
use crate::output;

/// Unused rules named without --json.
const UNUSED_SHOWN_MAX: usize = 10;

pub(super) async fn diff(args: DiffArgs) -> Result<(), Failure> {
    let difference = match (versions::is_version(&args.old), versions::is_version(&args.new)) {
        (true, true) => versions::difference(&args).await?,
        (false, false) => between(&read_document(&args.old)?, &read_document(&args.new)?),
        (old_is_version, _) => {
            let (version, file) = if old_is_version { (&args.old, &args.new) } else { (&args.new, &args.old) };
            let number = version.trim_start_matches("ruleSets/");
            return Err(Failure::config(format!(
                "{version} is a version and {file} a file: give two of one kind, e.g. after \
                 `waypost rules get {number} --text > version-{number}.toml`"
            )));
        }
    };
    print_difference(&difference, args.server.json)?;
    if difference == v1::DiffRuleSetsResponse::default() {
        Ok(())
    } else {
        Err(Failure::failed("the rule sets differ"))
    }
}

fn read_document(file: &str) -> Result<Document, Failure> {
    let refused = |errors| Failure::config(format!("{file} is refused:\n{errors}"));
    toml_form::read(&read_text(Path::new(file))?).map_err(refused)
}

/// In the form that the server tells it in.
fn between(old: &Document, new: &Document) -> v1::DiffRuleSetsResponse {
    let Difference { added, removed, changed, other } = Difference::between(old, new);
    let changed = changed.into_iter().map(|change| v1::RuleChange {
        rule: change.rule,
        parts: change.parts.into_iter().map(str::to_owned).collect(),
    });
    v1::DiffRuleSetsResponse { added, removed, changed: changed.collect(), other }
}

fn print_difference(difference: &v1::DiffRuleSetsResponse, json: bool) -> Result<(), Failure> {
    let v1::DiffRuleSetsResponse { added, removed, changed, other } = difference;
    if json {
        let changed = changed.iter().map(|change| json!({ "rule": change.rule, "parts": change.parts }));
        let changed: Vec<_> = changed.collect();
        let told = json!({ "added": added, "removed": removed, "changed": changed, "other": other });
        return output::line(&told.to_string());
    }
    for (mark, ids) in [("+ rule", added), ("- rule", removed), ("~", other)] {
        for id in ids {
            output::line(&format!("{mark} {id}"))?;
        }
    }
    for change in changed {
        output::line(&format!("~ rule {}: {}", change.rule, change.parts.join(", ")))?;
    }
    Ok(())
}

pub(super) fn dry_run(file: &Path, args: &DryRunArgs) -> Result<(), Failure> {
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
