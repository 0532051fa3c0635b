//! I10: the stored input and version give the stored decision, and that version was in force.

use waypost_proto::route::decode_route_input;
use waypost_rules::percent;

use super::*;

#[test]
fn i10_the_stored_input_gives_the_stored_decision() {
    let other_rule = |ledger: &mut Ledger| {
        for delivery in &mut ledger.deliveries {
            delivery.routing = delivery.routing.clone().map(|note| RoutingNote { rule: "other".into(), ..note });
        }
        for decision in &mut store(ledger).decisions {
            decision.outcome = decision.outcome.clone().map(|outcome| OutcomeFact { rule: "other".into(), ..outcome });
        }
    };
    check(other_rule, &[Invariant::I10], "m0");
    let input = |input: &'static str| {
        move |ledger: &mut Ledger| store(ledger).decisions[0].outcome.as_mut().unwrap().input = input.to_owned()
    };
    check(input("00"), &[Invariant::I10], "m0");
    check(input("not hexadecimal"), &[Invariant::I10], "m0");
    check(input(""), &[], ""); // erased
    check(|ledger| ledger.rule_sets = vec![RULES.replace("invoices", "bills")], &[Invariant::I10], "m0");
    let nothing_to_compare = check(|ledger| ledger.rule_sets.clear(), &[], "");
    assert_eq!(nothing_to_compare.unchecked[0].0, Invariant::I10);
    assert!(decode_route_input(&hex::decode(outcome().input).unwrap()).is_ok());
}

#[test]
fn those_below_the_percentage_are_drawn() {
    let (number, transaction, contact) = ("support".to_owned(), "7".to_owned(), Some("0198".to_owned()));
    let made = MadeFact { at_ms: 0, transaction, number, contact };
    let bucket = percent::bucket("other", "0198");
    let decides = |percent| {
        let trial = Some(TrialFact { version: "other".to_owned(), percent, numbers: Vec::new() });
        let activation = ActivationFact { revision: 1, at_ms: 0, alone_from_ms: 0, active: "first".to_owned(), trial };
        activation.version_for(&made).to_owned()
    };
    assert_eq!([decides(bucket), decides(bucket + 1)], ["first", "other"]);
}

/// The rules and another version, each for one activation, and then both: the other for those who are drawn.
fn activated(ledger: &mut Ledger) {
    let (version, other) = (outcome().rule_set, "other".to_owned());
    let activation = |revision: i64, active: &String, trial| ActivationFact {
        revision,
        at_ms: 10_000 * revision,
        alone_from_ms: 10_000 * revision + 3_000,
        active: active.clone(),
        trial,
    };
    let trial = |percent, numbers| Some(TrialFact { version: other.clone(), percent, numbers });
    let activations = vec![
        activation(1, &version, None),
        activation(2, &other, None),
        activation(3, &version, trial(0, vec!["support-es".to_owned()])),
        activation(4, &version, trial(100, vec![])),
        activation(5, &version, None),
    ];
    *store(ledger) = StoreFacts { activations, ..store(ledger).clone() };
    for (at, decision) in store(ledger).decisions.iter_mut().enumerate() {
        decision.made = Some(MadeFact {
            at_ms: 10_500 + at as i64,
            transaction: "7".to_owned(),
            number: "support".to_owned(),
            contact: Some("0198".to_owned()),
        });
    }
}

#[test]
fn i10_what_decides_is_in_force() {
    let made = |at_ms: i64| {
        move |ledger: &mut Ledger| {
            activated(ledger);
            let made = store(ledger).decisions[0].made.as_mut().unwrap();
            (made.at_ms, made.transaction) = (at_ms, "8".to_owned());
        }
    };
    for at_ms in [10_000, 22_999, 30_500, 42_999, 50_000] {
        check(made(at_ms), &[], "");
    }
    // Before it was activated; long after another one was; while all were on trial.
    for at_ms in [9_999, 23_000, 29_999, 43_000, 49_999] {
        let verdict = check(made(at_ms), &[Invariant::I10], "m0");
        assert_eq!(verdict.violations[0].what, "decided by a version that was not in force", "{at_ms}");
    }
    let on_trial = |ledger: &mut Ledger| {
        made(35_000)(ledger);
        store(ledger).decisions[0].made.as_mut().unwrap().number = "support-es".to_owned();
    };
    check(on_trial, &[Invariant::I10], "m0");
    let unknown = |ledger: &mut Ledger| {
        activated(ledger);
        for decision in &mut store(ledger).decisions {
            decision.outcome.iter_mut().for_each(|outcome| outcome.rule_set = "unknown".into());
        }
        ledger.deliveries.iter_mut().flat_map(|one| &mut one.routing).for_each(|one| one.rule_set = "unknown".into());
    };
    check(unknown, &[Invariant::I10], "m0");
}

#[test]
fn i10_a_batch_keeps_what_it_began_with() {
    // Both are right by themselves: the first after the second activation, the other one after the first.
    let mixed = |ledger: &mut Ledger| {
        activated(ledger);
        let rules = RULES.replace("invoices", "bills");
        let other = RuleSet::parse(&rules).unwrap().version;
        ledger.rule_sets.push(rules);
        store(ledger).activations[1].active.clone_from(&other);
        store(ledger).decisions[0].made.as_mut().unwrap().at_ms = 20_500;
        let outcome = store(ledger).decisions[0].outcome.as_mut().unwrap();
        (outcome.rule_set, outcome.rule) = (other.clone(), "bills".to_owned());
        let routing = ledger.deliveries[0].routing.as_mut().unwrap();
        (routing.rule_set, routing.rule) = (other, "bills".to_owned());
    };
    let verdict = check(mixed, &[Invariant::I10], "m1");
    assert_eq!(verdict.violations[0].what, "a batch decided by rules of several activations");
    let in_two_transactions = |ledger: &mut Ledger| {
        mixed(ledger);
        store(ledger).decisions[0].made.as_mut().unwrap().transaction = "8".to_owned();
    };
    check(in_two_transactions, &[], "");
}
