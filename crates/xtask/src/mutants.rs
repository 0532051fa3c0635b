//! `cargo xtask mutants CRATE`: are the crate's tests worth something? cargo-mutants changes it line by line and runs its
//! tests on each change; what no test notices is a promise that nobody holds.
//!
//! Of a large crate a sample is tried, drawn by a seed that is printed; a run that was interrupted goes on where it
//! stopped. A survivor gets a test, or a line in `.cargo/mutants.txt` with the reason why nothing can notice it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use clap::Args;
use fastrand::Rng;

use crate::count::Count;
use crate::steps::{Steps, root};
use crate::tools::{self, CARGO_MUTANTS};
use crate::workspace::Workspace;

const REASONS: &str = ".cargo/mutants.txt";
/// Of 100 changes that compile, so many have to be noticed.
const CAUGHT_PERCENT_MIN: usize = 90;
/// For one change: compiled and tested.
const TIMEOUT_SECONDS: &str = "120";

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask mutants domain                   # 200 of its mutants, or all where there are fewer
  cargo xtask mutants worker --sample 20 --seed 7

The same seed goes on where it was interrupted.")]
pub(crate) struct MutantsArgs {
    /// The crate, e.g. domain
    name: String,
    /// How many mutants at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    sample: usize,
    /// Which ones are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: MutantsArgs) -> anyhow::Result<Count> {
    let workspace = Workspace::read()?;
    let package = workspace.package(&args.name).with_context(|| format!("no crate {}", args.name))?.name.clone();
    let tools = tools::folder().await?;
    let mut steps = Steps::default();
    let Some(program) = steps.work("install cargo-mutants", tools::install_crate(&tools, CARGO_MUTANTS)).await else {
        return Ok(steps.end());
    };
    let folder = tools.join("mutants").join(format!("{package}-{}-{}", args.seed, args.sample));
    tokio::fs::create_dir_all(&folder).await?;
    let all = list(&program, &package).await?;
    let sample = sample(all, args.sample, args.seed);
    println!("{} mutants of {package}, seed {}", sample.len(), args.seed);
    let mut command = mutants(&program, &package);
    command
        .args(["--iterate", "--no-shuffle", "--baseline", "skip", "--timeout", TIMEOUT_SECONDS, "--output"])
        .arg(&folder);
    // A build folder of its own, warm from one mutant to the next.
    command.env("CARGO_TARGET_DIR", tools.join("mutants/build"));
    for name in &sample {
        command.args(["--re", &format!("^{}$", regex::escape(name))]);
    }
    // Without the examples of the documentation, which take long to build.
    command.args(["--", "--tests"]);
    // It ends with an error when there are survivors, which are judged here.
    let status = command.status().await.context("cannot run cargo-mutants")?;
    println!("cargo-mutants: {status}");
    let found = Found::read(&folder).await?;
    steps.check("mutants", async { found.judge(&reasons(&package).await?) }).await;
    Ok(steps.end_of_checks())
}

fn mutants(program: &Path, package: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command.args(["mutants", "--package", package, "--colors", "never"]).current_dir(root());
    command
}

async fn list(program: &Path, package: &str) -> anyhow::Result<Vec<String>> {
    let output = mutants(program, package).arg("--list").stderr(Stdio::inherit()).output().await?;
    ensure!(output.status.success(), "cargo-mutants --list: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// At most `count` of them, the same ones for the same seed.
fn sample(mut all: Vec<String>, count: usize, seed: u64) -> Vec<String> {
    all.sort();
    Rng::with_seed(seed).shuffle(&mut all);
    all.truncate(count);
    all
}

/// What became of the mutants that were tried.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    caught: Vec<String>,
    missed: Vec<String>,
    /// No test ended on them: noticed, too.
    timeout: Vec<String>,
    /// They do not compile.
    unviable: Vec<String>,
}

impl Found {
    async fn read(folder: &Path) -> anyhow::Result<Self> {
        let lines = async |name: &str| {
            let path: PathBuf = folder.join("mutants.out").join(name);
            let text = tokio::fs::read_to_string(&path).await.with_context(|| path.display().to_string())?;
            // What earlier runs of the same sample have caught.
            let before = tokio::fs::read_to_string(folder.join("mutants.out").join("previously_caught.txt")).await;
            let before = if name == "caught.txt" { before.unwrap_or_default() } else { String::new() };
            anyhow::Ok(text.lines().chain(before.lines()).map(str::to_owned).collect())
        };
        Ok(Self {
            caught: lines("caught.txt").await?,
            missed: lines("missed.txt").await?,
            timeout: lines("timeout.txt").await?,
            unviable: lines("unviable.txt").await?,
        })
    }

    fn judge(&self, reasons: &[String]) -> anyhow::Result<()> {
        let noticed = self.caught.len() + self.timeout.len();
        let tried = noticed + self.missed.len();
        println!("{noticed} of {tried} noticed; {} more do not compile", self.unviable.len());
        let unexplained: Vec<&String> =
            self.missed.iter().filter(|name| !reasons.iter().any(|known| *known == without_place(name))).collect();
        for name in &unexplained {
            println!("survives, and {REASONS} does not say why: {name}");
        }
        ensure!(tried > 0, "nothing was tried");
        ensure!(noticed * 100 >= tried * CAUGHT_PERCENT_MIN, "fewer than {CAUGHT_PERCENT_MIN} % are noticed");
        ensure!(unexplained.is_empty(), "{} survivors without a reason", unexplained.len());
        Ok(())
    }
}

/// `crates/x/src/y.rs: replace …` of `crates/x/src/y.rs:12:5: replace …`: lines move.
fn without_place(name: &str) -> String {
    let Some((place, change)) = name.split_once(": ") else { return name.to_owned() };
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {change}")
}

/// The survivors of the crate that cannot be noticed: a line each, the reason behind ` # `.
async fn reasons(package: &str) -> anyhow::Result<Vec<String>> {
    let text = tokio::fs::read_to_string(root().join(REASONS)).await.unwrap_or_default();
    let folder = format!("crates/{}/", package.trim_start_matches("waypost-"));
    let lines = text.lines().filter(|line| line.starts_with(&folder));
    lines
        .map(|line| {
            let (name, _) = line.split_once(" # ").with_context(|| format!("{REASONS}: without a reason: {line}"))?;
            Ok(name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(caught: usize, missed: &[&str]) -> Found {
        let missed = missed.iter().map(|name| (*name).to_owned()).collect();
        Found { caught: vec![String::new(); caught], missed, ..Found::default() }
    }

    #[test]
    fn a_survivor_needs_a_reason_and_there_are_few() {
        let survivor = "crates/x/src/y.rs:12:5: replace f -> bool with true";
        let reason = without_place(survivor);
        assert_eq!(reason, "crates/x/src/y.rs: replace f -> bool with true");
        let cases = [
            (found(0, &[]), vec![], "nothing was tried"),
            (found(10, &[]), vec![], ""),
            (found(9, &[survivor]), vec![], "1 survivors without a reason"),
            (found(9, &[survivor]), vec![reason.clone()], ""),
            (found(8, &[survivor]), vec![reason], "fewer than 90 % are noticed"),
        ];
        for (found, reasons, expected) in cases {
            let problem = found.judge(&reasons).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(problem, expected, "{found:?}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let all = || (0..50).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(sample(all(), 5, 3), sample(all(), 5, 3));
        assert_ne!(sample(all(), 5, 3), sample(all(), 5, 4));
        assert_eq!(sample(all(), 100, 3).len(), 50);
    }
}
