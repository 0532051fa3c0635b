//! Our names for the business's numbers, what is usual on them, and where answers are seen: remembered so that a batch does
//! not ask the store for them; and forgotten when one of them was changed, which is looked for every second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use waypost_domain::{NumberName, PhoneNumberId, Timestamp, WabaId};
use waypost_store::{Store, StoreError};

/// A business has hundreds of numbers at most; past this the memory starts anew.
const NUMBERS_MAX: usize = 10_000;
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Every so many polls it is read where answers are seen.
const ANSWERED_EVERY: u64 = 60;
/// How exact the store has to know it.
const WRITE_EVERY_MS: i64 = 60 * 60 * 1000;

/// What is remembered of one of our numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNumber {
    pub name: NumberName,
    /// The language that is usual on it, where somebody said which.
    pub language: Option<Arc<str>>,
}

/// What is known, as of what a webhook showed.
struct Shown {
    number: KnownNumber,
    display: String,
    waba: WabaId,
}

/// Readers never lock.
pub struct Numbers {
    store: Store,
    /// Swapped whole: what was read before a change can only be put into what is thrown away.
    known: ArcSwap<DashMap<PhoneNumberId, Shown>>,
    /// On which somebody was seen to answer lately; `None` until it was read.
    answered: ArcSwapOption<BTreeSet<NumberName>>,
    /// When this process last wrote so.
    written_at: DashMap<NumberName, Timestamp>,
}

impl Numbers {
    /// Knows none yet.
    pub fn new(store: Store) -> Self {
        Self { store, known: ArcSwap::default(), answered: ArcSwapOption::empty(), written_at: DashMap::new() }
    }

    /// The name, and what else is known; a number that nobody named gets a name of its own.
    pub async fn number(&self, id: &PhoneNumberId, display: &str, waba: &WabaId) -> Result<KnownNumber, StoreError> {
        let known = self.known.load_full();
        // What Meta shows of it may change.
        if let Some(known) = known.get(id).filter(|known| known.display == display && known.waba == *waba) {
            return Ok(known.number.clone());
        }
        let name = self.store.ensure_number(id, display, waba).await?;
        let language = self.store.number_language(&name).await?.map(Arc::from);
        let number = KnownNumber { name, language };
        if known.len() >= NUMBERS_MAX {
            known.clear();
        }
        let (display, waba) = (display.to_owned(), waba.clone());
        known.insert(id.clone(), Shown { number: number.clone(), display, waba });
        Ok(number)
    }

    /// Whether answers to customers are seen on this number at all. Where they are not, nobody can tell a conversation that
    /// waits for one from one that is over.
    pub async fn sees_answers(&self, name: &NumberName) -> Result<bool, StoreError> {
        if let Some(answered) = &*self.answered.load() {
            return Ok(answered.contains(name));
        }
        let answered = Arc::new(self.store.answered_numbers().await?);
        self.answered.store(Some(answered.clone()));
        Ok(answered.contains(name))
    }

    /// Somebody answered a customer.
    pub async fn answer_seen(&self, name: &NumberName, at: Timestamp) -> Result<(), StoreError> {
        if self.written_at.get(name).is_some_and(|last| at.millis_since(*last) < WRITE_EVERY_MS) {
            return Ok(());
        }
        self.store.answer_seen(name, at).await?;
        self.written_at.insert(name.clone(), at);
        self.answered.rcu(|answered| {
            let mut answered = BTreeSet::clone(answered.as_ref()?);
            answered.insert(name.clone());
            Some(Arc::new(answered))
        });
        Ok(())
    }

    /// Keeps up with the store until `shutdown`, whether it answers or not.
    pub async fn follow(&self, shutdown: CancellationToken) {
        let keep_up = async {
            let mut seen = None;
            for round in 0_u64.. {
                if round.is_multiple_of(ANSWERED_EVERY) {
                    match self.store.answered_numbers().await {
                        Ok(answered) => self.answered.store(Some(Arc::new(answered))),
                        Err(error) => warn!(%error, "not read where answers are seen; it stays as it was"),
                    }
                }
                match self.store.numbers_revision().await {
                    Ok(revision) if seen == Some(revision) => {}
                    Ok(revision) => {
                        seen = Some(revision);
                        self.known.store(Default::default());
                    }
                    Err(error) => warn!(%error, "numbers not read; they keep their names"),
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(keep_up).await;
    }
}
