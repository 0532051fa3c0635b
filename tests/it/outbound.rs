//! The way out on the test's desk: the real program, and WhatsApp's stand-in that it sends to and hears from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, ensure};
use serde_json::Value;
use waypost_domain::send::Mark;
use waypost_sandbox::{Limits, Platform, PlatformConfig};
use waypost_tests::WaypostProcess;
#[cfg(feature = "servers")]
use waypost_tests::ports::free_port;
use waypost_tests::webhook::http_client;

use crate::deployment::{APP_SECRET, Deployment};

/// What the platform takes for our token.
pub(crate) const TOKEN: &str = "test-token";
/// Meta's id of the platform's number.
pub(crate) const NUMBER_ID: &str = "106540352242922";

pub(crate) struct Outbound {
    pub(crate) deployment: Deployment,
    pub(crate) platform: Platform,
    /// Where it answers calls, on servers.
    #[cfg(feature = "servers")]
    pub(crate) grpc_address: Option<String>,
}

impl Outbound {
    /// A platform without limits, else as `set` says, and a program that has not started.
    pub(crate) async fn on(deployment: Deployment, set: impl FnOnce(&mut PlatformConfig)) -> anyhow::Result<Self> {
        http_client()?; // installs the TLS provider
        let mut config = PlatformConfig::new(APP_SECRET, TOKEN);
        config.webhook_url = Some(deployment.webhook_url());
        config.limits = Limits::lifted();
        config.delivery.retry_max = 1_000;
        set(&mut config);
        let platform = Platform::start(config).await?;
        // Commands of the machine find their process by its files, which there are none of.
        #[cfg(feature = "servers")]
        let grpc_address = deployment.servers().map(|_| format!("127.0.0.1:{}", free_port()));
        #[cfg(feature = "servers")]
        let deployment = match &grpc_address {
            Some(address) => deployment.set("grpc.listen", address),
            None => deployment,
        };
        let token_file = token_file(&deployment);
        std::fs::write(&token_file, TOKEN)?;
        let deployment = deployment
            .set("graph.base_url", &platform.url().to_string())
            .set("graph.token_file", &token_file.display().to_string())
            .set("sender.uncertain_wait_s", "2")
            .set("sender.pair_pace", "false");
        Ok(Self {
            deployment,
            platform,
            #[cfg(feature = "servers")]
            grpc_address,
        })
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        token_file(&self.deployment)
    }

    pub(crate) async fn start(&self, variables: &[(&str, &str)]) -> anyhow::Result<WaypostProcess> {
        let process = self.deployment.start_with(variables).await?;
        #[cfg(feature = "servers")]
        if self.deployment.servers().is_some() && !self.callers_file().exists() {
            let roles = ["viewer", "editor", "publisher", "compliance", "operator"];
            let roles: Vec<&str> = roles.into_iter().flat_map(|role| ["--role", role]).collect();
            let made = self.deployment.command(&[&["token", "create"], &roles[..]].concat())?.output()?;
            ensure!(made.status.success(), "{made:?}");
            std::fs::write(self.callers_file(), made.stdout)?;
        }
        Ok(process)
    }

    /// Of whoever runs commands, where the process has no files to find it by.
    fn callers_file(&self) -> PathBuf {
        self.deployment.folder.path().join("caller")
    }

    /// What calls bear, on servers.
    #[cfg(feature = "servers")]
    pub(crate) fn callers_token(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.callers_file())?.trim().to_owned())
    }

    pub(crate) fn run(&self, words: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.deployment.command(words)?;
        if self.callers_file().exists() {
            command.env("WAYPOST_TOKEN_FILE", self.callers_file());
        }
        Ok(command.output()?)
    }

    pub(crate) fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[words, &["--json"]].concat())?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{words:?}: {told}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// How often the platform has taken each send.
    pub(crate) fn taken(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut taken = BTreeMap::new();
        for message in self.platform.control().accepted() {
            let mark = message.callback_data.as_deref().and_then(Mark::parse).context("it bears our mark")?;
            *taken.entry(mark.send.to_string()).or_default() += 1;
        }
        Ok(taken)
    }
}

fn token_file(deployment: &Deployment) -> PathBuf {
    deployment.folder.path().join("token")
}
