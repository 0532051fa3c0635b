//! The names of what the embedded bus counts. No labels but `reason`.

waypost_domain::metric_table! {
    /// Seconds that a commit took, flush to disk included.
    histogram COMMIT_SECONDS = "waypost_bus_embedded_commit_seconds";
    /// Calls (publish, acknowledge, subscribe) that shared a commit.
    histogram COMMIT_SIZE = "waypost_bus_embedded_commit_size";
    /// Publications not accepted, by `reason`.
    counter REFUSED by "reason" in ["returned", "queue-full", "disk-full", "busy", "failed"] = "waypost_bus_embedded_refused_total";
    /// Messages moved to the dead letters because they were delivered too often.
    counter DELIVERED_TOO_OFTEN = "waypost_bus_embedded_delivered_too_often_total";
    /// Bytes of the bus file.
    gauge FILE_BYTES = "waypost_bus_embedded_file_bytes";
}
