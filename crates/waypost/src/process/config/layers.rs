//! The layers that a configuration is read from: TOML file < environment (`WAYPOST__SECTION__KEY`) < flags. A mistake is
//! named by its key and by where it stands: the file with its line, or the environment. No value is ever shown of a key
//! that may be a secret, nor a line of the file.

use std::path::{Path, PathBuf};

use figment::providers::Env;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError};
use crate::process::section::Mistake;

/// Keys whose values are text whatever they look like: a token `0123` must keep its zero.
const TEXT_KEYS: [&str; 6] =
    ["data_dir", "instance", "bus.url", "store.url", "ingress.app_secrets", "ingress.verify_token"];

/// Whether a value from the environment or the command line is taken as it is. (A list stays a list.)
fn is_text(key: &str, value: &str) -> bool {
    TEXT_KEYS.contains(&key) && !value.starts_with('[')
}

/// All layers, one over the other.
pub(crate) struct Layers {
    figment: Figment,
    file: Option<TomlFile>,
}

/// A configuration file that is TOML; whether it is ours, its reader finds out.
#[derive(Clone)]
struct TomlFile {
    path: PathBuf,
    text: String,
    table: toml::Table,
}

impl Layers {
    pub(crate) fn read(file: Option<&Path>, overrides: &[(&str, String)]) -> Result<Self, ConfigError> {
        let file = file.map(TomlFile::read).transpose()?;
        let mut figment = file.clone().map_or_else(Figment::new, Figment::from);
        let environment = Env::prefixed("WAYPOST__").split("__");
        figment = figment.merge(environment.clone());
        for (key, text) in environment.iter() {
            if is_text(key.as_str(), &text) {
                figment = figment.merge((key.as_str(), text));
            }
        }
        for (key, text) in overrides {
            // As in the environment: what looks like a number is one.
            figment = if is_text(key, text) {
                figment.merge((key, text))
            } else {
                let Ok(value) = text.parse::<Value>();
                figment.merge((key, value))
            };
        }
        Ok(Self { figment, file })
    }

    /// What they say together, and every mistake in it. A key that cannot be read has its default.
    pub(crate) fn extract(&self) -> (Config, Vec<Mistake>) {
        let (mut value, mut mistakes) = match self.figment.find_value("") {
            Ok(value) => (value, Vec::new()),
            Err(errors) => return (Config::default(), errors.into_iter().map(|error| self.describe(&error)).collect()),
        };
        loop {
            let errors = match value.deserialize() {
                Ok(config) => return (config, mistakes),
                Err(errors) => errors,
            };
            // Reading ends at the first mistake: without that key, it comes to the next.
            for error in errors {
                mistakes.push(self.describe(&error));
                if !remove(&mut value, &error.path) {
                    return (Config::default(), mistakes);
                }
            }
        }
    }

    /// Whether any of them has the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.figment.contains(key)
    }

    fn describe(&self, error: &figment::Error) -> Mistake {
        let key = error.path.join(".");
        let found = || self.figment.find_metadata(&key);
        let place = match error.metadata.as_ref().or_else(found) {
            Some(metadata) if metadata.name.contains("environment") => " (environment)".to_owned(),
            Some(metadata) if metadata.name == TomlFile::NAME => {
                self.file.as_ref().map(|file| format!(" ({})", file.place(error))).unwrap_or_default()
            }
            Some(_) | None => String::new(),
        };
        Mistake { key, problem: format!("{}{place}", error.kind) }
    }
}

/// Takes away the key at `path`, or the list that it is in. `false`: there is none.
fn remove(value: &mut Value, path: &[String]) -> bool {
    let (Value::Dict(_, dict), Some((key, rest))) = (value, path.split_first()) else { return false };
    match dict.get_mut(key) {
        None => false,
        Some(inner @ Value::Dict(..)) if !rest.is_empty() => remove(inner, rest),
        Some(_) => dict.remove(key).is_some(),
    }
}

impl TomlFile {
    const NAME: &str = "TOML file";

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let refused = |problem: String| {
            ConfigError(vec![Mistake::of_no_key(format!("config file {}: {problem}", path.display()))])
        };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let table = text.parse::<toml::Table>().map_err(|error| {
            // Not the line itself, which the library would show: it may hold a secret.
            let place = error.span().map_or_else(String::new, |span| format!("line {}: ", line(&text, span.start)));
            refused(format!("{place}{}", error.message()))
        })?;
        Ok(Self { path: path.to_owned(), text, table })
    }

    /// The file, and the line of the key that the error is about.
    fn place(&self, error: &figment::Error) -> String {
        let file = self.path.display();
        match self.line_of(error.path.iter()) {
            Some(line) => format!("{file}, line {line}"),
            None => file.to_string(),
        }
    }

    /// The line of the last key of the path that can be found.
    fn line_of<'a>(&self, path: impl Iterator<Item = &'a String>) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let mut table = Some(document.get_ref());
        let mut found = None;
        for key in path {
            let Some((at, value)) = table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key)) else {
                break;
            };
            found = Some(line(&self.text, at.span().start));
            table = match value.get_ref() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            };
        }
        found
    }
}

impl Provider for TomlFile {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = Value::serialize(&self.table)?.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

/// From 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
