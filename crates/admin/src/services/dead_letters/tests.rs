//! Parked messages on the embedded bus: what is shown of them, where they go back to, and why one stays.

use tokio_util::sync::CancellationToken;
use waypost_bus::dead_letter::{ORIGIN_HEADER, REASON_HEADER};
use waypost_bus::{Bus, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::{PartitionCount, PartitionId, TeamName};
use waypost_grpc::Caller;
use waypost_live::overview::Watched;
use waypost_store::{ParkedContent, ParkedMessage, Parking, Sequence, Store, StoreOptions, StoreUrl};

use super::*;

const ENDS_WITHIN: Duration = Duration::from_secs(20);
const WORDS: &str = "what a customer said";
const QUEUE: &str = "team.billing.normal";

struct Fixture {
    folder: tempfile::TempDir,
    letters: DeadLetters,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::sqlite_file(folder.path().join("store.db"));
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        let layout = waypost_bus::Layout::new(PartitionCount::new(1).unwrap());
        let billing = TeamName::new("billing").unwrap();
        bus.declare(&Topology::new(layout, &[billing].into(), false)).await.unwrap();
        let watched = Watched { work: vec![], layout, activity: false, rules_file: None };
        let replays = Replays::new(bus.clone(), store.clone());
        let shared = Shared {
            bus,
            store,
            team_queues: Default::default(),
            watched,
            templates: None,
            leases: Default::default(),
        };
        Self { folder, letters: DeadLetters { shared, replays } }
    }

    fn store(&self) -> &Store {
        &self.letters.shared.store
    }

    /// Messages with these ids, given up in that place.
    async fn park(&self, parking: Parking, origin: &str, ids: &[&str]) {
        let store = self.store();
        let lease = store.acquire_lease("parking", PartitionId(0), "one", ENDS_WITHIN, Sequence::None).await.unwrap();
        // Those of a later call were parked later.
        let before: u64 = store.parked_counts().await.unwrap().iter().map(|one| one.count).sum();
        let parked_at = Timestamp::from_millis(1_000 + i64::try_from(before).unwrap());
        let mut tx = store.begin_record(&lease.unwrap().fence(0, None)).await.unwrap();
        let headers = [(REASON_HEADER, "rejected"), (ORIGIN_HEADER, origin), ("kept", "yes")];
        let message = |id: &&str| ParkedMessage {
            row: ParkedRow {
                parking,
                message_id: (*id).to_owned(),
                reason: "rejected".to_owned(),
                detail: String::new(),
                origin: origin.to_owned(),
                attempts: 2,
                replays: 0,
                kind: "a kind".to_owned(),
                parked_at,
                body_bytes: 0,
            },
            content: ParkedContent {
                content_type: "text/plain".to_owned(),
                headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                body: WORDS.into(),
            },
        };
        tx.park(&ids.iter().map(message).collect::<Vec<_>>()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn list(&self, page_size: i32, page_token: &str) -> v1::ListDeadLettersResponse {
        let request = v1::ListDeadLettersRequest {
            parking: v1::Parking::DeadLetters.into(),
            page_size,
            page_token: page_token.to_owned(),
            ..Default::default()
        };
        self.letters.list_dead_letters(call(request)).await.unwrap()
    }

    async fn replay(&self, parking: v1::Parking, examine_max: i32, ids: &[&str]) -> v1::ReplayDeadLettersResponse {
        let request = v1::ReplayDeadLettersRequest {
            parking: parking.into(),
            message_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            examine_max,
            ..Default::default()
        };
        self.letters.replay_dead_letters(call(request)).await.unwrap()
    }

    /// Changes what is stored as no release does.
    fn damage(&self, text: &str) {
        let database = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        database.execute_batch(text).unwrap();
    }

    async fn queued(&self) -> Vec<String> {
        let queued = self.letters.shared.bus.peek(QUEUE, None, 1_000).await.unwrap();
        queued.into_iter().map(|(_, message)| message.id).collect()
    }
}

/// A call that passed the gate.
fn call<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    let method = "DeadLetterService/Any".to_owned();
    request.extensions_mut().insert(Caller { actor: "tokens/1".to_owned(), method, bound_to: None, roles: vec![] });
    request
}

fn why(counts: &[v1::ReasonCount]) -> Vec<(&str, i64)> {
    counts.iter().map(|one| (&*one.reason, one.count)).collect()
}

const DEAD: v1::Parking = v1::Parking::DeadLetters;

#[tokio::test]
async fn they_are_shown_page_by_page_without_what_they_say() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, "ingress", &["c", "a", "b"]).await;
    fixture.park(Parking::Unrouted, "router", &["u"]).await;
    let (first, mut names) = (fixture.list(2, "").await, Vec::new());
    let second = fixture.list(2, &first.next_page_token).await;
    for letter in first.dead_letters.iter().chain(&second.dead_letters) {
        assert!(!format!("{letter:?}").contains(WORDS));
        names.push(letter.name.as_str());
    }
    assert_eq!((names, &*second.next_page_token), (vec!["deadLetters/c", "deadLetters/a", "deadLetters/b"], ""));
    let request = v1::SummarizeDeadLettersRequest { parking: DEAD.into(), ..Default::default() };
    let summary = fixture.letters.summarize_dead_letters(call(request)).await.unwrap();
    assert_eq!((why(&summary.reasons), summary.examined, summary.groups.len()), (vec![("rejected", 3)], 3, 1));
    assert_eq!((&*summary.groups[0].origin, summary.groups[0].count), ("ingress", 3));
}

#[tokio::test]
async fn what_has_no_way_back_does_not_stop_what_stands_behind_it() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, "ingress", &["x", "y"]).await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a", "b"]).await;
    let first = fixture.replay(DEAD, 2, &[]).await;
    assert_eq!((first.replayed, first.left, why(&first.left_because)), (0, 4, vec![("no-way-back", 2)]));
    let second = fixture.replay(DEAD, 2, &[]).await;
    assert_eq!((second.replayed, second.left, why(&second.left_because)), (2, 2, vec![]));
    assert_eq!(fixture.queued().await, ["a", "b"]);
    let back = fixture.letters.shared.bus.peek(QUEUE, None, 1).await.unwrap().remove(0).1;
    assert_eq!((&*back.body, &*back.content_type, &*back.kind), (WORDS.as_bytes(), "text/plain", "a kind"));
    let headers: Vec<_> = back.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(headers, [("kept", "yes"), ("wp-replay", "1")], "as it was");
    let third = fixture.replay(DEAD, 1, &["y", "gone"]).await;
    assert_eq!(why(&third.left_because), [("not-found", 1), ("no-way-back", 1)]);
    let records = fixture.store().audit_records(i64::MAX, Some("deadLetters"), 10).await.unwrap();
    assert!(records.len() == 3 && records[1].entry.after.contains("\"a\""), "what was done, and to which: {records:?}");
}

#[tokio::test]
async fn what_is_left_is_of_what_was_asked_for() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a", "b"]).await;
    fixture.park(Parking::DeadLetters, "ingress", &["x", "y"]).await;
    fixture.damage("UPDATE parked SET reason = 'unparseable-body' WHERE message_id IN ('x', 'y')");
    let asked = |reason: &str, ids: &[&str], before: i64| v1::SummarizeDeadLettersRequest {
        parking: DEAD.into(),
        reason: reason.to_owned(),
        message_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        before_time: (before > 0).then(|| wire_time(Timestamp::from_millis(before))),
    };
    let counted = async |asked| fixture.letters.summarize_dead_letters(call(asked)).await.unwrap().examined;
    assert_eq!(counted(asked("", &[], 0)).await, 4);
    assert_eq!(counted(asked("rejected", &[], 0)).await, 2);
    assert_eq!(counted(asked("", &["a", "x", "gone"], 0)).await, 2);
    assert_eq!(counted(asked("", &[], 1_001)).await, 2, "the others were parked later");

    let replay = v1::ReplayDeadLettersRequest {
        parking: DEAD.into(),
        reason: "rejected".to_owned(),
        examine_max: 1,
        ..Default::default()
    };
    let replayed = fixture.letters.replay_dead_letters(call(replay)).await.unwrap();
    assert_eq!((replayed.replayed, replayed.left), (1, 1), "the others were not asked for");
    let discard = v1::DiscardDeadLettersRequest {
        parking: DEAD.into(),
        message_ids: vec!["x".to_owned()],
        examine_max: 1,
        justification: "a test".to_owned(),
        ..Default::default()
    };
    let discarded = fixture.letters.discard_dead_letters(call(discard)).await.unwrap();
    assert_eq!((discarded.discarded, discarded.left), (1, 0));
}

#[tokio::test]
async fn a_replay_is_a_job_that_goes_on_by_itself() {
    let fixture = Fixture::new().await;
    let ids: Vec<String> = (0..100).map(|number| format!("m{number:03}")).collect();
    fixture.park(Parking::DeadLetters, QUEUE, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let request = v1::StartReplayRequest {
        parking: DEAD.into(),
        max_messages: 90,
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let begun = fixture.letters.start_replay(call(request.clone())).await.unwrap().replay.unwrap();
    let again = fixture.letters.start_replay(call(request)).await.unwrap().replay.unwrap();
    assert_eq!((&again, begun.total, begun.replayed), (&begun, 90, 0), "the same request begins it once");

    let discard = v1::DiscardDeadLettersRequest {
        parking: DEAD.into(),
        message_ids: vec!["m001".to_owned()],
        examine_max: 1,
        justification: "a test".to_owned(),
        ..Default::default()
    };
    let kept = fixture.letters.discard_dead_letters(call(discard)).await.unwrap();
    assert_eq!((kept.discarded, why(&kept.left_because)), (0, vec![("in-hand", 1)]));

    // A process dies in the middle of it: another goes on.
    let id = uuid_of("name", "replays", &begun.name).unwrap();
    let claimed = fixture.store().claim_replay(id, "dead", Duration::ZERO).await.unwrap();
    assert!(claimed.is_some());
    let stop = CancellationToken::new();
    let replays = fixture.letters.replays.clone();
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { replays.run(stop, ENDS_WITHIN).await }
    });
    let ended = async {
        loop {
            let request = v1::GetReplayRequest { name: begun.name.clone() };
            let job = fixture.letters.get_replay(call(request)).await.unwrap().replay.unwrap();
            if job.end_time.is_some() {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(ENDS_WITHIN, ended).await.unwrap();
    assert_eq!((ended.replayed, ended.stopped, &*ended.actor), (90, false, "tokens/1"));
    assert_eq!(fixture.queued().await, ids[..90], "in their order");
    stop.cancel();
    working.await.unwrap();
    assert_eq!(fixture.list(500, "").await.dead_letters.len(), 10);
}

#[tokio::test]
async fn a_replay_is_stopped_and_leaves_what_it_has_not_done() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a", "b"]).await;
    let request = v1::StartReplayRequest { parking: DEAD.into(), ..Default::default() };
    let name = fixture.letters.start_replay(call(request)).await.unwrap().replay.unwrap().name;
    for _ in 0..2 {
        let request = v1::StopReplayRequest { name: name.clone() };
        let job = fixture.letters.stop_replay(call(request)).await.unwrap().replay.unwrap();
        assert!(job.stopped && job.end_time.is_some(), "{job:?}");
    }
    assert_eq!(fixture.store().audit_records(i64::MAX, Some(&name), 10).await.unwrap().len(), 1);
    assert_eq!(fixture.replay(DEAD, 10, &[]).await.replayed, 2, "they are free again");
    // Who began it is named by what people call them.
    let token = Uuid::now_v7();
    fixture
        .damage(&format!("UPDATE parked_job SET begun_by = 'tokens/{token}' WHERE id = x'{}'", id_of(&name).simple()));
    fixture.damage(&format!(
        "INSERT INTO token (id, hash, title, roles, teams, created_at)
        VALUES (x'{}', x'00', 'Kim, platform', 'operator', '', 0)",
        token.simple()
    ));
    let jobs = fixture.letters.list_replays(call(v1::ListReplaysRequest::default())).await.unwrap().replays;
    let told: Vec<_> = jobs.iter().map(|job| (job.replayed, &*job.actor_title)).collect();
    assert_eq!(told, [(2, ""), (0, "Kim, platform")], "the newest first");
    let got = fixture.letters.get_replay(call(v1::GetReplayRequest { name })).await.unwrap().replay.unwrap();
    assert_eq!((&got.actor, &*got.actor_title), (&format!("tokens/{token}"), "Kim, platform"));
    let unknown = v1::GetReplayRequest { name: format!("replays/{}", Uuid::nil()) };
    assert!(fixture.letters.get_replay(call(unknown)).await.is_err());
}

#[tokio::test]
async fn all_that_one_replay_does_not_take_are_told() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a", "b", "c", "d", "e"]).await;
    let begin = async |asked: i32, takes: u32| {
        let request = v1::StartReplayRequest { parking: DEAD.into(), max_messages: asked, ..Default::default() };
        let (mutation, request) = Mutation::read(call(request)).unwrap();
        let all = filter(request.parking, "", &[], None).unwrap();
        let begun = fixture.letters.begin(mutation, request, all, takes).await.unwrap();
        (begun.replay.unwrap().total, why(&begun.left_because).into_iter().map(|(_, count)| count).sum::<i64>())
    };
    assert_eq!(begin(1, 1).await, (1, 0), "no more were meant");
    assert_eq!(begin(0, 2).await, (2, 2), "two are too many");
    assert_eq!(begin(0, 10).await, (2, 3), "those that others have in hand");
}

#[tokio::test]
async fn the_unrouted_need_a_decision_with_a_team() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::Unrouted, "router", &["none of ours", "24f07525-119d-59fd-92a8-eb1a552abc3d"]).await;
    let answer = fixture.replay(v1::Parking::Unrouted, 10, &[]).await;
    assert_eq!((answer.replayed, answer.left), (0, 2));
    assert_eq!(why(&answer.left_because), [("decision-gone", 1), ("no-way-back", 1)]);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let fixture = Fixture::new().await;
    let replay =
        |parking: i32, examine_max| v1::ReplayDeadLettersRequest { parking, examine_max, ..Default::default() };
    for (request, field) in [(replay(0, 1), "parking"), (replay(1, 0), "examine_max"), (replay(1, 501), "examine_max")]
    {
        let refused = fixture.letters.replay_dead_letters(call(request)).await.unwrap_err();
        assert!(refused.to_string().contains(field), "{refused}");
    }
    let discard = v1::DiscardDeadLettersRequest { parking: DEAD.into(), examine_max: 1, ..Default::default() };
    let refused = fixture.letters.discard_dead_letters(call(discard)).await.unwrap_err();
    assert!(refused.to_string().contains("justification"), "{refused}");
}

#[tokio::test]
async fn a_replay_that_fails_holds_up_no_other() {
    let fixture = Fixture::new().await;
    let damaged = "24f07525-119d-59fd-92a8-eb1a552abc3d";
    fixture.park(Parking::DeadLetters, QUEUE, &[damaged]).await;
    let begin = async || {
        let request = v1::StartReplayRequest { parking: DEAD.into(), ..Default::default() };
        fixture.letters.start_replay(call(request)).await.unwrap().replay.unwrap().name
    };
    let first = begin().await;
    fixture.damage("UPDATE parked SET headers = '['");
    fixture.park(Parking::DeadLetters, QUEUE, &["a"]).await;
    let second = begin().await;
    // The count of the first job cannot be read either: that one waits for a person.
    let damage = format!("UPDATE parked_job SET left_because = '[' WHERE id = x'{}'", id_of(&first).simple());
    fixture.damage(&damage);
    let stop = CancellationToken::new();
    fixture.letters.replays.work_off("one", &stop).await;
    assert_eq!(fixture.queued().await, ["a"]);
    assert!(fixture.letters.job(id_of(&second)).await.unwrap().ended_at.is_some());

    fixture.damage("UPDATE parked_job SET left_because = '{}', claimed_until = 0");
    fixture.letters.replays.work_off("one", &stop).await;
    let job = fixture.letters.job(id_of(&first)).await.unwrap();
    assert_eq!((job.ended_at.is_some(), job.left_because), (true, [("unreadable-row".to_owned(), 1)].into()));
}

fn id_of(name: &str) -> Uuid {
    uuid_of("name", "replays", name).unwrap()
}

#[tokio::test]
async fn a_replay_does_nothing_more_once_its_process_ends() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a"]).await;
    let request = v1::StartReplayRequest { parking: DEAD.into(), ..Default::default() };
    let begun = fixture.letters.start_replay(call(request.clone())).await.unwrap().replay.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    fixture.letters.replays.work_off("one", &stop).await;
    assert_eq!(fixture.queued().await, [""; 0]);

    let other = fixture.letters.start_replay(call(request)).await.unwrap();
    assert_eq!((other.replay, why(&other.left_because)), (None, vec![("in-hand", 1)]));
    let claimed = fixture.store().claim_replay(id_of(&begun.name), "two", ENDS_WITHIN).await.unwrap();
    let finishing = fixture.letters.replays.finish(id_of(&begun.name));
    let going_on = async {
        // It waits while another has it.
        tokio::task::yield_now().await;
        fixture.store().release_replay(claimed.unwrap().id, "two").await.unwrap();
    };
    let (finished, ()) = tokio::time::timeout(ENDS_WITHIN, async { tokio::join!(finishing, going_on) }).await.unwrap();
    finished.unwrap();
    assert_eq!(fixture.queued().await, ["a"]);
}

#[tokio::test]
async fn what_a_bus_in_trouble_does_not_take_stays_in_hand() {
    let fixture = Fixture::new().await;
    fixture.park(Parking::DeadLetters, QUEUE, &["a"]).await;
    let request = v1::StartReplayRequest { parking: DEAD.into(), ..Default::default() };
    let begun = fixture.letters.start_replay(call(request)).await.unwrap().replay.unwrap();
    fixture.letters.shared.bus.close(ENDS_WITHIN).await;
    fixture.letters.replays.work_off("one", &CancellationToken::new()).await;
    let job = fixture.letters.job(id_of(&begun.name)).await.unwrap();
    assert_eq!((job.ended_at, job.unfinished(), job.left_because), (None, 1, BTreeMap::new()));
}
