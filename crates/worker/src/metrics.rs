//! The names of what a worker counts. Labels: `component`; never anything of a contact or a message.

use waypost_bus::DeadLetterReason;
use waypost_store::Parking;

waypost_domain::metric_table! {
    /// Partitions, or other shards, owned by this process, by `component`.
    gauge PARTITIONS_OWNED = "waypost_worker_partitions_owned";
    /// Shards that this process stopped for good and does not take again, by `component`. A person must look.
    gauge SHARDS_STOPPED = "waypost_worker_shards_stopped";
    /// Leases lost while in use, by `component`.
    counters LEASES_LOST = "waypost_worker_leases_lost_total";
    /// Events handled and acknowledged, by `component`.
    counters HANDLED = "waypost_worker_handled_total";
    /// Batches, or what is left of them, tried again, by `component`.
    counters RETRIED = "waypost_worker_retried_total";
    /// Events parked as dead letters, by `component` and `reason`.
    counters DEAD_LETTERED = "waypost_worker_dead_lettered_total";
    /// Parked messages that were moved to the store, by `parking`: `dead-letters` or `unrouted`.
    counters MOVED = "waypost_worker_moved_total";
    /// Handlers and passes that panicked, by `component`.
    counters PANICS = "waypost_worker_panics_total";
    /// Seconds from a batch's arrival to its acknowledgement, by `component`.
    histograms BATCH_SECONDS = "waypost_worker_batch_seconds";
    /// Events in a batch, by `component`.
    histograms BATCH_SIZE = "waypost_worker_batch_size";
}

/// Counts that the work of `component` on a batch is tried again.
pub fn retried(component: &'static str) {
    ::metrics::counter!(RETRIED, "component" => component).increment(1);
}

/// Lets the counters of a component's worker begin at 0.
pub(crate) fn begin(component: &'static str) {
    describe();
    for name in [LEASES_LOST, HANDLED, RETRIED, PANICS] {
        ::metrics::counter!(name, "component" => component).increment(0);
    }
    for reason in DeadLetterReason::ALL {
        ::metrics::counter!(DEAD_LETTERED, "component" => component, "reason" => reason.code()).increment(0);
    }
    for name in [PARTITIONS_OWNED, SHARDS_STOPPED] {
        ::metrics::gauge!(name, "component" => component).set(0.0);
    }
}

/// Lets the mover's counters begin at 0.
pub(crate) fn begin_moving() {
    for parking in Parking::ALL {
        moved(parking, 0);
    }
}

/// So many messages became rows.
pub(crate) fn moved(parking: Parking, count: u64) {
    ::metrics::counter!(MOVED, "parking" => parking.as_str()).increment(count);
}
