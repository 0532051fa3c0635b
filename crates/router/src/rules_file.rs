//! The rule set in force: read from a file, looked at again every half second, replaced whole and only by a good one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use waypost_rules::{RuleErrors, RuleSet};

use crate::metrics;

const POLL_EVERY: Duration = Duration::from_millis(500);
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum RulesFileError {
    #[error("cannot read rules file {path}: {source}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("rules file {path} is refused:\n{errors}")]
    Refused { path: PathBuf, errors: RuleErrors },
}

/// Readers never lock; a decision keeps the set that it began with.
pub struct RulesFile {
    /// `None`: a set that was given, not read.
    path: Option<PathBuf>,
    current: ArcSwap<RuleSet>,
}

impl RulesFile {
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RulesFileError> {
        let path = path.into();
        let set = read(&path)?;
        Ok(Self { path: Some(path), current: ArcSwap::from_pointee(set) })
    }

    pub fn fixed(set: RuleSet) -> Self {
        Self { path: None, current: ArcSwap::from_pointee(set) }
    }

    pub fn current(&self) -> Arc<RuleSet> {
        self.current.load_full()
    }

    /// Follows the file until `shutdown`; calls `changed` with every new set before it is used, so that the queues of
    /// new teams are there first. When `changed` fails, the set is tried again at the next look.
    pub async fn follow<F>(&self, shutdown: CancellationToken, changed: impl Fn(Arc<RuleSet>) -> F)
    where
        F: Future<Output = Result<(), String>>,
    {
        let Some(path) = &self.path else { return };
        let mut seen = stamp(path);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            let now = stamp(path);
            if now == seen {
                continue;
            }
            let set = match read(path) {
                Ok(set) => Arc::new(set),
                Err(error) => {
                    seen = now;
                    ::metrics::counter!(metrics::RULES_READ, "outcome" => "refused").increment(1);
                    error!(%error, "new rules refused; the old ones stay in force");
                    continue;
                }
            };
            if let Err(reason) = changed(set.clone()).await {
                error!(reason, "new rules not in force yet");
                continue;
            }
            seen = now;
            info!(version = set.version, rules = set.rule_count(), "new rules in force");
            ::metrics::counter!(metrics::RULES_READ, "outcome" => "loaded").increment(1);
            self.current.store(set);
        }
    }
}

fn read(path: &Path) -> Result<RuleSet, RulesFileError> {
    let unreadable = |source| RulesFileError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(std::io::Error::other(format!("{size} bytes; at most {FILE_BYTES_MAX}"))));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    RuleSet::parse(&text).map_err(|errors| RulesFileError::Refused { path: path.to_owned(), errors })
}

/// Modification time and length: what tells that a file was written. A Kubernetes ConfigMap swaps a symbolic link,
/// which both follow.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
