//! The names of this adapter's metrics.

/// Counter, label `outcome`: publications by what became of them.
pub const PUBLICATIONS: &str = "waypost_bus_publications_total";
/// Counter: messages delivered to consumers of this process.
pub const DELIVERIES: &str = "waypost_bus_deliveries_total";
/// Counter: of those, the ones that had been delivered before.
pub const REDELIVERIES: &str = "waypost_bus_redeliveries_total";
/// Counter: acknowledgements that may not have arrived, because the subscription was over; those messages come again.
pub const ACKS_LOST: &str = "waypost_bus_acks_lost_total";
/// Gauge, label `purpose` (`publish` or `consume`): 1 while connected.
pub const CONNECTED: &str = "waypost_bus_connected";
/// Counter, label `purpose`: connections that were established.
pub const CONNECTS: &str = "waypost_bus_connects_total";
/// Gauge: 1 while the broker refuses publications because its disk or memory is short.
pub const BLOCKED: &str = "waypost_bus_blocked";
/// Counter: publishing channels that were lost with an error or given up after a time-out.
pub const CHANNELS_LOST: &str = "waypost_bus_channels_lost_total";
