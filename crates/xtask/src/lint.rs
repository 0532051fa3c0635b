//! `cargo xtask lint`: what only special tools can check. Tools that a package registry offers ready-made are
//! installed under `target/tools`, at the versions named here, and nowhere else.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::count::Count;
use crate::debian;
use crate::steps::{Steps, cargo, root};

const BUF: &str = "@bufbuild/buf@1.75.0";
const TYPOS: &str = "typos==1.52.0";
const CARGO_DENY: &str = "cargo-deny@0.20.2";

pub(crate) async fn run() -> anyhow::Result<Count> {
    let tools = tools_folder().await?;
    let mut steps = Steps::default();

    if let Some(buf) = steps.work("install buf", install_buf(&tools)).await {
        steps.run("buf lint", in_folder("proto", &buf, &["lint"])).await;
        if !root().join(".git").exists() {
            println!("\n== buf breaking: this is an exported tree without a history, not run");
        } else if let Some(archive) = steps.work("protos of the baseline", baseline_protos()).await {
            let against = format!("{}#subdir=proto", archive.path().display());
            steps.run("buf breaking", in_folder("proto", &buf, &["breaking", "--against", &against])).await;
        }
    }

    if let Some(typos) = steps.work("install typos", install_typos(&tools)).await {
        steps.run("typos", in_folder(".", &typos, &["--config", ".cargo/typos.toml"])).await;
    }

    if let Some(deny) = steps.work("install cargo-deny", install_cargo_deny(&tools)).await {
        let check = ["--locked", "--config", ".cargo/deny.toml", "check", "bans", "licenses", "sources"];
        steps.run("cargo deny", in_folder(".", &deny, &check)).await;
    }

    Ok(steps.end_of_checks())
}

/// `target/tools`, wherever this machine keeps its build folder.
async fn tools_folder() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("where this program lies")?;
    // <target>/<profile>/waypost-xtask
    let target = executable.ancestors().nth(2).context("this program lies in a build folder")?;
    let tools = target.join("tools");
    tokio::fs::create_dir_all(&tools).await.with_context(|| format!("cannot create {}", tools.display()))?;
    Ok(tools)
}

async fn install_buf(tools: &Path) -> anyhow::Result<PathBuf> {
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

async fn install_typos(tools: &Path) -> anyhow::Result<PathBuf> {
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

/// As it runs once, its build is the quick one.
async fn install_cargo_deny(tools: &Path) -> anyhow::Result<PathBuf> {
    let folder = tools.join("cargo");
    let program = folder.join("bin/cargo-deny");
    let stamp = folder.join("installed");
    if is_current(&stamp, CARGO_DENY).await {
        return Ok(program);
    }
    let mut install = cargo(&["install", "--quiet", "--debug", "--locked", "--force", CARGO_DENY, "--root"]);
    install.arg(&folder).arg("--target-dir").arg(tools.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    finish(install).await?;
    tokio::fs::remove_dir_all(tools.join("build")).await?;
    tokio::fs::write(&stamp, CARGO_DENY).await?;
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

/// The protos that clients may have been generated from, as a tar file: those of the last release, or where there was none
/// of the first commit that had any.
async fn baseline_protos() -> anyhow::Result<tempfile::NamedTempFile> {
    let release = git(&["describe", "--tags", "--abbrev=0", "--match", "v*"]).await.unwrap_or_default();
    let baseline = if release.is_empty() {
        let added = git(&["log", "--format=%H", "--diff-filter=A", "--reverse", "--", "proto/buf.yaml"]).await?;
        added.lines().next().context("this history has no protos")?.to_owned()
    } else {
        release
    };
    println!("{baseline}");
    let archive = tempfile::Builder::new().suffix(".tar").tempfile()?;
    let path = archive.path().display().to_string();
    git(&["archive", "--format=tar", "-o", &path, &baseline, "proto"]).await?;
    Ok(archive)
}

/// What git prints, without its last line's end.
async fn git(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").args(arguments).current_dir(root()).output().await.context("cannot run git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn in_folder(folder: &str, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root().join(folder));
    command
}

async fn finish(mut command: Command) -> anyhow::Result<()> {
    let shown = format!("{:?}", command.as_std());
    let status = command.status().await.with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}
