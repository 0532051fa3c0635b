//! What a ledger reads off a deployment: the store's tables, and the queues of an embedded bus.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use waypost_bus::{Address, Bus as _, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::team::Priority;
use waypost_domain::{
    NumberName, PartitionCount, PartitionId, PhoneNumberId, StatusState, TeamName, Timestamp, WabaId,
};
use waypost_ledger::{
    BusUrl, ChangeFact, Ledger, LedgerWriter, QueueDepth, StatusFact, StoreFacts, TrialFact, activated_rule_sets,
    collect, collected_queues, parked,
};
use waypost_rules::RuleSet;
use waypost_store::{
    ChangeRow, ChangeScope, EventKey, InForce, InboxRow, Lease, ParkedContent, ParkedMessage, ParkedRow, Parking,
    Sequence, StatusRow, Store, StoreOptions, StoreUrl, StoredDecision, TrialRow,
};

const NUMBER: &str = "1065";
const TTL: Duration = Duration::from_secs(3600);
/// More than one page of each kind.
const MANY: i64 = 1_001;
/// The beginning of this century, roughly: what says when something happened is later.
const LONG_AGO_MS: i64 = 1_000_000_000_000;

fn number() -> PhoneNumberId {
    PhoneNumberId::new(NUMBER)
}

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

async fn store(folder: &Path) -> Store {
    let url = StoreUrl::sqlite_file(folder.join("store.db"));
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn lease(store: &Store, component: &'static str, partition: u16) -> Lease {
    let partition = PartitionId(partition);
    store.acquire_lease(component, partition, "one", TTL, Sequence::OfInbox).await.unwrap().unwrap()
}

/// Every other message is for a team; the fifth row is an echo.
fn row(seq: i64) -> InboxRow {
    let event = EventKey { number: number(), key: format!("m{seq}") };
    let outcome = StoredDecision {
        rule_set: "v1".into(),
        rule: "r".into(),
        phase: "route".into(),
        team: (seq % 2 == 0).then(|| team("billing")),
        priority: Priority::Urgent,
        why: String::new(),
        input: vec![0xab, 1],
        extras: vec![],
    };
    InboxRow {
        decision_id: event.decision_id(),
        number: event.number,
        key: event.key,
        seq,
        kind: if seq == 5 { "echo" } else { "message" },
        contact: None,
        conversation: None,
        received_at: Timestamp::from_millis(seq),
        recorded_at: Timestamp::from_millis(seq),
        before_published_at: None,
        outcome: (seq != 5).then_some(outcome),
        held_event: None,
        held_for: None,
    }
}

fn status(n: i64) -> StatusRow {
    StatusRow {
        number: number(),
        wamid: format!("s{n}"),
        state: StatusState::Delivered,
        participant: None,
        at: None,
        received_at: Timestamp::from_millis(n),
        callback_data: None,
        error_codes: vec![],
        json: b"{}".to_vec(),
    }
}

fn change(n: i64) -> ChangeRow {
    ChangeRow {
        scope: if n % 2 == 0 { ChangeScope::Contact } else { ChangeScope::Account },
        number: number(),
        waba: WabaId::new("w"),
        field: "f".into(),
        key: format!("c{n}"),
        json: format!("{{\"n\":{n}}}").into_bytes(),
        received_at: Timestamp::from_millis(n),
        entry_time: None,
    }
}

/// A store with many of everything, of whose messages a hundred are marked as published.
async fn filled(folder: &Path) -> Store {
    let store = store(folder).await;
    let router = lease(&store, "router", 3).await;
    for first in (1..=MANY).step_by(100) {
        let rows: Vec<InboxRow> = (first..(first + 100).min(MANY + 1)).map(row).collect();
        let mut batch = store.begin_batch(&router.fence(100.min(first - 1), None)).await.unwrap();
        batch.record(&rows, &[]).await.unwrap();
        batch.commit().await.unwrap();
    }
    let statuses = lease(&store, "sender-statuses", 1).await;
    let mut kept = store.begin_record(&statuses.fence(0, None)).await.unwrap();
    for part in (0..MANY).collect::<Vec<_>>().chunks(100) {
        kept.record_statuses(&part.iter().map(|n| status(*n)).collect::<Vec<_>>()).await.unwrap();
        kept.keep_changes(&part.iter().map(|n| change(*n)).collect::<Vec<_>>()).await.unwrap();
    }
    kept.commit().await.unwrap();
    store
}

#[tokio::test]
async fn everything_that_the_store_holds_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path()).await;
    let mut facts = StoreFacts::read(&store).await.unwrap();
    // Once more: what is read again stands for what was read before.
    facts.read_kept(&store).await.unwrap();
    let many = usize::try_from(MANY).unwrap();
    assert_eq!((facts.decisions.len(), facts.statuses.len(), facts.changes.len()), (many, many, many));
    let mut published: Vec<i64> =
        facts.decisions.iter().filter(|decision| decision.published).map(|decision| decision.seq).collect();
    published.sort_unstable();
    assert_eq!(published, (1..=100).collect::<Vec<_>>());

    let of = |key: &str| facts.decisions.iter().find(|decision| decision.key == key).unwrap();
    let (first, second, echo) = (of("m1"), of("m2"), of("m5"));
    assert_eq!((&*first.phone_number_id, first.partition, first.seq, &*first.kind), (NUMBER, 3, 1, "message"));
    let id = EventKey { number: number(), key: "m1".into() }.decision_id().to_string();
    assert_eq!((first.decision_id.as_str(), first.made.as_ref()), (id.as_str(), None));
    let outcome = first.outcome.as_ref().unwrap();
    let said = [&outcome.rule_set, &outcome.rule, &outcome.phase, &outcome.priority, &outcome.input];
    assert_eq!(said, ["v1", "r", "route", "urgent", "ab01"]);
    assert_eq!((outcome.team.as_deref(), second.outcome.as_ref().unwrap().team.as_deref()), (None, Some("billing")));
    assert!(echo.outcome.is_none() && echo.kind == "echo");

    let status = StatusFact { phone_number_id: NUMBER.into(), wamid: "s0".into(), state: "delivered".into() };
    assert!(facts.statuses.contains(&status), "{:?}", &facts.statuses[..2]);
    let change =
        |n: i64, is_of_contact| ChangeFact { is_of_contact, field: "f".into(), json: format!("{{\"n\":{n}}}") };
    assert!(facts.changes.contains(&change(0, true)) && facts.changes.contains(&change(1, false)));
    let mut leases: Vec<_> =
        facts.leases.iter().map(|one| (&*one.component, one.partition, one.owner.as_deref(), one.epoch)).collect();
    leases.sort_unstable();
    assert_eq!(leases, [("router", 3, Some("one"), 1), ("sender-statuses", 1, Some("one"), 1)]);
    assert_eq!(facts.leases.iter().map(|one| one.published_seq).max(), Some(100));
    assert_eq!(facts.activations, []);
    store.close().await;
}

const RULES: &str = "[default]\nteam='desk'\n[handover]\nteam='desk'\nbuttons=['h']\n\
    [[teams]]\nname='desk'\n[[teams]]\nname='vip'\n";

#[tokio::test]
async fn what_was_in_force_is_read_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let mut versions = Vec::new();
    for title in ["one", "two", "never"] {
        let text = format!("# {title}\n{RULES}title='{title}'\n");
        let mut change = store.begin_change().await.unwrap();
        let row = change.push_rule_set(title, &text, "a test", "").await.unwrap();
        change.mark_rule_set_checked(row.number).await.unwrap();
        change.commit(&[]).await.unwrap();
        versions.push((row.number, text));
    }
    let numbers = vec![NumberName::new("support").unwrap()];
    let trial = TrialRow { rule_set: versions[1].0, percent: 10, numbers };
    for in_force in [
        InForce { active: versions[0].0, ..InForce::default() },
        InForce { active: versions[0].0, trial: Some(trial), shadow: Some(versions[2].0) },
    ] {
        let mut change = store.begin_change().await.unwrap();
        change.activate(&in_force, "a test", "", None).await.unwrap();
        change.commit(&[]).await.unwrap();
    }
    let facts = StoreFacts::read(&store).await.unwrap();
    let [first, second] = &facts.activations[..] else { panic!("{:?}", facts.activations) };
    assert_eq!((first.revision, first.active.as_str(), first.trial.as_ref()), (1, "one", None));
    let trial = TrialFact { version: "two".into(), percent: 10, numbers: vec!["support".into()] };
    assert_eq!((second.revision, second.active.as_str(), second.trial.as_ref()), (2, "one", Some(&trial)));
    // Every process has it within 2 s, and ends the batch that it has begun.
    assert_eq!(second.alone_from_ms - second.at_ms, 3_000);
    assert!(second.at_ms >= first.at_ms && first.at_ms > LONG_AGO_MS);
    // What only compares decides nothing.
    assert_eq!(activated_rule_sets(&store).await.unwrap(), [versions[0].1.clone(), versions[1].1.clone()]);
    store.close().await;
}

#[test]
fn where_a_bus_is_and_which_queues_end_there() {
    assert_eq!(BusUrl::parse("amqp://host/v"), BusUrl::RabbitMq("amqp://host/v".into()));
    assert_eq!(BusUrl::parse("amqps://host/v"), BusUrl::RabbitMq("amqps://host/v".into()));
    assert_eq!(BusUrl::parse("data/amqp"), BusUrl::Embedded("data/amqp".into()));
    let mut queues = collected_queues(&RuleSet::parse(RULES).unwrap());
    queues.sort_unstable();
    let teams = ["team.desk.normal", "team.desk.urgent", "team.vip.normal", "team.vip.urgent"];
    assert_eq!(queues, [&teams[..], &["wa.dead-letters", "wa.unrouted"]].concat());
}

#[tokio::test]
async fn the_queues_of_an_embedded_bus_are_read_beside_it() {
    const SENT: usize = 1_500;
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(PartitionCount::new(2).unwrap());
    let rules = RuleSet::parse(RULES).unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&Topology::new(layout, &rules.team_names(), false)).await.unwrap();
    let to = |address: Address, id: usize| {
        let message = Message { id: format!("id-{id}"), kind: "k".into(), body: "{}".into(), ..Message::default() };
        Publication { address, message }
    };
    let desk = Address::team(&team("desk"), Priority::Normal);
    // More than is looked at in one go, and something that nobody has taken.
    let mut publications: Vec<Publication> = (0..SENT).map(|id| to(desk.clone(), id)).collect();
    publications.push(to(layout.inbound(PartitionId(1)), SENT));
    for part in publications.chunks(500) {
        let outcomes = bus.publish(part.to_vec(), Duration::from_secs(10)).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed));
    }

    let file = folder.path().join("read.jsonl");
    let url = BusUrl::Embedded(folder.path().to_owned());
    let idle = Duration::from_millis(500);
    let writer = LedgerWriter::create(&file).unwrap();
    let count = collect(&url, layout, &collected_queues(&rules), idle, writer).await.unwrap();
    assert_eq!(count, SENT as u64);
    let ledger = Ledger::read(&file).unwrap();
    let read: Vec<(u64, String)> =
        ledger.deliveries.iter().map(|delivery| (delivery.position, delivery.message_id.clone())).collect();
    assert_eq!(read, (1..).zip((0..SENT).map(|id| format!("id-{id}"))).collect::<Vec<_>>());
    assert!(ledger.deliveries.iter().all(|delivery| delivery.queue == "team.desk.normal"));
    assert!(ledger.deliveries.iter().all(|one| one.received_at_ms > LONG_AGO_MS && one.received_ns > 0));
    let waiting: Vec<&QueueDepth> = ledger.depths.iter().filter(|depth| depth.ready > 0).collect();
    assert_eq!(waiting, [&QueueDepth { queue: "wa.in.p01".into(), ready: 1, unacknowledged: None }]);
    assert!(!ledger.depths.iter().any(|depth| depth.queue.starts_with("team.")), "what is read is not empty");

    // Rules that are not in force name queues that are not there.
    let writer = LedgerWriter::create(&file).unwrap();
    let wrong = collect(&url, layout, &["team.gone.normal".into()], idle, writer).await;
    assert!(wrong.unwrap_err().to_string().contains("no queue team.gone.normal"));
    bus.close(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_was_moved_to_the_store_is_read_as_if_it_had_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let lease = lease(&store, "parking", 0).await;
    let headers = [("wp-reason", "too-deep"), ("wp-origin", "ingress"), ("wp-diverted", "queue full")];
    let parked_on = |parking, id: String| ParkedMessage {
        row: ParkedRow {
            parking,
            message_id: id,
            reason: "too-deep".to_owned(),
            detail: String::new(),
            origin: "ingress".to_owned(),
            attempts: 1,
            replays: 0,
            kind: String::new(),
            parked_at: Timestamp::from_millis(LONG_AGO_MS),
            body_bytes: 0,
        },
        content: ParkedContent {
            content_type: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: b"{}".to_vec(),
        },
    };
    let letters = (0..40).map(|number| parked_on(Parking::DeadLetters, format!("l{number}")));
    let all: Vec<_> = letters.chain([parked_on(Parking::Unrouted, "u".to_owned())]).collect();
    let mut tx = store.begin_record(&lease.fence(0, None)).await.unwrap();
    tx.park(&all).await.unwrap();
    tx.commit().await.unwrap();
    let found = parked(&store).await.unwrap();
    let told: Vec<_> = found.iter().map(|one| (&*one.queue, &*one.message_id, one.position)).collect();
    assert_eq!((told.len(), told[0], told[39]), (41, ("wa.dead-letters", "l0", 1), ("wa.dead-letters", "l39", 40)));
    assert_eq!((told[40], found[40].diverted.as_deref()), (("wa.unrouted", "u", 1), Some("queue full")));
    let note = found[0].dead_letter.as_ref().unwrap();
    assert_eq!((&*note.reason, &*note.origin, found[0].received_at_ms), ("too-deep", "ingress", LONG_AGO_MS));
}
