//! Our names for the business's numbers, remembered so that a batch does not ask the store for them; and forgotten when
//! one of them was changed, which is looked for every second.

use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_domain::{NumberName, PhoneNumberId, WabaId};
use waypost_store::{Store, StoreError};

/// A business has hundreds of numbers at most; past this the memory starts anew.
const NUMBERS_MAX: usize = 10_000;
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Readers never lock.
pub struct Numbers {
    store: Store,
    /// Swapped whole: what was read before a change can only be put into what is thrown away.
    names: ArcSwap<DashMap<PhoneNumberId, NumberName>>,
}

impl Numbers {
    /// Knows none yet.
    pub fn new(store: Store) -> Self {
        Self { store, names: ArcSwap::default() }
    }

    /// The name; a number that nobody named gets one of its own.
    pub async fn name(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<NumberName, StoreError> {
        let names = self.names.load_full();
        if let Some(name) = names.get(id) {
            return Ok(name.clone());
        }
        let name = self.store.ensure_number(id, display, waba).await?;
        if names.len() >= NUMBERS_MAX {
            names.clear();
        }
        names.insert(id.clone(), name.clone());
        Ok(name)
    }

    /// Keeps up with the store until `shutdown`, whether it answers or not.
    pub async fn follow(&self, shutdown: CancellationToken) {
        let keep_up = async {
            let mut seen = None;
            loop {
                match self.store.numbers_revision().await {
                    Ok(revision) if seen == Some(revision) => {}
                    Ok(revision) => {
                        seen = Some(revision);
                        self.names.store(Default::default());
                    }
                    Err(error) => warn!(%error, "numbers not read; they keep their names"),
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(keep_up).await;
    }
}
