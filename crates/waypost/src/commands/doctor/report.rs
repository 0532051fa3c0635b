//! The findings on a terminal, in a pipe, and as JSON.

use serde_json::{Value, json};
use waypost_cli::Failure;
use waypost_cli::show::Screen;

use super::finding::{Finding, Level};
use crate::output;

/// Between what stands side by side.
const GAP: &str = "  ";
/// Between what was found and what to do.
const REMEDY: &str = " → ";
/// The longest word for how bad something is.
const LEVEL_WIDTH: usize = 4;

/// Prints them; a failure where one is bad.
pub(super) fn show(findings: &[Finding], json: bool) -> Result<(), Failure> {
    if json {
        output::line(&as_json(findings).to_string())?;
    } else {
        let screen = Screen::stdout();
        for line in lines(findings, &screen) {
            output::line(&line)?;
        }
        output::line(&format!("\n{}", summary(findings)))?;
    }
    let bad: Vec<String> =
        of(findings, Level::Bad).map(|finding| format!("{} {}", finding.subject, finding.check.name())).collect();
    if bad.is_empty() { Ok(()) } else { Err(Failure::failed(format!("bad: {}", unique(bad).join(", ")))) }
}

fn unique(mut names: Vec<String>) -> Vec<String> {
    names.dedup();
    names
}

fn of(findings: &[Finding], level: Level) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(move |finding| finding.level == level)
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| of(findings, level).count();
    format!("{} bad, {} to look at, {} ok", count(Level::Bad), count(Level::Warn), count(Level::Ok))
}

/// One for each finding; more where the terminal is too narrow for it.
fn lines(findings: &[Finding], screen: &Screen) -> Vec<String> {
    let width = |finding: &Finding| finding.subject.to_string().chars().count();
    let subject_width = findings.iter().map(width).max().unwrap_or_default();
    let indent = LEVEL_WIDTH + GAP.len() + subject_width + GAP.len();
    let lines = findings.iter().flat_map(|finding| {
        let Finding { level, check, subject, found, remedy } = finding;
        let remedy = remedy.as_deref().map(|remedy| format!("{REMEDY}{remedy}")).unwrap_or_default();
        let mut lines = screen.wrapped(&format!("{}: {found}{remedy}", check.name()), indent);
        if let Some(first) = lines.first_mut() {
            let level = screen.verdict(&format!("{:<LEVEL_WIDTH$}", level.name()));
            let subject = format!("{:<subject_width$}", subject.to_string());
            *first = format!("{level}{GAP}{subject}{GAP}{}", first.trim_start());
        }
        lines
    });
    lines.collect()
}

fn as_json(findings: &[Finding]) -> Value {
    let count = |level| of(findings, level).count();
    json!({
        "findings": findings,
        "ok": count(Level::Ok),
        "warn": count(Level::Warn),
        "bad": count(Level::Bad),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::{Check, Subject};

    #[test]
    fn a_finding_is_one_line_and_one_object() {
        let main = Subject::Number("main".to_owned());
        let findings =
            [Subject::App.ok(Check::Token, "good"), main.bad(Check::Quality, "rated:\u{1b} RED", "stop\ncampaigns")];
        let want = ["ok    app           token: good", "bad   numbers/main  quality: rated:  RED → stop campaigns"];
        assert_eq!(lines(&findings, &Screen::default()), want);
        assert_eq!(summary(&findings), "1 bad, 0 to look at, 1 ok");
        let json = json!({"findings": [
            {"level": "ok", "check": "token", "subject": "app", "found": "good", "remedy": null},
            {"level": "bad", "check": "quality", "subject": "numbers/main", "found": "rated:  RED", "remedy": "stop campaigns"},
        ], "ok": 1, "warn": 0, "bad": 1});
        assert_eq!(as_json(&findings), json);
    }

    #[test]
    fn only_what_is_bad_fails() {
        let warned = [Subject::Meta.warn(Check::Clock, "3 s", "set it")];
        assert!(show(&warned, true).is_ok());
        let bad =
            [Subject::Meta.bad(Check::Clock, "90 s", "set it"), Subject::Waypost.bad(Check::Bus, "gone", "start it")];
        let failure = show(&bad, true).unwrap_err();
        assert_eq!(failure.message(), Some("bad: meta clock, waypost bus"));
    }
}
