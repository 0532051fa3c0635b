//! While what a customer wrote may not have been looked through for a stop, nothing goes that a stop would end; and a stop is
//! confirmed inside the window that it opens, though whoever opens it comes later.

use waypost_domain::consent::Said;
use waypost_domain::send::{Author, Cause, SendRequest, SendState};
use waypost_domain::template::TemplateStatus;
use waypost_domain::{Category, PartitionCount};
use waypost_store::Sequence;

use crate::rig::{PATIENCE, Rig};

const PARTITIONS: PartitionCount = PartitionCount::DEFAULT;

#[tokio::test]
async fn marketing_waits_for_whoever_looks_for_stops() {
    let rig = Rig::new().await;
    rig.store.fix_layout(PARTITIONS).await.unwrap();
    rig.template("offer", Category::Marketing, TemplateStatus::Approved).await;
    let text = waypost_policy::PolicyData::DEFAULT_TEXT
        .replacen("version = 1\n", "version = 2\n", 1)
        .replacen("categories = [\"marketing\"]", "categories = []", 1)
        .replacen("recheck_soon_s = 5", "recheck_soon_s = 1", 1);
    rig.policy(text).await;
    let ann = rig.customer("4930901820").await;
    rig.agrees(ann).await;

    // A worker that ran once and is gone: nobody owns a partition.
    let mut leases = Vec::new();
    for partition in PARTITIONS.all() {
        let lease = rig.store.acquire_lease("optin", partition, "a", PATIENCE, Sequence::None).await.unwrap().unwrap();
        rig.store.release_lease(&lease).await.unwrap();
    }
    rig.refresh().await;
    rig.start("one");
    rig.ask([rig.offer("o1", ann, "offer").await, rig.text("t1", ann).await]).await;
    rig.until("t1", SendState::Accepted).await;
    rig.until_row("o1", |row| row.verdict.is_some()).await;
    assert_eq!((rig.row("o1").await.state(), rig.rule("o1").await), (SendState::Queued, "stop_pending".to_owned()));

    // It is back, and has looked at all there is.
    for partition in PARTITIONS.all() {
        leases.push(rig.store.acquire_lease("optin", partition, "b", PATIENCE, Sequence::None).await.unwrap().unwrap());
    }
    rig.refresh().await;
    rig.until("o1", SendState::Accepted).await;

    // What it has in hand is too old.
    let before = rig.now().await.plus_millis(-61_000);
    for lease in &leases {
        rig.store.mark_published(&lease.fence(0, Some(before))).await.unwrap();
    }
    rig.refresh().await;
    rig.ask([rig.offer("o2", ann, "offer").await]).await;
    rig.until_row("o2", |row| row.verdict.is_some()).await;
    assert_eq!((rig.row("o2").await.state(), rig.rule("o2").await), (SendState::Queued, "stop_pending".to_owned()));
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_is_confirmed_once_its_window_is_known() {
    let rig = Rig::new().await;
    let text = waypost_policy::PolicyData::DEFAULT_TEXT.replacen("version = 1\n", "version = 2\n", 1).replacen(
        "recheck_soon_s = 5",
        "recheck_soon_s = 1",
        1,
    );
    rig.policy(text).await;
    let ann = rig.stranger("4930901820").await;
    rig.says(ann, None, Said::Withdrawn).await;
    rig.start("one");
    let confirmation = |request: SendRequest| SendRequest {
        author: Author::Automation("optin".to_owned()),
        cause: Cause::StopConfirmation,
        ..request
    };
    rig.ask_until([confirmation(rig.text("c1", ann).await)], 60_000).await;
    rig.until_row("c1", |row| row.verdict.is_some()).await;
    assert_eq!((rig.row("c1").await.state(), rig.rule("c1").await), (SendState::Queued, "window_closed".to_owned()));
    rig.set_window(ann, "support", 3_600_000).await;
    rig.until("c1", SendState::Accepted).await;
    rig.ask_until([confirmation(rig.text("c2", ann).await)], 60_000).await;
    rig.until("c2", SendState::Refused).await;
    assert_eq!(rig.rule("c2").await, "stop_confirmed", "once");
    rig.stop().await;
}
