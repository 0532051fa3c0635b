//! `waypost rules test`: the samples that a rules file brings.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::read_rules;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "A rule brings its samples:
  samples = [{ text = \"my invoice\" }, { text = \"hello\", matches = false }, { reply = \"pay\", team = \"billing\" }]")]
pub struct TestArgs {
    /// The rules file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON: run, failures
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TestArgs) -> Result<(), Failure> {
    let report = read_rules(&args.file)?.run_samples();
    if args.json {
        let failures = report.failures.iter().map(|failure| {
            json!({
                "rule": failure.rule,
                "sample": failure.sample,
                "expected": failure.expected,
                "team": failure.decision.team,
                "decided_by": failure.decision.rule,
                "why": failure.decision.why,
                "not_in_force": failure.not_in_force,
            })
        });
        output::line(&json!({ "run": report.run, "failures": failures.collect::<Vec<_>>() }).to_string())?;
    } else {
        for failure in &report.failures {
            let decision = &failure.decision;
            let cause = failure.not_in_force.as_ref().map(|cause| format!("; {cause}")).unwrap_or_default();
            output::line(&format!(
                "rule {}, sample {}: expected {}, but {} sends it to {} ({}){cause}",
                failure.rule, failure.sample, failure.expected, decision.rule, decision.team, decision.why
            ))?;
        }
    }
    let summary = format!("{} samples, {} came out otherwise", report.run, report.failures.len());
    if !report.failures.is_empty() {
        return Err(Failure::failed(summary));
    }
    output::note(&summary);
    Ok(())
}
