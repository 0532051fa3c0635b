//! What cargo knows of our crates, as far as a test run is planned by it.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use crate::steps::cargo;

/// The crate whose tests need servers, and the feature of it that has them.
pub(crate) const TESTS: &str = "waypost-tests";
const SERVERS: &str = "servers";

#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    /// The modules of the whole-system tests that need servers.
    pub(crate) server_tests: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Clone, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Workspace {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"]).into_std();
        let output = metadata.output().context("cannot run cargo metadata")?;
        anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let main = crate::steps::root().join("tests/it/main.rs");
        let main = std::fs::read_to_string(&main).with_context(|| main.display().to_string())?;
        Self::of(&output.stdout, &main)
    }

    /// `main`: the text of `tests/it/main.rs`.
    pub(crate) fn of(metadata: &[u8], main: &str) -> anyhow::Result<Self> {
        let Metadata { packages } = serde_json::from_slice(metadata).context("cargo metadata is not understood")?;
        Ok(Self { packages, server_tests: modules_behind_servers(main) })
    }

    /// The crate of this name, or in the folder of this name.
    pub(crate) fn package(&self, word: &str) -> Option<&Package> {
        let in_folder = format!("waypost-{word}");
        self.packages.iter().find(|package| package.name == word || package.name == in_folder)
    }

    /// Every feature but that of the tests which need servers, as cargo takes them.
    pub(crate) fn features_without_servers(&self) -> String {
        let mut features = Vec::new();
        for package in &self.packages {
            for feature in package.features.keys() {
                if !(package.name == TESTS && feature == SERVERS) {
                    features.push(format!("{}/{feature}", package.name));
                }
            }
        }
        features.join(",")
    }

    /// The integration tests of the crates, the whole-system tests excepted.
    pub(crate) fn own_tests(&self) -> impl Iterator<Item = &str> {
        let packages = self.packages.iter().filter(|package| package.name != TESTS);
        let targets = packages.flat_map(|package| &package.targets);
        targets.filter(|target| target.kind.iter().any(|kind| kind == "test")).map(|target| target.name.as_str())
    }
}

fn modules_behind_servers(main: &str) -> Vec<String> {
    let pairs = main.lines().zip(main.lines().skip(1));
    let behind = pairs.filter(|(attribute, _)| attribute.trim() == "#[cfg(feature = \"servers\")]");
    behind
        .filter_map(|(_, module)| Some(module.trim().strip_prefix("mod ")?.trim_end_matches(';').to_owned()))
        .collect()
}
