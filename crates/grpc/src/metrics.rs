//! The names of this crate's metrics. Labels never name a person or a token.

waypost_domain::metric_table! {
    /// Calls over gRPC that were let through, by `method`.
    counters REQUESTS = "waypost_admin_requests_total";
    /// Calls over gRPC that were turned away, by `reason`.
    counter DENIED by "reason" in ["token", "role", "method", "busy"] = "waypost_admin_denied_total";
    /// Certificate files that changed, by `result`: `loaded`, or `rejected` and the old content kept.
    counter RELOADS by "result" in ["loaded", "rejected"] = "waypost_admin_reloads_total";
}

/// Lets every counter begin at 0, those of these methods too.
pub(crate) fn begin<'a>(methods: impl Iterator<Item = &'a str>) {
    describe();
    for method in methods {
        ::metrics::counter!(REQUESTS, "method" => format!("/{method}")).increment(0);
    }
}
