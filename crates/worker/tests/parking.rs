//! What is parked becomes rows: each message once, whoever moves it and however that ends.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use support::hanging::{Call, HangingBus};
use support::{PATIENCE, Rig, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waypost_bus::dead_letter::{dead_letter, replay};
use waypost_bus::topology::{DEAD_LETTERS_QUEUE, UNROUTED_QUEUE};
use waypost_bus::{Address, Bus, DeadLetterReason, Message, Outcome, Publication};
use waypost_store::{ParkedFilter, ParkedRow, Parking};
use waypost_worker::WorkerConfig;
use waypost_worker::dead_letters::{PARKING, mover};

fn start_on(rig: &Rig, bus: Arc<dyn Bus>, instance: &str) -> (CancellationToken, JoinHandle<()>) {
    let config = |component, shards| WorkerConfig {
        lease_ttl: Duration::from_millis(1_000),
        lease_renew_every: Duration::from_millis(50),
        ..WorkerConfig::new(component, instance, shards)
    };
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(mover(config, bus, rig.store.clone()).run(stop)))
}

fn start(rig: &Rig, instance: &str) -> (CancellationToken, JoinHandle<()>) {
    start_on(rig, rig.bus.clone(), instance)
}

fn message(id: &str) -> Message {
    Message { id: id.to_owned(), kind: "waypost.event.v1".to_owned(), body: id.to_owned().into(), ..Message::default() }
}

fn refused(id: &str) -> Publication {
    dead_letter(message(id), DeadLetterReason::TooDeep, "ingress", 2, "nested")
}

/// As a broker dead-letters it.
fn given_up(mut message: Message, queue: &str) -> Publication {
    message.headers.insert("x-first-death-reason".to_owned(), "delivery_limit".to_owned());
    message.headers.insert("x-first-death-queue".to_owned(), queue.to_owned());
    Publication { address: Address::dead_letters(), message }
}

fn unrouted(id: &str, why: &str) -> Publication {
    let headers = [("wp-diverted".to_owned(), why.to_owned())].into();
    Publication { address: Address::unrouted(), message: Message { headers, ..message(id) } }
}

fn undecodable(message: Message) -> Publication {
    dead_letter(message, DeadLetterReason::UndecodableEvent, "wa.in.p00", 1, "")
}

async fn publish(rig: &Rig, letters: Vec<Publication>) {
    let outcomes = rig.bus.publish(letters, PATIENCE).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
}

async fn rows(rig: &Rig, parking: Parking) -> Vec<ParkedRow> {
    let rows = rig.store.parked(&ParkedFilter::all(parking), None, 500).await.unwrap();
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Until so many rows are there, and the queues are empty.
async fn moved(rig: &Rig, count: usize) -> Vec<ParkedRow> {
    eventually(async || {
        rig.left(DEAD_LETTERS_QUEUE).await + rig.left(UNROUTED_QUEUE).await == 0
            && rows(rig, Parking::DeadLetters).await.len() >= count
    })
    .await;
    rows(rig, Parking::DeadLetters).await
}

async fn stopped((stop, task): (CancellationToken, JoinHandle<()>)) {
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_anybody_parks_becomes_a_row() {
    let rig = Rig::new(1).await;
    let body = vec![0, 255, b',', b':'];
    let bundle = Message { kind: "bundle".to_owned(), body: body.into(), ..message("bundle") };
    let parked = [refused("r"), given_up(bundle.clone(), "wa.in.p00"), unrouted("lost", "queue missing")];
    publish(&rig, parked.into()).await;
    let mover = start(&rig, "a");
    let found = moved(&rig, 2).await;
    let told =
        |row: &ParkedRow| format!("{} {} {} {} {}", row.message_id, row.reason, row.origin, row.attempts, row.detail);
    let told: BTreeSet<String> = found.iter().chain(&rows(&rig, Parking::Unrouted).await).map(told).collect();
    let want = [
        "bundle delivered-too-often wa.in.p00 0 ",
        "lost unrouted router 0 queue missing",
        "r too-deep ingress 2 nested",
    ];
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), want);

    // Whole: what came out of a queue goes back into it as it was.
    let mut change = rig.store.begin_change().await.unwrap();
    let job = change.begin_replay(&ParkedFilter::all(Parking::DeadLetters), 10, "a test").await.unwrap().unwrap();
    change.commit(&[]).await.unwrap();
    let all = rig.store.replay_messages(job.id, 10).await.unwrap();
    let mut all = all.into_iter().map(|(_, one)| one.unwrap());
    let whole = all.find(|one| one.row.message_id == "bundle").unwrap();
    let letter = Message {
        id: whole.row.message_id,
        kind: whole.row.kind,
        content_type: whole.content.content_type,
        headers: whole.content.headers,
        body: whole.content.body.into(),
    };
    let back = replay(letter).unwrap();
    assert_eq!(
        (back.address.key.as_str(), &back.message.body, &*back.message.kind),
        ("in.p00", &bundle.body, "bundle")
    );
    stopped(mover).await;
}

/// Between the commit and the acknowledgement: the message comes again, and is one row.
#[tokio::test]
async fn a_mover_that_dies_before_it_acknowledges_leaves_one_row() {
    let rig = Rig::new(1).await;
    let bus = HangingBus::new(&rig, Call::Ack);
    bus.hang();
    let (_stop, task) = start_on(&rig, bus, "a");
    publish(&rig, vec![refused("r"), refused("s")]).await;
    eventually(async || rows(&rig, Parking::DeadLetters).await.len() == 2).await;
    assert_eq!(rig.left(DEAD_LETTERS_QUEUE).await, 2, "nothing is acknowledged");
    task.abort();
    assert!(task.await.is_err());
    let next = start(&rig, "b");
    assert_eq!(moved(&rig, 2).await.len(), 2);
    stopped(next).await;
}

#[tokio::test]
async fn movers_share_and_hand_over() {
    let rig = Rig::new(1).await;
    let owners = async || {
        let leases = rig.store.leases(PARKING).await.unwrap();
        leases.into_iter().filter_map(|lease| lease.owner).collect::<BTreeSet<_>>()
    };
    let (a, b) = (start(&rig, "a"), start(&rig, "b"));
    eventually(async || owners().await.len() == 2).await;
    publish(&rig, (0..40).map(|number| refused(&format!("r{number}"))).collect()).await;
    assert_eq!(moved(&rig, 40).await.len(), 40);
    stopped(a).await;
    publish(&rig, vec![refused("late"), refused("r0")]).await;
    assert_eq!(moved(&rig, 41).await.len(), 41, "one of them is there already");
    stopped(b).await;
    assert!(owners().await.is_empty());
}

/// A replay that comes back is a row of its own: the one that it was replayed from may not be gone yet.
#[tokio::test]
async fn what_is_parked_again_is_a_new_row_that_counts_its_replays() {
    let rig = Rig::new(1).await;
    let letter = undecodable(message("m"));
    let again = undecodable(replay(letter.message.clone()).unwrap().message);
    publish(&rig, vec![letter.clone(), again, letter]).await;
    let mover = start(&rig, "a");
    let mut replays: Vec<u32> = moved(&rig, 2).await.iter().map(|row| row.replays).collect();
    replays.sort_unstable();
    assert_eq!(replays, [0, 1]);
    stopped(mover).await;
}

/// They come together, and each is a transaction.
#[tokio::test]
async fn what_is_too_large_for_one_transaction_is_kept_in_its_order() {
    let rig = Rig::new(1).await;
    let ids = ["c", "b", "a"];
    let large = |id: &str| undecodable(Message { body: vec![0; 2_200_000].into(), ..message(id) });
    publish(&rig, ids.map(large).into()).await;
    let mover = start(&rig, "a");
    let found = moved(&rig, 3).await;
    assert_eq!(found.iter().map(|row| &*row.message_id).collect::<Vec<_>>(), ids);
    stopped(mover).await;
}

/// It waits in its place, with its own reason, however often that fails.
#[tokio::test]
async fn what_cannot_be_kept_yet_is_not_parked_again() {
    let rig = Rig::new(1).await;
    rig.store.script("ALTER TABLE parked RENAME TO elsewhere").await.unwrap();
    publish(&rig, vec![refused("r")]).await;
    let mover = start(&rig, "a");
    eventually(async || {
        let depth = rig.bus.depth(DEAD_LETTERS_QUEUE).await.unwrap().unwrap();
        depth.unacknowledged == Some(1)
    })
    .await;
    rig.store.script("ALTER TABLE elsewhere RENAME TO parked").await.unwrap();
    let found = moved(&rig, 1).await;
    let told: Vec<_> = found.iter().map(|row| (&*row.reason, &*row.origin)).collect();
    assert_eq!(told, [("too-deep", "ingress")]);
    stopped(mover).await;
}

/// What came with it is kept, in its order.
#[tokio::test]
async fn one_that_cannot_be_kept_holds_up_nothing_that_came_with_it() {
    let rig = Rig::new(1).await;
    let trap =
        "CREATE TRIGGER trap BEFORE INSERT ON parked WHEN NEW.message_id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END";
    rig.store.script(trap).await.unwrap();
    publish(&rig, ["z", "bad", "a"].map(refused).into()).await;
    let mover = start(&rig, "a");
    eventually(async || rows(&rig, Parking::DeadLetters).await.len() == 2).await;
    assert_eq!(rig.left(DEAD_LETTERS_QUEUE).await, 3, "they came together");
    rig.store.script("DROP TRIGGER trap").await.unwrap();
    let found = moved(&rig, 3).await;
    assert_eq!(found.iter().map(|row| &*row.message_id).collect::<Vec<_>>(), ["z", "a", "bad"]);
    stopped(mover).await;
}
