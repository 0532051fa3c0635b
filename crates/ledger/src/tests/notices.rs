//! Notices: told to a team, or kept until somebody reads the next message.

use super::*;

#[test]
fn i1_a_kept_notice_is_not_lost_and_a_message_is() {
    let kept_as = |kind: &'static str| {
        move |ledger: &mut Ledger| {
            ledger.deliveries.remove(0);
            let decision = &mut store(ledger).decisions[0];
            (decision.kind, decision.outcome) = (kind.into(), None);
        }
    };
    check(kept_as("notice"), &[], "");
    check(kept_as("call"), &[Invariant::I1, Invariant::I11], "m0");
    check(kept_as("message"), &[Invariant::I1, Invariant::I11], "m0");
}

#[test]
fn i1_a_notice_for_a_team_must_reach_it() {
    let told = |ledger: &mut Ledger| store(ledger).decisions[0].kind = "notice".into();
    check(told, &[], "");
    let lost = |ledger: &mut Ledger| {
        told(ledger);
        ledger.deliveries.remove(0);
    };
    check(lost, &[Invariant::I1], "m0");
}
