//! Tools that a package registry offers, installed under `target/tools` at the versions named here, and nowhere else.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::debian;
use crate::steps::cargo;

const BUF: &str = "@bufbuild/buf@1.75.0";
const TYPOS: &str = "typos==1.52.0";
pub(crate) const CARGO_DENY: &str = "cargo-deny@0.20.2";
pub(crate) const CARGO_MUTANTS: &str = "cargo-mutants@27.1.0";

/// `target/tools`, wherever this machine keeps its build folder.
pub(crate) async fn folder() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("where this program lies")?;
    // <target>/<profile>/waypost-xtask
    let target = executable.ancestors().nth(2).context("this program lies in a build folder")?;
    let tools = target.join("tools");
    tokio::fs::create_dir_all(&tools).await.with_context(|| format!("cannot create {}", tools.display()))?;
    Ok(tools)
}

pub(crate) async fn install_buf(tools: &Path) -> anyhow::Result<PathBuf> {
    let folder = tools.join("npm");
    let program = folder.join("node_modules/.bin/buf");
    let stamp = folder.join("installed");
    if is_current(&stamp, BUF).await {
        return Ok(program);
    }
    have("npm", "npm").await?;
    tokio::fs::create_dir_all(&folder).await?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(BUF);
    finish(npm).await?;
    tokio::fs::write(&stamp, BUF).await?;
    Ok(program)
}

pub(crate) async fn install_typos(tools: &Path) -> anyhow::Result<PathBuf> {
    let folder = tools.join("pip");
    let program = folder.join("bin/typos");
    let stamp = folder.join("installed");
    if is_current(&stamp, TYPOS).await {
        return Ok(program);
    }
    have("pip3", "python3-pip").await?;
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--upgrade", "--target"]);
    // Its warning is about system folders; this one is ours.
    pip.env("PIP_ROOT_USER_ACTION", "ignore").arg(&folder).arg(TYPOS);
    finish(pip).await?;
    tokio::fs::write(&stamp, TYPOS).await?;
    Ok(program)
}

/// Builds a program of crates.io, `name@version`. As it runs seldom, its build is the quick one.
pub(crate) async fn install_crate(tools: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let (name, _) = what.split_once('@').with_context(|| format!("{what} has no version"))?;
    let folder = tools.join(name);
    let program = folder.join("bin").join(name);
    let stamp = folder.join("installed");
    if is_current(&stamp, what).await {
        return Ok(program);
    }
    let mut install = cargo(&["install", "--quiet", "--debug", "--locked", "--force", what, "--root"]);
    install.arg(&folder).arg("--target-dir").arg(tools.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    finish(install).await?;
    tokio::fs::remove_dir_all(tools.join("build")).await?;
    tokio::fs::write(&stamp, what).await?;
    Ok(program)
}

async fn is_current(stamp: &Path, version: &str) -> bool {
    tokio::fs::read_to_string(stamp).await.is_ok_and(|installed| installed == version)
}

/// Makes sure of `program`, by Debian's `package` where it is missing.
async fn have(program: &str, package: &str) -> anyhow::Result<()> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    debian::install(&[package]).await.with_context(|| format!("install {program}, it is needed and was not found"))
}

async fn finish(mut command: Command) -> anyhow::Result<()> {
    let shown = format!("{:?}", command.as_std());
    let status = command.status().await.with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}
