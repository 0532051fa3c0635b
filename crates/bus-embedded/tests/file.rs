//! Who may open the file, and what a second process sees.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use common::{PUBLISH_TIMEOUT, QUEUE, publish, topology};
use rusqlite::Connection;
use waypost_bus::{Bus, BusError, Health, Outcome, QueueKind};
use waypost_bus_embedded::{BusFile, EmbeddedBus, OpenError, Options};

fn open_error(folder: &Path) -> OpenError {
    match EmbeddedBus::open(folder, Options::default()) {
        Ok(_) => panic!("it opens"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    let error = open_error(folder.path());
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    assert_eq!(first.health(), Health::Up);

    first.close(PUBLISH_TIMEOUT).await;
    EmbeddedBus::open(folder.path(), Options::default()).unwrap().close(PUBLISH_TIMEOUT).await;
}

type Spoil<'a> = &'a dyn Fn(&Path);

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let cases: [(&str, Spoil<'_>, &str); 4] = [
        (
            "newer",
            &|path| {
                Connection::open(path).unwrap().pragma_update(None, "user_version", 2).unwrap();
            },
            "has format 2, written by a newer Waypost; this one knows formats up to 1",
        ),
        (
            "another application's",
            &|path| {
                std::fs::remove_file(path).unwrap();
                Connection::open(path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
            },
            "is not a bus file",
        ),
        ("no database", &|path| std::fs::write(path, "hello ".repeat(1000)).unwrap(), "is not a bus file"),
        (
            "a folder",
            &|path| {
                std::fs::remove_file(path).unwrap();
                std::fs::create_dir(path).unwrap();
            },
            "cannot use",
        ),
    ];
    for (name, spoil, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
        bus.close(PUBLISH_TIMEOUT).await;
        drop(bus);
        spoil(&folder.path().join("bus.db"));
        let content = std::fs::read(folder.path().join("bus.db")).ok();
        for error in [open_error(folder.path()), BusFile::open_read_only(folder.path()).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
        assert_eq!(std::fs::read(folder.path().join("bus.db")).ok(), content, "{name}: the file was changed");
    }
}

#[tokio::test]
async fn a_second_process_may_look() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(BusFile::open_read_only(folder.path()), Err(OpenError::Missing { .. })));

    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();
    assert_eq!(publish(&*bus, 0, 5, &Bytes::from_static(b"body")).await, Outcome::Confirmed);
    let assert_readable = || {
        let file = BusFile::open_read_only(folder.path()).unwrap();
        let queues = file.queues().unwrap();
        assert_eq!(
            queues
                .iter()
                .map(|queue| (queue.name.as_str(), queue.kind, queue.messages, queue.bytes))
                .collect::<Vec<_>>(),
            [(QUEUE, QueueKind::Partitioned, 5, 20), ("wa.dead-letters", QueueKind::Parking, 0, 0)]
        );
        assert!(queues[0].oldest_at.is_some() && queues[1].oldest_at.is_none());
        let page = file.peek(QUEUE, None, 3).unwrap().unwrap();
        let rest = file.peek(QUEUE, page.last().map(|(place, _)| *place), 100).unwrap().unwrap();
        let ids: Vec<&str> = page.iter().chain(&rest).map(|(_, message)| message.id.as_str()).collect();
        assert_eq!(ids, ["0", "1", "2", "3", "4"]);
        assert_eq!(file.peek("no.such.queue", None, 1).unwrap(), None);
    };
    assert_readable();
    assert!(bus.depth(QUEUE).await.unwrap().unwrap().oldest_at.is_some());
    assert!(BusFile::is_in_use(folder.path()).unwrap());
    bus.close(PUBLISH_TIMEOUT).await;
    drop(bus);
    assert!(!BusFile::is_in_use(folder.path()).unwrap(), "and asking leaves it free");
    drop(EmbeddedBus::open(folder.path(), Options::default()).unwrap());
    // Nor need anything run.
    assert_readable();
}

#[tokio::test]
async fn a_queue_is_never_redeclared_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();

    let mut other_kind = topology();
    other_kind.queues[0].kind = QueueKind::Team;
    let mut other_address = topology();
    other_address.queues[0].address.key = "elsewhere".to_owned();
    for (changed, expected) in [
        (&other_kind, "it is partitioned, not team"),
        (&other_address, "its address is wa.events in.p00, not wa.events elsewhere"),
    ] {
        match bus.declare(changed).await {
            Err(BusError::TopologyMismatch { queue, difference }) => {
                assert_eq!((queue.as_str(), difference.as_str()), (QUEUE, expected));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bus.verify(changed).await.unwrap(), [format!("queue {QUEUE}: {expected}")]);
    }

    let mut same_address = topology();
    same_address.queues[0].name = "another.name".to_owned();
    assert!(matches!(bus.declare(&same_address).await, Err(BusError::Refused(_))));

    // A limit is not what a queue is: the last one declared holds, and is kept.
    let mut limited = topology();
    limited.queues[0].messages_max = Some(2);
    bus.declare(&limited).await.unwrap();
    bus.close(PUBLISH_TIMEOUT).await;
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    let body = Bytes::from_static(b"body");
    assert_eq!(publish(&*bus, 0, 2, &body).await, Outcome::Confirmed);
    assert_eq!(publish(&*bus, 2, 1, &body).await, Outcome::Nacked);
    bus.declare(&topology()).await.unwrap();
    assert_eq!(publish(&*bus, 2, 1, &body).await, Outcome::Confirmed);
    bus.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn only_the_folder_itself_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (above, usual) = (folder.path().join("above"), folder.path().join("usual"));
    std::fs::create_dir(&usual).unwrap();
    let bus = EmbeddedBus::open(&above.join("data"), Options::default()).unwrap();
    assert_eq!((mode(&above), mode(&above.join("data"))), (mode(&usual), 0o700));
    bus.close(Duration::from_secs(5)).await;
}
