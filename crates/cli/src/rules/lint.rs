//! `waypost rules lint`: everything that is wrong with a rules file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use waypost_rules::check::check_text;
use waypost_rules::{Finding, Severity};

use super::read_text;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost rules lint rules.toml
  waypost rules lint rules.toml --json | jq -r '.[] | .problem'

Exit code 3 for errors; 0 for warnings alone, or 1 with --strict. Notes never fail.")]
pub struct LintArgs {
    /// The rules file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// Print a JSON list of severity, line, rule, field, problem
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &LintArgs) -> Result<(), Failure> {
    let findings = check_text(&read_text(&args.file)?);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    if args.json {
        let list: Vec<_> = findings.iter().map(finding_json).collect();
        output::line(&json!(list).to_string())?;
    } else {
        for finding in &findings {
            output::line(&format!("{}: {finding}", finding.severity.as_str()))?;
        }
    }
    let summary = format!("{}: {errors} errors, {warnings} warnings", args.file.display());
    if errors > 0 {
        return Err(Failure::config(summary));
    }
    if warnings > 0 && args.strict {
        return Err(Failure::failed(summary));
    }
    output::note(&summary);
    Ok(())
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    json!({
        "severity": finding.severity.as_str(),
        "line": finding.line,
        "rule": finding.rule,
        "field": finding.field,
        "problem": finding.problem,
    })
}
