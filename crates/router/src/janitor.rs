//! The janitor: deletes what is older than it has to be, and resolves silent conversations; one replica at a time.
//!
//! Must never do more in a pass than so many rows of each kind: whoever answers customers uses the same tables.

use std::time::Duration;

use async_trait::async_trait;
use tracing::info;
use waypost_store::{Retention, Store};
use waypost_worker::{DueSource, HandleError, Held, Pass};

/// Rows of each kind that are deleted in one pass.
pub(crate) const ROWS_MAX: u32 = 1_000;
/// Longer than a pass takes on a store that is alive.
pub(crate) const PASS_TIMEOUT: Duration = Duration::from_secs(60);

/// What is tidied up, and how often.
#[derive(Debug, Clone)]
pub struct JanitorConfig {
    pub retention: Retention,
    pub every: Duration,
}

impl Default for JanitorConfig {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let retention = Retention {
            inbox: days(9),
            bodies: days(30),
            media: days(30),
            statuses: days(8),
            changes: days(30),
            conversations: days(90),
            campaigns: days(400),
        };
        Self { retention, every: Duration::from_secs(60) }
    }
}

pub(crate) struct Janitor {
    pub(crate) store: Store,
    pub(crate) retention: Retention,
    /// After this long a conversation is over.
    pub(crate) idle: Duration,
}

#[async_trait]
impl DueSource for Janitor {
    async fn pass(&self, _: &Held, rows_max: u32) -> Result<Pass, HandleError> {
        let report = self.store.janitor_pass(&self.retention, self.idle, rows_max).await?;
        info!(?report, "tidied up");
        // What is left is not urgent: the next look is soon enough, and the others come first.
        Ok(Pass::NothingMore)
    }
}
