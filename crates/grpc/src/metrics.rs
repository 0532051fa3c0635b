//! The names of this crate's metrics.

/// Calls that were let through, by `method`.
pub(crate) const REQUESTS: &str = "waypost_admin_requests_total";
/// Calls that were turned away, by `reason`: token, role, method, busy.
pub(crate) const DENIED: &str = "waypost_admin_denied_total";
