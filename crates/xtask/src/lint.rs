//! `cargo xtask lint`: what only special tools can check.

use std::path::Path;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::count::Count;
use crate::steps::{Steps, root};
use crate::tools::{self, CARGO_DENY};

pub(crate) async fn run() -> anyhow::Result<Count> {
    let tools = tools::folder().await?;
    let mut steps = Steps::default();

    if let Some(buf) = steps.work("install buf", tools::install_buf(&tools)).await {
        steps.run("buf lint", in_folder("proto", &buf, &["lint"])).await;
        if !root().join(".git").exists() {
            println!("\n== buf breaking: this is an exported tree without a history, not run");
        } else if let Some(archive) = steps.work("protos of the baseline", baseline_protos()).await {
            let against = format!("{}#subdir=proto", archive.path().display());
            steps.run("buf breaking", in_folder("proto", &buf, &["breaking", "--against", &against])).await;
        }
    }

    if let Some(typos) = steps.work("install typos", tools::install_typos(&tools)).await {
        steps.run("typos", in_folder(".", &typos, &["--config", ".cargo/typos.toml"])).await;
    }

    if let Some(deny) = steps.work("install cargo-deny", tools::install_crate(&tools, CARGO_DENY)).await {
        let check = ["--locked", "--config", ".cargo/deny.toml", "check", "bans", "licenses", "sources"];
        steps.run("cargo deny", in_folder(".", &deny, &check)).await;
    }

    Ok(steps.end_of_checks())
}

/// Before the first release, stored inputs changed their form once, here; nothing has since.
const FIRST_FORM: &str = "085c0bb6917a8b008527be68acb893dcfe93a97f";

/// The protos that clients may have been generated from, as a tar file: those of the last release, or where there was none
/// of [`FIRST_FORM`]; where the history does not reach so far, of the first commit that has any.
async fn baseline_protos() -> anyhow::Result<tempfile::NamedTempFile> {
    let release = git(&["describe", "--tags", "--abbrev=0", "--match", "v*"]).await.unwrap_or_default();
    let baseline = if !release.is_empty() {
        release
    } else if git(&["cat-file", "-e", FIRST_FORM]).await.is_ok() {
        FIRST_FORM.to_owned()
    } else {
        let added = git(&["log", "--format=%H", "--diff-filter=A", "--reverse", "--", "proto/buf.yaml"]).await?;
        added.lines().next().context("this history has no protos")?.to_owned()
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
