//! The names of what is counted here. Released names stay, whoever counts.

waypost_domain::metric_table! {
    /// Rules read, by `outcome`.
    counter RULES_READ by "outcome" in ["loaded", "refused"] = "waypost_router_rules_read_total";
}
