//! What operators see of a worker: each counter is there from the first look on, and goes up with what it counts.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use metrics_exporter_prometheus::PrometheusBuilder;
use support::{COMPONENT, PATIENCE, Rig, counted, eventually};
use tokio_util::sync::CancellationToken;
use waypost_bus::{Address, Bus, DeadLetterReason, Message, Outcome, Publication};
use waypost_worker::WorkerConfig;
use waypost_worker::dead_letters::mover;

#[tokio::test]
async fn a_workers_counters_begin_at_zero() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new(1).await;
    let (stop, task) = rig.start("a");
    eventually(async || counted(&recorder, "waypost_worker_partitions_owned") == ["{component=\"router\"} 1"]).await;
    for name in ["leases_lost_total", "handled_total", "retried_total", "panics_total", "shards_stopped"] {
        let zero = format!("{{component=\"{COMPONENT}\"}} 0");
        assert_eq!(counted(&recorder, &format!("waypost_worker_{name}")), [zero], "{name}");
    }
    let zero = |reason: DeadLetterReason| format!("{{component=\"{COMPONENT}\",reason=\"{}\"}} 0", reason.code());
    let mut reasons: Vec<String> = DeadLetterReason::ALL.into_iter().map(zero).collect();
    reasons.sort();
    assert_eq!(counted(&recorder, "waypost_worker_dead_lettered_total"), reasons);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_a_worker_does_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new(1).await;
    // The handler fails twice with the first, and panics three times with the last, which is then parked.
    rig.publish(0, &[("a", "retry"), ("b", "plain"), ("poison", "panic")]).await;
    let (stop, task) = rig.start("a");
    eventually(async || rig.left("wa.in.p00").await == 0).await;
    let ours = |count: u32| [format!("{{component=\"{COMPONENT}\"}} {count}")];
    assert_eq!(counted(&recorder, "waypost_worker_handled_total"), ours(2));
    assert_eq!(counted(&recorder, "waypost_worker_retried_total"), ours(2));
    let parked = counted(&recorder, "waypost_worker_dead_lettered_total");
    let parked: Vec<&String> = parked.iter().filter(|sample| !sample.ends_with(" 0")).collect();
    assert_eq!(parked, [&format!("{{component=\"{COMPONENT}\",reason=\"handler-panicked\"}} 1")]);
    let panics = counted(&recorder, "waypost_worker_panics_total");
    assert!(!panics.contains(&ours(0)[0]), "{panics:?}");
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn what_the_mover_moves_is_counted_by_where_it_lay() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new(1).await;
    let config = |component, shards| WorkerConfig::new(component, "a", shards);
    let moving = mover(config, rig.bus.clone(), rig.store.clone());
    let counts = |unrouted: u32| {
        [("dead-letters", 0), ("unrouted", unrouted)].map(|(place, count)| format!("{{parking=\"{place}\"}} {count}"))
    };
    assert_eq!(counted(&recorder, "waypost_worker_moved_total"), counts(0));
    let lost = |id: &str| Publication {
        address: Address::unrouted(),
        message: Message { id: id.to_owned(), kind: "waypost.event.v1".to_owned(), ..Message::default() },
    };
    let outcomes = rig.bus.publish(vec![lost("a"), lost("b")], PATIENCE).await;
    assert_eq!(outcomes, [Outcome::Confirmed, Outcome::Confirmed]);
    let stop = CancellationToken::new();
    let task = tokio::spawn(moving.run(stop.clone()));
    eventually(async || counted(&recorder, "waypost_worker_moved_total") == counts(2)).await;
    stop.cancel();
    task.await.unwrap();
}
