//! Runs a command's steps one after the other: prints each with its time, passes its output on as it comes, and
//! counts tests on the way.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::count::Count;

/// For a cold build on a slow machine, and for tests that hang.
const STEP_TIMEOUT: Duration = Duration::from_secs(3600);
/// For the last lines of a step that has ended. Its children hold its output: where it does not end, they live on.
const OUTPUT_GRACE: Duration = Duration::from_secs(10);

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).map_or(crate_folder.clone(), ToOwned::to_owned)
}

/// The cargo that runs us, at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::from(waypost_tests::process::cargo());
    command.args(arguments).current_dir(root());
    command
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    /// Of the tests; a check that failed is in it, one that passed is not.
    tests: Count,
    checks_passed: u64,
    failed: Vec<String>,
}

impl Steps {
    /// Runs `command` to its end. A step that fails without a failed test in it counts as one failure. Returns
    /// whether it succeeded; the caller goes on or not.
    pub(crate) async fn run(&mut self, name: &str, command: Command) -> bool {
        println!("\n== {name}");
        let begin = Instant::now();
        let outcome = run_counting(command).await;
        let (count, failure) = match outcome {
            Ok((count, status)) if status.success() => (count, None),
            Ok((count, status)) => (count, Some(status.to_string())),
            Err(error) => (Count::default(), Some(format!("{error:#}"))),
        };
        let success = self.finish(name, begin.elapsed(), count, failure);
        self.checks_passed += u64::from(success);
        success
    }

    /// As [`run`](Self::run), for a command that is there to run tests: none is a failure.
    pub(crate) async fn run_tests(&mut self, name: &str, command: Command) -> bool {
        let before = self.tests;
        let success = self.run(name, command).await;
        if success && self.tests == before {
            println!("== {name}: FAILED: it ran no test");
            self.failed.push(name.to_owned());
            self.tests += Count::FAILURE;
            return false;
        }
        success
    }

    /// As [`run`](Self::run), for work that is not a command, and no check.
    pub(crate) async fn work<T>(&mut self, name: &str, work: impl Future<Output = anyhow::Result<T>>) -> Option<T> {
        println!("\n== {name}");
        let begin = Instant::now();
        let outcome = work.await;
        let failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
        self.finish(name, begin.elapsed(), Count::default(), failure);
        outcome.ok()
    }

    /// As [`work`](Self::work), for work that is a check.
    pub(crate) async fn check(&mut self, name: &str, work: impl Future<Output = anyhow::Result<()>>) {
        let passed = self.work(name, work).await.is_some();
        self.checks_passed += u64::from(passed);
    }

    fn finish(&mut self, name: &str, elapsed: Duration, mut count: Count, failure: Option<String>) -> bool {
        let seconds = elapsed.as_secs_f64();
        let success = failure.is_none() && count.is_success();
        if success {
            println!("== {name}: ok in {seconds:.1} s");
        } else {
            println!("== {name}: FAILED in {seconds:.1} s: {}", failure.as_deref().unwrap_or("tests failed"));
            self.failed.push(name.to_owned());
            if count.failed == 0 {
                count += Count::FAILURE;
            }
        }
        self.tests += count;
        success
    }

    /// Names what failed, and gives the number of tests passed, and of tests and checks failed.
    pub(crate) fn end(self) -> Count {
        println!();
        for name in &self.failed {
            println!("failed: {name}");
        }
        self.tests
    }

    /// As [`end`](Self::end), for a command whose steps are checks without tests in them.
    pub(crate) fn end_of_checks(self) -> Count {
        let passed = self.checks_passed;
        Count { passed, ..self.end() }
    }
}

async fn run_counting(mut command: Command) -> anyhow::Result<(Count, ExitStatus)> {
    // One pipe for both, so that the lines keep their order.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut group = Group::spawn(command)?;
    let output = tokio::task::spawn_blocking(|| pass_on(reader));
    let status = timeout(STEP_TIMEOUT, group.child.wait()).await.context("it took too long")??;
    let Ok(count) = timeout(OUTPUT_GRACE, output).await else {
        group.kill();
        bail!("it left processes behind, which are killed now");
    };
    Ok((count??, status))
}

/// Prints all lines of `output`, to its end.
fn pass_on(output: impl Read) -> anyhow::Result<Count> {
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(closing) = Count::of_closing_line(&line) {
            count += closing;
        }
    }
    Ok(count)
}

/// A child and what it starts, in a process group of their own: an interrupted run leaves none of them behind.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        // `command` holds our ends of the pipes: dropped here, so that they end with the child.
        let child = command.process_group(0).spawn().with_context(|| format!("cannot run {program}"))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id })
    }

    fn kill(&self) {
        let Some(id) = self.id else { return };
        match kill_process_group(id, Signal::KILL) {
            // All of them have ended.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => eprintln!("cannot stop process group {}: {error}", id.as_raw_nonzero()),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only while the child is unreaped is the group's id certainly still ours.
        if let Ok(None) = self.child.try_wait() {
            self.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count_of(script: &str) -> Count {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut steps = Steps::default();
        steps.run(script, command).await;
        steps.end()
    }

    #[tokio::test]
    async fn steps_are_counted() {
        let closing = "echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored'";
        let cases = [
            ("true".to_owned(), (0, 0)),
            ("false".to_owned(), (0, 1)),
            (format!("{closing}; {closing} >&2; false"), (6, 4)),
            // A runner that says all is well and dies all the same.
            ("echo 'test result: ok. 3 passed; 0 failed;'; kill -9 $$".to_owned(), (3, 1)),
        ];
        for (script, (passed, failed)) in cases {
            assert_eq!(count_of(&script).await, Count { passed, failed }, "{script}");
        }
    }

    #[tokio::test]
    async fn tests_that_are_none_are_a_failure() {
        for (closing, expected) in
            [("0 passed; 0 failed", Count::FAILURE), ("1 passed; 0 failed", Count { passed: 1, failed: 0 })]
        {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo 'test result: ok. {closing};'")]);
            let mut steps = Steps::default();
            assert_eq!(steps.run_tests(closing, command).await, expected.is_success());
            assert_eq!(steps.end(), expected);
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_failure() {
        let mut steps = Steps::default();
        assert!(!steps.run("nothing", Command::new("/nonexistent/program")).await);
        assert_eq!(steps.end(), Count::FAILURE);
    }
}
