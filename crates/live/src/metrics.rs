//! The names of what is counted here. Released names stay, whoever counts.

/// Counter: rules read, by `outcome` (`loaded`, `refused`).
pub const RULES_READ: &str = "waypost_router_rules_read_total";
