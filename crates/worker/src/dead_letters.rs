//! Dead letters: events that cannot be handled, on their way to where a person looks at them. [`store`] puts them on the bus's
//! last queues, where whoever gives up can; [`mover`] takes them from there into rows, where they can be seen.
//!
//! Must never lose one: what is not confirmed as stored is not parked, and its delivery is not acknowledged.

mod mover;

use std::time::Duration;

use waypost_bus::{Bus, DeadLetterReason, Outcome, Publication};

use crate::metrics;

pub use mover::{PARKING, QUEUES, mover};

/// The bus did not take them; published again, they have the same ids.
#[derive(Debug, thiserror::Error)]
#[error("dead letters are not stored: {outcomes:?}")]
pub struct NotStored {
    pub outcomes: Vec<Outcome>,
}

/// Publishes dead letters; an error unless every one is confirmed.
pub async fn store(bus: &dyn Bus, letters: Vec<Publication>, timeout: Duration) -> Result<(), NotStored> {
    if letters.is_empty() {
        return Ok(());
    }
    let outcomes = bus.publish(letters, timeout).await;
    if outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed) {
        return Ok(());
    }
    Err(NotStored { outcomes })
}

/// They are stored.
pub(crate) fn count(component: &'static str, reason: DeadLetterReason, count: usize) {
    let labels = [("component", component), ("reason", reason.code())];
    ::metrics::counter!(metrics::DEAD_LETTERED, &labels).increment(u64::try_from(count).unwrap_or(0));
}
