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
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(BUF);
    once(&folder, BUF, async {
        have("npm", "npm").await?;
        finish(npm).await
    })
    .await?;
    Ok(folder.join("node_modules/.bin/buf"))
}

pub(crate) async fn install_typos(tools: &Path) -> anyhow::Result<PathBuf> {
    let folder = tools.join("pip");
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--upgrade", "--target"]);
    // Its warning is about system folders; this one is ours.
    pip.env("PIP_ROOT_USER_ACTION", "ignore").arg(&folder).arg(TYPOS);
    once(&folder, TYPOS, async {
        have("pip3", "python3-pip").await?;
        finish(pip).await
    })
    .await?;
    Ok(folder.join("bin/typos"))
}

/// Builds a program of crates.io, `name@version`. As it runs seldom, its build is the quick one.
pub(crate) async fn install_crate(tools: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let (name, _) = what.split_once('@').with_context(|| format!("{what} has no version"))?;
    let (folder, build) = (tools.join(name), tools.join("build"));
    let mut install = cargo(&["install", "--quiet", "--debug", "--locked", "--force", what, "--root"]);
    install.arg(&folder).arg("--target-dir").arg(&build).env("CARGO_PROFILE_DEV_DEBUG", "0");
    once(&folder, what, async {
        finish(install).await?;
        Ok(tokio::fs::remove_dir_all(&build).await?)
    })
    .await?;
    Ok(folder.join("bin").join(name))
}

/// Does the work unless it was done for the same `version` before; `folder` is there by then.
async fn once(folder: &Path, version: &str, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let stamp = folder.join("installed");
    if tokio::fs::read_to_string(&stamp).await.is_ok_and(|installed| installed == version) {
        return Ok(());
    }
    tokio::fs::create_dir_all(folder).await?;
    work.await?;
    Ok(tokio::fs::write(&stamp, version).await?)
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
