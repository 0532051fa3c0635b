//! `cargo xtask test`: every check and every test of the project, against private servers; or, for a short loop, those
//! of one crate or one group. Debug builds only. What was left out is said at the end.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;
use waypost_tests::process::BINARY_VARIABLE;

use crate::count::Count;
use crate::servers::Servers;
use crate::steps::{Steps, cargo};
use crate::test_plan::{Kind, Plan, TestArgs};
use crate::workspace::Workspace;

/// One set of features for every step, so that nothing is built twice.
const WORKSPACE: &[&str] = &["--workspace", "--all-features"];

pub(crate) async fn run(args: TestArgs) -> anyhow::Result<Count> {
    let mut steps = Steps::default();
    if steps.work("tools", tools()).await.is_none() {
        return Ok(steps.end());
    }
    let plan = Plan::new(&args.only, args.no_servers, &Workspace::read()?)?;
    let mut variables = Vec::new();
    // Stopped when dropped, at the end.
    let servers = if plan.needs_servers() {
        let Some(servers) = steps.work("servers", Servers::start()).await else {
            return Ok(steps.end());
        };
        variables = servers.variables();
        Some(servers)
    } else {
        None
    };
    let mut is_built = true;
    for step in &plan.steps {
        let mut command = cargo(&[]);
        command.args(&step.arguments);
        match step.kind {
            Kind::Check => {
                steps.run(&step.name, command).await;
            }
            Kind::Build => is_built = steps.run(&step.name, command).await,
            Kind::Documentation => {
                command.env("RUSTDOCFLAGS", "-Dwarnings");
                steps.run(&step.name, command).await;
            }
            Kind::Tests if is_built => {
                command.envs(variables.iter().cloned()).env(BINARY_VARIABLE, binary()?);
                steps.run_tests(&step.name, command).await;
            }
            // The build that failed has been counted.
            Kind::Tests => {}
        }
    }
    drop(servers);
    let count = steps.end();
    if !plan.left_out.is_empty() {
        println!("left out for lack of servers: {}", plan.left_out.join(", "));
    }
    Ok(count)
}

pub(crate) fn on_workspace(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = cargo(&[command, "--locked"]);
    cargo.args(WORKSPACE).args(arguments);
    cargo
}

/// The formatter and the linter of the pinned toolchain. (rustup installs both with it; a toolchain from elsewhere
/// may lack them.)
async fn tools() -> anyhow::Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let mut version = cargo(&[tool, "--version"]);
        let status = version.stdout(Stdio::null()).status().await.context("cannot run cargo")?;
        if !status.success() {
            bail!("cargo {tool} does not run: rustup component add {component}");
        }
    }
    Ok(())
}

/// The debug build of the program, which lies beside this one.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("where this program lies")?;
    Ok(executable.with_file_name("waypost"))
}
