//! SIGKILL in the middle of writing: whatever was confirmed is there in order, whatever was acknowledged is not.
//!
//! The test starts itself as the process to be killed.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use common::{PUBLISH_TIMEOUT, QUEUE, address, check_file, publication, topology};
use waypost_bus::topology::DEAD_LETTERS_QUEUE;
use waypost_bus::{Address, Bus, Outcome, Publication};
use waypost_bus_embedded::{BusFile, EmbeddedBus, Options};

const FOLDER_VARIABLE: &str = "WAYPOST_TEST_BUS_FOLDER";
const ROUND_VARIABLE: &str = "WAYPOST_TEST_BUS_ROUND";
const PUBLISHERS: usize = 6;

/// Set, it is the seed that the kill points are drawn from.
const SEED_VARIABLE: &str = "WAYPOST_TEST_KILL_SEED";
/// Lines that the child writes before it is killed are drawn from between these: from the first commits to after several
/// log check-ins.
const KILL_AFTER_LINES: [usize; 10] = [1, 2, 5, 20, 80, 250, 600, 1200, 2400, 4000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_by_sigkill() {
    if let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER_VARIABLE), std::env::var(ROUND_VARIABLE)) {
        return write_until_killed(&PathBuf::from(folder), &round).await;
    }
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    let mut dice = fastrand::Rng::with_seed(seed);
    let kill_after: Vec<usize> = KILL_AFTER_LINES.windows(2).map(|range| dice.usize(range[0]..range[1])).collect();
    eprintln!("{SEED_VARIABLE}={seed}: killed after {kill_after:?} lines");
    let folder = tempfile::tempdir().unwrap();
    let mut reported = Reported::default();
    for (round, lines) in kill_after.into_iter().enumerate() {
        run_and_kill(folder.path(), round, lines, &mut reported);
        check(folder.path(), &reported);
    }
    assert!(reported.confirmed.len() > 1000 && reported.acknowledged.len() > 100, "the child did too little");

    // A bus that opens it finds the same as one that only reads, and hands it out in order.
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    let waiting = stored(folder.path(), QUEUE);
    assert_eq!(common::consume(&*bus, waiting.len()).await, waiting);
    bus.close(PUBLISH_TIMEOUT).await;
    check_file(folder.path());
}

/// What the child said before it died.
#[derive(Default)]
struct Reported {
    confirmed: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

fn run_and_kill(folder: &Path, round: usize, lines: usize, reported: &mut Reported) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_confirmed_is_lost_by_sigkill", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .env(ROUND_VARIABLE, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = 0;
    let mut killed = false;
    // After the kill, what is still in the pipe was said before, and counts.
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("confirmed", id)) => reported.confirmed.insert(id.to_owned()),
            Some(("acknowledged", id)) => reported.acknowledged.insert(id.to_owned()),
            _ => continue,
        };
        said += 1;
        if said >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    let status = child.wait().unwrap();
    assert!(killed && !status.success(), "the child ended by itself: {status}");
}

fn check(folder: &Path, reported: &Reported) {
    check_file(folder);
    let kept = stored(folder, QUEUE);
    let present: BTreeSet<&String> = kept.iter().collect();
    assert_eq!(present.len(), kept.len(), "something is there twice");
    let lost: Vec<_> = reported.confirmed.iter().filter(|id| !present.contains(id)).collect();
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    let mut by_publisher: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for id in &kept {
        by_publisher.entry(&id[..2]).or_default().push(id);
    }
    for (publisher, ids) in by_publisher {
        assert!(ids.is_sorted(), "order of {publisher}");
    }

    let waiting: BTreeSet<String> = stored(folder, DEAD_LETTERS_QUEUE).into_iter().collect();
    let back: Vec<_> = reported.acknowledged.iter().filter(|id| waiting.contains(*id)).collect();
    assert!(back.is_empty(), "acknowledged and there again: {back:?}");
}

/// The ids that a queue holds, in order.
fn stored(folder: &Path, queue: &str) -> Vec<String> {
    let file = BusFile::open_read_only(folder).unwrap();
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        // The first kill may come before the queue is declared.
        let page = file.peek(queue, after, 1000).unwrap().unwrap_or_default();
        let Some((last, _)) = page.last() else { return ids };
        after = Some(*last);
        ids.extend(page.into_iter().map(|(_, message)| message.id));
    }
}

/// The process that is killed: says every id after it was confirmed or acknowledged.
async fn write_until_killed(folder: &Path, round: &str) {
    let bus = EmbeddedBus::open(folder, Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (bus, prefix) = (Arc::clone(&bus), format!("p{publisher}-{round}"));
        tasks.spawn(async move { publish_forever(&*bus, &address(), &prefix, "confirmed").await });
    }
    let (publisher, consumer, prefix) = (Arc::clone(&bus), bus, format!("d-{round}"));
    tasks.spawn(async move { publish_forever(&*publisher, &Address::dead_letters(), &prefix, "published").await });
    tasks.spawn(async move { consume_forever(&*consumer).await });
    while tasks.join_next().await.is_some() {}
}

async fn publish_forever(bus: &dyn Bus, address: &Address, prefix: &str, word: &str) {
    for call in 0.. {
        // Bodies of 1 to 20 KB, calls of 1 to 5 messages.
        let ids: Vec<String> = (0..=call % 5).map(|part| format!("{prefix}-{call:08}-{part}")).collect();
        let body = Bytes::from(vec![b'x'; if call % 7 == 0 { 20_000 } else { 1000 }]);
        let batch = ids
            .iter()
            .map(|id| Publication { address: address.clone(), ..publication(id.clone(), body.clone()) })
            .collect();
        let outcomes = bus.publish(batch, PUBLISH_TIMEOUT).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
        say(word, &ids);
    }
}

async fn consume_forever(bus: &dyn Bus) {
    let mut consumer = bus.consume(DEAD_LETTERS_QUEUE, 16).await.unwrap();
    loop {
        let batch = consumer.next_batch(16).await.unwrap();
        let ids: Vec<String> = batch.iter().map(|delivery| delivery.message.id.clone()).collect();
        consumer.ack(batch).await.unwrap();
        say("acknowledged", &ids);
    }
}

fn say(word: &str, ids: &[String]) {
    let lines: String = ids.iter().map(|id| format!("{word} {id}\n")).collect();
    std::io::stdout().write_all(lines.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}
