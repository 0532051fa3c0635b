//! The names of this adapter's metrics.

waypost_domain::metric_table! {
    /// Publications by what became of them (`outcome`). Alert on `refused`: our user lacks a permission.
    counter PUBLICATIONS by "outcome" in ["confirmed", "returned", "nacked", "refused", "unavailable", "unknown"] = "waypost_bus_publications_total";
    /// Messages delivered to consumers of this process.
    counter DELIVERIES = "waypost_bus_deliveries_total";
    /// Messages delivered to consumers of this process that had been delivered before.
    counter REDELIVERIES = "waypost_bus_redeliveries_total";
    /// Acknowledgements that may not have arrived, because the subscription was over; those messages come again.
    counter ACKS_LOST = "waypost_bus_acks_lost_total";
    /// 1 while connected, by `purpose` (`publish` or `consume`).
    gauge CONNECTED = "waypost_bus_connected";
    /// Connections that were established, by `purpose`.
    counter CONNECTS by "purpose" in ["publish", "consume"] = "waypost_bus_connects_total";
    /// 1 while the broker refuses publications because its disk or memory is short.
    gauge BLOCKED = "waypost_bus_blocked";
    /// Publishing channels that were lost with an error or given up after a time-out.
    counter CHANNELS_LOST = "waypost_bus_channels_lost_total";
}
