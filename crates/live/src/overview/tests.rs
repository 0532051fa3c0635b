//! The verdict on facts that are made up.

use std::sync::atomic::{AtomicUsize, Ordering};

use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_domain::{PartitionCount, PartitionId, Team};
use waypost_store::{BarOrigin, BarScope, BarWhat, Parking, SendBar};

use super::*;
use crate::test_bus::TellingBus;

const NOW: i64 = 1_000_000;

fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_millis(NOW - seconds_ago * 1_000)
}

fn name(team: &str) -> TeamName {
    TeamName::new(team).unwrap()
}

fn lease(shard: u16, owner: Option<&str>, expires_at: i64) -> (&'static str, LeaseRow) {
    let row = LeaseRow {
        partition: PartitionId(shard),
        owner: owner.map(str::to_owned),
        epoch: 1,
        expires_at: Timestamp::from_millis(expires_at),
        published_seq: 0,
        oldest_at: None,
    };
    ("router", row)
}

fn row(team: &str, in_rules: bool, overflow: Option<&str>) -> TeamRow {
    TeamRow {
        team: Team {
            name: name(team),
            title: None,
            staffed: true,
            overflow_team: overflow.map(name),
            hours: None,
            confidential: false,
            reopen_within_hours: None,
        },
        parent: None,
        max_waiting: 0,
        max_wait_s: 0,
        in_rules,
        pending_topology: false,
        updated_at: None,
        revision: 1,
    }
}

/// Two partitions, both owned by `one` and worked on; teams billing and frontdesk; nothing waits.
fn healthy() -> Facts {
    let layout = Layout::new(PartitionCount::new(2).unwrap());
    let queues = ["wa.in.p00", "wa.in.p01"].map(str::to_owned).to_vec();
    let watched = Watched { work: vec![Work::new("router", queues)], layout, activity: false, rules_file: None };
    let mut facts = Facts::new(watched, Timestamp::from_millis(NOW), Duration::from_secs(60));
    facts.stored = Some(Stored {
        now: Timestamp::from_millis(NOW),
        leases: vec![lease(0, Some("one"), NOW + 9_000), lease(1, Some("one"), NOW + 9_000)],
        teams: vec![row("billing", true, None), row("frontdesk", true, None)],
        parked: Some(Vec::new()),
        alerts: Some(Vec::new()),
        bars: Some(Vec::new()),
        numbers_without_answers: Vec::new(),
    });
    facts.in_rules = Some([name("billing"), name("frontdesk")].into());
    facts.queues = Some(facts.queue_names().into_iter().map(|queue| (queue, Some(state(0, None)))).collect());
    for queue in ["wa.in.p00", "wa.in.p01"] {
        set(&mut facts, queue, Some(QueueState { consumers: Some(1), ..QueueState::default() }));
    }
    facts
}

fn state(messages: u64, oldest_at: Option<Timestamp>) -> QueueState {
    QueueState { messages, oldest_at, consumers: Some(0) }
}

fn set(facts: &mut Facts, queue: &str, state: Option<QueueState>) {
    facts.queues.as_mut().unwrap().insert(queue.to_owned(), state);
}

fn stored(facts: &mut Facts) -> &mut Stored {
    facts.stored.as_mut().unwrap()
}

/// What is wrong, and since how many seconds.
fn verdict(facts: Facts) -> Vec<(String, Option<i64>)> {
    let overview = Overview::of(facts);
    assert_eq!(overview.is_healthy(), overview.problems.is_empty());
    assert!(overview.problems.iter().all(|problem| !problem.remedy.is_empty()), "{:?}", overview.problems);
    let since = |at: Timestamp| (NOW - at.as_millis()) / 1_000;
    overview.problems.into_iter().map(|problem| (problem.what, problem.since.map(since))).collect()
}

fn check(change: impl FnOnce(&mut Facts), expected: &[(&str, Option<i64>)]) {
    let mut facts = healthy();
    change(&mut facts);
    let found = verdict(facts);
    let found: Vec<(&str, Option<i64>)> = found.iter().map(|(what, since)| (&**what, *since)).collect();
    assert_eq!(found, expected);
}

#[test]
fn who_owns_what() {
    check(|_| {}, &[]);
    let nobody = [("nobody owns 2 of 2 partitions of router", Some(3))];
    check(
        |facts| stored(facts).leases = vec![lease(0, Some("one"), NOW - 3_000), lease(1, Some("one"), NOW - 3_000)],
        &nobody,
    );
    check(|facts| stored(facts).leases[1] = lease(1, None, 0), &[("nobody owns 1 of 2 partitions of router", None)]);
    check(|facts| drop(stored(facts).leases.pop()), &[("1 of 2 partitions were never owned", None)]);
    // Of an earlier configuration, with more partitions.
    check(|facts| stored(facts).leases.push(lease(2, None, 0)), &[]);
}

/// Who has no tools on these queues need not run what reads them.
#[test]
fn nobody_is_missed_where_nothing_waits() {
    let queue = "wa.send.urgent";
    let optional = |facts: &mut Facts| {
        let work = Work { is_missed_only_when_waiting: true, ..Work::new("gateway-requests", vec![queue.to_owned()]) };
        facts.watched.work.push(work);
    };
    let waits = state(2, Some(Timestamp::from_millis(NOW - 5_000)));
    check(optional, &[]);
    let waiting = |facts: &mut Facts| {
        optional(facts);
        set(facts, queue, Some(waits));
    };
    check(waiting, &[("nobody takes the 2 messages of wa.send.urgent", Some(5))]);
    check(
        |facts| {
            waiting(facts);
            stored(facts).leases.push(("gateway-requests", lease(0, Some("one"), NOW + 10_000).1));
            set(facts, queue, Some(QueueState { consumers: Some(1), ..waits }));
        },
        &[],
    );
}

/// A process that runs and has no rules is told nothing of starting another, nor of adding some.
#[test]
fn without_rules_the_rules_are_the_remedy() {
    let mut facts = healthy();
    stored(&mut facts).leases.clear();
    set(&mut facts, "wa.in.p00", Some(state(1, Some(Timestamp::from_millis(NOW - 90_000)))));
    let remedies = |facts: &Facts| {
        let problems = Overview::of(facts.clone()).problems;
        problems.into_iter().map(|problem| (problem.what, problem.remedy)).collect::<Vec<_>>()
    };
    let with_rules = remedies(&facts);
    facts.no_rules = true;
    let without = remedies(&facts);
    assert_eq!((with_rules.len(), without.len()), (2, 2), "{without:?}");
    assert!(with_rules[0].1.starts_with("start `waypost run`") && with_rules[1].1.contains("add processes"));
    assert!(without.iter().all(|(_, remedy)| remedy.contains("once there are rules")), "{without:?}");
}

/// A process that was killed keeps its leases for a while, and no queue.
#[test]
fn an_owner_that_consumes_nothing_is_gone() {
    let mut facts = healthy();
    set(&mut facts, "wa.in.p01", Some(QueueState::default()));
    // Not known is not gone.
    assert_eq!(verdict(facts.clone()), []);
    set(&mut facts, "wa.in.p01", Some(state(0, None)));
    let overview = Overview::of(facts);
    let [problem] = &overview.problems[..] else { panic!("{:?}", overview.problems) };
    assert_eq!(problem.what, "one is gone: nobody works on its 1 partitions of router");
    assert!(problem.remedy.contains("within 10 s"), "{}", problem.remedy);
    let owners: Vec<_> = overview.shards.iter().map(|shard| (shard.owner.as_deref(), shard.gone.as_deref())).collect();
    assert_eq!(owners, [(Some("one"), None), (None, Some("one"))]);
}

#[test]
fn a_team_out_of_the_rules_keeps_its_row() {
    let out = |facts: &mut Facts, waiting, overflow: Option<&str>| {
        stored(facts).teams =
            vec![row("billing", true, overflow), row("frontdesk", true, None), row("vip", false, None)];
        set(facts, "team.vip.urgent", Some(state(0, None)));
        set(facts, "team.vip.normal", Some(state(waiting, (waiting > 0).then(|| at(40)))));
    };
    check(|facts| out(facts, 0, None), &[]);
    check(|facts| out(facts, 2, None), &[("team vip is not in the rules, and has 2 waiting", Some(40))]);
    // Messages still come to it.
    check(|facts| out(facts, 2, Some("vip")), &[]);
    let mut facts = healthy();
    out(&mut facts, 2, None);
    let teams = Overview::of(facts).teams;
    let shown: Vec<_> = teams.iter().map(|team| (team.team.as_str(), team.in_rules, team.waiting)).collect();
    assert_eq!(shown, [("billing", true, 0), ("frontdesk", true, 0), ("vip", false, 2)]);
    // Queues that nobody needs any more may be gone.
    check(
        |facts| {
            out(facts, 0, None);
            set(facts, "team.vip.urgent", None);
        },
        &[],
    );
}

#[test]
fn what_meta_tells_needs_somebody_who_knows() {
    let alert = Alert {
        scope: BarScope::Number,
        name: "support-es".to_owned(),
        kind: "code_190".to_owned(),
        since: at(40),
        told_at: at(5),
        why: "The access token has expired.".to_owned(),
        acknowledged: None,
    };
    let mut facts = healthy();
    stored(&mut facts).alerts = Some(vec![alert]);
    let overview = Overview::of(facts.clone());
    let remedy = "when you know it, `waypost alerts acknowledge number/support-es/code_190`";
    assert_eq!(overview.problems[0].remedy, remedy);
    let what = "number support-es: The access token has expired. (code_190)";
    assert_eq!(verdict(facts), [(what.to_owned(), Some(40))]);
    check(|facts| stored(facts).alerts = None, &[("alerts in the store cannot be read", None)]);
}

#[test]
fn what_is_stopped_needs_somebody_who_lets_it_go_on() {
    let bar = SendBar {
        scope: BarScope::Number,
        name: "support-es".to_owned(),
        what: BarWhat::Everything,
        since: at(40),
        until: None,
        until_token: false,
        step: 0,
        why: "The number is not registered.".to_owned(),
        origin: BarOrigin::Answer,
    };
    let of_token = SendBar { scope: BarScope::App, name: String::new(), until_token: true, ..bar.clone() };
    let templates = SendBar { what: BarWhat::Templates, ..bar.clone() };
    let mut facts = healthy();
    stored(&mut facts).bars = Some(vec![of_token, bar, templates]);
    let problems = Overview::of(facts).problems;
    let told: Vec<(&str, &str)> = problems.iter().map(|one| (one.what.as_str(), one.remedy.as_str())).collect();
    let lift = "once the reason is gone: `waypost limits lift number/support-es/";
    let (lift_all, lift_templates) = (format!("{lift}everything/answer`"), format!("{lift}templates/answer`"));
    let wanted = [
        (
            "app sends nothing: The number is not registered.",
            "put a new token into graph.token_file: it goes on by itself",
        ),
        ("number support-es sends nothing: The number is not registered.", &lift_all),
        ("number support-es does not send: templates: The number is not registered.", &lift_templates),
    ];
    assert_eq!(told, wanted);
    check(|facts| stored(facts).bars = None, &[("what may not be sent cannot be read in the store", None)]);
}

#[test]
fn what_is_parked_needs_a_person() {
    let park = |queue, oldest_at| move |facts: &mut Facts| set(facts, queue, Some(state(1, oldest_at)));
    // On its way to the store.
    check(park(DEAD_LETTERS_QUEUE, Some(at(10))), &[]);
    let dead = "wa.dead-letters: 1 message that could not be handled";
    check(park(DEAD_LETTERS_QUEUE, Some(at(11))), &[(dead, Some(11))]);
    // RabbitMQ does not tell.
    check(park(DEAD_LETTERS_QUEUE, None), &[(dead, None)]);
    check(park(UNROUTED_QUEUE, Some(at(90))), &[("wa.unrouted: 1 message that no team takes", Some(90))]);

    let keep = |parking, count, seconds| ParkedCount { parking, count, oldest_at: at(seconds) };
    // In the store at once.
    check(|facts| stored(facts).parked = Some(vec![keep(Parking::DeadLetters, 1, 0)]), &[(dead, Some(0))]);
    let mut facts = healthy();
    stored(&mut facts).parked = Some(vec![keep(Parking::DeadLetters, 2, 40), keep(Parking::Unrouted, 1, 5)]);
    set(&mut facts, DEAD_LETTERS_QUEUE, Some(state(3, Some(at(1)))));
    let overview = Overview::of(facts);
    let parked: Vec<_> = overview.parked.iter().map(|one| (one.messages, one.queued, one.oldest_at)).collect();
    assert_eq!(parked, [(5, 3, Some(at(40))), (1, 0, Some(at(5)))]);
    let remedies: Vec<_> = overview.problems.iter().map(|problem| problem.remedy.as_str()).collect();
    let list = |from| format!("`waypost dead-letters list{from}` says why; then replay or discard");
    assert_eq!(remedies, [list(""), list(" --from unrouted")]);
    // Rows of before do not hide that nobody moves what came since.
    for (age, found) in [(Some(at(10)), 1), (Some(at(11)), 2), (None, 2)] {
        let mut facts = healthy();
        stored(&mut facts).parked = Some(vec![keep(Parking::DeadLetters, 2, 40)]);
        park(DEAD_LETTERS_QUEUE, age)(&mut facts);
        let problems = Overview::of(facts).problems;
        assert_eq!(problems.len(), found, "{problems:?}");
        assert!(problems.get(1).is_none_or(|one| one.remedy.contains("start one") && one.since == age), "{problems:?}");
    }
    check(|facts| stored(facts).parked = None, &[("what is parked in the store cannot be counted", None)]);
    let mut facts = healthy();
    park(UNROUTED_QUEUE, Some(at(90)))(&mut facts);
    assert!(Overview::of(facts).problems[0].remedy.contains("start one"), "nobody moves it");
}

#[test]
fn what_is_missing_or_late_is_told() {
    check(|facts| set(facts, "wa.account", None), &[("queue wa.account does not exist", None)]);
    check(
        |facts| {
            set(facts, "team.billing.urgent", None);
            set(facts, "team.billing.normal", None);
        },
        &[("2 queues do not exist: team.billing.normal and others (--queues)", None)],
    );
    let waits = |age| QueueState { messages: 1, oldest_at: Some(at(age)), consumers: Some(1) };
    check(|facts| set(facts, "wa.in.p00", Some(waits(60))), &[]);
    check(|facts| set(facts, "wa.in.p00", Some(waits(61))), &[("the oldest waiting message is 61 s old", Some(61))]);
    // A team's backlog is the team's.
    check(|facts| set(facts, "team.billing.normal", Some(waits(9_000))), &[]);
    check(
        |facts| stored(facts).leases[0].1.oldest_at = Some(at(70)),
        &[("the oldest waiting message is 70 s old", Some(70))],
    );
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_is_shown() {
    let mut facts = healthy();
    facts.stored = None;
    facts.unreadable("store: gone", "start it");
    let overview = Overview::of(facts);
    assert_eq!(overview.problems.len(), 1, "{:?}", overview.problems);
    assert_eq!((overview.shards.len(), overview.teams.len()), (0, 2));
    let mut facts = healthy();
    facts.queues = None;
    facts.unreadable("bus: gone", "start it");
    assert_eq!(verdict(facts), [("bus: gone".to_owned(), None)]);
}

fn asked<T>(asking: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(asking)
}

/// A file that gives nothing until somebody writes, and that is when the thread which serves has come by.
#[test]
fn a_rules_file_is_read_beside_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let mut facts = healthy();
    facts.watched.rules_file = Some(file.clone());
    let (serves, served) = std::sync::mpsc::sync_channel(1);
    let writer = std::thread::spawn(move || {
        let has_served = served.recv_timeout(Duration::from_secs(10)).is_ok();
        std::fs::write(file, "[default]\nteam='a'\n[handover]\nteam='a'\nbuttons=['h']\n[[teams]]\nname='a'\n")
            .unwrap();
        has_served
    });
    asked(async { tokio::join!(facts.read_rules_file(), async { serves.send(()).unwrap() }) });
    assert!(writer.join().unwrap(), "it stood still while the file was read");
    assert_eq!((facts.in_rules, facts.problems), (Some([name("a")].into()), vec![]));
}

#[test]
fn queues_are_asked_for_together_and_not_all_at_once() {
    let mut facts = healthy();
    let teams = 0..100;
    facts.in_rules = Some(teams.map(|number| name(&format!("team-{number}"))).collect());
    let (at_once, most) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let bus = TellingBus::new(|queue| async move {
        most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        at_once.fetch_sub(1, Ordering::SeqCst);
        (queue != "wa.in.p01").then(Depth::default)
    });
    asked(facts.read_bus(&bus));
    assert_eq!(most.load(Ordering::SeqCst), ASKED_AT_ONCE);
    let queues = facts.queues.unwrap();
    assert!(queues.len() > 200 && queues["wa.in.p01"].is_none(), "{queues:?}");
    assert_eq!(queues.values().filter(|queue| queue.is_none()).count(), 1);
}
