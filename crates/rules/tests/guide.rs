//! The guide's examples are right: together they are one rule set without errors or warnings, and their samples come
//! out as they say. The example that is shipped is right too.

#![allow(clippy::unwrap_used, reason = "a test")]

use waypost_rules::check::check_text;
use waypost_rules::{RuleSet, Severity};

const GUIDE: &str = include_str!("../../../deploy/guides/rules.md");
const EXAMPLE: &str = include_str!("../../../deploy/rules.toml");

fn check(name: &str, text: &str, samples: usize) {
    let findings = check_text(text).into_iter().filter(|finding| finding.severity != Severity::Note);
    let findings: Vec<String> = findings.map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "{name}:\n{}", findings.join("\n"));
    let report = RuleSet::parse(text).unwrap().run_samples();
    assert!(report.failures.is_empty() && report.run >= samples, "{name}: {report:?}");
}

#[test]
fn every_example_works() {
    let examples: Vec<&str> = GUIDE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    check("the guide", &examples.join("\n"), 18);
    check("deploy/rules.toml", EXAMPLE, 4);
}
