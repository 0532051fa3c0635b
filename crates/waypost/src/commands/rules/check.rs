//! `waypost rules lint` and `waypost rules test`.

use serde_json::json;
use waypost_rules::check::check_text;
use waypost_rules::{Finding, Severity};

use super::{read_rules, read_text};
use crate::cli::{LintArgs, RulesTestArgs};
use crate::exit::Failure;
use crate::output;

pub(super) fn lint(args: &LintArgs) -> Result<(), Failure> {
    let findings = check_text(&read_text(&args.file)?);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    if args.json {
        let list: Vec<_> = findings.iter().map(finding_json).collect();
        output::line(&json!(list).to_string())?;
    } else {
        for finding in &findings {
            output::line(&format!("{}: {finding}", severity(finding.severity)))?;
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
        "severity": severity(finding.severity),
        "line": finding.line,
        "rule": finding.rule,
        "field": finding.field,
        "problem": finding.problem,
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

pub(super) fn test(args: &RulesTestArgs) -> Result<(), Failure> {
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
            })
        });
        output::line(&json!({ "run": report.run, "failures": failures.collect::<Vec<_>>() }).to_string())?;
    } else {
        for failure in &report.failures {
            let decision = &failure.decision;
            output::line(&format!(
                "rule {}, sample {}: expected {}, but {} sends it to {} ({})",
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
