//! The embedded bus as the bare loop's counterpart: as many queues, as many publications in flight, every one durable
//! before it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use tokio::task::JoinSet;
use waypost_bus::{Bus, Layout, Message, Outcome, Publication, Topology};
use waypost_bus_embedded::{EmbeddedBus, Options};
use waypost_domain::PartitionCount;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes `messages` over the partitions' queues, `burst` at a time on each. Returns the time taken.
pub(crate) async fn publish(messages: usize, burst: usize, body: &[u8]) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let bus = EmbeddedBus::open(folder.path(), Options::default())?;
    let layout = Layout::new(PartitionCount::DEFAULT);
    bus.declare(&Topology::new(layout, &BTreeSet::new(), false)).await?;
    let body = Bytes::copy_from_slice(body);
    let share = messages / usize::from(layout.partitions.get());
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for partition in layout.partitions.all() {
        let (bus, address, body) = (bus.clone(), layout.inbound(partition), body.clone());
        tasks.spawn(async move {
            let mut sent = 0;
            while sent < share {
                let count = burst.min(share - sent);
                let message = |n: usize| Message {
                    id: format!("{partition}-{n}"),
                    kind: "bench".to_owned(),
                    content_type: "application/octet-stream".to_owned(),
                    headers: BTreeMap::new(),
                    body: body.clone(),
                };
                let publication = |n| Publication { address: address.clone(), message: message(n) };
                let outcomes = bus.publish((sent..sent + count).map(publication).collect(), TIMEOUT).await;
                if outcomes.iter().any(|outcome| *outcome != Outcome::Confirmed) {
                    bail!("a publish was not confirmed");
                }
                sent += count;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let elapsed = started.elapsed();
    bus.close(TIMEOUT).await;
    Ok(elapsed)
}
