//! Work that falls due: a source of it is asked again and again, pass by pass, under a lease.
//!
//! What is due stands in the store's rows, never in a timer of a process. A pass claims at most so many rows, works on
//! them and says whether more are due. Must never run a pass without a bound in rows and in time, and never two passes of
//! one shard at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use waypost_store::Store;

use crate::backoff::Backoff;
use crate::error::{Chain, HandleError};
use crate::metrics;
use crate::shards::{Held, Shard, ShardEnd, ShardWork, Shards, ShardsConfig};

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Where due work comes from, and how it is done.
#[async_trait]
pub trait DueSource: Send + Sync {
    /// Claims at most `rows_max` rows of the shard that are due, and does what they ask for. Every effect of it is
    /// fenced by `held`, or harmless when done twice. Dropped when it takes too long.
    async fn pass(&self, held: &Held, rows_max: u32) -> Result<Pass, HandleError>;
}

/// What a pass leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// As many rows as it may claim were due: the next pass follows at once.
    MoreIsDue,
    /// Nothing is due before the next look.
    NothingMore,
}

/// How due work is looked for.
#[derive(Debug, Clone)]
pub struct DueConfig {
    pub shards: ShardsConfig,
    /// How often is looked; first after that time.
    pub every: Duration,
    /// Rows that one pass claims at most.
    pub rows_max: u32,
    /// How long one pass may take.
    pub pass_timeout: Duration,
}

/// Runs the due work of one source in this process.
pub struct Due {
    config: DueConfig,
    store: Store,
    keys: Vec<Shard>,
    source: Arc<dyn DueSource>,
}

impl Due {
    pub fn new(
        config: DueConfig,
        store: Store,
        keys: impl IntoIterator<Item = Shard>,
        source: Arc<dyn DueSource>,
    ) -> Self {
        Self { config, store, keys: keys.into_iter().collect(), source }
    }

    /// Runs until `shutdown`, then waits for the passes that are under way: at most `drain_timeout`.
    pub async fn run(self, shutdown: CancellationToken) {
        let work = Passes { config: self.config.clone(), source: self.source };
        Shards::new(self.config.shards, self.store, self.keys, Arc::new(work)).run(shutdown).await;
    }
}

struct Passes {
    config: DueConfig,
    source: Arc<dyn DueSource>,
}

#[async_trait]
impl ShardWork for Passes {
    async fn run(&self, mut held: Held) -> ShardEnd {
        let stop = held.stop().clone();
        let mut wait = self.config.every;
        let mut backoff = Backoff::new(BACKOFF_MIN, BACKOFF_MAX);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return ShardEnd::Finished,
                () = held.expired() => return ShardEnd::Dropped,
                () = tokio::time::sleep(wait) => {}
            }
            match self.pass(&held).await {
                Next::In(pause) => {
                    wait = pause;
                    backoff.reset();
                }
                Next::AfterBackOff => wait = backoff.pause(),
                Next::End(end) => return end,
            }
        }
    }
}

enum Next {
    In(Duration),
    AfterBackOff,
    End(ShardEnd),
}

impl Passes {
    async fn pass(&self, held: &Held) -> Next {
        let component = self.config.shards.component;
        let pass = AssertUnwindSafe(self.source.pass(held, self.config.rows_max)).catch_unwind();
        let passed = tokio::select! {
            biased;
            passed = tokio::time::timeout(self.config.pass_timeout, pass) => passed,
            () = held.expiry() => return Next::End(ShardEnd::Dropped),
        };
        let error = match passed {
            Ok(Ok(Ok(Pass::MoreIsDue))) => return Next::In(Duration::ZERO),
            Ok(Ok(Ok(Pass::NothingMore))) => return Next::In(self.config.every),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => {
                ::metrics::counter!(metrics::PANICS, "component" => component).increment(1);
                error!(component, "a pass panicked");
                return Next::AfterBackOff;
            }
            Err(_) => {
                warn!(component, "a pass took too long and was dropped");
                return Next::AfterBackOff;
            }
        };
        match error {
            HandleError::LeaseLost => Next::End(ShardEnd::Dropped),
            HandleError::Stop { source } => {
                error!(component, cause = %Chain(&*source), "due work stopped; a person must act");
                Next::End(ShardEnd::StoppedForGood)
            }
            // There is no queue to take it from: the source sets aside what it can; what it cannot, a person must see.
            HandleError::Park { reason, source } => {
                error!(component, reason = reason.code(), cause = %Chain(&*source), "due work cannot be done");
                Next::AfterBackOff
            }
            HandleError::Retry { source } => {
                warn!(component, cause = %Chain(&*source), "due work not done yet");
                Next::AfterBackOff
            }
        }
    }
}
