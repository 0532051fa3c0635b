//! `cargo xtask faults`: the fault suite in its full form, one fault after the other, and a table of what each did.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use waypost_tests::process::BINARY_VARIABLE;

use crate::count::Count;
use crate::servers::Servers;
use crate::steps::Steps;
use crate::test::{binary, on_workspace};

const REPORT_ENV: &str = "WAYPOST_FAULTS_REPORT";
const SCALE_ENV: &str = "WAYPOST_FAULTS";
/// Builds that break a promise on purpose: first, because the rest proves nothing unless the ledger notices them.
const SABOTAGE: &str = "sabotage";
/// What their lines in the table begin with, and how many there are.
const SABOTAGE_MARK: &str = "--";
const SIX: usize = 6;
/// How a process ends whose network or servers fail while it drains: measured by the clock, not judged by the ledger.
const ENDINGS: &str = "endings";
const ENDINGS_REPORT_ENV: &str = "WAYPOST_ENDINGS_REPORT";
const SEVEN: usize = 7;
/// Those of the catalogue that there is something to break for yet, each a test `fault_NN_…`.
const FAULTS: [&str; 32] = [
    SABOTAGE, "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17",
    "18", "19", "20", "21", "22", "23", "24", "24b", "25", "26", "27", "29", "30", ENDINGS,
];

#[derive(Args)]
pub(crate) struct FaultsArgs {
    /// Run these faults only, e.g. `--only 01 --only 08`
    #[arg(long, value_name = "NN", value_parser = FAULTS)]
    only: Vec<String>,
    /// Run the short forms, those of `cargo xtask test`
    #[arg(long)]
    short: bool,
}

pub(crate) async fn run(args: FaultsArgs) -> anyhow::Result<Count> {
    let mut steps = Steps::default();
    let Some(servers) = steps.work("servers", Servers::start()).await else {
        return Ok(steps.end());
    };
    let targets = ["--test", "it", "--bin", "waypost"];
    if !steps.run("build", on_workspace("build", &targets)).await {
        return Ok(steps.end());
    }
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("faults.jsonl");
    let endings_report = folder.path().join("endings.jsonl");
    let wanted = |fault: &&str| args.only.is_empty() || args.only.iter().any(|only| only == fault);
    let faults: Vec<&str> = FAULTS.into_iter().filter(wanted).collect();
    for fault in &faults {
        let name = match *fault {
            SABOTAGE => "sabotage::".to_owned(),
            ENDINGS => "faults::endings::".to_owned(),
            fault => format!("fault_{fault}_"),
        };
        let mut test = on_workspace("test", &["--test", "it", "--", &name]);
        test.envs(servers.variables()).env(BINARY_VARIABLE, binary()?).env(REPORT_ENV, &report);
        test.env(ENDINGS_REPORT_ENV, &endings_report);
        test.env(SCALE_ENV, if args.short { "short" } else { "full" });
        steps.run(&format!("fault {fault}"), test).await;
    }
    drop(servers);
    let (lines, endings): (Vec<Line>, Vec<Ending>) = (read(&report)?, read(&endings_report)?);
    print(&lines);
    print_endings(&endings);
    let is_reported = |fault: &&&str| match **fault {
        SABOTAGE => lines.iter().filter(|line| line.is_sabotage() && !line.good).count() == SIX,
        ENDINGS => endings.len() == SEVEN,
        fault => lines.iter().any(|line| line.fault.starts_with(fault)),
    };
    let unreported: Vec<&&str> = faults.iter().filter(|fault| !is_reported(fault)).collect();
    let every_fault = async {
        anyhow::ensure!(unreported.is_empty(), "no line in the table: {unreported:?}");
        Ok(())
    };
    steps.work("every fault has told", every_fault).await;
    Ok(steps.end())
}

/// A line of the report.
#[derive(Debug, Deserialize)]
struct Line {
    /// Its number and a few words.
    fault: String,
    good: bool,
    messages: u64,
    lost: u64,
    /// Delivered more often than what was in flight at the fault explains.
    doubled: u64,
    out_of_order: u64,
    redelivered: u64,
    /// How many of those the fault allows.
    in_flight: u64,
    parked: u64,
    longest_pause_ms: u64,
    time_to_recover_ms: u64,
}

/// A line of the endings' report.
#[derive(Debug, Deserialize)]
struct Ending {
    ending: String,
    good: bool,
    drain_ms: u64,
    took_ms: u64,
    exit_code: Option<i32>,
}

impl Line {
    fn is_sabotage(&self) -> bool {
        self.fault.starts_with(SABOTAGE_MARK)
    }

    /// A word on the line, where there is something to say.
    fn remark(&self) -> &'static str {
        match (self.is_sabotage(), self.good) {
            (false, true) => "",
            (false, false) => "  NOT GOOD",
            (true, true) => "  NOT SEEN",
            (true, false) => "  seen, as it should be",
        }
    }
}

fn read<T: DeserializeOwned>(report: &Path) -> anyhow::Result<Vec<T>> {
    // No fault has come so far as to write it.
    let text = std::fs::read_to_string(report).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Redelivered is told beside what was in flight: so many may come again under the same id.
fn print(lines: &[Line]) {
    println!(
        "\n{:<32} {:>9} {:>5} {:>8} {:>13} {:>16} {:>7} {:>14} {:>12}",
        "fault", "messages", "lost", "doubled", "out of order", "redelivered", "parked", "longest pause", "recovery"
    );
    for line in lines {
        println!(
            "{:<32} {:>9} {:>5} {:>8} {:>13} {:>16} {:>7} {:>14} {:>12}{}",
            line.fault,
            line.messages,
            line.lost,
            line.doubled,
            line.out_of_order,
            format!("{} of {}", line.redelivered, line.in_flight),
            line.parked,
            seconds(line.longest_pause_ms),
            seconds(line.time_to_recover_ms),
            line.remark()
        );
    }
}

fn print_endings(endings: &[Ending]) {
    if endings.is_empty() {
        return;
    }
    println!("\n{:<32} {:>9} {:>9} {:>9}", "ending", "drain", "took", "exit code");
    for ending in endings {
        println!(
            "{:<32} {:>9} {:>9} {:>9}{}",
            ending.ending,
            seconds(ending.drain_ms),
            seconds(ending.took_ms),
            ending.exit_code.map_or("none".to_owned(), |code| code.to_string()),
            if ending.good { "" } else { "  NOT GOOD" }
        );
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report");
        let line = r#"{"fault":"01 broker killed","good":true,"messages":5,"lost":0,"doubled":0,"out_of_order":0,
            "redelivered":1,"in_flight":8,"parked":0,"longest_pause_ms":9,"time_to_recover_ms":7}"#;
        std::fs::write(&file, line.replace('\n', "")).unwrap();
        let lines: Vec<Line> = read(&file).unwrap();
        assert_eq!((lines[0].messages, lines[0].in_flight, lines[0].longest_pause_ms), (5, 8, 9));
        assert_eq!(lines[0].remark(), "");
        let sabotage = line.replace("01 broker killed", "-- fence skipped").replace('\n', "");
        let sabotage: Line = serde_json::from_str(&sabotage).unwrap();
        assert_eq!(sabotage.remark(), "  NOT SEEN");
        std::fs::write(&file, "no line").unwrap();
        assert!(read::<Line>(&file).is_err());
        assert!(read::<Line>(Path::new("/nonexistent/report")).unwrap().is_empty());
        let line = r#"{"ending":"broker frozen","good":true,"drain_ms":20000,"took_ms":5,"exit_code":null}"#;
        std::fs::write(&file, line).unwrap();
        let endings: Vec<Ending> = read(&file).unwrap();
        assert_eq!((endings[0].took_ms, endings[0].exit_code), (5, None));
    }
}
