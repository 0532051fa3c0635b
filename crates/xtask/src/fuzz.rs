//! `cargo xtask fuzz`: libFuzzer on the targets of `tests/fuzz`, with the pinned toolchain and nothing installed.
//!
//! What a run has learnt stays under `target/fuzz` for the next one. A finding is a file there; once it is mended it
//! becomes a case in `tests/fuzz/cases`, which the ordinary tests run for ever.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::process::Command;
use tokio::time::timeout;

use crate::count::Count;
use crate::steps::{cargo, root};

/// The flags that make a program tell libFuzzer where it has been and what it has compared.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// One input; more is a finding.
const INPUT_SECONDS_MAX: u64 = 5;
const INPUT_BYTES_MAX: u64 = 16 << 10;
const MEMORY_MIB_MAX: u64 = 1024;
const ALLOCATION_MIB_MAX: u64 = 64;
/// A run of so many seconds only shows that the targets build and that their cases hold: they are built in half the time, and run
/// at half the speed.
const QUICK_SECONDS_MAX: u64 = 10;
/// For a target to end after its time.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct FuzzArgs {
    /// Only this target (webhook, signature, twilio, bird, sends, envelope, fold, keywords, words, rules, rule_set or rule_set_edits)
    target: Option<String>,
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

pub(crate) async fn run(args: FuzzArgs) -> anyhow::Result<Count> {
    let is_quick = args.seconds <= QUICK_SECONDS_MAX;
    let folder = work_folder()?;
    let programs = build(&folder, is_quick).await?;
    let mut targets = seed(&programs, &folder).await?;
    if let Some(wanted) = &args.target {
        ensure!(targets.contains(wanted), "no target {wanted}; there are {}", targets.join(", "));
        targets.retain(|target| target == wanted);
    }
    let mut rows = Vec::new();
    let mut count = Count::default();
    for target in &targets {
        println!("{target}: {} s", args.seconds);
        let tried = fuzz(&programs, &folder, target, args.seconds).await.with_context(|| target.clone())?;
        count += if tried.finding.is_none() { Count { passed: 1, failed: 0 } } else { Count::FAILURE };
        rows.push(tried.row(target));
    }
    println!("\n{}", Tried::HEADER);
    for row in rows {
        println!("{row}");
    }
    println!();
    Ok(count)
}

/// `target/fuzz`, wherever this machine keeps its build folder.
fn work_folder() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("where this program lies")?;
    // <target>/<profile>/waypost-xtask
    Ok(executable.ancestors().nth(2).context("this program lies in a build folder")?.join("fuzz"))
}

/// Builds the fuzzers and gives the folder where they lie.
async fn build(folder: &Path, is_quick: bool) -> anyhow::Result<PathBuf> {
    // Neither build replaces the other.
    let folder = if is_quick { folder.join("quick") } else { folder.to_owned() };
    // With a target of its own, the flags are not for build scripts, which nothing links with libFuzzer.
    let host = host().await?;
    // Not `--locked`: what our crates have come to need since the last run is added to the fuzzers' own lock file.
    let mut build = cargo(&["build", "--release", "--bins", "--manifest-path", "tests/fuzz/Cargo.toml"]);
    build.args(["--target", &host, "--target-dir"]).arg(&folder).env("RUSTFLAGS", FLAGS);
    if is_quick {
        build.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    }
    let status = build.status().await.context("cannot run cargo")?;
    ensure!(status.success(), "the fuzzers do not build: {status}");
    Ok(folder.join(host).join("release"))
}

async fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").current_dir(root()).arg("-vV").output().await.context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

/// Writes where each target begins, and gives their names.
async fn seed(programs: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(programs.join("seeds"))
        .arg(folder.join("corpus"))
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("cannot run seeds")?;
    ensure!(output.status.success(), "no seeds: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// What one run of a target came to, in libFuzzer's own words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tried {
    inputs: String,
    per_second: String,
    edges: String,
    peak_mib: String,
    finding: Option<PathBuf>,
}

async fn fuzz(programs: &Path, folder: &Path, target: &str, seconds: u64) -> anyhow::Result<Tried> {
    let findings = folder.join("findings").join(target);
    tokio::fs::create_dir_all(&findings).await?;
    let cases = root().join("tests/fuzz/cases").join(target);
    let log = folder.join(format!("{target}.log"));
    let mut command = Command::new(programs.join(target));
    command
        .arg(folder.join("corpus").join(target))
        .arg(cases)
        .arg(format!("-dict={}", folder.join("corpus").join(format!("{target}.dict")).display()))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
            format!("-malloc_limit_mb={ALLOCATION_MIB_MAX}"),
        ])
        .arg("-print_final_stats=1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start it")?;
    let status = timeout(Duration::from_secs(seconds) + GRACE, child.wait()).await.context("it does not end")??;
    let text = tokio::fs::read(&log).await?;
    let tried = Tried::read(&String::from_utf8_lossy(&text));
    if !status.success() && tried.finding.is_none() {
        bail!("{status}; see {}", log.display());
    }
    if tried.finding.is_some() {
        println!("{target}: a finding; see {}", log.display());
    }
    Ok(tried)
}

impl Tried {
    const HEADER: &str = "target              inputs  per second   edges  peak MiB  finding";

    fn row(&self, target: &str) -> String {
        let Self { inputs, per_second, edges, peak_mib, finding } = self;
        let finding = finding.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        format!("{target:<14}{inputs:>12}{per_second:>12}{edges:>8}{peak_mib:>10}  {finding}")
    }

    fn read(log: &str) -> Self {
        let stat = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':'));
            line.map_or_else(|| "?".to_owned(), |value| value.trim().to_owned())
        };
        let edges = log.lines().rev().find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
        let finding =
            log.lines().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path.into()));
        Self {
            inputs: stat("number_of_executed_units"),
            per_second: stat("average_exec_per_sec"),
            edges: edges.unwrap_or("?").to_owned(),
            peak_mib: stat("peak_rss_mb"),
            finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libfuzzer_is_understood() {
        let log = "#2\tINITED cov: 100 ft: 101 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                   #4096\tpulse  cov: 120 ft: 130 corp: 2/2b lim: 4 exec/s: 2048 rss: 31Mb\n\
                   artifact_prefix='f/'; Test unit written to f/crash-1\n\
                   stat::number_of_executed_units: 4097\n\
                   stat::average_exec_per_sec:     2048\n\
                   stat::peak_rss_mb:              31\n";
        let want = Tried {
            inputs: "4097".into(),
            per_second: "2048".into(),
            edges: "120".into(),
            peak_mib: "31".into(),
            finding: Some("f/crash-1".into()),
        };
        assert_eq!(Tried::read(log), want);
        assert_eq!(Tried::read("").inputs, "?");
    }
}
