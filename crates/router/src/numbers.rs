//! Our names for the business's numbers, remembered so that a batch does not ask the store for them.

use dashmap::DashMap;
use waypost_domain::{NumberName, PhoneNumberId, WabaId};
use waypost_store::{Store, StoreError};

/// A business has hundreds of numbers at most; past this the memory starts anew.
const NUMBERS_MAX: usize = 10_000;

pub struct Numbers {
    store: Store,
    names: DashMap<PhoneNumberId, NumberName>,
}

impl Numbers {
    pub fn new(store: Store) -> Self {
        Self { store, names: DashMap::new() }
    }

    /// The name; a number that nobody named gets one of its own.
    pub async fn name(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<NumberName, StoreError> {
        if let Some(name) = self.names.get(id) {
            return Ok(name.clone());
        }
        let name = self.store.ensure_number(id, display, waba).await?;
        if self.names.len() >= NUMBERS_MAX {
            self.names.clear();
        }
        self.names.insert(id.clone(), name.clone());
        Ok(name)
    }
}
