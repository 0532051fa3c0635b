//! How a process' configuration is read in layers and checked as a whole.

pub(crate) mod files;
pub(crate) mod layers;
pub(crate) mod value;

#[cfg(test)]
mod guide;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use waypost_domain::{NumberName, PartitionCount};

use super::section::{Mistake, Problems};
use super::{Component, Config};
use value::Secret;
use waypost_cli::{Beside, ConfigArgs, Failure, output};

/// The value of `bus.url` and `store.url` that needs nothing installed.
pub(crate) const EMBEDDED: &str = "embedded";

/// For a file that cannot be read.
const READ_REMEDY: &str = "create it, or let the user that waypost runs as read it";

/// What is wrong with the configuration, a line per mistake.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct ConfigError(pub(crate) Vec<Mistake>);

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    lines.join("\n")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::config(format!("configuration:\n{error}"))
    }
}

impl Config {
    /// Reads all layers, which must be good.
    #[cfg(test)]
    pub(crate) fn load(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, ConfigError> {
        let (config, mistakes) = Self::load_with_mistakes(file, overrides)?;
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
    }

    /// Reads all layers, and what cannot be read, whose keys have their defaults. `overrides`: flags, as `section.key` and
    /// value.
    ///
    /// # Errors
    /// Nothing can be read: there is no such file, or it is no TOML.
    pub(crate) fn load_with_mistakes(
        file: Option<&Path>,
        overrides: &[(&str, String)],
    ) -> Result<(Self, Vec<Mistake>), ConfigError> {
        let layers = layers::Layers::read(file, overrides)?;
        let (mut config, mut mistakes) = layers.extract();
        mistakes.extend(config.adopt_former_names(&layers));
        mistakes.extend(config.read_secret_files());
        Ok((config, mistakes))
    }

    /// The configuration that a command names, with all its layers; the file of the usual name where it names nothing.
    pub(crate) fn of(args: &ConfigArgs) -> Result<Self, Failure> {
        let (config, mistakes) = Self::of_with_mistakes(args)?;
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes).into()) }
    }

    /// The same with what cannot be read, as [`load_with_mistakes`](Self::load_with_mistakes) does.
    pub(crate) fn of_with_mistakes(args: &ConfigArgs) -> Result<(Self, Vec<Mistake>), Failure> {
        let found = args.found_beside();
        if let Some(beside) = &found {
            output::note(&beside.note());
        }
        let mut overrides: Vec<(&str, String)> =
            args.set.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        if let Some(folder) = &args.data_dir {
            overrides.push(("data_dir", folder.display().to_string()));
        }
        let file = found.as_ref().and_then(Beside::used).or(args.config.as_deref());
        Ok(Self::load_with_mistakes(file, &overrides)?)
    }

    /// The components that it is for: on files all, in one process; else those that it has a section's needs for.
    pub(crate) fn configured(&self) -> Vec<Component> {
        let all = self.bus.is_embedded() || self.store.is_embedded();
        let is_configured = |component: &Component| match component {
            Component::Ingress => all || self.ingress.is_set(),
            Component::Router | Component::Sender => true,
            Component::Admin => all || self.administers(),
            Component::Gateway => all || self.grpc.listen.is_some(),
        };
        Component::ALL.into_iter().filter(is_configured).collect()
    }

    /// This process' name among its replicas.
    pub(crate) fn instance_name(&self) -> String {
        self.instance.clone().unwrap_or_else(|| {
            let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "waypost".to_owned());
            format!("{host}-{}", std::process::id())
        })
    }

    /// What cannot be read.
    fn read_secret_files(&mut self) -> Vec<Mistake> {
        let mut problems = Problems::default();
        let mut read = |file: &Option<PathBuf>, field: &str, secret: &mut Secret, unread: &str| {
            let Some(file) = file else { return };
            *secret = match std::fs::read_to_string(file) {
                Ok(text) => Secret::new(text.trim_end_matches(['\r', '\n'])),
                Err(error) => {
                    problems.add(field, format!("cannot read {}: {error}; {READ_REMEDY}", file.display()));
                    // It is none of the files', whatever it is.
                    Secret::new(unread)
                }
            };
        };
        read(&self.bus.url_file, "bus.url_file", &mut self.bus.url, "amqp://unread");
        read(&self.store.url_file, "store.url_file", &mut self.store.url, "postgres://unread");
        problems.into_mistakes()
    }

    /// Everything that is wrong for a process that runs these components.
    pub(crate) fn check(&self, components: &[Component]) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        let partitions = PartitionCount::new(self.partitions);
        problems.require(partitions.is_some(), "partitions", "must be 1 to 99");
        self.bus.check(&mut problems);
        self.store.check(&mut problems);
        self.check_embedded(components, &mut problems);
        self.router.check(&mut problems);
        self.sender.check(&mut problems);
        self.check_graph(&mut problems);
        self.check_carriers(components, &mut problems);
        self.worker.check(&mut problems);
        self.retention.check(&mut problems);
        self.masking.check(&mut problems);
        self.media.check(&mut problems);
        for (name, id) in &self.numbers {
            let key = format!("numbers.{name}");
            problems.require(NumberName::new(name.clone()).is_ok(), &key, "is not a valid name");
            problems.require(!id.trim().is_empty(), &key, "needs Meta's phone_number_id");
        }
        if components.contains(&Component::Ingress) {
            self.ingress.check(!self.has_numbers_elsewhere(), &mut problems);
        }
        if components.iter().any(Component::answers_grpc) {
            self.grpc.check(components.iter().all(Component::answers_grpc), &mut problems);
        }
        self.check_listeners(components, &mut problems);
        let mistakes = problems.into_mistakes();
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigError(mistakes)) }
    }

    /// Files serve one process.
    fn check_embedded(&self, components: &[Component], problems: &mut Problems) {
        if [Component::Ingress, Component::Router, Component::Sender]
            .iter()
            .all(|component| components.contains(component))
        {
            return;
        }
        let hint = "the embedded bus and store serve one process that runs all components; \
                    set an amqp:// and a postgres:// URL, or leave --component out";
        problems.require(!self.bus.is_embedded(), "bus.url", hint);
        let uses_store = components.iter().any(Component::has_store);
        problems.require(!uses_store || !self.store.is_embedded(), "store.url", hint);
    }

    /// No two listeners have one address.
    fn check_listeners(&self, components: &[Component], problems: &mut Problems) {
        let is_free = |address: SocketAddr, other: SocketAddr| address != other || address.port() == 0;
        let has_ingress = components.contains(&Component::Ingress);
        if has_ingress {
            problems.require(is_free(self.ops.listen, self.ingress.listen), "ops.listen", "is ingress.listen");
        }
        let Some(grpc) = self.grpc.listen.filter(|_| components.iter().any(Component::answers_grpc)) else { return };
        let taken = !is_free(grpc, self.ops.listen) || (has_ingress && !is_free(grpc, self.ingress.listen));
        problems.require(!taken, "grpc.listen", "is taken by another section");
    }
}
