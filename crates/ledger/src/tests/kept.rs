//! Statuses and changes are kept, once each, and nothing that nobody sent.

use super::*;

#[test]
fn i1_what_is_to_be_kept_is_kept_once() {
    check(|ledger| store(ledger).statuses.clear(), &[Invariant::I1], "m0 read");
    check(|ledger| store(ledger).statuses[0].state = "sent".into(), &[Invariant::I1, Invariant::I6], "m0 read");
    for (place, key) in ["preference-1", "account-1"].into_iter().enumerate() {
        let lost = |ledger: &mut Ledger| drop(store(ledger).changes.remove(place));
        check(lost, &[Invariant::I1], key);
        let twice = |ledger: &mut Ledger| {
            let again = store(ledger).changes[place].clone();
            store(ledger).changes.push(again);
        };
        let verdict = check(twice, &[Invariant::I1], key);
        assert_eq!(verdict.violations[0].what, "kept more than once");
    }
    let twice = |ledger: &mut Ledger| {
        let again = store(ledger).statuses[0].clone();
        store(ledger).statuses.push(again);
    };
    check(twice, &[Invariant::I1], "m0 read");
    // A contact's is not the account's.
    check(|ledger| store(ledger).changes[1].is_of_contact = true, &[Invariant::I1, Invariant::I6], "account-1");
}

#[test]
fn i1_only_what_was_answered_200_is_to_be_kept() {
    let refused = |ledger: &mut Ledger| {
        let rest = ledger.posts[3].items.split_off(2);
        ledger.posts.push(PostRecord { answer: Answer::Status(503), items: rest[..3].to_vec(), ..post(9, vec![]) });
        ledger.posts[3].items.extend_from_slice(&rest[3..]);
        store(ledger).statuses.clear();
        store(ledger).changes.clear();
    };
    assert_eq!(check(refused, &[], "").counts.kept, 0);
    let mut unfinished = good();
    store(&mut unfinished).changes.clear();
    assert_eq!(unfinished.not_kept(), 2);
    assert!(unfinished.check_so_far().is_good(), "{}", unfinished.check_so_far());
    assert_eq!((good().not_kept(), Ledger { store: None, ..good() }.not_kept()), (0, 3));
}

#[test]
fn i1_what_is_parked_is_not_lost() {
    let parked = |ledger: &mut Ledger| {
        store(ledger).statuses.clear();
        ledger.deliveries.push(dead_letter("m0:read", 7));
        let json = store(ledger).changes.remove(0).json;
        let mut letter = dead_letter("sha256:1", 8);
        letter.dead_letter.as_mut().unwrap().change = Some(json);
        ledger.deliveries.push(letter);
    };
    check(parked, &[], "");
}

#[test]
fn i6_nothing_unsigned_is_kept() {
    let forged = |ledger: &mut Ledger| {
        let kept = StatusFact { wamid: "forged".into(), ..store(ledger).statuses[0].clone() };
        store(ledger).statuses.push(kept);
    };
    check(forged, &[Invariant::I6], "forged");
    check(|ledger| store(ledger).changes[0].json = "{}".into(), &[Invariant::I1, Invariant::I6], "field");
    check(|ledger| store(ledger).changes[1].json = "no JSON".into(), &[Invariant::I1, Invariant::I6], "field");
}
