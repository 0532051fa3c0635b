//! The fault suite: one test for each fault of the catalogue, on real brokers and databases, under load that does not
//! wait for the system. What was answered 200 must come out once, in order, when the fault has healed; a ledger judges.
//!
//! Each fault has a short form, for every change, and a full one with real pauses (`WAYPOST_FAULTS=full`; `cargo xtask
//! faults` runs those). A fault that breaks a whole node has a node of its own; the others share the test run's.

mod audit;
mod broker;
mod cluster;
mod door;
mod endings;
mod process;
mod run;
mod sabotage;
mod sends;
mod store;
mod teams;
mod versions;

use std::time::Duration;

/// Names the file to which each fault appends its line.
pub(crate) const REPORT_ENV: &str = "WAYPOST_FAULTS_REPORT";
const SCALE_ENV: &str = "WAYPOST_FAULTS";

/// How long and how often a fault is inflicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Short,
    Full,
}

impl Scale {
    pub(crate) fn from_env() -> Self {
        if std::env::var(SCALE_ENV).is_ok_and(|scale| scale == "full") { Self::Full } else { Self::Short }
    }

    pub(crate) fn pick<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }

    pub(crate) fn seconds(self, short: u64, full: u64) -> Duration {
        Duration::from_secs(self.pick(short, full))
    }
}

/// Lets a fault last. The only place where the suite waits without asking for something.
pub(crate) async fn last(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Work that blocks: starting a server, asking rabbitmqctl.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
