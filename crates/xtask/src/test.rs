//! `cargo xtask test`: every check and every test of the project, against private servers. Debug builds only.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;
use waypost_tests::process::BINARY_VARIABLE;

use crate::count::Count;
use crate::servers::Servers;
use crate::steps::{Steps, cargo};

/// One set of features for every step, so that nothing is built twice.
const WORKSPACE: &[&str] = &["--workspace", "--all-features"];

pub(crate) async fn run() -> anyhow::Result<Count> {
    let mut steps = Steps::default();
    if steps.work("tools", tools()).await.is_none() {
        return Ok(steps.end());
    }
    steps.run("formatting", cargo(&["fmt", "--all", "--check"])).await;

    let Some(servers) = steps.work("servers", Servers::start()).await else {
        return Ok(steps.end());
    };
    steps.run("clippy", on_workspace("clippy", &["--all-targets", "--", "-D", "warnings"])).await;
    if steps.run("build", on_workspace("build", &["--all-targets"])).await {
        let mut tests = on_workspace("test", &["--no-fail-fast"]);
        tests.envs(servers.variables()).env(BINARY_VARIABLE, binary()?);
        steps.run("tests", tests).await;
    }
    // There are no examples; naming them brings the tests' features, those of the steps before.
    let mut documentation = on_workspace("doc", &["--no-deps", "--lib", "--bins", "--examples"]);
    documentation.env("RUSTDOCFLAGS", "-Dwarnings");
    steps.run("documentation", documentation).await;

    drop(servers);
    Ok(steps.end())
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
