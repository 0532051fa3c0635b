//! The names of what the router counts. Labels never name a contact; a team's name is a label.

use waypost_live::RulesInForce;
use waypost_rules::Phase;

waypost_domain::metric_table! {
    /// Messages confirmed on a team's queue, by `team` and `phase`.
    counters ROUTED = "waypost_router_routed_total";
    /// Messages whose webhook came again.
    counter DUPLICATES = "waypost_router_duplicates_total";
    /// Decisions published again after a crash or a lost confirm.
    counter REPUBLISHED = "waypost_router_republished_total";
    /// Messages that went to an overflow team, by the `team` that was full or gone.
    counters OVERFLOWED = "waypost_router_overflowed_total";
    /// Messages on `wa.unrouted`, by `reason`. Alert when it moves.
    counter UNROUTED by "reason" in ["missing", "full", "over its limits"] = "waypost_router_unrouted_total";
    /// Notices that a team's queue did not take.
    counter NOTICES_LOST = "waypost_router_notices_lost_total";
    /// Standby messages kept until the thread is ours.
    counter HELD = "waypost_router_held_total";
    /// Activity messages that the bus did not take.
    counter ACTIVITY_LOST = "waypost_router_activity_lost_total";
    /// Events dead-lettered because they do not decode.
    counter UNDECODABLE = "waypost_router_undecodable_total";
    /// Seconds from the ingress' receipt to the confirmed team queue.
    histogram ROUTE_SECONDS = "waypost_router_route_seconds";
    /// Messages that rules in the shadow looked at, by `outcome` (`same`, `moved`) and the teams `from` and `to`.
    counters SHADOW = "waypost_router_shadow_total";
}

/// Lets the counters of the teams of these rules begin at 0: before they decide.
pub fn begin(rules: &RulesInForce) {
    for team in rules.team_names() {
        for phase in [Phase::Handover, Phase::Bind, Phase::Route, Phase::Default] {
            ::metrics::counter!(ROUTED, "team" => team.to_string(), "phase" => phase.as_str()).increment(0);
        }
        ::metrics::counter!(OVERFLOWED, "team" => team.to_string()).increment(0);
        if rules.shadow().is_some() {
            let same = [("outcome", "same".to_owned()), ("from", team.to_string()), ("to", team.to_string())];
            ::metrics::counter!(SHADOW, &same).increment(0);
        }
    }
}
