//! The names of what the router counts. Labels never name a contact; a team's name is a label.

/// Counter: messages confirmed on a team's queue, by `team` and `phase`.
pub const ROUTED: &str = "waypost_router_routed_total";
/// Counter: messages whose webhook came again.
pub const DUPLICATES: &str = "waypost_router_duplicates_total";
/// Counter: decisions published again after a crash or a lost confirm.
pub const REPUBLISHED: &str = "waypost_router_republished_total";
/// Counter: messages that went to an overflow team, by the `team` that was full or gone.
pub const OVERFLOWED: &str = "waypost_router_overflowed_total";
/// Counter: messages on `wa.unrouted`, by `reason`. Alert when it moves.
pub const UNROUTED: &str = "waypost_router_unrouted_total";
/// Counter: standby messages kept until the thread is ours.
pub const HELD: &str = "waypost_router_held_total";
/// Counter: activity messages that the bus did not take.
pub const ACTIVITY_LOST: &str = "waypost_router_activity_lost_total";
/// Counter: events dead-lettered because they do not decode.
pub const UNDECODABLE: &str = "waypost_router_undecodable_total";
/// Histogram: seconds from the ingress' receipt to the confirmed team queue.
pub const ROUTE_SECONDS: &str = "waypost_router_route_seconds";
/// Counter: messages that rules in the shadow looked at, by `outcome` (`same`, `moved`) and the teams `from` and `to`.
pub const SHADOW: &str = "waypost_router_shadow_total";
