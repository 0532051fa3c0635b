//! The project's own chores, run as `cargo xtask <command>`: one file per command. Nothing here ships.
//!
//! What a command starts (servers, children, temporary files) it owns by guards, so that it is stopped when the
//! command ends, fails, panics or is interrupted. Nothing else is ever stopped.

// A chore talks to the person at the terminal.
#![allow(clippy::print_stdout)]

mod bench;
mod bench_sends;
mod corpus;
mod faults;
mod fuzz;
mod interop;
mod ledger;
mod lint;
mod mutants;
mod test;

mod count;
mod debian;
mod servers;
mod steps;
mod test_plan;
mod tools;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::count::Count;

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(150);

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Waypost project", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check and every test: the command to run before a change is handed over
    ///
    /// Formatting, clippy, unit, documentation, conformance and whole-system tests, and the documentation's own
    /// links. Installs RabbitMQ and PostgreSQL where it can, starts private ones on free ports, and stops them.
    /// `--only` and `--no-servers` make it short.
    Test(test_plan::TestArgs),
    /// Post recorded webhook bodies to a running ingress on each bus, and compare what comes out
    ///
    /// DIR holds the bodies and `expected.json`, which says what each must become. RabbitMQ is a private node. What lies in
    /// folders named *-send-requests is read and written again, and what lies in *-responses is read.
    Corpus { dir: PathBuf },
    /// Try random inputs on everything that strangers write to, and say how many were tried
    ///
    /// Builds the targets of tests/fuzz with libFuzzer and runs each for some time. What a run has learnt is kept under
    /// target/fuzz, so that the next one goes on. A finding is a failure: mend it, and commit the input that is named
    /// as a case under tests/fuzz/cases/TARGET, where `cargo xtask test` runs it for ever.
    Fuzz(fuzz::FuzzArgs),
    /// Judge a run of any deployment: was everything that was answered 200 routed once, and in order?
    ///
    /// First `load` and `collect`, side by side or one after the other; then `check`.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Check what only special tools can: protobuf style and compatibility, spelling, licences
    Lint,
    /// Change a crate line by line, and see whether its tests notice
    Mutants(mutants::MutantsArgs),
    /// Administer a running waypost with a client that another language's tools generated
    ///
    /// Python's gRPC tools, from its package registry into a temporary folder, make the client from /proto; it calls the
    /// server over TLS and checks answers and refusals.
    Interop,
    /// Break the broker, the database, the network and the process under load, and judge what came out
    ///
    /// The full forms of the fault suite, one after the other, on private servers: an hour or so. Ends with a table:
    /// messages, lost, doubled, out of order, longest pause, time to recover.
    Faults(faults::FaultsArgs),
    /// Measure the distance to the broker's own speed, in one run on one private broker
    ///
    /// A bare lapin publish loop, a bare consume-publish-acknowledge loop and a signed no-op handler stand beside our
    /// ingress and our router on PostgreSQL. Release builds; medians of the rounds.
    Bench(bench::BenchArgs),
    /// Measure the way out: sends a second with their statuses coming back, the pace, an urgent one behind many
    ///
    /// A sender, an ingress, the sandbox, a private broker and a private PostgreSQL, each a process of its own. Release builds.
    BenchSends(bench_sends::BenchSendsArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        // Dropping the command's future drops its guards.
        tokio::select! {
            outcome = run(cli.command) => outcome,
            name = interrupted() => Err(anyhow::anyhow!("stopped by {name}")),
        }
    });
    // A server that is starting in the background is stopped as soon as it has started.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    match outcome {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(count)) => {
            println!("{count}");
            if count.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What was counted, where the command counts.
async fn run(command: Command) -> anyhow::Result<Option<Count>> {
    match command {
        Command::Test(args) => test::run(args).await.map(Some),
        Command::Corpus { dir } => corpus::run(&dir).await.map(Some),
        Command::Fuzz(args) => fuzz::run(args).await.map(Some),
        Command::Ledger(command) => ledger::run(command).await,
        Command::Mutants(args) => mutants::run(args).await.map(Some),
        Command::Interop => interop::run().await.map(Some),
        Command::Lint => lint::run().await.map(Some),
        Command::Faults(args) => faults::run(args).await.map(Some),
        Command::Bench(args) => bench::run(args).await.map(|()| None),
        Command::BenchSends(args) => bench_sends::run(args).await.map(|()| None),
    }
}

async fn interrupted() -> &'static str {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        // Without handlers the signals keep their own effect.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    }
}
