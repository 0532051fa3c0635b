//! Every invariant: a small ledger that breaks it, and one that does not.

use waypost_bus::Message;
use waypost_domain::{DecisionId, PhoneNumberId};
use waypost_proto::route::encode_route_input;
use waypost_proto::{EVENT_KIND, encode_event, v1};
use waypost_rules::{RouteInput, RuleSet};

use super::*;

mod kept;
mod notices;
mod records;
mod repeats;
mod sends;
mod versions;

const NUMBER: &str = "106540352242922";
const RULES: &str = "[default]\nteam = \"frontdesk\"\n[handover]\nteam = \"frontdesk\"\nwords.en = [\"an agent\"]\n\
     [[teams]]\nname = \"frontdesk\"\n[[teams]]\nname = \"billing\"\n\
     [[rules]]\nid = \"invoices\"\nteam = \"billing\"\nwhen = { keyword = [\"invoice\"] }\n";

fn id(key: &str) -> String {
    DecisionId::of_event(&PhoneNumberId::new(NUMBER), key).to_string()
}

fn item(key: &str, kind: ItemKind) -> Item {
    Item { phone_number_id: NUMBER.into(), key: key.into(), contact: "c1".into(), ordinal: 0, kind }
}

fn post(number: u64, items: Vec<Item>) -> PostRecord {
    PostRecord {
        number,
        started_ns: number * 100,
        answered_ns: number * 100 + 50,
        started_at_ms: 0,
        answer: Answer::Status(200),
        signed: true,
        items,
    }
}

fn delivery(key: &str, position: u64) -> DeliveryRecord {
    let outcome = outcome();
    DeliveryRecord {
        queue: "team.billing.normal".into(),
        position,
        message_id: id(key),
        phone_number_id: Some(NUMBER.into()),
        key: Some(key.into()),
        routing: Some(RoutingNote {
            rule_set: outcome.rule_set,
            rule: outcome.rule,
            phase: outcome.phase,
            team: outcome.team,
            priority: outcome.priority,
        }),
        diverted: None,
        is_of_conversation: false,
        dead_letter: None,
        replay: false,
        received_ns: 0,
        received_at_ms: 0,
    }
}

fn outcome() -> OutcomeFact {
    let rules = RuleSet::parse(RULES).unwrap();
    let input = RouteInput { text: Some("my invoice".into()), message_type: "text".into(), ..RouteInput::default() };
    let decision = rules.decide(&input);
    OutcomeFact {
        rule_set: decision.rule_set,
        rule: decision.rule,
        phase: decision.phase.as_str().into(),
        team: Some(decision.team.to_string()),
        priority: decision.priority.as_str().into(),
        input: hex::encode(encode_route_input(&input)),
    }
}

fn decision(key: &str, seq: i64) -> DecisionFact {
    DecisionFact {
        phone_number_id: NUMBER.into(),
        key: key.into(),
        decision_id: id(key),
        partition: 1,
        seq,
        kind: "message".into(),
        published: true,
        outcome: Some(outcome()),
        made: None,
    }
}

fn dead_letter(key: &str, position: u64) -> DeliveryRecord {
    let dead_letter = DeadLetterNote {
        reason: "delivered-too-often".into(),
        origin: "wa.in.p01".into(),
        ..DeadLetterNote::default()
    };
    let dead_letter = Some(dead_letter);
    DeliveryRecord { queue: "wa.dead-letters".into(), routing: None, dead_letter, ..delivery(key, position) }
}

/// Three messages of one customer, one POST each, all well; and one of each other kind.
fn good() -> Ledger {
    let messages = ["m0", "m1", "m2"];
    let mut posts: Vec<PostRecord> =
        (0..3).map(|at| post(at, vec![item(messages[at as usize], ItemKind::Message)])).collect();
    posts.push(post(
        3,
        vec![
            item("held", ItemKind::Standby),
            item("answered", ItemKind::Echo),
            item("m0", ItemKind::Status { state: "read".into() }),
            item("preference-1", ItemKind::ContactChange),
            item("account-1", ItemKind::AccountChange),
            item("#broken#", ItemKind::Malformed),
        ],
    ));
    let forged = PostRecord { signed: false, answer: Answer::Status(401), ..post(4, vec![]) };
    posts.push(PostRecord { items: vec![item("forged", ItemKind::Message)], ..forged.clone() });
    posts.push(PostRecord { items: vec![item("#forged#", ItemKind::Malformed)], number: 5, ..forged });
    let mut deliveries: Vec<DeliveryRecord> = (0..3).map(|at| delivery(messages[at as usize], at)).collect();
    let broken = DeadLetterNote {
        reason: "unparseable-part".into(),
        origin: "ingress".into(),
        quarantined: Some("[#broken#".into()),
        change: None,
    };
    deliveries.push(DeliveryRecord { key: None, dead_letter: Some(broken), ..dead_letter("x", 0) });
    let unrouted = |key, seq, kind: &str| DecisionFact { kind: kind.into(), outcome: None, ..decision(key, seq) };
    let mut decisions: Vec<DecisionFact> = (0..3).map(|at| decision(messages[at as usize], at + 1)).collect();
    decisions.extend([unrouted("held", 4, "standby"), unrouted("answered", 5, "echo"), unrouted("h", 6, "change")]);
    let change = |is_of_contact, key: &str| ChangeFact {
        is_of_contact,
        field: "field".into(),
        json: format!(r#"{{"list":[{{"detail":"{key}"}},1]}}"#),
    };
    let changes = vec![change(true, "preference-1"), change(false, "account-1")];
    let statuses = vec![StatusFact { phone_number_id: NUMBER.into(), wamid: "m0".into(), state: "read".into() }];
    let lease = LeaseFact { component: "router".into(), partition: 1, owner: None, epoch: 3, published_seq: 6 };
    Ledger {
        posts,
        deliveries,
        interruptions: vec![],
        store: Some(StoreFacts { decisions, statuses, changes, leases: vec![lease], activations: vec![] }),
        depths: vec![QueueDepth { queue: "wa.in.p01".into(), ready: 0, unacknowledged: Some(0) }],
        texts: vec![TextRecord { source: "log".into(), text: "started\nready".into() }],
        markers: vec!["15550001111".into(), "Zebulon".into()],
        rule_sets: vec![RULES.into()],
        sends: sends::good(),
    }
}

fn interruption(in_flight: InFlight) -> InterruptionRecord {
    InterruptionRecord { what: "killed".into(), in_flight }
}

fn store(ledger: &mut Ledger) -> &mut StoreFacts {
    ledger.store.as_mut().unwrap()
}

/// After `damage`, exactly `broken` is violated, with `offender` among the offenders.
#[track_caller]
fn check(damage: impl FnOnce(&mut Ledger), broken: &[Invariant], offender: &str) -> Verdict {
    let mut ledger = good();
    damage(&mut ledger);
    let verdict = ledger.check();
    let mut found: Vec<Invariant> = verdict.violations.iter().map(|violation| violation.invariant).collect();
    found.dedup();
    assert_eq!(found, broken, "{verdict}");
    let named = verdict.violations.iter().any(|violation| violation.offender.contains(offender));
    assert!(named || broken.is_empty(), "{offender:?} is not named:\n{verdict}");
    verdict
}

#[test]
fn a_good_run_is_good() {
    let verdict = good().check();
    assert!(verdict.is_good() && verdict.unchecked.is_empty(), "{verdict}");
    let expected = Counts { posts: 6, posts_accepted: 4, messages: 3, kept: 3, delivered: 3, ..Counts::default() };
    let expected = Counts { asked: 3, taken: 3, ..expected };
    assert_eq!(verdict.counts, expected);
}

#[test]
fn i1_what_is_lost_is_missed() {
    let lost = check(|ledger| drop(ledger.deliveries.remove(1)), &[Invariant::I1], "m1");
    assert_eq!(lost.counts.lost, 1);
    check(|ledger| drop(store(ledger).decisions.remove(3)), &[Invariant::I1], "held");
    check(|ledger| drop(store(ledger).decisions.remove(4)), &[Invariant::I1], "answered");
    check(|ledger| drop(ledger.deliveries.pop()), &[Invariant::I1], "#broken#");
    check(|ledger| store(ledger).decisions.push(decision("m1", 9)), &[Invariant::I1, Invariant::I3], "m1");
    let neither = |ledger: &mut Ledger| {
        ledger.deliveries.remove(1);
        store(ledger).decisions.remove(1);
    };
    assert_eq!(check(neither, &[Invariant::I1], "m1").counts.lost, 1);
}

#[test]
fn i1_only_what_was_answered_200_is_promised() {
    for answer in [Answer::Status(503), Answer::None("reset".into())] {
        let refused = |ledger: &mut Ledger| {
            ledger.posts[1].answer = answer;
            ledger.deliveries.remove(1);
            store(ledger).decisions.remove(1);
        };
        assert_eq!(check(refused, &[], "").counts.messages, 2);
    }
    let parked = |ledger: &mut Ledger| {
        ledger.deliveries[1] = dead_letter("m1", 1);
        store(ledger).decisions.remove(1);
    };
    let counts = check(parked, &[], "").counts;
    assert_eq!((counts.parked, counts.excepted, counts.lost), (1, 1, 0));
    let mut unfinished = good();
    unfinished.deliveries.clear();
    store(&mut unfinished).decisions.clear();
    unfinished.depths[0].ready = 3;
    assert!(!unfinished.check().is_good());
    assert!(unfinished.check_so_far().is_good(), "{}", unfinished.check_so_far());
}

#[test]
fn i2_repetitions_are_the_same() {
    let other_id = |ledger: &mut Ledger| {
        ledger.interruptions.push(interruption(InFlight::AtMost(1)));
        ledger.deliveries.push(DeliveryRecord { message_id: "other".into(), ..delivery("m0", 7) });
    };
    assert_eq!(check(other_id, &[Invariant::I2], "m0").counts.doubled, 1);
    check(|ledger| ledger.deliveries[0].message_id = "other".into(), &[Invariant::I2], "m0");
    let other_decision = |ledger: &mut Ledger| {
        let mut again = delivery("m0", 7);
        again.routing.as_mut().unwrap().rule = "other".into();
        ledger.interruptions.push(interruption(InFlight::AtMost(1)));
        ledger.deliveries.push(again);
    };
    assert_eq!(check(other_decision, &[Invariant::I2], "m0").counts.doubled, 1);
    let not_the_stored = |ledger: &mut Ledger| ledger.deliveries[0].routing.as_mut().unwrap().phase = "bind".into();
    check(not_the_stored, &[Invariant::I2], "m0");
    check(|ledger| ledger.deliveries[0].routing = None, &[Invariant::I2], "m0");
    check(|ledger| ledger.deliveries[0].queue = "team.billing.urgent".into(), &[Invariant::I2], "m0");
}

#[test]
fn i3_what_came_after_the_200_comes_behind() {
    let swapped = |ledger: &mut Ledger| {
        ledger.deliveries[0].position = 1;
        ledger.deliveries[1].position = 0;
    };
    let verdict = check(swapped, &[Invariant::I3], "m0 behind m1");
    assert_eq!(verdict.counts.out_of_order, 1);
    // Of three, the one that is behind both others is late, not the two.
    let last = |ledger: &mut Ledger| ledger.deliveries[0].position = 9;
    assert_eq!(check(last, &[Invariant::I3], "m0").counts.out_of_order, 1);
    check(|ledger| store(ledger).decisions[0].seq = 9, &[Invariant::I3], "m0");
    // On other numbers, of other customers, in other partitions and queues there is no order.
    let unrelated = |ledger: &mut Ledger| {
        swapped(ledger);
        ledger.posts[0].items[0].contact = "c2".into();
    };
    check(unrelated, &[], "");
    let other_partition = |ledger: &mut Ledger| {
        store(ledger).decisions[0].seq = 9;
        store(ledger).decisions[0].partition = 2;
    };
    check(other_partition, &[], "");
    // A repetition behind the next message is not out of order.
    let repeated = |ledger: &mut Ledger| {
        ledger.deliveries.push(delivery("m0", 9));
        ledger.interruptions.push(interruption(InFlight::AtMost(1)));
    };
    check(repeated, &[], "");
}

#[test]
fn i3_what_overlaps_may_come_in_any_order() {
    let swapped = |ledger: &mut Ledger| {
        ledger.deliveries[0].position = 1;
        ledger.deliveries[1].position = 0;
    };
    // B began when A was answered, not after.
    let at_once = |ledger: &mut Ledger| {
        swapped(ledger);
        ledger.posts[1].started_ns = ledger.posts[0].answered_ns;
    };
    check(at_once, &[], "");
    // An earlier attempt at B, which was refused, began before A was answered.
    let retried = |ledger: &mut Ledger| {
        swapped(ledger);
        let first = PostRecord { started_ns: 10, answer: Answer::Status(503), ..ledger.posts[1].clone() };
        ledger.posts.push(PostRecord { number: 9, ..first });
    };
    check(retried, &[], "");
    // The first 200 counts, not the repetition's.
    let repeated = |ledger: &mut Ledger| {
        swapped(ledger);
        let again = PostRecord { started_ns: 900, answered_ns: 950, ..ledger.posts[0].clone() };
        ledger.posts.push(PostRecord { number: 9, ..again });
    };
    check(repeated, &[Invariant::I3], "m0 behind m1");
    let diverted = |ledger: &mut Ledger| {
        swapped(ledger);
        ledger.deliveries[0].diverted = Some("team billing: queue full".into());
    };
    let counts = check(diverted, &[], "").counts;
    assert_eq!((counts.diverted, counts.excepted), (1, 1));
    let replayed = |ledger: &mut Ledger| {
        swapped(ledger);
        ledger.deliveries[0].replay = true;
    };
    check(replayed, &[], "");
}

#[test]
fn i6_nothing_unsigned_appears_anywhere() {
    check(|ledger| ledger.posts[4].answer = Answer::Status(200), &[Invariant::I6], "POST 4");
    let delivered = |ledger: &mut Ledger| ledger.deliveries.push(delivery("forged", 7));
    check(delivered, &[Invariant::I6], "forged");
    check(|ledger| ledger.deliveries.push(dead_letter("forged", 7)), &[Invariant::I6], "forged");
    check(|ledger| store(ledger).decisions.push(decision("forged", 9)), &[Invariant::I6], "forged");
    check(|ledger| ledger.deliveries.push(delivery("from nowhere", 7)), &[Invariant::I6], "from nowhere");
    let parked = |ledger: &mut Ledger| {
        ledger.deliveries[3].dead_letter.as_mut().unwrap().quarantined = Some("[#broken# #forged#".into());
    };
    check(parked, &[Invariant::I6], "#forged#");
    // The same body, rightly signed the next time.
    let signed_later = |ledger: &mut Ledger| {
        ledger.posts.push(PostRecord { items: ledger.posts[4].items.clone(), ..post(9, vec![]) });
        ledger.deliveries.push(delivery("forged", 7));
        store(ledger).decisions.push(decision("forged", 9));
    };
    check(signed_later, &[], "");
}

#[test]
fn i7_queues_drain_and_what_is_parked_says_why() {
    check(|ledger| ledger.depths[0].ready = 1, &[Invariant::I7], "wa.in.p01");
    check(|ledger| ledger.depths[0].unacknowledged = Some(1), &[Invariant::I7], "wa.in.p01");
    check(|ledger| ledger.depths[0].unacknowledged = None, &[], "");
    let mute = |ledger: &mut Ledger| ledger.deliveries[3].dead_letter.as_mut().unwrap().reason = String::new();
    check(mute, &[Invariant::I7], &id("x"));
    let unrouted = |ledger: &mut Ledger| ledger.deliveries[2].queue = "wa.unrouted".into();
    check(unrouted, &[Invariant::I2, Invariant::I7], "m2");
    let explained = |ledger: &mut Ledger| {
        unrouted(ledger);
        ledger.deliveries[2].diverted = Some("team billing: queue missing".into());
    };
    check(explained, &[], "");
}

#[test]
fn i9_nothing_personal_is_said() {
    let said = |ledger: &mut Ledger| ledger.texts[0].text = "started\nhello Zebulon".into();
    let verdict = check(said, &[Invariant::I9], "marker 2 in log, line 2");
    assert!(!verdict.to_string().contains("Zebulon"), "the verdict does not repeat it");
}

#[test]
fn i9_a_number_within_a_longer_one_is_another() {
    for (line, is_said) in [
        ("sum 0.10000000007002", false),
        ("sum 510000000007", false),
        ("10000000007 wrote", true),
        ("it was +10000000007.", true),
        ("sum 0.10000000007002 of 10000000007", true),
    ] {
        let said = |ledger: &mut Ledger| {
            ledger.markers = vec!["10000000007".to_owned()];
            ledger.texts[0].text = line.to_owned();
        };
        let broken: &[Invariant] = if is_said { &[Invariant::I9] } else { &[] };
        check(said, broken, if is_said { "marker 1 in log, line 1" } else { "the ledger agrees" });
    }
}

#[test]
fn i11_every_decision_is_for_somebody() {
    check(|ledger| store(ledger).decisions[0].outcome = None, &[Invariant::I11], "m0");
    let nobody = |ledger: &mut Ledger| {
        store(ledger).decisions[0].outcome.as_mut().unwrap().team = Some("nobody".into());
    };
    check(nobody, &[Invariant::I2, Invariant::I10, Invariant::I11], "m0");
}

#[test]
fn a_verdict_names_at_most_twenty_of_a_kind() {
    let ledger = Ledger { depths: vec![], ..good() };
    let mut many = ledger;
    many.depths = (0..50).map(|n| QueueDepth { queue: format!("q{n:02}"), ready: 1, unacknowledged: None }).collect();
    let text = many.check().to_string();
    assert!(text.contains("I7 violated, not empty after the drain: 50") && text.contains("and 30 more"), "{text}");
    assert!(text.contains("q19:") && !text.contains("q20:"), "{text}");
    assert!(many.check().into_result().unwrap_err().to_string().contains("DOES NOT AGREE"));
}
