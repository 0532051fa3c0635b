//! Messages to customers: each way in which one can be lost, doubled, out of order or not allowed.

use waypost_domain::send::SendState::{self, *};

use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn asked(send: &str, number: u64) -> AskedRecord {
    AskedRecord {
        send: send.into(),
        phone_number_id: NUMBER.into(),
        customer: "c1".into(),
        line: "answer".into(),
        started_ns: number * 100,
        answered_ns: number * 100 + 50,
        answer: AskAnswer::Kept,
    }
}

fn taken(send: &str, attempt: u32, position: u64) -> TakenRecord {
    TakenRecord {
        position,
        at_ms: 1_000,
        phone_number_id: NUMBER.into(),
        customer: "c1".into(),
        wamid: format!("wamid.{send}.{attempt}"),
        mark: Some(format!("wp1/{send}/{attempt}")),
        template: None,
        category: "service".into(),
        fails_with: None,
    }
}

fn row(send: &str, state: SendState) -> SendFact {
    SendFact {
        send: send.into(),
        contact: "contact-1".into(),
        state,
        wamid: Some(format!("wamid.{send}.1")),
        attempts: 1,
        maybe_duplicate: false,
        rule: None,
        is_given_up: false,
    }
}

fn step(order: i64, send: &str, attempt: u32, from: SendState, to: SendState) -> StepFact {
    StepFact { order, send: send.into(), contact: "contact-1".into(), attempt, from, to }
}

fn entry(order: i64, category: Option<&str>, said: &str) -> ConsentFact {
    ConsentFact { order, contact: "contact-1".into(), category: category.map(Into::into), said: said.into() }
}

/// A customer who wrote and agreed to offers is answered twice and gets one offer.
pub(super) fn good() -> Sends {
    let offer = TakenRecord { template: Some("offer".into()), category: "marketing".into(), ..taken("s2", 1, 2) };
    let of_offer = AskedRecord { line: "started".into(), ..asked("s2", 2) };
    let mut steps = Vec::new();
    for (order, send) in [(10, "s0"), (20, "s1"), (30, "s2")] {
        steps.push(step(order, send, 1, Queued, Attempting));
        steps.push(step(order + 1, send, 1, Attempting, Accepted));
        steps.push(step(order + 2, send, 1, Accepted, Read));
    }
    Sends {
        asked: vec![asked("s0", 0), asked("s1", 1), of_offer],
        taken: vec![taken("s0", 1, 0), taken("s1", 1, 1), offer],
        written: vec![WrittenRecord {
            at_ms: 500,
            phone_number_id: NUMBER.into(),
            customer: "c1".into(),
            opens_window: true,
        }],
        consents: vec![consent(true, 0)],
        rows: ["s0", "s1", "s2"].map(|send| row(send, Read)).into(),
        steps,
        entries: vec![entry(1, Some("marketing"), "granted")],
    }
}

fn consent(allows: bool, at: u64) -> ConsentRecord {
    let (started_ns, answered_ns) = (at, at + 10);
    ConsentRecord { customer: "c1".into(), category: Some("marketing".into()), allows, started_ns, answered_ns }
}

/// What was told of a message, and kept.
fn told(ledger: &mut Ledger, send: &str, state: &str) {
    let wamid = format!("wamid.{send}.1");
    let status = Item { key: wamid.clone(), ..item("", ItemKind::Status { state: state.into() }) };
    ledger.posts.push(post(900 + ledger.posts.len() as u64, vec![status]));
    store(ledger).statuses.push(StatusFact { phone_number_id: NUMBER.into(), wamid, state: state.into() });
}

#[track_caller]
fn broken(damage: impl FnOnce(&mut Ledger), invariant: Invariant, what: &str, offender: &str) -> Verdict {
    let verdict = check(damage, &[invariant], offender);
    assert!(verdict.violations.iter().any(|violation| violation.what == what), "{verdict}");
    verdict
}

#[test]
fn i1_what_is_kept_comes_to_an_end() {
    let lost = |ledger: &mut Ledger| {
        ledger.sends.rows.remove(1);
        ledger.sends.taken.remove(1);
    };
    let what = "asked for, answered that it is kept, and not in the store";
    assert_eq!(broken(lost, Invariant::I1, what, "s1").counts.lost, 1);
    for answer in [AskAnswer::Refused, AskAnswer::None] {
        let unanswered = |ledger: &mut Ledger| {
            lost(ledger);
            ledger.sends.asked[1].answer = answer;
        };
        check(unanswered, &[], "");
    }
    let open = "at no end, and nothing says why";
    for state in [Queued, Attempting, Uncertain] {
        let stays = |ledger: &mut Ledger| {
            ledger.sends.taken.remove(1);
            ledger.sends.steps.retain(|step| step.send != "s1");
            ledger.sends.rows[1].state = state;
        };
        broken(stays, Invariant::I1, open, "s1");
        let explained = |ledger: &mut Ledger| {
            stays(ledger);
            ledger.sends.rows[1].rule = Some("quiet_hours".into());
            ledger.sends.rows[1].is_given_up = state == Uncertain;
        };
        check(explained, if state == Attempting { &[Invariant::I1] } else { &[] }, "s1");
        let mut unfinished = super::good();
        stays(&mut unfinished);
        assert!(unfinished.check_so_far().is_good(), "{}", unfinished.check_so_far());
    }
}

#[test]
fn i1_what_is_said_to_have_gone_is_with_the_platform() {
    for state in [Held, Accepted, Sent, Delivered, Read, Played] {
        let invented = |ledger: &mut Ledger| {
            ledger.sends.taken.remove(1);
            ledger.sends.rows[1].state = state;
        };
        broken(invented, Invariant::I1, "said to have gone, and never taken", "s1");
    }
    let failed = |ledger: &mut Ledger| {
        ledger.sends.taken.remove(1);
        ledger.sends.rows[1].state = Failed;
    };
    check(failed, &[], "");
    let other = |ledger: &mut Ledger| ledger.sends.rows[1].wamid = Some("wamid.s0.1".into());
    broken(other, Invariant::I1, "known by an id of something else", "s1");
}

#[test]
fn i2_a_send_is_taken_once_or_says_so() {
    let twice = |ledger: &mut Ledger| {
        ledger.sends.taken.push(taken("s0", 2, 3));
        ledger.sends.steps.push(step(14, "s0", 2, Queued, Attempting));
    };
    let what = "taken twice, and not marked as perhaps a second one";
    assert_eq!(broken(twice, Invariant::I2, what, "s0").counts.doubled, 1);
    let marked = |ledger: &mut Ledger| {
        twice(ledger);
        ledger.sends.rows[0].maybe_duplicate = true;
    };
    let counts = check(marked, &[], "").counts;
    assert_eq!((counts.asked, counts.taken, counts.marked, counts.doubled), (3, 3, 1, 0));
    let thrice = |ledger: &mut Ledger| {
        marked(ledger);
        ledger.sends.taken.push(taken("s0", 3, 4));
        ledger.sends.steps.push(step(15, "s0", 3, Queued, Attempting));
    };
    broken(thrice, Invariant::I2, "taken more than twice", "s0");
    let again = |ledger: &mut Ledger| {
        ledger.sends.rows[0].maybe_duplicate = true;
        ledger.sends.taken.push(taken("s0", 1, 3));
    };
    broken(again, Invariant::I2, "one attempt taken twice", "s0");
}

#[test]
fn i2_nothing_goes_that_nobody_asked_for() {
    let unmarked = |ledger: &mut Ledger| ledger.sends.taken[1].mark = None;
    check(unmarked, &[Invariant::I1, Invariant::I2], "wamid.s1.1");
    let refused = |ledger: &mut Ledger| ledger.sends.asked[1].answer = AskAnswer::Refused;
    broken(refused, Invariant::I2, "refused to whoever asked, and taken", "s1");
    // The second time it was kept.
    let asked_again = |ledger: &mut Ledger| {
        refused(ledger);
        ledger.sends.asked.push(asked("s1", 5));
    };
    check(asked_again, &[], "");
    let nobody = |ledger: &mut Ledger| drop(ledger.sends.asked.remove(1));
    broken(nobody, Invariant::I2, "taken, and nobody asked for it", "s1");
    let unwritten = |ledger: &mut Ledger| ledger.sends.steps.retain(|step| step.order != 20);
    broken(unwritten, Invariant::I2, "taken, and the attempt was never written", "s1");
    for state in [Expired, Refused, Cancelled] {
        let denied = |ledger: &mut Ledger| ledger.sends.rows[1].state = state;
        broken(denied, Invariant::I2, "taken, and said not to have gone", "s1");
    }
}

#[test]
fn i2_what_is_told_only_lifts() {
    for (state, is_lower) in [(Accepted, true), (Sent, true), (Delivered, false), (Read, false)] {
        let after = |ledger: &mut Ledger| {
            told(ledger, "s1", "delivered");
            told(ledger, "s1", "sent");
            ledger.sends.rows[1].state = state;
        };
        match is_lower {
            true => drop(broken(after, Invariant::I2, "lower than what was told", "s1")),
            false => drop(check(after, &[], "")),
        }
    }
    for (from, to, is_allowed) in [
        (Read, Sent, false),
        (Sent, Queued, false),
        (Delivered, Failed, false),
        (Attempting, Queued, true),
        (Uncertain, Queued, true),
    ] {
        let back = |ledger: &mut Ledger| ledger.sends.steps.push(step(40, "s1", 1, from, to));
        match is_allowed {
            true => drop(check(back, &[], "")),
            false => drop(broken(back, Invariant::I2, "a state was taken back", "s1")),
        }
    }
}

#[test]
fn i3_what_was_asked_for_later_goes_later() {
    let swapped = |ledger: &mut Ledger| {
        ledger.sends.taken[0].position = 1;
        ledger.sends.taken[1].position = 0;
    };
    let what = "taken behind what was asked for after it was kept";
    assert_eq!(broken(swapped, Invariant::I3, what, "s0 behind s1").counts.out_of_order, 1);
    let elsewhere: [fn(&mut AskedRecord); 4] = [
        |asked| asked.customer = "c2".into(),
        |asked| asked.phone_number_id = "2".into(),
        |asked| asked.line = "answer urgent".into(),
        |asked| asked.started_ns = 0,
    ];
    for (place, other) in elsewhere.into_iter().enumerate() {
        let unrelated = |ledger: &mut Ledger| {
            swapped(ledger);
            other(&mut ledger.sends.asked[1]);
        };
        let verdict = check(unrelated, &[], "");
        assert_eq!(verdict.counts.excepted, 0, "{place}");
    }
    // Whoever is behind one that may have gone waits for a while, and then goes.
    let uncertain = |ledger: &mut Ledger| {
        swapped(ledger);
        ledger.sends.steps.push(step(11, "s0", 1, Attempting, Uncertain));
    };
    assert_eq!(check(uncertain, &[], "").counts.excepted, 1);
}

#[test]
fn i4_consent_is_there_at_the_attempt() {
    let what = "attempted without consent, and taken";
    broken(|ledger| ledger.sends.entries.clear(), Invariant::I4, what, "s2");
    for category in [None, Some("marketing")] {
        let withdrawn =
            |order: i64| move |ledger: &mut Ledger| ledger.sends.entries.push(entry(order, category, "withdrawn"));
        broken(withdrawn(29), Invariant::I4, what, "s2");
        // It was under way.
        check(withdrawn(31), &[], "");
        let granted_again = |ledger: &mut Ledger| {
            withdrawn(28)(ledger);
            ledger.sends.entries.push(entry(29, Some("marketing"), "granted"));
        };
        check(granted_again, &[], "");
    }
    for other in
        [entry(29, Some("utility"), "withdrawn"), ConsentFact { contact: "c".into(), ..entry(29, None, "withdrawn") }]
    {
        check(|ledger| ledger.sends.entries.push(other), &[], "");
    }
    // It was only suspected.
    check(|ledger| ledger.sends.entries.push(entry(29, None, "suspected")), &[], "");
    let of_another = |ledger: &mut Ledger| ledger.sends.entries[0].contact = "contact-2".into();
    broken(of_another, Invariant::I4, what, "s2");
}

#[test]
fn i4_what_is_asked_for_after_a_withdrawal_does_not_go() {
    let what = "asked for after consent was taken back, and taken";
    let withdrawn = |ledger: &mut Ledger| ledger.sends.consents.push(consent(false, 180));
    broken(withdrawn, Invariant::I4, what, "s2");
    // Whether it was before the request nobody can tell.
    check(|ledger| ledger.sends.consents.push(consent(false, 190)), &[], "");
    let granted_again = |ledger: &mut Ledger| {
        withdrawn(ledger);
        ledger.sends.consents.push(consent(true, 195));
    };
    check(granted_again, &[], "");
    let unnoted = super::good();
    let unnoted = Ledger { sends: Sends { steps: vec![], ..unnoted.sends.clone() }, ..unnoted };
    assert!(unnoted.check().is_good() && unnoted.check().unchecked.len() == 1, "{}", unnoted.check());
}

#[test]
fn i5_only_templates_go_outside_of_the_window() {
    let what = "free-form outside of the customer service window";
    for (at_ms, is_within) in [(500, true), (499, false), (500 + DAY_MS - 1, true), (500 + DAY_MS, false)] {
        let at = |ledger: &mut Ledger| {
            ledger.sends.taken[1].at_ms = at_ms;
            ledger.sends.taken[2].at_ms = 500 + 2 * DAY_MS;
        };
        match is_within {
            true => drop(check(at, &[], "")),
            false => drop(broken(at, Invariant::I5, what, "wp1/s1/1")),
        }
    }
    let damages: [fn(&mut WrittenRecord); 3] = [
        |written| written.opens_window = false,
        |written| written.customer = "c2".into(),
        |written| written.phone_number_id = "2".into(),
    ];
    for damage in damages {
        broken(|ledger| damage(&mut ledger.sends.written[0]), Invariant::I5, what, "wp1/s0/1");
    }
}

/// Whoever is told so would send it again.
#[test]
fn i2_what_was_taken_has_not_failed_by_itself() {
    let failed = |ledger: &mut Ledger| ledger.sends.rows[1].state = SendState::Failed;
    broken(failed, Invariant::I2, "taken, and said to have failed", "s1");
}
