//! The names of what the embedded bus counts. No labels but `reason`.

/// Histogram: seconds that a commit took, flush to disk included.
pub const COMMIT_SECONDS: &str = "waypost_bus_embedded_commit_seconds";
/// Histogram: calls (publish, acknowledge, subscribe) that shared a commit.
pub const CALLS_PER_COMMIT: &str = "waypost_bus_embedded_calls_per_commit";
/// Counter: publications not accepted, by `reason` (`returned`, `queue-full`, `disk-full`, `busy`, `failed`).
pub const REFUSED: &str = "waypost_bus_embedded_refused_total";
/// Counter: messages moved to the dead letters because they were delivered too often.
pub const DELIVERED_TOO_OFTEN: &str = "waypost_bus_embedded_delivered_too_often_total";
/// Gauge: bytes of the bus file.
pub const FILE_BYTES: &str = "waypost_bus_embedded_file_bytes";
