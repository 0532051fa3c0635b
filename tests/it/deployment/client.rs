//! Whoever administers a deployment from afar: a token, and the verbs of the client.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use waypost_tests::process::waypost;

use super::Deployment;

impl Deployment {
    /// The file with a new token of that role.
    pub(crate) fn token(&self, role: &str) -> anyhow::Result<PathBuf> {
        let made = self.command(&["token", "create", "--role", role])?.output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let file = self.folder.path().join(format!("token-{role}"));
        std::fs::write(&file, made.stdout)?;
        Ok(file)
    }
}

/// A verb of the client, told as JSON.
pub(crate) fn client(server: &str, token: &Path, words: &[&str]) -> anyhow::Result<Command> {
    let mut command = waypost()?;
    command.args(words).args(["--json", "--server", server, "--token-file"]).arg(token);
    Ok(command)
}
