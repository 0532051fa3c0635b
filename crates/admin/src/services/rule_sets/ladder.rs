//! Going back: which of the changes before is put in force again. What is in force stands on a ladder of changes; going
//! back is a step down, and what was stepped over is never come to again by going further back.

use waypost_grpc::Result;
use waypost_grpc::error::{invalid, not_found, precondition};
use waypost_store::{Activation, Store};

use super::wire::ACTIVATION;

/// Where a change stands: one that went back stands where it went.
pub(super) fn place(change: &Activation) -> i64 {
    change.rolled_back_to.unwrap_or(change.revision)
}

/// What to go back to from `current`: `revision`, or where that is 0, what was in force before.
pub(super) async fn target(store: &Store, current: Option<&Activation>, revision: i64) -> Result<Activation> {
    let nothing = || precondition("NOTHING_BEFORE", ACTIVATION, "there is nothing to go back to");
    let current = current.ok_or_else(nothing)?;
    if revision != 0 {
        return named(store, current, revision).await;
    }
    let mut below = place(current);
    // Given versions 1, 2, 3 and a step back to 2 in revision 4, then it goes on below 2: else a second step would be back
    // at 3, which somebody has just left. A change that says the same as what is in force is no step.
    loop {
        let found = store.activations(Some(below), 1).await?.pop().ok_or_else(nothing)?;
        if found.in_force != current.in_force {
            return Ok(found);
        }
        below = place(&found);
    }
}

async fn named(store: &Store, current: &Activation, revision: i64) -> Result<Activation> {
    if revision < 0 {
        return Err(invalid("to_revision", "must be a revision, or 0 for the one before"));
    }
    let found = store.activations(Some(revision.saturating_add(1)), 1).await?.pop();
    let found = found.filter(|found| found.revision == revision);
    let found = found.ok_or_else(|| not_found(format!("revision {revision}")))?;
    if found.in_force == current.in_force {
        let message = format!("what revision {revision} put in force is in force");
        return Err(precondition("IN_FORCE_ALREADY", ACTIVATION, message));
    }
    Ok(found)
}
