//! The names of what a worker counts. Labels: `component`; never anything of a contact or a message.

/// Gauge: partitions owned by this process.
pub const PARTITIONS_OWNED: &str = "waypost_worker_partitions_owned";
/// Counter: leases lost while in use.
pub const LEASES_LOST: &str = "waypost_worker_leases_lost_total";
/// Counter: deliveries handled and acknowledged.
pub const HANDLED: &str = "waypost_worker_handled_total";
/// Counter: batches tried again.
pub const RETRIED: &str = "waypost_worker_retried_total";
/// Counter: deliveries parked as dead letters, by `reason`.
pub const DEAD_LETTERED: &str = "waypost_worker_dead_lettered_total";
/// Counter: handlers that panicked.
pub const PANICS: &str = "waypost_worker_panics_total";
/// Histogram: seconds from a batch's arrival to its acknowledgement.
pub const BATCH_SECONDS: &str = "waypost_worker_batch_seconds";
/// Histogram: deliveries in a batch.
pub const BATCH_SIZE: &str = "waypost_worker_batch_size";
