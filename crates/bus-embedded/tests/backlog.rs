//! A large backlog: memory stays flat, the log is cut, and the disk gets its space back. One test, for it measures the
//! whole process.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use common::{check_file, consume, eventually, publish, topology};
use rusqlite::Connection;
use waypost_bus::{Bus, Outcome};
use waypost_bus_embedded::{EmbeddedBus, Options};

const MESSAGES: usize = 100_000;
const BATCH: usize = 500;
const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_on_disk_and_not_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();
    let body = Bytes::from(vec![b'x'; 1000]);
    // Whatever is allocated once is so before the measuring begins.
    assert_eq!(publish(&*bus, 0, BATCH, &body).await, Outcome::Confirmed);
    consume(&*bus, BATCH).await;
    let before = resident_bytes();

    // Somebody reads and does not let go: the log cannot be reused.
    let reader = Connection::open(folder.path().join("bus.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM queue").unwrap();
    for first in (0..MESSAGES).step_by(BATCH) {
        assert_eq!(publish(&*bus, first, BATCH, &body).await, Outcome::Confirmed);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 24 * MIB, "{} MiB more memory with a backlog of {MESSAGES} messages", grown / MIB);
    assert!(bytes(folder.path(), "bus.db-wal") > 64 * MIB, "the log was reused under a reader");
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    eventually(|| bytes(folder.path(), "bus.db-wal"), |bytes| *bytes <= 64 * MIB).await;

    // The backlog survives a restart, which does not read it all.
    bus.close(Duration::from_secs(10)).await;
    drop(bus);
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    let depth = bus.depth(common::QUEUE).await.unwrap().unwrap();
    assert_eq!(depth.ready, MESSAGES as u64);

    let full = bytes(folder.path(), "bus.db");
    let ids = consume(&*bus, MESSAGES).await;
    assert!(ids.iter().enumerate().all(|(number, id)| *id == number.to_string()), "order of the backlog");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB more memory after draining", grown / MIB);
    eventually(|| bytes(folder.path(), "bus.db"), |bytes| *bytes < full / 4).await;
    bus.close(Duration::from_secs(10)).await;
    check_file(folder.path());
}

fn bytes(folder: &Path, name: &str) -> u64 {
    std::fs::metadata(folder.join(name)).map_or(0, |file| file.len())
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}
