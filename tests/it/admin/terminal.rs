//! The command line of somebody who administers a server.

use std::process::Output;

use anyhow::ensure;
use serde_json::Value;
use waypost_tests::process::waypost;

use super::server::AdminServer;

/// The command line of a person with a token.
pub(super) struct Terminal<'a> {
    server: &'a AdminServer,
    token_file: std::path::PathBuf,
}

impl<'a> Terminal<'a> {
    pub(super) fn new(server: &'a AdminServer, role: &str) -> anyhow::Result<Self> {
        let (_, secret) = server.token(&["--role", role])?;
        Self::with_secret(server, role, &secret)
    }

    /// Of somebody who sees what is this team's.
    pub(super) fn of_agent(server: &'a AdminServer, team: &str) -> anyhow::Result<Self> {
        let (_, secret) = server.token(&["--role", "agent", "--team", team])?;
        Self::with_secret(server, team, &secret)
    }

    /// Of a token that was made; `name` is its file's.
    pub(super) fn with_secret(server: &'a AdminServer, name: &str, secret: &str) -> anyhow::Result<Self> {
        let token_file = server.folder().join(format!("{name}.token"));
        std::fs::write(&token_file, format!("{secret}\n"))?;
        Ok(Self { server, token_file })
    }

    pub(super) fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let mut command = waypost()?;
        command.args(words).args(["--server", &format!("https://localhost:{}", self.server.port())]);
        command.arg("--token-file").arg(&self.token_file).arg("--ca").arg(self.server.ca_file());
        Ok(command.output()?)
    }

    pub(super) fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[words, &["--json"]].concat())?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Must fail with this exit code; gives what it says.
    pub(super) fn fails(&self, words: &[&str], code: i32) -> anyhow::Result<String> {
        let output = self.run(words)?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(code), "{words:?}: {}, not {code}: {told}", output.status);
        Ok(told)
    }
}
