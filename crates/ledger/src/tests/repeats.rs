//! What comes again under the same id is bounded.

use super::*;

fn repeated(ledger: &mut Ledger, keys: &[&str]) {
    for (key, position) in keys.iter().zip(10..) {
        ledger.deliveries.push(delivery(key, position));
    }
}

/// `keys` come again, and `beyond` is more than these allow.
#[track_caller]
fn bound(keys: &[&str], interruptions: Vec<InFlight>, beyond: &[&str]) {
    let damage = |ledger: &mut Ledger| {
        repeated(ledger, keys);
        ledger.interruptions = interruptions.into_iter().map(interruption).collect();
    };
    let broken: &[Invariant] = if beyond.is_empty() { &[] } else { &[Invariant::I2] };
    let verdict = check(damage, broken, beyond.first().copied().unwrap_or_default());
    let named: Vec<&str> = verdict.violations.iter().map(|violation| violation.offender.as_str()).collect();
    assert_eq!(named, beyond, "{verdict}");
    assert_eq!(verdict.counts.redelivered, keys.len() as u64);
    assert_eq!(verdict.counts.doubled, beyond.len() as u64);
}

#[test]
fn i2_without_a_fault_nothing_comes_again() {
    bound(&["m0"], vec![], &["m0"]);
    bound(&["m0", "m2"], vec![InFlight::Ids(vec![]), InFlight::AtMost(0)], &["m0", "m2"]);
}

#[test]
fn i2_what_was_in_flight_comes_once_more_for_each_fault() {
    let ids = |keys: &[&str]| InFlight::Ids(keys.iter().map(|key| id(key)).collect());
    bound(&["m0", "m1"], vec![ids(&["m0", "m1", "m2"])], &[]);
    bound(&["m0", "m1"], vec![ids(&["m0"])], &["m1"]);
    bound(&["m0", "m0"], vec![ids(&["m0"])], &["m0"]);
    bound(&["m0", "m0"], vec![ids(&["m0"]), ids(&["m1", "m0"])], &[]);
    bound(&["m0", "m1", "m2"], vec![InFlight::AtMost(2), ids(&["m0"])], &[]);
    bound(&["m0", "m1", "m2"], vec![InFlight::AtMost(2)], &["m2"]);
    let both = |ledger: &mut Ledger| {
        ledger.interruptions = vec![interruption(InFlight::AtMost(2)), interruption(ids(&["m0"]))]
    };
    assert_eq!(check(both, &[], "").counts.in_flight, 3);
}

#[test]
fn i2_what_somebody_had_routed_again_is_no_repetition() {
    let replayed = |ledger: &mut Ledger| {
        ledger.deliveries.push(DeliveryRecord { replay: true, ..delivery("m0", 9) });
    };
    assert_eq!(check(replayed, &[], "").counts.redelivered, 0);
}

#[test]
fn what_a_kill_leaves_in_flight_is_in_the_store() {
    let mut ledger = good();
    store(&mut ledger).decisions[1].published = false;
    // A standby message that is held was not published at all.
    store(&mut ledger).decisions[3].published = false;
    let expected = InterruptionRecord { what: "killed".into(), in_flight: InFlight::Ids(vec![id("m1")]) };
    assert_eq!(InterruptionRecord::killed(store(&mut ledger)), expected);
}

#[test]
fn a_lease_that_a_living_router_lost_is_told_by_its_log() {
    let line =
        |component: &str, said: &str| format!("2026-11-29T11:00:00Z  WARN shards: {said} component={component}\n");
    let lost = line("\"router\"", "lease lost");
    let others = [line("\"statuses\"", "lease lost"), line("\"router\"", "shard released")].concat();
    let json = r#"{"level":"WARN","message":"lease lost","component":"router","shard":"03"}"#;
    for (logs, leases) in [
        (vec![&*others], 0),
        (vec![&*others, &*lost], 1),
        // One router that was killed takes nothing away from what others have lost.
        (vec![&*lost, "", &*lost], 2),
        (vec![json], 1),
    ] {
        let expected = InFlight::AtMost(leases * IN_HAND_MAX);
        assert_eq!(InterruptionRecord::leases_lost(logs.iter().copied()).in_flight, expected, "{logs:?}");
    }
}
