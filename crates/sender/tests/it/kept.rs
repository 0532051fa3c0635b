//! Statuses and account changes are in the store before they are acknowledged, whether anything is sent or not.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waypost_bus::{Address, Bus, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::send::SendState;
use waypost_domain::{PartitionCount, PartitionId, PhoneNumberId};
use waypost_proto::{encode_event, v1};
use waypost_sender::Recorder;
use waypost_store::BarScope;
use waypost_worker::WorkerConfig;

use crate::order::eventually;
use crate::rig::{PATIENCE, Rig};

pub(crate) fn event(kind: v1::EventKind, key: &str, field: &str, json: &str) -> v1::Event {
    v1::Event {
        version: 1,
        kind: kind.into(),
        key: key.to_owned(),
        field: field.to_owned(),
        phone_number_id: "1".to_owned(),
        waba_id: "9".to_owned(),
        received_at_ms: 1_750_000_000_000,
        json: json.to_owned().into(),
        ..v1::Event::default()
    }
}

/// Takes in what these queues hold, until they are empty.
pub(crate) async fn take_in(rig: &Rig, events: Vec<(Address, v1::Event)>, queues: [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(PartitionCount::new(1).unwrap());
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&Topology::new(layout, &BTreeSet::new(), false)).await.unwrap();
    let publication = |(address, event): (Address, v1::Event)| {
        let message = Message { id: event.key.clone(), body: encode_event(event), ..Message::default() };
        Publication { address, message }
    };
    let outcomes = bus.publish(events.into_iter().map(publication).collect(), PATIENCE).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed), "{outcomes:?}");
    let recorder = Recorder { layout, bus: bus.clone(), store: rig.store.clone(), sending: rig.sending().await };
    let stop = CancellationToken::new();
    let leases = |component, partitions| WorkerConfig {
        lease_ttl: Duration::from_secs(2),
        lease_renew_every: Duration::from_millis(50),
        ..WorkerConfig::new(component, "a", partitions)
    };
    let running = tokio::spawn(recorder.run(leases, stop.clone()));
    eventually(async || {
        let mut left = 0;
        for queue in &queues {
            let depth = bus.depth(queue).await.unwrap().unwrap();
            left += depth.ready + depth.unacknowledged.unwrap_or(0);
        }
        left == 0
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(bus.depth("wa.dead-letters").await.unwrap().unwrap().ready, 0);
}

#[tokio::test]
async fn each_is_in_the_store_as_it_came() {
    let rig = Rig::new().await;
    let layout = Layout::new(PartitionCount::new(1).unwrap());
    let status = r#"{"id":"wamid.A","status":"read","timestamp":"1750000000","recipient_id":"15550001",
        "biz_opaque_callback_data":"mine","errors":[{"code":131047}]}"#;
    let status = event(v1::EventKind::Status, "s", "messages", status);
    let change = event(v1::EventKind::AccountChange, "a", "account_update", r#"{"event":"VERIFIED_ACCOUNT"}"#);
    // Meta sends things twice: here in one batch.
    let events = vec![
        (layout.statuses(PartitionId(0)), status.clone()),
        (layout.statuses(PartitionId(0)), status.clone()),
        (layout.account(), change.clone()),
        (layout.account(), change.clone()),
    ];
    take_in(&rig, events, ["wa.st.p00".to_owned(), "wa.account".to_owned()]).await;
    let statuses = rig.store.statuses_after(None, 9).await.unwrap();
    let [kept] = &statuses[..] else { panic!("one status, not {}", statuses.len()) };
    assert_eq!((kept.wamid.as_str(), kept.state.as_str()), ("wamid.A", "read"));
    let changes = rig.store.changes_after(None, 9).await.unwrap();
    let [kept] = &changes[..] else { panic!("one change, not {}", changes.len()) };
    assert_eq!((kept.field.as_str(), kept.key.as_str()), ("account_update", "a"));
}

/// A number of ours may have two of Meta's ids: the later answer counts, whichever they came from, and in whatever order. That
/// something was delivered says nothing of who spoke last.
#[tokio::test]
async fn what_left_for_a_customer_is_an_answer() {
    let rig = Rig::new().await;
    let (ann, bob) = (rig.customer("4930901820").await, rig.customer("4930901821").await);
    let (support, layout) = (crate::rig::name("support"), Layout::new(PartitionCount::new(1).unwrap()));
    let ids = ["1", "3"].map(|id| (support.clone(), PhoneNumberId::new(id)));
    rig.store.name_numbers(&ids).await.unwrap();
    let begun = rig.now().await.as_millis() / 1000;
    let told = |id: &str, state: &str, to: &str, after_s: i64| {
        let at = begun + after_s;
        let json = format!(r#"{{"id":"{to}/{after_s}","status":"{state}","timestamp":"{at}","recipient_id":"{to}"}}"#);
        let event = event(v1::EventKind::Status, &format!("{to}/{after_s}"), "messages", &json);
        let event = v1::Event { phone_number_id: id.to_owned(), received_at_ms: begun * 1000, ..event };
        (layout.statuses(PartitionId(0)), event)
    };
    let queues = || ["wa.st.p00".to_owned(), "wa.account".to_owned()];
    take_in(&rig, vec![told("1", "sent", "4930901820", 20), told("1", "delivered", "4930901821", 5)], queues()).await;
    take_in(&rig, vec![told("3", "sent", "4930901820", 10)], queues()).await;
    let answered = async |how: &str| {
        let resolve = format!("UPDATE conversation SET state = 'resolved' WHERE number = 'support' AND {how}");
        rig.store.script(&resolve).await.unwrap();
        let is_gone = async |contact| rig.store.unresolved_conversation(&[contact], &support).await.unwrap().is_none();
        [is_gone(ann).await, is_gone(bob).await]
    };
    assert_eq!(answered(&format!("last_outbound_at = {}", (begun + 20) * 1000)).await, [true, false]);
    assert_eq!(answered("last_outbound_at IS NULL").await, [true, true], "nobody answered the other");
}

/// Meta takes a message and gives it up later, for what stops everything like it: what follows is what a refusal would have done.
#[tokio::test]
async fn a_late_failure_bars_what_an_answer_would() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.start("a");
    rig.ask([rig.text("one", ann).await]).await;
    rig.until("one", SendState::Accepted).await;
    let layout = Layout::new(PartitionCount::new(1).unwrap());
    let json = r#"{"id":"wamid.wp1/one/1","status":"failed","timestamp":"1750000000","recipient_id":"4930901820",
        "biz_opaque_callback_data":"wp1/one/1","errors":[{"code":131042}]}"#;
    let status = event(v1::EventKind::Status, "s", "messages", json);
    let queues = ["wa.st.p00".to_owned(), "wa.account".to_owned()];
    take_in(&rig, vec![(layout.statuses(PartitionId(0)), status)], queues).await;
    let bars = rig.store.send_bars().await.unwrap();
    let [bar] = &bars[..] else { panic!("one bar, not {bars:?}") };
    let alerts = rig.store.open_alerts().await.unwrap();
    let [alert] = &alerts[..] else { panic!("one alert, not {alerts:?}") };
    assert_eq!(
        (bar.scope, bar.until_token, alert.scope, alert.kind.as_str()),
        (BarScope::Account, false, bar.scope, "code_131042")
    );
    assert_eq!(alert.name, bar.name);
    rig.stop().await;
}

/// Outbound case 4: the hook comes before the answer, and is joined.
#[tokio::test]
async fn a_status_that_is_faster_than_the_answer_is_joined() {
    let rig = Rig::new().await;
    let ann = rig.customer("4930901820").await;
    rig.platform.next([crate::platform::Does::Wait]);
    rig.start("a");
    rig.ask([rig.text("one", ann).await]).await;
    rig.platform.until(|posted| posted.len() == 1).await;
    let layout = Layout::new(PartitionCount::new(1).unwrap());
    let json = r#"{"id":"wamid.wp1/one/1","status":"delivered","timestamp":"1750000000","recipient_id":"4930901820",
        "biz_opaque_callback_data":"wp1/one/1"}"#;
    let status = event(v1::EventKind::Status, "s", "messages", json);
    let queues = ["wa.st.p00".to_owned(), "wa.account".to_owned()];
    take_in(&rig, vec![(layout.statuses(PartitionId(0)), status)], queues).await;
    rig.platform.open_gate();
    let row = rig.until_row("one", |row| row.progress.accepted_at.is_some()).await;
    assert_eq!(row.state(), SendState::Delivered);
    rig.stop().await;
}
