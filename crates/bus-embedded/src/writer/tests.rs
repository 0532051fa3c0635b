//! The writer without its thread: what it does in one call, and what that leaves in the file.

use std::path::Path;

use tokio::sync::oneshot;
use waypost_bus::{Address, Message, Publication, Queue, QueueKind, Topology};

use super::*;
use crate::inbox::Assigned;
use crate::mailbox::Chore;
use crate::state::Subscriber;

fn declare(writer: &mut Writer) {
    let queue = Queue { name: "q".to_owned(), address: Address::activity(), kind: QueueKind::Work, messages_max: None };
    let topology = Topology { queues: vec![queue] };
    writer.work_off(vec![Command::Chore(Chore::Declare { topology, reply: oneshot::channel().0 })]);
}

fn publish(writer: &mut Writer) -> Vec<Outcome> {
    let (reply, mut outcomes) = oneshot::channel();
    let batch = vec![Publication { address: Address::activity(), message: Message::default() }];
    writer.work_off(vec![Command::Work(Work::Publish { batch, reply })]);
    outcomes.try_recv().unwrap()
}

#[test]
fn what_could_not_be_handed_out_on_a_full_disk_is_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let shared = Arc::new(Shared::new(Mailbox::new(10, 1000)));
    let mut writer = Writer::open(folder.path().join("bus.db"), None, Arc::clone(&shared)).unwrap();
    declare(&mut writer);
    assert_eq!(publish(&mut writer), [Outcome::Confirmed]);

    // As a hand-out that failed twice leaves it: somebody waits, something is there, and nothing more will come.
    let subscriber = Subscriber { id: 1, prefetch: 1, unacknowledged: BTreeSet::new(), inbox: Arc::default() };
    let inbox = Arc::clone(&subscriber.inbox);
    writer.state.queues.get_mut("q").unwrap().subscribers.push_back(subscriber);
    writer.disk_full(&rusqlite::Error::InvalidQuery);
    assert!(matches!(shared.health(), Health::Blocked(_)));

    writer.maintain();
    assert_eq!(shared.health(), Health::Up);
    assert_eq!(inbox.take(9), [Assigned { seq: 1, delivery_count: 0 }]);
}

/// What is confirmed is to outlive a power cut: each commit has the log synced before it is answered.
///
/// The file shows whether. Told that the disk may spoil the rest of a sector (`psow=0`), SQLite fills the sector up
/// before it syncs a commit, by the commit's last page once more; where it does not sync, it does not fill. So this is
/// what SQLite asks of the system, and nothing is said of what a disk makes of it.
#[test]
fn what_is_confirmed_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("file:{}?psow=0", folder.path().join("bus.db").display());
    let shared = Arc::new(Shared::new(Mailbox::new(10, 1000)));
    let mut writer = Writer::open(PathBuf::from(path), None, shared).unwrap();
    let setting = |writer: &Writer, name: &str| {
        writer.connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    assert_eq!(setting(&writer, "journal_mode"), "wal".to_owned().into());
    assert_eq!(setting(&writer, "synchronous"), 2.into(), "2 is FULL");
    declare(&mut writer);

    let log = folder.path().join("bus.db-wal");
    let is_filled_up = |writer: &mut Writer| {
        assert_eq!(publish(writer), [Outcome::Confirmed]);
        let frames = frames(&log);
        let [.., last_but_one, last] = &frames[..] else { panic!("not two pages") };
        assert!(last.ends_a_commit);
        last_but_one == last
    };
    assert!(is_filled_up(&mut writer), "confirmed, and not synced");
    // That the file tells the two apart.
    writer.connection.pragma_update(None, "synchronous", "NORMAL").unwrap();
    assert!(!is_filled_up(&mut writer), "the log is filled up without a sync");
}

/// A page in the write-ahead log (<https://www.sqlite.org/fileformat2.html#walformat>).
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    page: u32,
    ends_a_commit: bool,
}

fn frames(log: &Path) -> Vec<Frame> {
    const LOG_HEADER_BYTES: usize = 32;
    const FRAME_HEADER_BYTES: usize = 24;
    let log = std::fs::read(log).unwrap();
    let frames = log[LOG_HEADER_BYTES..].chunks(FRAME_HEADER_BYTES + schema::PAGE_BYTES as usize);
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    frames.map(|frame| Frame { page: number(&frame[..4]), ends_a_commit: number(&frame[4..8]) != 0 }).collect()
}
