//! Concurrent publishers share commits. Counted, not timed: alone in its binary, for it is the process' recorder.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use common::{PUBLISH_TIMEOUT, publish, topology};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use waypost_bus::{Bus, Outcome};
use waypost_bus_embedded::metrics::COMMIT_SECONDS;
use waypost_bus_embedded::{EmbeddedBus, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_share_commits() {
    const PUBLISHERS: usize = 100;
    const CALLS: usize = 30;
    let commits = Arc::new(Count::default());
    metrics::set_global_recorder(CommitCounter(Arc::clone(&commits))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bus = EmbeddedBus::open(folder.path(), Options::default()).unwrap();
    bus.declare(&topology()).await.unwrap();

    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let bus = Arc::clone(&bus);
        publishers.spawn(async move {
            for call in 0..CALLS {
                let outcome = publish(&*bus, publisher * 1000 + call, 1, &Bytes::from_static(b"body")).await;
                assert_eq!(outcome, Outcome::Confirmed);
            }
        });
    }
    publishers.join_all().await;
    bus.close(PUBLISH_TIMEOUT).await;
    let commits = commits.0.load(Ordering::Relaxed);
    // Alone, each of the 3,000 calls would have its own flush to disk.
    assert!((1..=(PUBLISHERS * CALLS / 10) as u64).contains(&commits), "{commits} commits");
}

struct CommitCounter(Arc<Count>);

#[derive(Default)]
struct Count(AtomicU64);

impl HistogramFn for Count {
    fn record(&self, _value: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for CommitCounter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() == COMMIT_SECONDS { Histogram::from_arc(Arc::clone(&self.0)) } else { Histogram::noop() }
    }
}
