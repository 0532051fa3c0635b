//! Every wait has an end, whatever the store and the bus do.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use support::hanging::{Call, HangingBus};
use support::{COMPONENT, Rig, eventually};
use tokio::time::Instant;
use waypost_bus::Bus;
use waypost_domain::{PartitionId, Timestamp};
use waypost_store::{Lease, Sequence};
use waypost_worker::WorkerConfig;

const HOUR: Duration = Duration::from_secs(3_600);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Between the end of a wait and our looking at the clock, on a machine with much to do.
const SLACK: Duration = Duration::from_millis(800);

fn config(rig: &Rig) -> WorkerConfig {
    WorkerConfig {
        lease_ttl: Duration::from_secs(3),
        lease_renew_every: Duration::from_millis(50),
        drain_timeout: DRAIN_TIMEOUT,
        ..WorkerConfig::new(COMPONENT, "a", rig.layout.partitions)
    }
}

/// The writer is somebody else's for ever: nothing that is asked of the store comes back.
#[tokio::test]
async fn a_store_that_hangs_does_not_keep_the_process() {
    let rig = Rig::new(2).await;
    rig.publish(0, &[("a", "plain")]).await;
    let (stop, task) = rig.start_with(rig.bus.clone(), config(&rig));
    rig.log.until(|log| log.len() == 1).await;
    let other = rig
        .store
        .acquire_lease("other", PartitionId(0), "x", support::PATIENCE, Sequence::None)
        .await
        .unwrap()
        .unwrap();
    let held = rig.store.begin_batch(&other.fence(0, None)).await.unwrap();
    rig.publish(0, &[("b", "plain")]).await;
    // The batch is in hand and waits for the store, as every tick does from now on.
    eventually(async || rig.bus.depth("wa.in.p00").await.unwrap().unwrap().unacknowledged == Some(1)).await;
    let began_at = Instant::now();
    stop.cancel();
    task.await.unwrap();
    assert!(began_at.elapsed() < DRAIN_TIMEOUT + SLACK, "{:?}", began_at.elapsed());
    drop(held);
}

/// Returns who has the lease after the end.
async fn end_with(call: Call, handled: usize) -> Option<String> {
    let rig = Rig::new(1).await;
    let bus = HangingBus::new(&rig, call);
    if call == Call::Consume {
        bus.hang();
    }
    let (stop, task) = rig.start_with(bus.clone(), config(&rig));
    let owner = async || rig.store.leases(COMPONENT).await.unwrap().first().and_then(|lease| lease.owner.clone());
    eventually(async || owner().await.is_some()).await;
    bus.hang();
    rig.publish(0, &[("a", "plain")]).await;
    rig.log.until(|log| log.len() == handled).await;
    let began_at = Instant::now();
    stop.cancel();
    task.await.unwrap();
    assert!(began_at.elapsed() < DRAIN_TIMEOUT + SLACK, "{:?}", began_at.elapsed());
    owner().await
}

#[tokio::test]
async fn a_bus_that_does_not_let_us_subscribe_keeps_neither_process_nor_lease() {
    assert_eq!(end_with(Call::Consume, 0).await, None);
}

#[tokio::test]
async fn a_bus_that_takes_no_acknowledgement_keeps_neither_process_nor_lease() {
    assert_eq!(end_with(Call::Ack, 1).await, None);
}

/// What was in hand may still be: whoever comes next waits until the lease has run out.
#[tokio::test]
async fn a_subscription_that_does_not_end_keeps_the_lease_but_not_the_process() {
    assert_eq!(end_with(Call::Close, 1).await, Some("a".to_owned()));
}

#[tokio::test]
async fn a_subscription_whose_end_is_not_confirmed_keeps_the_lease_but_not_the_process() {
    assert_eq!(end_with(Call::ConfirmClose, 1).await, Some("a".to_owned()));
}

/// The same while the process lives on: the lease is neither given back at once nor renewed for ever.
#[tokio::test]
async fn a_shard_that_stopped_for_good_without_confirmation_is_free_when_its_lease_would_have_run_out() {
    let rig = Rig::new(1).await;
    let bus = HangingBus::new(&rig, Call::ConfirmClose);
    bus.hang();
    let config = config(&rig);
    let lease_ttl = config.lease_ttl;
    let (stop, task) = rig.start_with(bus, config);
    let owner = async || rig.store.leases(COMPONENT).await.unwrap().first().and_then(|lease| lease.owner.clone());
    eventually(async || owner().await.is_some()).await;
    let stopped_at = Instant::now();
    rig.publish(0, &[("newer", "stop")]).await;
    eventually(async || owner().await.is_none()).await;
    assert!(stopped_at.elapsed() >= lease_ttl, "{:?}", stopped_at.elapsed());
    stop.cancel();
    task.await.unwrap();
}

/// As if somebody else had taken it and given it back.
async fn lose_the_lease(rig: &Rig) {
    let row = rig.store.leases(COMPONENT).await.unwrap().remove(0);
    let lease = Lease {
        component: COMPONENT.to_owned(),
        partition: row.partition,
        owner: "a".to_owned(),
        epoch: row.epoch,
        published_seq: 0,
        last_seq: 0,
        expires_at: Timestamp::default(),
        suspect: None,
    };
    rig.store.release_lease(&lease).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_hangs_is_dropped_at_the_renewal_that_finds_the_lease_lost() {
    let rig = Rig::new(1).await;
    rig.publish(0, &[("a", "die")]).await;
    let (stop, task) = rig.start_with(rig.bus.clone(), WorkerConfig { lease_ttl: HOUR, ..config(&rig) });
    rig.log.until(|log| log.len() == 1).await;
    lose_the_lease(&rig).await;
    rig.log.until(|log| log.len() == 2).await;
    stop.cancel();
    task.abort();
    assert!(task.await.is_err());
}

#[tokio::test]
async fn a_transaction_that_finds_the_lease_lost_ends_the_subscription() {
    let rig = Rig::new(1).await;
    let config = WorkerConfig { lease_ttl: HOUR, lease_renew_every: HOUR, ..config(&rig) };
    let (stop, task) = rig.start_with(rig.bus.clone(), config);
    let consumers = async || rig.bus.depth("wa.in.p00").await.unwrap().unwrap().consumers;
    eventually(async || consumers().await == 1).await;
    lose_the_lease(&rig).await;
    rig.publish(0, &[("a", "plain")]).await;
    eventually(async || consumers().await == 0).await;
    assert!(rig.log.ids().is_empty());
    stop.cancel();
    task.await.unwrap();
}
